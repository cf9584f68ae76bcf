"""The connection of one request: its part of the table, and what its writes record.

Made once, after authentication. No function of this package takes a connection's id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chalicelib.directory.trace import Trace
from chalicelib.scim.catalog import USER
from chalicelib.scim.schema import ResourceType
from chalicelib.storage.clock import Clock, timestamp
from chalicelib.storage.directory_items import Change, Document, Lease, PendingChange
from chalicelib.storage.expressions import Action, Put
from chalicelib.storage.log_entries import LogEntry
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import put_change, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.transactions import MAX_ACTIONS, TransactionCanceled

# How long only the process that acquired a lease works on the pending change.
LEASE_DURATION = timedelta(seconds=30)

# How many members one request may name unless the organisation's plan says otherwise.
MAX_MEMBERS_PER_REQUEST = 10_000


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """A log entry, and what writes it."""

    entry: LogEntry
    put: Put


@dataclass(frozen=True, slots=True)
class ConnectionContext(ConnectionScope):
    """One connection, for one request.

    `base_url` is the connection's SCIM URL without a trailing slash. `token_id` and
    `request_id` are written to every change item. `max_members_per_request` is what the plan
    allows. `trace` collects what the request touches. `user_type` is the User resource type
    with the connection's own extensions. `log_entry` makes the request's log entry of a context
    whose trace is that of the whole request, for its last transaction; None: it writes it alone.
    """

    base_url: str
    default_role: str
    token_id: str
    request_id: str
    max_members_per_request: int = MAX_MEMBERS_PER_REQUEST
    trace: Trace = field(default_factory=Trace)
    user_type: ResourceType = USER
    log_entry: Callable[[ConnectionContext], WrittenEntry | None] | None = None

    @property
    def clock(self) -> Clock:
        """The clock and the source of random ids."""
        return self.items.table.clock

    def now(self) -> str:
        """Return the present time in the form of `meta.lastModified`."""
        return timestamp(self.clock.now())

    def change_item(
        self, change: Change, before: Document | None = None, after: Document | None = None
    ) -> Put:
        """Return the action that records a change, for the transaction that makes it.

        The documents before and after it go to the request's trace, not into the item.
        """
        written = replace(change, request_id=self.request_id, token_id=self.token_id)
        entropy = self.clock.random.getrandbits(80)
        put = put_change(written, self.keys, self.clock.now(), entropy)
        self.trace.plan_change(put.key, change, before, after)
        return put

    def begin_change(self, change_id: str, change: PendingChange) -> Put:
        """Return the action that stores a pending change of this request."""
        begun = replace(change, request_id=self.request_id, token_id=self.token_id)
        return Put(self.keys.pending_change(change_id), to_item(begun))

    def on_behalf_of(self, change_id: str) -> ConnectionContext:
        """Return a context whose change items name the request that began a pending change: 1 RCU.

        This request where the item does not say it, as one of an earlier release, or is gone.
        """
        item = self.items.get(self.keys.pending_change(change_id)) or {}
        return replace(
            self,
            request_id=item.get("request_id", self.request_id),
            token_id=item.get("token", self.token_id),
        )

    def try_commit(
        self, actions: Sequence[Action], *, is_last: bool = False
    ) -> TransactionCanceled | None:
        """Write all of these actions, or none, as `Namespace.try_commit`; trace what changed.

        With the request's last transaction goes its log entry, where there is room for it.
        """
        keys = [action.key for action in actions]
        written = None
        if is_last and self.log_entry and len(actions) < MAX_ACTIONS:
            written = self.log_entry(replace(self, trace=self.trace.foreseen(keys)))
        try:
            is_logged = self.items.commit(actions, written.put if written else None)
        except TransactionCanceled as canceled:
            return canceled
        self.trace.commit_changes(keys)
        if written and is_logged:
            self.trace.logged = written.entry
        return None

    def with_deadline(self, seconds: float) -> ConnectionContext:
        """Return a context of the same connection whose deadline is `seconds` from now."""
        deadline = Deadline.after(seconds, self.clock)
        return replace(self, items=self.items.with_deadline(deadline))

    def with_patience(self, seconds: float) -> ConnectionContext:
        """Return a context whose transactions meet others for so long; then they are given up."""
        deadline = replace(self.items.deadline, patience=seconds)
        return replace(self, items=self.items.with_deadline(deadline))

    def new_lease(self) -> Lease:
        """Return a lease for a new pending change, acquired now."""
        expires_at = self.lease_expires_at()
        change_id = self.keys.pending_change_id(expires_at, self.clock.new_id())
        return Lease(change_id, expires_at)

    def lease_expires_at(self) -> str:
        """Return when a lease that is acquired or renewed now expires."""
        return timestamp(self.clock.now() + LEASE_DURATION)
