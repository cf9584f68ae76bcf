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

    def take(self, owner: str, rate: Rate, requests: int = 1) -> None:
        """Take requests from an owner's bucket: a Bulk request counts as its operations.

        More than one may leave less than nothing in it, which later requests wait for.

        Raises:
            TooManyRequests: it is empty; says in how many whole seconds to try again.
        """
        with self._lock:
            now = self.now()
            level, since = self._filled.pop(owner, (float(rate.burst), now))
            level = min(float(rate.burst), level + (now - since) * rate.per_second)
            allowed = level >= 1
            self._filled[owner] = (level - allowed * requests, now)
            if len(self._filled) > MAX_BUCKETS:
                self._filled.popitem(last=False)
        if not allowed:
            raise TooManyRequests(math.ceil((1 - level) / rate.per_second))
