"""docs/musts.md names the tests that show what it says, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "musts.md").read_text(encoding="utf-8")

# Sections of the three RFCs that demand something of a service provider.
DEMANDS = 130

ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]


def names_of(path: Path) -> list[str]:
    """List the tests of a file, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def known() -> set[str]:
    """List all tests and recorded dialogues, as the page names them."""
    corpus = TESTS / "corpus"
    tests = {
        f"{path.relative_to(TESTS)}::{name}"
        for path in TESTS.rglob("test_*.py")
        for name in names_of(path)
    }
    return tests | {str(path.relative_to(corpus)) for path in corpus.rglob("*.json")}


def test_every_demand_is_shown_by_a_test_that_is_there():
    """A claim without a test is a belief; renaming a test includes the page."""
    shown = [(row[0], row[1], re.findall(r"`([^`]+)`", row[3])) for row in ROWS]
    tests = known()

    assert [row for row in shown if not row[2]] == []
    assert [(*row[:2], name) for row in shown for name in row[2] if name not in tests] == []


def test_every_demand_is_met_or_the_page_says_why_not():
    """A reader looks for the departures, and for their reasons."""
    unclear = [row for row in ROWS if not re.match(r"yes\b|(no|outside): \w.{20}", row[2])]

    assert unclear == []


def test_the_tables_are_found():
    """Tables that cannot be read would leave nothing to check."""
    assert len(ROWS) >= DEMANDS
