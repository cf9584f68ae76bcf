"""How many requests a connection may send, and changes an organisation: buckets in each process.

A limit in the table would be a hot item and one more call for each request. A bucket in the
process stops one client that floods it; above it are the throttle of the stage and the reserved
concurrency of the function.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.errors import TooManyRequests
from chalicelib.settings import Rate

# Beyond that, the bucket that was used longest ago is forgotten: it is full by then.
MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Buckets:
    """The token buckets of one process, by owner; `now` is in seconds, monotonic."""

    now: Callable[[], float]
    _filled: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, owner: str, rate: Rate) -> None:
        """Take one request from an owner's bucket.

        Raises:
            TooManyRequests: it is empty; says in how many whole seconds to try again.
        """
        level = self._change(owner, rate, only_if_filled=1)
        if level < 1:
            raise TooManyRequests(math.ceil((1 - level) / rate.per_second))

    def charge(self, owner: str, rate: Rate, requests: int) -> None:
        """Take more requests, for what has been done: later requests wait for what is missing."""
        self._change(owner, rate, requests=requests)

    def _change(
        self, owner: str, rate: Rate, *, requests: int = 1, only_if_filled: int | None = None
    ) -> float:
        """Take `requests` from a bucket, perhaps only if so much is in it; return what was."""
        with self._lock:
            now = self.now()
            level, since = self._filled.pop(owner, (float(rate.burst), now))
            level = min(float(rate.burst), level + (now - since) * rate.per_second)
            taken = requests if only_if_filled is None or level >= only_if_filled else 0
            self._filled[owner] = (level - taken, now)
            if len(self._filled) > MAX_BUCKETS:
                self._filled.popitem(last=False)
        return level
