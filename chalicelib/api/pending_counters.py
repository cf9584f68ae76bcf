"""What this process has counted of each connection's calls and not yet written.

A write for each call would double what an idle call costs, and 1,000 calls with a wrong token
would be 1,000 writes. So the first call of a kind in a minute is written at once, and then
whenever their number has doubled: an admin sees a refusal at once, and a flood costs a handful
of writes. What is waiting when the process ends is lost, at most half of a minute's calls.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from chalicelib.storage.counters import Counters

# Connections that have not called for longest are forgotten.
MOST_CONNECTIONS = 10_000


@dataclass(slots=True)
class _Waiting:
    """What waits for one connection, and how often each kind of call came in this minute."""

    counters: Counters = field(default_factory=Counters)
    minute: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def see(self, kind: str, minute: str) -> bool:
        """Count a kind of call; tells whether it is time to write."""
        if minute != self.minute:
            self.minute, self.seen = minute, Counter()
        self.seen[kind] += 1
        return self.seen[kind].bit_count() == 1


@dataclass(frozen=True, slots=True)
class PendingCounters:
    """The tallies of one process, by connection."""

    _waiting: OrderedDict[str, _Waiting] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def count(
        self, connection: str, kind: str, now: datetime, note: Callable[[Counters], None]
    ) -> Counters | None:
        """Count a call by `note`; gives what is to be written now, None while it may wait."""
        with self._lock:
            waiting = self._waiting.pop(connection, None) or _Waiting()
            self._waiting[connection] = waiting
            note(waiting.counters)
            due = waiting.see(kind, f"{now:%Y-%m-%dT%H:%M}")
            if len(self._waiting) > MOST_CONNECTIONS:
                self._waiting.popitem(last=False)
            if not due:
                return None
            written, waiting.counters = waiting.counters, Counters()
            return written

    def waiting(self, connection: str) -> Counters:
        """Give what waits for a connection: to be read beside what is written."""
        with self._lock:
            waiting = self._waiting.get(connection) or _Waiting()
            counters = waiting.counters
            return Counters(counters.counts.copy(), dict(counters.marks))
