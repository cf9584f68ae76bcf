"""The SCIM tenant of one request: its namespace of the table, and what its writes note.

Bound once, after authentication. No function of this package takes a connection's id.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.directory.trace import Trace
from chalicelib.scim.catalog import USER
from chalicelib.scim.schema import ResourceType
from chalicelib.storage.clock import Clock, timestamp
from chalicelib.storage.directory_items import Change, Document, Lease
from chalicelib.storage.expressions import Put
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.retries import Deadline

# How long an operation of many steps is left to the one who began it.
HELD_FOR = timedelta(seconds=30)

# How many members one request may name where the organisation's plan does not say.
MOST_MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class ConnectionContext(ConnectionScope):
    """One connection, for one request.

    `base_url` is the connection's SCIM URL without a trailing slash; `token_id` and
    `request_id` are noted in every change row; `most_members` is what one request may name;
    `trace` collects what the request touches; `user_type` has the connection's own schemas.
    """

    base_url: str
    default_role: str
    token_id: str
    request_id: str
    most_members: int = MOST_MEMBERS
    trace: Trace = field(default_factory=Trace)
    user_type: ResourceType = USER

    @property
    def clock(self) -> Clock:
        """The clock and the source of ids."""
        return self.items.table.clock

    def now(self) -> str:
        """Tell the moment, as resources carry it."""
        return timestamp(self.clock.now())

    def change_item(
        self, change: Change, before: Document | None = None, after: Document | None = None
    ) -> Put:
        """Make the change row that goes into the same transaction as the change.

        The documents around the change go into the request's trace, not into the row.
        """
        self.trace.add_change(change, before, after)
        at: datetime = self.clock.now()
        entropy = self.clock.random.getrandbits(80)
        return change.put(
            self.keys, at, entropy, request_id=self.request_id, token_id=self.token_id
        )

    def late(self, seconds: float) -> ConnectionContext:
        """Bind the same tenant to a deadline of its own, for a last word past this one's."""
        deadline = Deadline.after(seconds, self.clock)
        return replace(self, items=self.items.with_deadline(deadline))

    def new_lease(self) -> Lease:
        """Name an operation of many steps, held from now on."""
        until = self.lease_expires_at()
        return Lease(self.keys.pending_change_id(until, self.clock.new_id()), until)

    def lease_expires_at(self) -> str:
        """Tell until when an operation is left to whoever works on it now."""
        return timestamp(self.clock.now() + HELD_FOR)
