"""A digest of a connection's directory: equal digests, equal directories; else what differs.

The directory is divided into 256 buckets by the first two digits of an id: of a group by its own,
of a user and of their memberships by the user's. A bucket's digest is the XOR of one number for
each object, the first 64 bits of SHA-256 of a text:

    user          <id>:<version>:1, and 0 at the end where they are not active
    group         <id>:<version>
    membership    <group>:<user>

A client computes the same from what it stores. Nothing is stored or counted for it: it is read
when it is asked for, 1 RCU for each 4 KB of the users and groups. What changes in the meantime may
be in it or not.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from typing import Literal

from chalicelib.errors import BadRequest
from chalicelib.organisations import connections
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.users import is_active
from chalicelib.storage.directory_items import Group
from chalicelib.storage.keys import LAST, ConnectionKeys, Range
from chalicelib.storage.lookups import UserWithGroups, users_of
from chalicelib.storage.records import from_items
from chalicelib.storage.settings_items import Connection

ObjectType = Literal["users", "groups", "memberships"]
OBJECT_TYPES: tuple[ObjectType, ...] = ("users", "groups", "memberships")

BUCKETS = 256
BUCKET_DIGITS = 2
HASH_DIGITS = 16
# A page ends with the bucket in which it has reached so many objects.
MAX_OBJECTS = 10_000
PREFIX = re.compile(r"[0-9a-f]{2,8}")
BUCKET = re.compile(r"[0-9a-f]{2}")

NO_BUCKET = "after: expected the `next` of the page before: two hexadecimal digits."
NO_PREFIX = "bucket: expected two to eight hexadecimal digits in lower case: the first of the ids."
TOO_LARGE = (
    f"bucket: more than {MAX_OBJECTS:,} objects begin with these digits; add a digit, and ask for "
    "each of the sixteen."
)


@dataclass(frozen=True, slots=True)
class DigestedObject:
    """A user, a group or a membership; `id` of a membership is its group's."""

    object_type: ObjectType
    id: str
    version: int = 0
    active: bool = True
    user: str = ""

    @property
    def sorted_by(self) -> str:
        """The id that decides on the bucket."""
        return self.user or self.id

    @property
    def number(self) -> int:
        """What it adds to the digest of its bucket."""
        rest = {
            "users": f"{self.version}:{int(self.active)}",
            "groups": f"{self.version}",
            "memberships": self.user,
        }
        text = f"{self.id}:{rest[self.object_type]}"
        return int(hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS], 16)


@dataclass(frozen=True, slots=True)
class DigestPage:
    """The digests of some buckets, by type, and how many objects they are of.

    A bucket that is not on this page is None; `next_bucket` is the first of those that follow.
    """

    counts: Mapping[ObjectType, int]
    buckets: Mapping[ObjectType, Sequence[str | None]]
    next_bucket: str | None


def read_digest(
    admin: AdminContext, connection_id: str, first: str = "00", max_objects: int = MAX_OBJECTS
) -> DigestPage:
    """Compute the digests of the buckets from `first` on, up to the one with `max_objects`.

    Raises:
        NotFound: no such organisation or connection.
        BadRequest: `first` is no bucket.
    """
    if BUCKET.fullmatch(first) is None:
        raise BadRequest(NO_BUCKET)
    numbers = {each: [0] * BUCKETS for each in OBJECT_TYPES}
    counts = Counter(dict.fromkeys(OBJECT_TYPES, 0))
    end = BUCKETS
    for bucket, found in groupby(_objects(admin, connection_id, first), key=_bucket):
        for each in found:
            numbers[each.object_type][bucket] ^= each.number
            counts[each.object_type] += 1
        if counts.total() >= max_objects:
            end = bucket + 1
            break
    read = range(int(first, 16), end)
    buckets = {
        object_type: [f"{number:016x}" if at in read else None for at, number in enumerate(found)]
        for object_type, found in numbers.items()
    }
    return DigestPage(counts, buckets, f"{end:02x}" if end < BUCKETS else None)


def list_bucket(admin: AdminContext, connection_id: str, prefix: str) -> list[DigestedObject]:
    """List the objects of a bucket, or of a part of it: those whose id begins with `prefix`.

    Raises:
        NotFound: no such organisation or connection.
        BadRequest: these are not two to eight digits, or there are too many objects.
    """
    if PREFIX.fullmatch(prefix) is None:
        raise BadRequest(NO_PREFIX)
    found = list(islice(_objects(admin, connection_id, prefix, prefix + LAST), MAX_OBJECTS + 1))
    if len(found) > MAX_OBJECTS:
        raise BadRequest(TOO_LARGE)
    return found


def _bucket(found: DigestedObject) -> int:
    return int(found.sorted_by[:BUCKET_DIGITS], 16)


def _objects(
    admin: AdminContext, connection_id: str, first: str, last: str = LAST
) -> Iterator[DigestedObject]:
    """Yield the objects of a connection from one id to another, in the order of buckets."""
    connection = connections.get(admin, connection_id)
    items, keys = admin.items, ConnectionKeys(connection.id)
    users = users_of(items.query(Range(keys.users_from().pk, first, last)))
    groups = from_items(Group, items.query(Range(keys.groups_from().pk, first, last)))
    return merge(
        (each for user in users for each in _of_user(connection, user)),
        (DigestedObject("groups", group.id, group.version) for group in groups),
        key=lambda each: each.sorted_by,
    )


def _of_user(connection: Connection, found: UserWithGroups) -> Iterator[DigestedObject]:
    user = found.user
    yield DigestedObject("users", user.id, user.version, is_active(user, connection))
    for gid in found.group_ids:
        yield DigestedObject("memberships", gid, user=user.id)
