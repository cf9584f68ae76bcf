"""docs/security.md names the tests that show what it says, and each of them is there."""

from __future__ import annotations

import re

from tests.test_musts import TESTS, known

PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
THREATS, ASVS = PAGE.partition("## Threats")[2].split("## OWASP ASVS")
CHAPTERS = {f"V{number}" for number in range(1, 18)}


def rows(text: str) -> list[list[str]]:
    """Read the lines of the tables of a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_threat_is_answered_by_a_test_that_is_there():
    """A claim without a test is a belief; renaming a test includes the page."""
    shown = [(row[0], re.findall(r"`([^`]+)`", row[2])) for row in rows(THREATS)]
    tests = known()

    assert len(shown) >= 20
    assert [row for row in shown if not row[1]] == []
    assert [(row[0], name) for row in shown for name in row[1] if name not in tests] == []


def test_every_chapter_of_the_standard_has_a_line():
    """Yes, partly, no or not here; all but the last two say why."""
    found = rows(ASVS)

    assert {match[0] for row in found if (match := re.match(r"V\d+", row[0]))} == CHAPTERS
    assert [r for r in found if not re.match(r"yes$|(partly|no): \w.{10}|not here", r[1])] == []
    assert [row for row in found if row[1].startswith(("yes", "partly")) and not row[2]] == []
