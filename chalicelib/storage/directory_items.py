"""Users, teams and changes as values, and as rows of the table. Pure.

A document is stored as canonical JSON: what the identity provider may write, without what the
service computes (id, meta, schemas, groups, members).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Condition, Item, Put, absent, equals
from chalicelib.storage.keys import ConnectionKeys, Key, Range, ulid

# Version of the rows' shape: a release reads its own and the one before.
SHAPE = 1
CHANGES_KEPT = timedelta(days=90)

Document = dict[str, Any]


def canonical(document: Mapping[str, Any]) -> str:
    """Write a document so that equal documents are equal text."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a user or group for a time, as the item's attribute `lease`.

    `change_id` is the id of the pending change; until `expires_at` only the process that
    acquired the lease works on it, afterwards another may acquire it.
    """

    change_id: str
    expires_at: str

    def attribute(self) -> Item:
        """Return the value of the item's attribute `lease`."""
        return {"change_id": self.change_id, "expires_at": self.expires_at}


def leased_for(lease: Lease | None) -> Condition:
    """Require a lease for the same pending change, by any process; None: no lease."""
    return equals("lease.change_id", lease.change_id) if lease else absent("lease")


def lease_unchanged(lease: Lease) -> Condition:
    """Require exactly this lease: not renewed, released or acquired since it was read."""
    return equals("lease", lease.attribute())


@dataclass(frozen=True, slots=True)
class User:
    """A user's row.

    `version` counts changes of the document; `joins` counts memberships ever added, so that a
    delete can tell whether one came between.
    """

    id: str
    version: int
    joins: int
    document: Document
    granted_role: str
    created: str
    modified: str
    lease: Lease | None = None

    def row(self) -> Item:
        """Write the attributes of a new user's row."""
        return {
            "v": self.version,
            "g": self.joins,
            "doc": canonical(self.document),
            "granted_role": self.granted_role,
            "created": self.created,
            "modified": self.modified,
            "lease": self.lease and self.lease.attribute(),
            "shape": SHAPE,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """A team's row.

    `version` counts changes of the document, `memberships` changes of the members; `size` is
    how many members there are.
    """

    id: str
    version: int
    memberships: int
    size: int
    document: Document
    created: str
    modified: str
    lease: Lease | None = None

    def row(self) -> Item:
        """Write the attributes of a new team's row."""
        return {
            "v": self.version,
            "m": self.memberships,
            "n": self.size,
            "doc": canonical(self.document),
            "created": self.created,
            "modified": self.modified,
            "lease": self.lease and self.lease.attribute(),
            "shape": SHAPE,
        }


def user_of(item: Item) -> User:
    """Read a user's row."""
    return User(
        id=item["SK"],
        version=item["v"],
        joins=item["g"],
        document=json.loads(item["doc"]),
        granted_role=item["granted_role"],
        created=item["created"],
        modified=item["modified"],
        lease=_lease_of(item),
    )


def group_of(item: Item) -> Group:
    """Read a team's row."""
    return Group(
        id=item["SK"],
        version=item["v"],
        memberships=item["m"],
        size=item["n"],
        document=json.loads(item["doc"]),
        created=item["created"],
        modified=item["modified"],
        lease=_lease_of(item),
    )


def _lease_of(item: Item) -> Lease | None:
    lease = item.get("lease")
    return Lease(**lease) if lease else None


@dataclass(frozen=True, slots=True)
class Delta:
    """Users who come into a team and users who leave it; nobody is in both."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether anybody comes or goes."""
        return bool(self.add or self.remove)

    def without(self, settled: frozenset[str]) -> Delta:
        """Leave out those who are already as they shall be."""
        return Delta(self.add - settled, self.remove - settled)

    @property
    def growth(self) -> int:
        """By how many the team grows; negative where it shrinks."""
        return len(self.add) - len(self.remove)


class ChangeKeys(Protocol):
    """Who has a feed: a connection, and the organisation itself."""

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change item."""

    def changes(self, day: date, after: str = "") -> Range:
        """Range of the changes of a day, those after the ULID `after`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did, for the SaaS's feed: ids and names of attributes, never values.

    `kind` is user, team or membership in a connection's feed (a membership's id is the team's),
    role, account (both with the user's id) or connection in the organisation's own.
    """

    kind: str
    id: str
    version: int | None = None
    attributes: Sequence[str] = ()
    added: Iterable[str] = ()
    removed: Iterable[str] = ()

    def put(
        self, keys: ChangeKeys, at: datetime, entropy: int, *, request_id: str, token_id: str
    ) -> Put:
        """Write the change row; ids of members take 16 bytes each."""
        row = {
            "kind": self.kind,
            "id": self.id,
            "version": self.version,
            "attributes": list(self.attributes) or None,
            "added": packed(self.added) or None,
            "removed": packed(self.removed) or None,
            "at": timestamp(at),
            "request_id": request_id,
            "token": token_id,
            "ttl": int((at + CHANGES_KEPT).timestamp()),
            "shape": SHAPE,
        }
        return Put(keys.change(ulid(at, entropy), at), row)


def packed(ids: Iterable[str]) -> bytes:
    """Write ids as 16 bytes each."""
    return b"".join(bytes.fromhex(each) for each in sorted(ids))


def unpacked(ids: bytes) -> list[str]:
    """Read ids of 16 bytes each."""
    return [ids[start : start + 16].hex() for start in range(0, len(ids), 16)]


def index_keys(keys: ConnectionKeys, uid: str, document: Mapping[str, Any]) -> frozenset[Key]:
    """Tell the index rows of a user's document: externalId and e-mail addresses, each once."""
    addresses = {e["value"] for e in document.get("emails", ()) if e.get("value")}
    indexed = {keys.email(address, uid) for address in addresses}
    if "externalId" in document:
        indexed.add(keys.external_id(document["externalId"], uid))
    return frozenset(indexed)


def group_index_keys(keys: ConnectionKeys, gid: str, document: Mapping[str, Any]) -> frozenset[Key]:
    """Tell the index rows of a team's document: its externalId."""
    if "externalId" not in document:
        return frozenset()
    return frozenset({keys.group_external_id(document["externalId"], gid)})
