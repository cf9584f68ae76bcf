"""Users, groups and changes as values. Pure.

A document is stored as canonical JSON: what the identity provider may write, without what the
service computes (id, meta, schemas, groups, members).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from chalicelib.storage.expressions import Condition, Item, absent, equals
from chalicelib.storage.keys import ConnectionKeys, Key, Range

CHANGES_KEPT = timedelta(days=90)
# The type of a change of members alone.
MEMBERSHIP = "membership"

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
    """A user.

    `version` counts changes of the document; `joins` counts memberships ever added, so that a
    delete can tell whether one came between, and `joined` is when the last one was added.
    """

    id: str
    version: int
    joins: int
    document: Document
    granted_role: str
    created: str
    modified: str
    lease: Lease | None = None
    joined: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group.

    `version` counts changes of the document, `memberships` changes of the members; `size` is
    how many members there are and `checksum` the sum of their `checksum_of`: a list of members
    that has both is the group's.
    """

    id: str
    version: int
    memberships: int
    size: int
    document: Document
    created: str
    modified: str
    lease: Lease | None = None
    checksum: int = 0

    def has_exactly(self, uids: Sequence[str]) -> bool:
        """Return whether these are the members that this item counts."""
        return len(uids) == self.size and checksum_of(uids) == self.checksum


def checksum_of(uids: Iterable[str]) -> int:
    """Return the sum of the first 48 bits of ids: in a sum, each change adds its own part."""
    return sum(int(uid[:12], 16) for uid in uids)


@dataclass(frozen=True, slots=True)
class Delta:
    """Users to add to a group and users to remove from it; no user is in both."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Return whether there is any user to add or remove."""
        return bool(self.add or self.remove)

    def without(self, settled: frozenset[str]) -> Delta:
        """Leave out the users whose membership is already as wanted."""
        return Delta(self.add - settled, self.remove - settled)

    def among(self, uids: frozenset[str]) -> Delta:
        """Leave out all but these users."""
        return Delta(self.add & uids, self.remove & uids)

    def joined(self, other: Delta) -> Delta:
        """Return this change and another one, of other users."""
        return Delta(self.add | other.add, self.remove | other.remove)

    @property
    def uids(self) -> frozenset[str]:
        """All users concerned."""
        return self.add | self.remove

    @property
    def growth(self) -> int:
        """By how many members the group grows; negative if it shrinks."""
        return len(self.add) - len(self.remove)

    @property
    def counted(self) -> Mapping[str, int]:
        """What it adds to a group's number of changes, number of members and checksum."""
        checksum = checksum_of(self.add) - checksum_of(self.remove)
        return {"n": self.growth, "m": 1, "h": checksum}


class ChangeKeys(Protocol):
    """Who has a feed: a connection, and the organisation itself."""

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change item."""

    def changes(self, day: date, after: str = "") -> Range:
        """Range of the changes of a day, those after the ULID `after`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did, for the SaaS's feed: ids and names of attributes, never values.

    `change_type` is `user`, `team` or `membership` in a connection's feed (a membership's id is the
    group's), role, account (both with the user's id) or connection in the organisation's own.
    `at`, `ulid` and the ids of request and token are set when it is written.
    """

    change_type: str
    id: str
    version: int | None = None
    attributes: Sequence[str] = ()
    added: Iterable[str] = ()
    removed: Iterable[str] = ()
    at: str = ""
    ulid: str = ""
    request_id: str = ""
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that needs several transactions, or a later moment, as its item says it.

    `id` is its sort key; `target` what it is about. `adds` and `removals` count the user ids of
    a change of members. `request_id` and `token_id` are those of the request that began it, for
    the change items of each process that works on it; None where it writes none.
    """

    change_type: str
    target: str
    id: str = ""
    adds: int | None = None
    removals: int | None = None
    request_id: str | None = None
    token_id: str | None = None


def packed(ids: Iterable[str]) -> bytes:
    """Write ids as 16 bytes each."""
    return b"".join(bytes.fromhex(each) for each in sorted(ids))


def unpacked(ids: bytes) -> list[str]:
    """Read ids of 16 bytes each."""
    return [ids[start : start + 16].hex() for start in range(0, len(ids), 16)]


def index_keys(keys: ConnectionKeys, uid: str, document: Mapping[str, Any]) -> frozenset[Key]:
    """Return the keys of a user's index items: externalId and e-mail addresses, each once."""
    addresses = {e["value"] for e in document.get("emails", ()) if e.get("value")}
    indexed = {keys.email(address, uid) for address in addresses}
    if "externalId" in document:
        indexed.add(keys.external_id(document["externalId"], uid))
    return frozenset(indexed)


def group_index_keys(keys: ConnectionKeys, gid: str, document: Mapping[str, Any]) -> frozenset[Key]:
    """Return the keys of a group's index items: its externalId."""
    if "externalId" not in document:
        return frozenset()
    return frozenset({keys.group_external_id(document["externalId"], gid)})
