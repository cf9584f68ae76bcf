"""The third table of `make budget` measures what it says, and the page shows every line."""

from __future__ import annotations

import re

from dev.measure import shares

CHEAP = ("an unknown path of slashes", "unknown fields", "one attribute many times")
LINES = [line for line in shares.LINES if line.worst in CHEAP]


def test_the_lines_send_what_they_say():
    """Each part of the limit gets the response that it is meant to get; none is the wrong one."""
    measured = list(shares.measured(LINES))

    assert [each.line for each in measured] == LINES
    assert {u.status for each in measured for u in each.parts} == {200, 400, 404}
    assert [line for line in shares.differences(measured) if "[" in line] == []
    assert shares.table(measured).count("\n") == len(LINES) + 2


def share(*seconds: float, status: int = 200) -> shares.Share:
    """Make a measured line of which a create takes a second."""
    unit, *parts = (shares.Used(each, 1, 1, status) for each in (1, *seconds))
    line = shares.Line("limit", "worst", shares.create, aim=0.1, count=100, each="item")
    return shares.Share(line, unit, parts, None)


def test_what_misses_its_aim_is_said():
    """Too much for each, too much for the last half, and another status than expected."""
    assert shares.differences([share(1, 5, 10)]) == []
    assert "0.11 creates" in shares.differences([share(1, 5, 11)])[0]
    assert "not linear" in shares.differences([share(0.1, 1, 9)])[0]
    assert "503" in shares.differences([share(1, 5, 10, status=503)])[0]


def test_the_page_shows_every_line():
    """With its aim; what misses it is told below the table."""
    (shown,) = shares.SECTION.marked.findall(shares.SECTION.page.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| (.+?) \| (.+?) \| [\d.]+ \|", shown, re.MULTILINE)

    assert rows == [(line.limit, line.worst) for line in shares.LINES]
