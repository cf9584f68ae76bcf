"""Time and chance as values, so that a test can hold both in its hand."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """What the store takes from the world outside: the hour, waiting, and random bits."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: random.Random = field(default_factory=random.SystemRandom)

    def new_id(self) -> str:
        """Make a random id: 32 hex digits."""
        return f"{self.random.getrandbits(128):032x}"


def timestamp(at: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the millisecond: sorts as text."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
