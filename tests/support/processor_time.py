"""Processor time as a ratio within one run, whatever the machine and its load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEPS = 1_000_000


@contextmanager
def at_most(loops: float) -> Iterator[None]:
    """Check that the block takes at most so many times what a loop of a million steps takes.

    The loop runs before and after it; the slower one counts.
    """
    before = seconds(_loop)
    started = time.process_time()
    yield
    took = time.process_time() - started
    unit = max(before, seconds(_loop))
    assert took <= loops * unit, f"{took / unit:.1f} loops, at most {loops}"


def _loop() -> None:
    total = 0
    for step in range(STEPS):
        total += step


def seconds(call: Callable[[], object]) -> float:
    """Measure the processor time of a call."""
    started = time.process_time()
    call()
    return time.process_time() - started
