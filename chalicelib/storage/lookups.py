"""Read users, groups and memberships by their keys: single ones, pages of them, look-ups.

SCIM requests read through it with the context of their connection, the admin API with the scope
of any connection of the organisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

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
from chalicelib.storage.table import MAX_GETS, Namespace, chunks


@dataclass(frozen=True, slots=True)
class ConnectionScope:
    """A connection's part of the table: what may be touched of it, and its keys."""

    items: Namespace
    keys: ConnectionKeys


@dataclass(frozen=True, slots=True)
class UserWithGroups:
    """A user and the ids of their groups; a group that is being deleted may be among them.

    `size` is how many characters their document has.
    """

    user: User
    group_ids: tuple[str, ...]
    size: int


def read_user(
    scope: ConnectionScope, uid: str, *, most_groups: int | None = None
) -> UserWithGroups | None:
    """Read a user and their groups with one Query; None if there is no such user.

    Of the groups all, or so many. No Query is needed where the user's item was read ahead and
    counts no group ever joined.
    """
    key = scope.keys.user(uid)
    if scope.items.was_read_ahead(key):
        found = read_user_alone(scope, uid)
        if found is None or found.user.joins == 0:
            return found
    most = None if most_groups is None else 1 + most_groups
    items = scope.items.query(scope.keys.user_with_groups(uid), page=most)
    return next(users_of(islice(items, most)), None)


def read_user_alone(scope: ConnectionScope, uid: str) -> UserWithGroups | None:
    """Read a user without their groups; None if there is no such user."""
    item = scope.items.get(scope.keys.user(uid))
    return None if item is None else UserWithGroups(from_item(User, item), (), len(item["doc"]))


def users_of(items: Iterable[Item]) -> Iterator[UserWithGroups]:
    """Join each user with the reverse items that follow.

    A reverse item without its user is what a delete leaves for a moment; it is skipped.
    """
    user: User | None = None
    group_ids: list[str] = []
    size = 0
    for item in items:
        uid, gid = user_and_group(key_of(item))
        if gid is None:
            if user is not None:
                yield UserWithGroups(user, tuple(group_ids), size)
            user, group_ids, size = from_item(User, item), [], len(item["doc"])
        elif user is not None and user.id == uid:
            group_ids.append(gid)
    if user is not None:
        yield UserWithGroups(user, tuple(group_ids), size)


def left_groups(scope: ConnectionScope, uid: str) -> tuple[str, ...]:
    """Read the groups in the reverse items of a user, who may be gone."""
    items = scope.items.query(scope.keys.user_with_groups(uid))
    return tuple(gid for _, gid in map(user_and_group, map(key_of, items)) if gid)


def user_names(scope: ConnectionScope, uids: Iterable[str]) -> dict[str, str]:
    """Read the names of users by id; those that are gone are left out."""
    names: dict[str, str] = {}
    for some in chunks(list(uids), MAX_GETS):  # documents may be large: 100 in memory at a time
        found = scope.items.batch_get(scope.keys.user(uid) for uid in some)
        for user in from_items(User, found.values()):
            names[user.id] = user.document.get("displayName") or user.document["userName"]
    return names


def user_by_name(scope: ConnectionScope, name: str) -> UserWithGroups | None:
    """Find the user of a userName, which is compared without letter case and composition.

    Raises:
        Busy: it had another owner at each read until the deadline.
    """
    key = scope.keys.user_name(name)
    for owner in _owners(scope, key, "uid"):
        found = read_user(scope, owner)
        if found and user_has_name(scope.keys, found.user, key):
            return found
        # What is being committed a Query may not show yet; a Get does.
        item = scope.items.get(scope.keys.user(owner))
        if item and user_has_name(scope.keys, user := from_item(User, item), key):
            return UserWithGroups(user, found.group_ids if found else (), len(item["doc"]))
    return None


def user_has_name(keys: ConnectionKeys, user: User, name: Key) -> bool:
    """Return whether a user has the name of a uniqueness item's key."""
    return keys.user_name(user.document["userName"]) == name


def users_by_external_id(scope: ConnectionScope, value: str) -> Iterator[UserWithGroups]:
    """Yield users by externalId, in the order of their ids; one may have another by now."""
    return _indexed(scope, scope.keys.external_ids(value))


def users_by_email(scope: ConnectionScope, value: str) -> Iterator[UserWithGroups]:
    """Yield users by e-mail address, in the order of their ids; one may have another by now."""
    return _indexed(scope, scope.keys.emails(value))


def _indexed(scope: ConnectionScope, index: Range) -> Iterator[UserWithGroups]:
    for item in scope.items.query(index):
        found = read_user(scope, item["SK"])
        if found:
            yield found


def read_group(scope: ConnectionScope, gid: str) -> Group | None:
    """Read a group; None if there is no such group."""
    item = scope.items.get(scope.keys.group(gid))
    return None if item is None else from_item(Group, item)


def group_by_name(scope: ConnectionScope, name: str) -> Group | None:
    """Find the group of a displayName, which is compared without letter case and composition.

    Raises:
        Busy: it had another owner at each read until the deadline.
    """
    key = scope.keys.group_name(name)
    for owner in _owners(scope, key, "gid"):
        group = read_group(scope, owner)
        if group and group_has_name(scope.keys, group, key):
            return group
    return None


def group_has_name(keys: ConnectionKeys, group: Group, name: Key) -> bool:
    """Return whether a group has the name of a uniqueness item's key."""
    return keys.group_name(group.document["displayName"]) == name


def groups_by_id(scope: ConnectionScope, gids: Iterable[str]) -> dict[str, Group]:
    """Read groups by id, in the given order; those that are gone are left out."""
    wanted = list(dict.fromkeys(gids))
    if not wanted:
        return {}
    found = scope.items.batch_get(scope.keys.group(gid) for gid in wanted)
    items = ((gid, found.get(scope.keys.group(gid))) for gid in wanted)
    return {gid: from_item(Group, item) for gid, item in items if item is not None}


def member_ids(
    scope: ConnectionScope, gid: str, *, page: int | None = None, after: str = ""
) -> Iterator[str]:
    """Yield the ids of a group's members after `after`, in order, a page at a time."""
    for item in scope.items.query(scope.keys.members_of(gid, after), page=page):
        yield member_of(key_of(item))[1]


def count(scope: ConnectionScope, resource_class: ResourceClass) -> int:
    """Count users or groups, exactly, by reading their counters: 1 to 3 RCU."""
    return sum(item["n"] for item in scope.items.query(scope.keys.counters(resource_class)))


def count_members(scope: ConnectionScope) -> int:
    """Count memberships by the size of each group: reads all groups."""
    groups = scope.items.query(scope.keys.groups_from())
    return sum(item["n"] for item in groups)


def _owners(scope: ConnectionScope, name: Key, attribute: str) -> Iterator[str]:
    """Yield the owner of a name; again while it has another owner than the last one.

    An owner without the name, to whom it still leads, is what a restore has left: nobody has it.
    """
    last = None
    for _ in scope.items.deadline.attempts():
        item = scope.items.get(name)
        if item is None or item[attribute] == last:
            return
        last = item[attribute]
        yield last
