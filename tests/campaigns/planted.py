"""`make planted`: plant known bugs, one at a time, and check that the tests find each of them.

    make planted                             all of them: print the table
    make planted ARGS=--write                and put it into docs/resilience.md
    make planted ARGS='--only cursor'         those with "cursor" in their name
    make planted ARGS=--own                  run only the bug's own test, never the whole suite

`planted_bugs.py` lists the bugs; each is an edit of one file in a copy of this tree. The test that
should find the bug runs first; if it passes, the whole suite runs. Before that, all these tests
must pass without a bug.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.errors import VerbError
from dev.measure.pages import Section
from dev.progress import progress
from dev.run import dynamodb_local
from tests.campaigns.planted_bugs import BUGS, Bug

ROOT = Path(__file__).parents[2]
SECTION = Section("resilience.md", "planted")
LINKED = (".venv", ".venv-engine", ".tools")
NOT_COPIED = (
    ".git",
    ".venv*",
    ".tools",
    ".local",
    ".hypothesis",
    "build",
    "__pycache__",
    ".*_cache",
)
MAX_SECONDS = 1_800.0
PASSED, FAILED = 0, 1  # exit statuses of pytest; the others mean that it could not run


@dataclass(frozen=True, slots=True)
class Result:
    """Which tests found a bug, and in how many seconds."""

    bug: Bug
    found_by: str
    seconds: float


OWN_TEST, SUITE, NOTHING = "its own test", "the whole suite", "NOTHING"


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Copy this tree for the duration of the block; link the environments instead of copying."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        for name in LINKED:
            if (ROOT / name).exists():
                (copy / name).symlink_to((ROOT / name).resolve())
        yield copy


def check_bugs(tree: Path, bugs: Sequence[Bug]) -> None:
    """Check that each bug's old text occurs exactly once in its file.

    Raises:
        VerbError: some bugs cannot be planted; the text lists them.
    """
    wrong = list(_unplantable(tree, bugs))
    if wrong:
        raise VerbError("\n  ".join(["tests/campaigns/planted_bugs.py needs an update:", *wrong]))


def _unplantable(tree: Path, bugs: Sequence[Bug]) -> Iterator[str]:
    for bug in bugs:
        file = tree / bug.file
        if not file.exists():
            yield f"{bug.name}: there is no file {bug.file}"
        elif (count := file.read_text(encoding="utf-8").count(bug.old)) != 1:
            yield f"{bug.name}: its old text occurs {count} times in {bug.file}, expected 1"


@contextmanager
def planted(tree: Path, bug: Bug) -> Iterator[None]:
    """Apply the edit of a bug for the duration of the block, then undo it."""
    file = tree / bug.file
    original = file.read_text(encoding="utf-8")
    file.write_text(original.replace(bug.old, bug.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(original, encoding="utf-8")


def run_tests(tree: Path, *arguments: str) -> bool:
    """Run pytest in a tree; return whether all tests passed within half an hour.

    Raises:
        VerbError: pytest could not run the tests at all; with the end of what it printed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
            cwd=tree,
            # Python would reuse old byte code after an edit of equal length in the same second.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CI": "true"},
            capture_output=True,
            text=True,
            check=False,
            timeout=MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (PASSED, FAILED):
        end = (done.stdout + done.stderr).strip().splitlines()[-8:]
        raise VerbError("\n  ".join([f"pytest {' '.join(arguments)} did not run:", *end]))
    return done.returncode == PASSED


def find(tree: Path, bug: Bug, *, suite: bool = True) -> Result:
    """Plant a bug and run its own test; if that passes and `suite` is set, run the whole suite."""
    started = time.monotonic()
    with planted(tree, bug):
        if not run_tests(tree, *bug.test):
            found_by = OWN_TEST
        else:
            found_by = SUITE if suite and not run_tests(tree, "-n", "2") else NOTHING
    return Result(bug, found_by, time.monotonic() - started)


def find_all(tree: Path, bugs: Sequence[Bug], *, suite: bool = True) -> Iterator[Result]:
    """Plant and search the bugs one by one; print what found each of them.

    Raises:
        VerbError: the tests fail without a bug, or could not run.
    """
    tests = list(dict.fromkeys(tuple(bug.test) for bug in bugs))
    for test in progress(tests, len(tests), "tests without a bug"):
        if not run_tests(tree, *test):
            raise VerbError(f"{' '.join(test)} fails without a bug. Repair that first.")
    for number, bug in enumerate(bugs, start=1):
        result = find(tree, bug, suite=suite)
        line = f"{number:2} of {len(bugs)}  {bug.name}: {result.found_by}, {result.seconds:.0f} s"
        print(line, file=sys.stderr, flush=True)
        yield result


def table(results: Sequence[Result]) -> str:
    """Return the table of docs/resilience.md."""
    return "".join(
        [
            "| bug | planted in | found by |\n|---|---|---|\n",
            *(_line(result) for result in results),
            f"\n{sum(each.found_by != NOTHING for each in results)} of {len(results)} are found.\n",
        ]
    )


def _line(result: Result) -> str:
    bug = result.bug
    test = f"`{bug.test[0]}`" if result.found_by == OWN_TEST else result.found_by
    return f"| {bug.name} | `{bug.file}` | {bug.found_by}: {test} |\n"


def main(arguments: Sequence[str]) -> int:
    """Plant the bugs and print the table; 0 when the tests find all of them."""
    parser = argparse.ArgumentParser(prog="make planted", description=str(__doc__).splitlines()[0])
    parser.add_argument("--only", default="", help="bugs with this text in their name")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument("--own", action="store_true", help="never run the whole suite")
    options = parser.parse_args(arguments)
    bugs = [bug for bug in BUGS if options.only in bug.name]
    dynamodb_local.provide()
    with copied_tree() as tree:
        check_bugs(tree, bugs)
        results = list(find_all(tree, bugs, suite=not options.own))
    SECTION.publish(table(results), ["--write"] if options.write else [])
    return 0 if all(result.found_by == OWN_TEST for result in results) else 1
