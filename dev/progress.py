"""Show how far a verb has come, on stderr: stdout belongs to its result."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

Each = TypeVar("Each")

# A terminal shows one line that changes; a log gets a new line now and then.
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 5.0


def progress(
    items: Iterable[Each], total: int, what: str, stream: TextIO | None = None
) -> Iterator[Each]:
    """Pass on `items` and print `what: n of total` as they are asked for.

    >>> list(progress("ab", 2, "letters", open(os.devnull, "w")))
    ['a', 'b']
    """
    out = stream or sys.stderr
    terminal = out.isatty()
    pause = TERMINAL_SECONDS if terminal else LOG_SECONDS
    shown = time.monotonic() - (pause if terminal else 0)
    for number, each in enumerate(items, start=1):
        yield each
        if time.monotonic() - shown >= pause:
            shown = time.monotonic()
            print(f"{what}: {number:,} of {total:,}", file=out, end="\r" if terminal else "\n")
            out.flush()
    if terminal:
        print(" " * 70, file=out, end="\r", flush=True)
