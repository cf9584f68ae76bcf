"""The commands of docs/deploy.md, by heading: what the page says is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# A block for a shell. `sh account` marks what needs a real account and is not run.
BLOCK = re.compile(r"^```sh( account)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> dict[str, str]:
    """Read the blocks that are run: the last heading before each -> its lines."""
    return dict(_blocks(for_accounts=False))


def account_commands() -> dict[str, str]:
    """Read the blocks that need a real account."""
    return dict(_blocks(for_accounts=True))


def _blocks(*, for_accounts: bool) -> list[tuple[str, str]]:
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        heading = HEADING.findall(text, 0, block.start())[-1]
        if bool(block[1]) is for_accounts:
            found.append((heading, block[2]))
    return found
