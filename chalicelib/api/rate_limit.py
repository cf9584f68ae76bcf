"""How many requests a connection may make: a bucket for each, in each process.

A limit in the table would be a hot row and a round trip. A bucket in the process holds off one
connection that floods it; the stage's throttle and the reserved concurrency stand above.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.errors import TooManyRequests
from chalicelib.settings import Rate

# Buckets of connections that have not called for longest are forgotten: they are full by then.
MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of one process; `now` in seconds, monotonic."""

    now: Callable[[], float]
    _filled: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, connection: str, rate: Rate) -> None:
        """Take one request out of a connection's bucket.

        Raises:
            TooManyRequests: it is empty; says after how many whole seconds one fits again.
        """
        with self._lock:
            now = self.now()
            level, since = self._filled.pop(connection, (float(rate.burst), now))
            level = min(float(rate.burst), level + (now - since) * rate.per_second)
            allowed = level >= 1
            self._filled[connection] = (level - allowed, now)
            if len(self._filled) > MOST_BUCKETS:
                self._filled.popitem(last=False)
        if not allowed:
            raise TooManyRequests(math.ceil((1 - level) / rate.per_second))
