"""The audit of settings: who changed what, when, from what to what.

An entry is written in the transaction that makes the change, so there is neither a change without
an entry nor an entry without its change. Secrets are masked, even one pasted into a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Item, Put
from chalicelib.storage.keys import CROCKFORD, LAST, ulid
from chalicelib.storage.records import with_schema

KEPT = timedelta(days=400)
CURSOR = re.compile(rf"[{CROCKFORD}]{{26}}")

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
    def what(self) -> str:
        """The change, as in `role.changed`."""
        actions = {(False, True): "created", (True, False): "deleted"}
        action = self.action or actions.get((bool(self.before), bool(self.after)), "changed")
        return f"{self.target_type}.{action}"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry as the audit shows it."""

    at: str
    who: str
    what: str
    id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def entry_item(admin: AdminContext, edit: Edit) -> Put:
    """Make the item of a change's entry, for the same transaction; only values that differ."""
    now = admin.now()
    entry = with_schema(
        {
            "at": timestamp(now),
            "who": masked(admin.by),
            "what": edit.what,
            "id": edit.id,
            "before": masked(_differing(edit.before, edit.after)),
            "after": masked(_differing(edit.after, edit.before)),
        },
        expires=now + KEPT,
    )
    return Put(admin.keys.audit_entry(ulid(now, admin.clock.random.getrandbits(80))), entry)


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


def list_entries(admin: AdminContext, cursor: str | None, size: int) -> Page[AuditEntry]:
    """List the entries after `cursor`, the newest first: one Query.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    if cursor is not None and CURSOR.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    items = admin.items.query(admin.keys.audit(cursor or LAST), page=size + 2, descending=True)
    # The range includes the cursor itself.
    page = take_page((item for item in items if item["SK"] != cursor), size, lambda i: str(i["SK"]))
    return Page(tuple(map(_entry, page.items)), page.next_cursor)


def _entry(item: Item) -> AuditEntry:
    names = ("at", "who", "what", "id", "before", "after")
    return AuditEntry(*(item[name] for name in names))
