"""The commands of README and docs run as a reader would run them: page by page, in order.

A block that `make run` cannot serve carries a marker on the line before it, which says what it
needs: `<!-- needs: an AWS account -->`. Variables that such a block gets from outside stand in
brackets: `<!-- needs: an AWS account (BUCKET) -->`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SECONDS = 240

BLOCK = re.compile(
    r"(?:^ *<!-- needs: (?P<needs>.+) -->\n)?^ *```sh.*\n(?P<text>(?s:.*?))^ *```$", re.MULTILINE
)
ASSIGNED = re.compile(r"(?:^|\bexport |\s)([A-Z_]+)=")
USED = re.compile(r"\$\{?([A-Z_]+)")
NAMES = re.compile(r"[A-Z_]{3,}")

TERMINAL = "a terminal of its own"
ACCOUNT = "an AWS account or its emulator"
OWN_TESTS = "its own tests"

# Every block that is not run here, in the order of the pages. tests/deploy runs those of deploy.md.
NOT_RUN = [
    ("CONTRIBUTING.md", TERMINAL),
    ("README.md", TERMINAL),
    ("adopt.md", TERMINAL),
    ("capacity.md", f"{OWN_TESTS}: dev/test_capacity.py"),
    ("capacity.md", "Java 17 and npm, two minutes of a processor"),
    ("connect-entra.md", "a tunnel from the internet"),
    ("costs.md", f"{OWN_TESTS}: dev/test_costs.py"),
    ("deploy.md", ACCOUNT),
    ("deploy.md", ACCOUNT),
    ("deploy.md", f"{ACCOUNT} (sets URL, KEY)"),
    ("deploy.md", ACCOUNT),
    ("deploy.md", ACCOUNT),
    ("deploy.md", "an AWS account"),
    ("deploy.md", ACCOUNT),
    ("deploy.md", ACCOUNT),
    ("deploy.md", ACCOUNT),
    ("deploy.md", "an AWS account with a bucket (BUCKET)"),
    ("deploy.md", "an AWS account with a bucket (BUCKET)"),
    ("deploy.md", ACCOUNT),
    ("deploy.md", ACCOUNT),
    ("events.md", TERMINAL),
    ("performance.md", "the emulator of AWS"),
    ("performance.md", f"{OWN_TESTS}: dev/test_bench.py"),
    ("performance.md", "several minutes"),
    ("performance.md", "15 minutes"),
    ("performance.md", "several minutes"),
    ("performance.md", "several minutes"),
    ("performance.md", "half an hour"),
    ("resilience.md", "minutes"),
    ("resilience.md", "minutes"),
    ("storage.md", f"{OWN_TESTS}: dev/test_costs.py"),
]


class Block(NamedTuple):
    """A block of commands; `needs` is empty where it can run here."""

    needs: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Read the blocks of a page."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(each["needs"] or "", dedent(each["text"])) for each in found]


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the server in a folder that looks like a clone, with a `.local` of its own."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        if entry.name != ".local":
            (folder / entry.name).symlink_to(entry)
    server = start(folder)
    try:
        wait_until_ready(server, folder / ".local" / "demo.json")
        yield folder
        server.send_signal(signal.SIGTERM)
        assert server.wait(SECONDS) == 0
    finally:
        server.kill()
        server.wait(SECONDS)


def environment(**settings: str) -> dict[str, str]:
    """Return what a new terminal has: no variable that a page must set."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    return {**kept, "PYTHON": sys.executable, **settings}


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start `make run`'s server on a free port; what it prints is in server.txt."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with (folder / "server.txt").open("wb") as printed:
        return subprocess.Popen(
            [sys.executable, "-m", "dev", "run"],
            cwd=folder,
            env=environment(PORT=port, LOCAL_DIR=str(folder / ".local")),
            stdout=printed,
            stderr=subprocess.STDOUT,
        )


def wait_until_ready(server: subprocess.Popen[bytes], demo: Path) -> None:
    """Wait for demo.json, which the server writes when it is ready."""
    deadline = time.monotonic() + SECONDS
    while not demo.exists():
        assert server.poll() is None, (demo.parents[1] / "server.txt").read_text()
        assert time.monotonic() < deadline, "no demo.json"
        time.sleep(0.05)


def run(page: Path, folder: Path) -> str:
    """Run a page's blocks in one shell; returns what it printed where a command failed."""
    texts = [block.text for block in blocks(page) if not block.needs]
    done = subprocess.run(  # noqa: S603 - the commands are those of our own pages
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(texts)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return f"{page.name}: {done.stdout[-800:]}\n{done.stderr[-800:]}" if done.returncode else ""


@pytest.mark.pages
def test_the_blocks_of_every_page_run(clone: Path):
    """A reader pastes them one after the other; each must succeed."""
    failed = [said for page in PAGES if (said := run(page, clone))]

    assert not failed, "\n\n".join(failed)


def test_every_block_that_is_not_run_says_what_it_needs():
    """This list shows at a glance what no test on this machine covers."""
    marked = [(page.name, block.needs) for page in PAGES for block in blocks(page)]

    assert [each for each in marked if each[1]] == NOT_RUN


def test_a_page_sets_each_variable_before_it_uses_it():
    """A name that another page sets is not there in a new terminal."""
    missing = [
        f"{page.name}: {name}"
        for page in PAGES
        for before, block in accumulated(page)
        for name in USED.findall(block.text)
        if name not in before
    ]

    assert missing == []


def accumulated(page: Path) -> Iterator[tuple[set[str], Block]]:
    """Give each block with the variables that are set in it, before it, or from outside."""
    known: set[str] = set()
    for block in blocks(page):
        known |= {*ASSIGNED.findall(block.text), *NAMES.findall(block.needs.partition("(")[2])}
        yield known, block


def test_the_operator_key_has_one_name():
    """`KEY` is the operator key on every page; other credentials have other names."""
    others = [
        f"{page.name}: {line}"
        for page in PAGES
        for block in blocks(page)
        for line in block.text.splitlines()
        if re.search(r"\bKEY=", line) and "operator_key" not in line
    ]

    assert others == []
