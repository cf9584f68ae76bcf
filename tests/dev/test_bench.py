"""What `make bench` measures does what it says, and the page shows what it printed."""

from __future__ import annotations

import re

import pytest

from dev.measure import bench

MANY = [bench.stored_user(number) for number in range(60)]
SHOWN = bench.SECTION.marked.search(bench.SECTION.page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", bench.FILTERS)
def test_a_filter_and_its_loop_by_hand_find_the_same(text):
    """A quicker but different result would not be comparable."""
    found = bench.filtering(text, MANY)()

    assert found == bench.FILTERS[text](MANY)
    assert found


def test_the_patch_changes_what_it_names():
    """Three operations, each with an effect."""
    before = bench.stored_user(1)

    after = bench.patching(bench.PATCH, before)()

    assert isinstance(after, dict)
    assert {name for name in before if before[name] != after[name]} == {"active", "emails", "title"}


def test_the_page_shows_every_line():
    """With its aim; what misses it is told below the table."""
    assert SHOWN is not None
    rows = re.findall(r"^\| (.+) \| (.+) \| ([\d.]+) \| ([\d.]+) \|$", SHOWN[0], re.MULTILINE)

    assert [row[:3] for row in rows] == [
        (line.what, line.unit, f"{line.aim:g}") for line in bench.lines()
    ]
