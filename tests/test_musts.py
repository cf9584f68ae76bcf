"""docs/musts.md names the tests that show what it says, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "musts.md").read_text(encoding="utf-8")

# Sections of the three RFCs that demand something of a service provider, as far as we read them.
DEMANDS = 130


def rows() -> list[list[str]]:
    """Read the tables: the section, the demand, how it is here, and what shows it."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names_of(path: Path) -> list[str]:
    """Name the tests of a file, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


KNOWN = {
    f"{path.relative_to(TESTS)}::{name}"
    for path in TESTS.rglob("test_*.py")
    for name in names_of(path)
} | {str(path.relative_to(TESTS / "corpus")) for path in (TESTS / "corpus").rglob("*.json")}


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}"[:60])
def test_a_demand_is_shown_by_a_test_that_is_there(row):
    """A claim without one is a belief; a test that was renamed takes its row along."""
    shown = re.findall(r"`([^`]+)`", row[3])

    assert shown
    assert set(shown) <= KNOWN


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}"[:60])
def test_a_demand_is_met_or_it_is_said_why_not(row):
    """A reader looks for the departures, and for their reasons."""
    assert re.match(r"yes\b|(no|outside): \w.{20}", row[2])


def test_the_tables_are_found():
    """Tables that cannot be read would leave nothing to check."""
    assert len(rows()) >= DEMANDS
