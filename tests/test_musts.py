"""The pages of demands name the tests that show what they say, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# How many demands each page lists at least: of three RFCs, and of two profiles.
DEMANDS = {"musts": 130, "conformance-interop": 25, "conformance-ipsie": 35}
each_page = pytest.mark.parametrize("page", DEMANDS)


def rows_of(page: str) -> list[list[str]]:
    """Read the tables of a page; a head begins with the sign for a section."""
    lines = (TESTS.parent / "docs" / f"{page}.md").read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if re.match(r"\| [\dA-Za-z]", line)
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


@each_page
def test_every_demand_is_shown_by_a_test_that_is_there(page):
    """A claim without a test is a belief; renaming a test includes the page."""
    shown = [(row[0], row[1], re.findall(r"`([^`]+)`", row[3])) for row in rows_of(page)]
    tests = known()

    assert [row for row in shown if not row[2]] == []
    assert [(*row[:2], name) for row in shown for name in row[2] if name not in tests] == []


@each_page
def test_every_demand_is_met_or_the_page_says_why_not(page):
    """A reader looks for the departures, and for their reasons."""
    unclear = [row for row in rows_of(page) if not re.match(r"yes\b|(no|outside): \w.{20}", row[2])]

    assert unclear == []


@each_page
def test_the_tables_are_found(page):
    """Tables that cannot be read would leave nothing to check."""
    assert len(rows_of(page)) >= DEMANDS[page]
