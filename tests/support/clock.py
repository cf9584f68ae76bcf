"""A clock that tests advance by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from chalicelib.storage.clock import Clock

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)

# Amazon DynamoDB Local remembers request tokens for ten minutes: each test there has ids and
# tokens of its own, `manual_clock.clock(next(SEEDS))`.
SEEDS = count(1_000)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only while somebody waits or a test advances it; nobody really waits.

    `waits` records each wait, in seconds.
    """

    passed: float = 0.0
    waits: list[float] = field(default_factory=list)

    def advance(self, **units: float) -> None:
        """Let time go by: `advance(hours=24)`."""
        self.passed += timedelta(**units).total_seconds()

    def _wait(self, seconds: float) -> None:
        # No timedelta: the last wait before a deadline may be shorter than its microsecond.
        self.passed += seconds
        self.waits.append(seconds)

    def clock(self, seed: int = 7) -> Clock:
        """Make the clock; the same seed gives the same ids."""
        return Clock(
            now=lambda: NOON + timedelta(seconds=self.passed),
            monotonic=lambda: self.passed,
            sleep=self._wait,
            random=Random(seed),  # noqa: S311 - a test must be able to run again
        )
