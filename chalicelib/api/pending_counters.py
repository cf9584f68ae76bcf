"""What this process has counted of each connection's requests and not written yet.

A write for each request would double what an idle request costs, and 1,000 requests with a wrong
token would be 1,000 writes. So the first request of a minute with some outcome is written at once,
and then whenever their number has doubled: an admin sees a rejection at once, and a flood costs a
few writes. What is pending when the process ends is lost, at most half of a minute's requests.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from chalicelib.storage.counters import Counters

# Beyond that, the connection that has made no request for longest is forgotten.
MAX_CONNECTIONS = 10_000


@dataclass(slots=True)
class _Pending:
    """One connection: what is not written yet, and how often each key came in this minute."""

    counters: Counters = field(default_factory=Counters)
    minute: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def see(self, key: str, minute: str) -> bool:
        """Count a key in this minute; return whether the counters are to be written now."""
        if minute != self.minute:
            self.minute, self.seen = minute, Counter()
        self.seen[key] += 1
        # 1, 2, 4, 8 ...: numbers with one bit.
        return self.seen[key].bit_count() == 1


@dataclass(frozen=True, slots=True)
class PendingCounters:
    """The counters of one process that are not written yet, by connection."""

    _pending: OrderedDict[str, _Pending] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def count(
        self, connection: str, key: str, now: datetime, count: Callable[[Counters], None]
    ) -> Counters | None:
        """Count a request by `count`; return what is to be written now, None while it may wait.

        `key` is its outcome with what is advised of it, or the reason of its rejection.
        """
        with self._lock:
            pending = self._pending.pop(connection, None) or _Pending()
            self._pending[connection] = pending
            count(pending.counters)
            write_now = pending.see(key, f"{now:%Y-%m-%dT%H:%M}")
            if len(self._pending) > MAX_CONNECTIONS:
                self._pending.popitem(last=False)
            if not write_now:
                return None
            counters, pending.counters = pending.counters, pending.counters.successor()
            return counters

    def give_back(self, connection: str, counters: Counters) -> None:
        """Keep counters that could not be written for the next write; newer marks stay."""
        with self._lock:
            pending = self._pending.setdefault(connection, _Pending())
            pending.counters.counts += counters.counts
            pending.counters.marks = counters.marks | pending.counters.marks

    def of(self, connection: str) -> Counters:
        """Return a copy of what is pending for a connection, to be added to what is written."""
        with self._lock:
            pending = self._pending.get(connection) or _Pending()
            counters = pending.counters
            return Counters(counters.counts.copy(), dict(counters.marks))
