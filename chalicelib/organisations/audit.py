"""The audit: who did what to what, when and from where, with the values that differ.

An entry is written in the transaction that makes the change, so there is neither a change without
an entry nor an entry without its change. Secrets are masked, even one pasted into a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page
from chalicelib.storage.audit_entries import WHOLE_ADDRESS_FOR, AuditEntry, network_of
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import Range, deployment_audit_entry, is_ulid, ulid
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.table import Namespace

MAX_ITEMS = 2_000
MAX_USER_AGENT = 256

# The text of one of our credentials, or its secret part alone.
SECRET = re.compile(r"psl_[a-z]+_[0-9A-Za-z_]+|[0-9A-Za-z]{43,}")
MASKED = "***"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a setting: of what type, its id, and its values before and after.

    No values before: created; no values after: deleted. `action` names any other change.
    """

    target_type: str
    id: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""

    @property
    def name(self) -> str:
        """The change, as in `role.changed`."""
        actions = {(False, True): "created", (True, False): "deleted"}
        action = self.action or actions.get((bool(self.before), bool(self.after)), "changed")
        return f"{self.target_type}.{action}"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries to list: from when to when, whose, which action.

    `cursor` is the end of the page before.
    """

    since: datetime
    until: datetime
    actor: str | None = None
    action: str | None = None
    cursor: str | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Tell whether an entry is one of them."""
        return (self.actor is None or entry.actor.is_named(self.actor)) and (
            self.action is None or entry.is_action(self.action)
        )


def entry_item(admin: AdminContext, edit: Edit) -> Put:
    """Make the item of a change's entry, for the same transaction; only values that differ."""
    now = admin.now()
    key = admin.keys.audit_entry(ulid(now, admin.clock.random.getrandbits(80)))
    return Put(key, to_item(_entry(admin, edit), expires=now + admin.retention.audit))


def deployment_entry_item(admin: AdminContext, edit: Edit) -> Put:
    """Make the item of an entry in the audit of the deployment, which outlives the organisation."""
    now = admin.now()
    key = deployment_audit_entry(ulid(now, admin.clock.random.getrandbits(80)))
    return Put(key, to_item(_entry(admin, edit), expires=now + admin.retention.audit))


def _entry(admin: AdminContext, edit: Edit) -> AuditEntry:
    return AuditEntry(
        at=timestamp(admin.now()),
        actor=replace(admin.actor, name=masked(admin.actor.name)),
        action=edit.name,
        target=masked(edit.id),
        before=masked(_differing(edit.before, edit.after)),
        after=masked(_differing(edit.after, edit.before)),
        request_id=admin.request_id,
        address=admin.address,
        user_agent=masked(admin.user_agent[:MAX_USER_AGENT]) if admin.user_agent else None,
    )


def _differing(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != others.get(name)}


# Values are JSON; only a string, or a list or an object of strings, can contain a secret.
MASKS: Mapping[type, Callable[[Any], Any]] = {
    str: lambda text: SECRET.sub(MASKED, text),
    list: lambda values: [masked(value) for value in values],
    dict: lambda values: {name: masked(value) for name, value in values.items()},
}


def masked(value: Any) -> Any:
    """Copy a value without the secrets in its texts."""
    mask = MASKS.get(type(value))
    return value if mask is None else mask(value)


def list_entries(
    items: Namespace, entries: Callable[[str, str], Range], query: AuditQuery, size: int
) -> Page[AuditEntry]:
    """List entries of an audit, the newest first; a page reads at most 2,000 of them.

    `entries` makes the range of the audit from one ULID to another. The address of an entry that
    is older than 30 days is cut to its network.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    whole_since = timestamp(items.table.clock.now() - WHOLE_ADDRESS_FOR)
    found: list[AuditEntry] = []
    last_read: str | None = None
    for count, entry in enumerate(_newest_first(items, entries, query, size)):
        if count == MAX_ITEMS:
            return Page(found, last_read)
        if query.matches(entry):
            if len(found) == size:
                return Page(found, last_read)
            found.append(_cut(entry, whole_since))
        last_read = entry.ulid
    return Page(found)


def _newest_first(
    items: Namespace, entries: Callable[[str, str], Range], query: AuditQuery, size: int
) -> Iterator[AuditEntry]:
    if query.cursor is not None and not is_ulid(query.cursor):
        raise BadRequest(UNKNOWN_CURSOR)
    first, last = ulid(query.since, 0), ulid(query.until, -1)
    last = min(query.cursor or last, last)
    if last < first:  # DynamoDB rejects a range that ends before it begins
        return
    for item in items.query(entries(first, last), page=size + 2, descending=True):
        # The range includes the cursor itself.
        if item["SK"] != query.cursor:
            yield from_item(AuditEntry, item)


def _cut(entry: AuditEntry, whole_since: str) -> AuditEntry:
    if entry.at >= whole_since or entry.address is None:
        return entry
    return replace(entry, address=network_of(entry.address))
