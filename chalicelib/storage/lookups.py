"""Reading users, teams and memberships by their keys: single ones, pages of them, look-ups.

Knows keys and rows, nothing of filters or of what is done with what was found. Whoever serves
a connection reads through it: SCIM requests as its tenant, an administrator through a `View`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.errors import Busy
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.expressions import Item, key_of
from chalicelib.storage.keys import (
    ConnectionKeys,
    Key,
    Range,
    ResourceClass,
    member_of,
    user_and_group,
)
from chalicelib.storage.records import from_item, from_items
from chalicelib.storage.table import Namespace

# A lock may change hands between its read and the read of its owner; then both are read again.
LOCK_READS = 3


@dataclass(frozen=True, slots=True)
class ConnectionScope:
    """A connection's part of the table: what may be touched of it, and its keys."""

    items: Namespace
    keys: ConnectionKeys


@dataclass(frozen=True, slots=True)
class UserWithGroups:
    """A user and the ids of his teams; a team that is just being deleted may be among them."""

    user: User
    group_ids: tuple[str, ...]


def read_user(scope: ConnectionScope, uid: str) -> UserWithGroups | None:
    """Read a user and his reverse rows with one Query; None where he is not."""
    return next(users_of(scope.items.query(scope.keys.user_with_groups(uid))), None)


def users_of(items: Iterable[Item]) -> Iterator[UserWithGroups]:
    """Join each user's row with the reverse rows behind it.

    A reverse row without its user is what a delete leaves for a moment; it is passed over.
    """
    user: User | None = None
    group_ids: list[str] = []
    for item in items:
        uid, gid = user_and_group(key_of(item))
        if gid is None:
            if user is not None:
                yield UserWithGroups(user, tuple(group_ids))
            user, group_ids = from_item(User, item), []
        elif user is not None and user.id == uid:
            group_ids.append(gid)
    if user is not None:
        yield UserWithGroups(user, tuple(group_ids))


def left_groups(scope: ConnectionScope, uid: str) -> tuple[str, ...]:
    """Read which teams the reverse rows of a user name, though he is gone himself."""
    items = scope.items.query(scope.keys.user_with_groups(uid))
    return tuple(gid for _, gid in map(user_and_group, map(key_of, items)) if gid)


def user_names(scope: ConnectionScope, uids: Iterable[str]) -> dict[str, str]:
    """Read what users are called, by id; those that are gone are left out."""
    found = scope.items.batch_get(scope.keys.user(uid) for uid in uids)
    users = from_items(User, found.values())
    return {
        user.id: user.document.get("displayName") or user.document["userName"] for user in users
    }


def user_by_name(scope: ConnectionScope, name: str) -> UserWithGroups | None:
    """Find who holds a userName; the name he has may differ from it in case and composition.

    Raises:
        Busy: it changed hands at every read.
    """
    key = scope.keys.user_name(name)
    for owner in _owners(scope, key, "uid"):
        found = read_user(scope, owner)
        if found and scope.keys.user_name(found.user.document["userName"]) == key:
            return found
    return None


def users_by_external_id(scope: ConnectionScope, value: str) -> Iterator[UserWithGroups]:
    """Yield users by externalId, in the order of their ids; one may have let go of it."""
    return _indexed(scope, scope.keys.external_ids(value))


def users_by_email(scope: ConnectionScope, value: str) -> Iterator[UserWithGroups]:
    """Yield users by e-mail address, in the order of their ids; one may have let go of it."""
    return _indexed(scope, scope.keys.emails(value))


def _indexed(scope: ConnectionScope, index: Range) -> Iterator[UserWithGroups]:
    for item in scope.items.query(index):
        found = read_user(scope, item["SK"])
        if found:
            yield found


def read_group(scope: ConnectionScope, gid: str) -> Group | None:
    """Read a team; None where it is not."""
    item = scope.items.get(scope.keys.group(gid))
    return None if item is None else from_item(Group, item)


def group_by_name(scope: ConnectionScope, name: str) -> Group | None:
    """Find the team of a displayName, which may differ from it in case and composition.

    Raises:
        Busy: it changed hands at every read.
    """
    key = scope.keys.group_name(name)
    for owner in _owners(scope, key, "gid"):
        group = read_group(scope, owner)
        if group and scope.keys.group_name(group.document["displayName"]) == key:
            return group
    return None


def groups_by_id(scope: ConnectionScope, gids: Iterable[str]) -> dict[str, Group]:
    """Read teams by id, in the order asked; those that are gone are left out."""
    wanted = list(dict.fromkeys(gids))
    if not wanted:
        return {}
    found = scope.items.batch_get(scope.keys.group(gid) for gid in wanted)
    rows = ((gid, found.get(scope.keys.group(gid))) for gid in wanted)
    return {gid: from_item(Group, item) for gid, item in rows if item is not None}


def member_ids(
    scope: ConnectionScope, gid: str, *, page: int | None = None, after: str = ""
) -> Iterator[str]:
    """Yield the ids of a team's members, in order, behind `after`, a page at a time."""
    for item in scope.items.query(scope.keys.members_of(gid, after), page=page):
        yield member_of(key_of(item))[1]


def count(scope: ConnectionScope, kind: ResourceClass) -> int:
    """Count users or teams, exactly, by reading their counters: 1 to 3 RCU."""
    return sum(item["n"] for item in scope.items.query(scope.keys.counters(kind)))


def count_members(scope: ConnectionScope) -> int:
    """Count memberships by what each team's row tells: reads the rows of all teams."""
    teams = scope.items.query(scope.keys.groups_from())
    return sum(item["n"] for item in teams)


def _owners(scope: ConnectionScope, lock: Key, attribute: str) -> Iterator[str]:
    """Yield who holds a name; again where the caller finds that the holder let go of it."""
    for _ in range(LOCK_READS):
        row = scope.items.get(lock)
        if row is None:
            return
        yield row[attribute]
    raise Busy
