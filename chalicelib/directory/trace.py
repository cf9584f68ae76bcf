"""What one request touches, collected where its change items are made.

The provisioning log reads it when the request is over. What was committed counts; only if the
request failed before anything was does the entry have what it would have changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from chalicelib.scim.ignored import Ignored
from chalicelib.scim.masking import masked
from chalicelib.storage.directory_items import Change, Document
from chalicelib.storage.keys import Key
from chalicelib.storage.log_entries import REFUSED_FROM, Advice, LogEntry, LoggedOperation

# A log entry with the ids of 10,000 members would be a large item.
MAX_IDS = 100

Masked = dict[str, Any]
# A change and the documents before and after it.
Planned = tuple[Change, Document | None, Document | None]


@dataclass(slots=True)
class Trace:
    """What a request read, changed and ignored: ids, masked values, names of attributes.

    A change is planned when its item is made, and counts when the transaction is committed: an
    attempt that fails may name members who are there already. Of a Bulk request each
    operation has a trace of its own, which is added when it is over. `logged` is the log entry
    that was written with the last of the changes.
    """

    ids: dict[str, None] = field(default_factory=dict)
    before: dict[str, Masked | None] = field(default_factory=dict)
    after: dict[str, Masked | None] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    ignored: dict[Ignored, None] = field(default_factory=dict)
    planned: dict[Key, Planned] = field(default_factory=dict)
    advice: dict[Advice, None] = field(default_factory=dict)
    operations: list[LoggedOperation] = field(default_factory=list)
    logged: LogEntry | None = None
    max_ids: int = MAX_IDS

    def add_ids(self, ids: Iterable[str]) -> None:
        """Record ids that the request read or changed, up to `max_ids` in all."""
        for each in ids:
            if len(self.ids) >= self.max_ids:
                return
            self.ids[each] = None

    def add_ignored(self, ignored: Iterable[Ignored]) -> None:
        """Record what the request has that is ignored, each attribute once and in order.

        Names are as the client sent them, and may be any text. A URN in `schemas` that is not
        known says nothing that its attributes do not say.
        """
        for each in ignored:
            if each.reason != "unknown_schema":
                self.ignored[Ignored(each.name, each.reason)] = None
            if each.reason == "always_set":
                self.add_advice("active_kept")

    def add_advice(self, advice: Advice) -> None:
        """Record that the identity provider may have meant something else than what was done."""
        self.advice[advice] = None

    def plan_change(
        self, key: Key, change: Change, before: Document | None, after: Document | None
    ) -> None:
        """Remember a change of a transaction, by the key of its item, until it is committed."""
        self.planned[key] = (change, before, after)

    def commit_changes(self, keys: Iterable[Key]) -> None:
        """Record the planned changes among the items of a transaction that was committed."""
        for key in keys:
            if key in self.planned:
                self._add_change(*self.planned.pop(key))

    def foreseen(self, keys: Iterable[Key]) -> Trace:
        """Return what the trace will be once a transaction on these items is committed."""
        copied = {each.name: copy(getattr(self, each.name)) for each in fields(self)}
        after = Trace(**copied)
        after.commit_changes(keys)
        return after

    def fail(self) -> None:
        """Record what the failed request would have changed, if it has changed nothing.

        Without the ids of its members: one that is no user's may be any text. There is nothing to
        advise of.
        """
        self.advice.clear()
        if self.planned and not self.after:
            before = dict(self.ids)
            self._add_change(*list(self.planned.values())[-1])
            self.ids = before

    def _add_change(self, change: Change, before: Document | None, after: Document | None) -> None:
        """Record a change, with the documents before and after it if it concerns a document."""
        self.before.setdefault(change.id, _masked_attributes(before, change.attributes))
        attributes = _masked_attributes(after, change.attributes)
        self.after[change.id] = attributes or self.after.get(change.id)
        self.added.update(change.added)
        self.removed.update(change.removed)
        self.add_ids([*change.added, *change.removed])

    def add_operation(self, operation: LoggedOperation, trace: Trace) -> None:
        """Record an operation of a Bulk request, with what it touched itself."""
        self.operations.append(operation)
        self.ids |= trace.ids
        self.before = trace.before | self.before
        self.after |= trace.after
        self.added |= trace.added
        self.removed |= trace.removed
        self.ignored |= trace.ignored
        if operation.status < REFUSED_FROM:
            self.advice |= trace.advice

    @property
    def target(self) -> str | None:
        """The id of the resource that is changed; None if there is not exactly one."""
        return next(iter(self.after)) if len(self.after) == 1 else None

    @property
    def difference(self) -> tuple[Masked | None, Masked | None]:
        """The masked values of the changed resource before and after, and how many members moved.

        (None, None) if there is not exactly one.
        """
        target = self.target
        if target is None:
            return None, None
        moved = {"added": len(self.added), "removed": len(self.removed)}
        members = {"members": moved} if any(moved.values()) else {}
        return self.before[target], {**(self.after[target] or {}), **members} or None


def _masked_attributes(document: Document | None, names: Iterable[str]) -> Masked | None:
    """Return the named attributes of a document, masked; all of them if none is named."""
    if document is None:
        return None
    chosen = list(names) or list(document)
    return {name: masked(document[name], name) for name in chosen if name in document} or None
