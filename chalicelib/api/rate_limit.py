"""How many requests a connection may send, and changes an organisation, over all processes.

A call to the table for each request would cost more than many of the requests. So each process has
buckets of its own, and adds what it has counted to one item after every `REPORT` requests. The sum,
which comes back, says how much all processes were asked for since the last report: while that is
more than the limit, the process accepts its own part of the limit.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from chalicelib.errors import TooManyRequests
from chalicelib.settings import Rate
from chalicelib.storage import grants
from chalicelib.storage.expressions import Update
from chalicelib.storage.keys import Key
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table

# Beyond that, the limit that was used longest ago is forgotten: its bucket is full by then.
MAX_LIMITS = 10_000
# After so many requests a process reports: 1 / REPORT calls for each request.
REPORT = 20
# A part of a burst is at least so much: requests come irregularly, and the part would not be used.
LEAST_BURST = 3.0
# How long a process keeps to its part without a new report: by then the others may have ended.
PART_SECONDS = 60.0
# How long the sum stays of a limit that nobody reports.
KEPT = timedelta(hours=1)


@dataclass(slots=True)
class Bucket:
    """A token bucket: so many requests are left in it at a time."""

    left: float
    at: float

    def fill(self, per_second: float, burst: float, now: float) -> None:
        """Add what has come since it was filled last."""
        self.left = min(burst, self.left + (now - self.at) * per_second)
        self.at = now


@dataclass(slots=True)
class Limit:
    """One limit in one process.

    `asked` requests are not reported yet; `total` is the sum of all processes at the last report,
    and `shared` the bucket of all of them, as far as this process knows. While that is empty, all
    are asked for `times` what this one is asked for, and it accepts 1 / `times` of the limit.
    """

    rate: Rate
    own: Bucket
    shared: Bucket
    asked: int = 0
    total: int | None = None
    times: float = 1.0

    @classmethod
    def start(cls, rate: Rate, now: float) -> Limit:
        """Start with full buckets."""
        return cls(rate, Bucket(rate.burst, now), Bucket(_shared_burst(rate), now))

    def fill(self, now: float) -> float:
        """Add what this process may accept by now; return how much comes in a second."""
        times = self.times if now - self.shared.at < PART_SECONDS else 1.0
        per_second, burst = self.rate.per_second / times, self.rate.burst / times
        self.own.fill(per_second, min(self.rate.burst, max(burst, LEAST_BURST)), now)
        return per_second

    def learn(self, reported: int, total: int, now: float) -> None:
        """Compute the part anew from the sum that a report has returned."""
        # The first report tells nothing of the others, nor does one after the item has expired.
        known, self.total = self.total, total
        asked = reported if known is None or total <= known else total - known
        self.shared.left -= asked
        self.shared.fill(self.rate.per_second, _shared_burst(self.rate), now)
        if self.shared.left >= 0:
            self.times = 1.0
        else:
            # The mean of two: reports come irregularly.
            times = asked / reported
            self.times = times if self.times == 1 else (self.times + times) / 2
            self.shared.left = 0.0


def _shared_burst(rate: Rate) -> float:
    """Return the burst of all processes: at least what two reports may differ by."""
    return max(rate.burst, 2 * REPORT)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The limits of one process, by the key of what is counted; `now` is monotonic."""

    now: Callable[[], float] = time.monotonic
    _limits: OrderedDict[Key, Limit] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, key: Key, rate: Rate) -> None:
        """Take one request of what this process may accept.

        Raises:
            TooManyRequests: nothing is left; says in how many whole seconds to try again.
        """
        with self._lock:
            limit = self._limit(key, rate)
            per_second = limit.fill(self.now())
            if limit.own.left < 1:
                raise TooManyRequests(math.ceil((1 - limit.own.left) / per_second))
            limit.own.left -= 1

    def charge(self, key: Key, rate: Rate, requests: int) -> None:
        """Take more requests, for what has been done: later requests wait for what is missing."""
        with self._lock:
            limit = self._limit(key, rate)
            limit.fill(self.now())
            limit.own.left -= requests
            limit.asked += requests

    def take_shared(self, key: Key, rate: Rate, table: Table, deadline: Deadline) -> None:
        """Take one request of what all processes may accept together: each 20th costs one call.

        Raises:
            TooManyRequests: nothing is left; says in how many whole seconds to try again.
        """
        with self._lock:
            limit = self._limit(key, rate)
            limit.asked += 1
            reported = limit.asked if limit.asked >= REPORT else 0
            limit.asked -= reported
        if reported:
            total = _report(table, deadline, key, reported)
            with self._lock:
                # What cannot be reported is lost: repeated, it could count twice.
                if total is not None:
                    limit.learn(reported, total, self.now())
        self.take(key, rate)

    def _limit(self, key: Key, rate: Rate) -> Limit:
        limit = self._limits.pop(key, None)
        if limit is None or limit.rate != rate:
            limit = Limit.start(rate, self.now())
        self._limits[key] = limit
        if len(self._limits) > MAX_LIMITS:
            self._limits.popitem(last=False)
        return limit


def _report(table: Table, deadline: Deadline, key: Key, requests: int) -> int | None:
    """Add requests to the sum of all processes; return it, None where that failed."""
    expires = int((table.clock.now() + KEPT).timestamp())
    update = Update(key, add={"requests": requests}, set={"ttl": expires})
    found = table.namespace(grants.rate_limit(key), deadline).try_add(update)
    return None if found is None else int(found["requests"])
