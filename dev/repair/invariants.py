"""What must hold of the items of a table when nothing is under way. Pure.

The names are those of docs/storage.md, where each says what would be wrong without it. Tests and
campaigns check a whole table, `make repair` one connection at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from chalicelib.storage.directory_items import (
    Group,
    User,
    group_index_keys,
    index_keys,
)
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import (
    ONLY,
    PENDING_CHANGES,
    ConnectionKeys,
    Key,
    ResourceClass,
    class_of,
    organisation_of,
)
from chalicelib.storage.records import from_item

CLASSES = frozenset("SOCAXVILJ")

Items = Mapping[Key, Item]


@dataclass(slots=True)
class Directory:
    """The items of one connection, by what they are."""

    keys: ConnectionKeys
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)
    reverse: set[tuple[str, str]] = field(default_factory=set)
    locks: dict[Key, str] = field(default_factory=dict)
    counters: dict[Key, int] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)


def unsound(items: Items) -> list[str]:
    """Return what does not hold of these items, which are a whole table."""
    return [*_of_directories(items), *_keys_have_a_class(items), *_local_items_have_users(items)]


def directories(items: Items) -> list[Directory]:
    """Sort the items by connection and by what they are."""
    return [_directory(connection, items) for connection in sorted(_connections(items))]


def _of_directories(items: Items) -> Iterator[str]:
    for directory in directories(items):
        for name, check in INVARIANTS.items():
            yield from (f"{name}: {fault}" for fault in check(directory))


# Noted for later: a token ends, a purge may begin, memberships are looked for again. They hold up
# nobody.
LATER = ("secret", "purge", "late memberships")


def _connections(items: Items) -> AbstractSet[str]:
    return {key.pk.split("#")[1] for key in items if key.pk.startswith("S#")}


# --- sorting the items ------------------------------------------------------------------------


def _directory(connection: str, items: Items) -> Directory:
    directory = Directory(ConnectionKeys(connection))
    prefix = directory.keys.prefix + "#"
    for key, item in items.items():
        if key.pk.startswith(prefix):
            part = key.pk.removeprefix(prefix).split("#")[0]
            SORTED.get(part, _passed_over)(directory, key, item)
        if (
            class_of(key) == PENDING_CHANGES
            and f"#{connection}#" in key.sk
            and item["change_type"] not in LATER
        ):
            directory.operations.add(key.sk)
    return directory


def _sort_user(directory: Directory, key: Key, item: Item) -> None:
    uid, _, gid = key.sk.partition("#")
    if gid:
        directory.reverse.add((gid, uid))
    else:
        directory.users[uid] = from_item(User, item)


def _sort_group(directory: Directory, key: Key, item: Item) -> None:
    directory.groups[key.sk] = from_item(Group, item)


def _sort_member(directory: Directory, key: Key, _: Item) -> None:
    gid, uid = key.sk.split("#")
    directory.members.add((gid, uid))


def _sort_lock(directory: Directory, key: Key, item: Item) -> None:
    unique = key.sk == ONLY
    directory.locks[key] = str(item.get("uid") or item.get("gid")) if unique else key.sk


def _sort_counter(directory: Directory, key: Key, item: Item) -> None:
    directory.counters[key] = item["n"]


def _passed_over(directory: Directory, key: Key, item: Item) -> None:
    """Changes and other notes are no part of the state."""


SORTED: Mapping[str, Callable[[Directory, Key, Item], None]] = {
    "U": _sort_user,
    "G": _sort_group,
    "M": _sort_member,
    "K": _sort_lock,
    "CNT": _sort_counter,
}


# --- what must hold ---------------------------------------------------------------------------


def _nothing_is_under_way(directory: Directory) -> Iterator[str]:
    yield from (f"operation {each}" for each in directory.operations)
    items: list[User | Group] = [*directory.users.values(), *directory.groups.values()]
    for item in items:
        if item.lease is not None:
            yield f"{item.id} is held by {item.lease.change_id}"


def _user_locks(directory: Directory) -> dict[Key, str]:
    expected: dict[Key, str] = {}
    for uid, user in directory.users.items():
        expected[directory.keys.user_name(user.document["userName"])] = uid
        expected |= dict.fromkeys(index_keys(directory.keys, uid, user.document), uid)
    return expected


def _group_locks(directory: Directory) -> dict[Key, str]:
    expected: dict[Key, str] = {}
    for gid, group in directory.groups.items():
        expected[directory.keys.group_name(group.document["displayName"])] = gid
        expected |= dict.fromkeys(group_index_keys(directory.keys, gid, group.document), gid)
    return expected


def _locks_of(directory: Directory, kinds: tuple[str, ...]) -> dict[Key, str]:
    """Choose the uniqueness and look-up items with these prefixes: `un`, `ex` ..."""
    part = len(directory.keys.prefix.split("#")) + 1
    return {k: owner for k, owner in directory.locks.items() if k.pk.split("#")[part] in kinds}


def _users_are_found(directory: Directory) -> Iterable[str]:
    return _differences(_locks_of(directory, ("un", "ex", "em")), _user_locks(directory))


def _groups_are_found(directory: Directory) -> Iterable[str]:
    return _differences(_locks_of(directory, ("gn", "gx")), _group_locks(directory))


def _counted(directory: Directory, kind: ResourceClass, ids: Iterable[str]) -> Iterable[str]:
    found = {k: n for k, n in directory.counters.items() if k.sk.startswith(kind) and n}
    return _differences(found, Counter(directory.keys.counter(kind, each) for each in ids))


def _differences(found: Mapping[Key, Any], expected: Mapping[Key, Any]) -> Iterator[str]:
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            yield f"{key} is {found.get(key)}, must be {expected.get(key)}"


def _memberships_have_two_items(directory: Directory) -> Iterator[str]:
    yield from (f"only one item of {pair}" for pair in directory.members ^ directory.reverse)


def _memberships_have_both_ends(directory: Directory) -> Iterator[str]:
    for gid, uid in directory.members | directory.reverse:
        if gid not in directory.groups:
            yield f"{uid} is in {gid}, which is gone"
        if uid not in directory.users:
            yield f"{uid}, who is gone, is in {gid}"


def _sizes_are_true(directory: Directory) -> Iterator[str]:
    members: dict[str, list[str]] = {gid: [] for gid in directory.groups}
    for gid, uid in directory.members:
        members.get(gid, []).append(uid)
    for gid, group in directory.groups.items():
        if group.size != len(members[gid]):
            yield f"{gid} says {group.size} members and has {len(members[gid])}"
        elif not group.has_exactly(members[gid]):
            yield f"{gid} has another checksum than its members"


INVARIANTS: Mapping[str, Callable[[Directory], Iterable[str]]] = {
    "I0 nothing is under way": _nothing_is_under_way,
    "I1 locks and indexes are those of the users": _users_are_found,
    "I2 counters count the users": lambda each: _counted(each, "U", each.users),
    "I3 counters count the groups": lambda each: _counted(each, "G", each.groups),
    "I4 a membership has two items": _memberships_have_two_items,
    "I5 a membership has a user and a group": _memberships_have_both_ends,
    "I6 a group's size is its members": _sizes_are_true,
    "I7 locks and indexes are those of the groups": _groups_are_found,
}


def _keys_have_a_class(items: Items) -> Iterator[str]:
    for key in items:
        if key.pk[0] not in CLASSES or key.pk[1] != "#":
            yield f"I8 every key has a class: {key}"


def _local_items_have_users(items: Items) -> Iterator[str]:
    """A user of any connection of the organisation will do."""
    users = {
        (organisation_of(key.pk.split("#")[1]), key.sk)
        for key in items
        if key.pk.startswith("S#") and key.pk.endswith("#U")
    }
    for key in items:
        if key.pk.startswith("L#") and (key.pk.removeprefix("L#"), key.sk) not in users:
            yield f"I12 a local item has a user: {key.sk}"
