"""The audit of settings: who changed what, when, from what to what.

A note goes into the transaction that makes the change, so there is neither a change without a
note nor a note without its change. Secrets are masked, also one that was pasted into a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import SHAPE
from chalicelib.storage.expressions import Item, Put
from chalicelib.storage.keys import CROCKFORD, LAST, ulid

KEPT = timedelta(days=400)
CURSOR = re.compile(rf"[{CROCKFORD}]{{26}}")

# The text of one of our credentials, or its secret part alone.
SECRET = re.compile(r"psl_[a-z]+_[0-9A-Za-z_]+|[0-9A-Za-z]{43,}")
MASKED = "***"


@dataclass(frozen=True, slots=True)
class Edit:
    """What was changed: of which kind, by its id; the values before and after.

    Without values before it was created, without values after it was deleted. `action` says it
    where neither tells enough.
    """

    kind: str
    id: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""

    @property
    def what(self) -> str:
        """Name what happened: `role.changed`."""
        told = {(False, True): "created", (True, False): "deleted"}
        seen = told.get((bool(self.before), bool(self.after)), "changed")
        return f"{self.kind}.{self.action or seen}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A note as the audit shows it."""

    at: str
    who: str
    what: str
    id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the audit, the newest first; `following` is where the next one begins."""

    items: tuple[Entry, ...]
    next_cursor: str | None


def entry_item(admin: AdminContext, edit: Edit) -> Put:
    """Make the note of a change, for the same transaction; values that stayed are left out."""
    now = admin.now()
    row = {
        "at": timestamp(now),
        "who": masked(admin.by),
        "what": edit.what,
        "id": edit.id,
        "before": masked(_differing(edit.before, edit.after)),
        "after": masked(_differing(edit.after, edit.before)),
        "ttl": int((now + KEPT).timestamp()),
        "shape": SHAPE,
    }
    return Put(admin.keys.audited(ulid(now, admin.clock.random.getrandbits(80))), row)


def _differing(these: Mapping[str, Any], those: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in these.items() if value != those.get(name)}


# Values are JSON; anything but a text, a list or an object holds no secret.
MASKS: Mapping[type, Callable[[Any], Any]] = {
    str: lambda text: SECRET.sub(MASKED, text),
    list: lambda values: [masked(value) for value in values],
    dict: lambda values: {name: masked(value) for name, value in values.items()},
}


def masked(value: Any) -> Any:
    """Copy a value without the secrets in its texts."""
    mask = MASKS.get(type(value))
    return value if mask is None else mask(value)


def list_entries(admin: AdminContext, cursor: str | None, size: int) -> Page:
    """List the notes, the newest first, from behind the cursor on: one Query.

    Raises:
        BadRequest: the cursor is none that this list has given.
    """
    if cursor is not None and CURSOR.fullmatch(cursor) is None:
        raise BadRequest("cursor: take the `next` of the page before, unchanged.")
    found = admin.items.query(admin.keys.audit(cursor or LAST), page=size + 2, descending=True)
    rows = list(islice((row for row in found if row["SK"] != cursor), size + 1))
    more = len(rows) > size
    return Page(tuple(map(_entry, rows[:size])), rows[size - 1]["SK"] if more else None)


def _entry(row: Item) -> Entry:
    return Entry(row["at"], row["who"], row["what"], row["id"], row["before"], row["after"])
