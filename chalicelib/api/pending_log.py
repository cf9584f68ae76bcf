"""Log entries that this process could not write yet.

While the table is throttled, the requests that end at their deadline are those whose entries cannot
be written either: the admin would see nothing of the outage. They are kept here and written after
the next entry of the connection that can be. If the process ends first, the metric of each such
request is in its log lines.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.storage.expressions import Put

# Of one connection, the oldest are dropped first; of the connections, the one that failed first.
MAX_ENTRIES = 20
MAX_CONNECTIONS = 1_000
# How many are written after one request: each is a call.
MAX_WRITES = 5


@dataclass(frozen=True, slots=True)
class PendingLog:
    """The entries of one process that are not written yet, by connection."""

    _pending: OrderedDict[str, deque[Put]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, connection: str, entries: Sequence[Put]) -> None:
        """Keep entries for later."""
        with self._lock:
            pending = self._pending.setdefault(connection, deque(maxlen=MAX_ENTRIES))
            pending.extend(entries)
            if len(self._pending) > MAX_CONNECTIONS:
                self._pending.popitem(last=False)

    def take(self, connection: str) -> list[Put]:
        """Return the oldest entries of a connection, as many as are written after one request."""
        with self._lock:
            pending = self._pending.get(connection)
            if pending is None:
                return []
            taken = [pending.popleft() for _ in range(min(MAX_WRITES, len(pending)))]
            if not pending:
                del self._pending[connection]
            return taken
