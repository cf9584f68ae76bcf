"""The table of planted bugs fits the code, and a bug that no test finds is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dev.errors import VerbError
from tests.campaigns import planted
from tests.campaigns.planted_bugs import BUGS, Bug

pytestmark = pytest.mark.campaign

BUG = Bug("wrong sum", "sums.py", "a + b", "a - b", "a sum", ["test_sums.py"])


def tree(folder, test: str):
    """Write a tree with one function and one test."""
    (folder / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (folder / "test_sums.py").write_text(f"import sums\n\ndef test_add():\n    {test}\n")
    return folder


def test_every_bug_can_be_planted():
    """A change of the code that a bug edits includes the bug."""
    planted.check_bugs(planted.ROOT, BUGS)


def test_an_old_text_that_is_not_there_is_named(tmp_path):
    """With the bug and the file."""
    moved = replace(BUG, old="a * b")

    with pytest.raises(VerbError, match=r"wrong sum: its old text occurs 0 times in sums\.py"):
        planted.check_bugs(tree(tmp_path, "pass"), [moved])


@pytest.mark.parametrize(
    ("test", "found_by"),
    [
        ("assert sums.add(2, 1) == 3", planted.OWN_TEST),
        ("assert sums.add(2, 0) == 2", planted.NOTHING),
    ],
)
def test_a_bug_is_planted_and_taken_out_again(tmp_path, test, found_by):
    """The tree is as before, and the verdict is that of the test."""
    copy = tree(tmp_path, test)

    assert planted.find(copy, BUG).found_by == found_by
    assert "a + b" in (copy / "sums.py").read_text()


def test_tests_that_fail_without_a_bug_prove_nothing(tmp_path):
    """They would seem to find everything."""
    with pytest.raises(VerbError, match="fails without a bug"):
        list(planted.find_all(tree(tmp_path, "assert False"), [BUG]))
