"""What must hold of the items of a table when nothing is under way. Pure.

The names are those of docs/storage.md, where each says what would be wrong without it. Tests and
campaigns check a whole table, `make repair` one connection at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain
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
    OrganisationKeys,
    ResourceClass,
    class_of,
    organisation_of,
)
from chalicelib.storage.records import from_item

CLASSES = frozenset("SOCAXVILJEWH")

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
    directory_faults = chain.from_iterable(map(violations_of, directories(items)))
    return [*directory_faults, *_keys_have_a_class(items), *_local_items_are_whole(items)]


def directories(items: Items) -> list[Directory]:
    """Sort the items by connection and by what they are."""
    return [
        directory_of(ConnectionKeys(connection), items)
        for connection in sorted(_connections(items))
    ]


def violations_of(directory: Directory) -> Iterator[str]:
    """Yield what does not hold of a connection, each with the name of the invariant."""
    for name, check in INVARIANTS.items():
        yield from (f"{name}: {fault}" for fault in check(directory))


def names_and_lookups(directory: Directory) -> frozenset[Key]:
    """Return the keys of the uniqueness and look-up items that its users and groups must have."""
    return frozenset(key for key, _ in (*user_names(directory), *group_names(directory)))


# Noted for later: a token ends, a purge may begin, memberships are looked for again, a leaver may
# not be acknowledged. They hold up nobody.
LATER = ("secret", "purge", "late memberships", "leaver")


def _connections(items: Items) -> AbstractSet[str]:
    return {key.pk.split("#")[1] for key in items if key.pk.startswith("S#")}


# --- sorting the items ------------------------------------------------------------------------


def directory_of(keys: ConnectionKeys, items: Items) -> Directory:
    """Sort the items of one connection by what they are."""
    directory, connection = Directory(keys), keys.connection
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


Names = list[tuple[Key, str]]


def user_names(directory: Directory) -> Names:
    """Return the uniqueness and look-up items that the users must have, with their owners."""
    expected: Names = []
    for uid, user in directory.users.items():
        names = {directory.keys.user_name(user.document["userName"])}
        expected += [(key, uid) for key in names | index_keys(directory.keys, uid, user.document)]
    return expected


def group_names(directory: Directory) -> Names:
    """Return the uniqueness and look-up items that the groups must have, with their owners."""
    expected: Names = []
    for gid, group in directory.groups.items():
        names = {directory.keys.group_name(group.document["displayName"])}
        looked_up = group_index_keys(directory.keys, gid, group.document)
        expected += [(key, gid) for key in names | looked_up]
    return expected


def _locks_of(directory: Directory, kinds: tuple[str, ...]) -> dict[Key, str]:
    """Choose the uniqueness and look-up items with these prefixes: `un`, `ex` ..."""
    part = len(directory.keys.prefix.split("#")) + 1
    return {k: owner for k, owner in directory.locks.items() if k.pk.split("#")[part] in kinds}


def _users_are_found(directory: Directory) -> Iterator[str]:
    yield from _wrong_names(_locks_of(directory, ("un", "ex", "em")), user_names(directory))


def _groups_are_found(directory: Directory) -> Iterator[str]:
    yield from _wrong_names(_locks_of(directory, ("gn", "gx")), group_names(directory))


def _wrong_names(found: Mapping[Key, str], expected: Names) -> Iterator[str]:
    owners = dict(expected)
    yield from _differences(found, owners)
    for key, owner in expected:
        if owners[key] != owner:
            yield f"{owner} and {owners[key]} have one name: {key}"


def counted(directory: Directory, of: ResourceClass) -> Mapping[Key, tuple[int, int]]:
    """Return the counters that are wrong: what they say, and how many there are."""
    ids = directory.users if of == "U" else directory.groups
    true = Counter(directory.keys.counter(of, each) for each in ids)
    said = {key: n for key, n in directory.counters.items() if key.sk.startswith(of)}
    both = {key: (said.get(key, 0), true[key]) for key in said.keys() | true.keys()}
    return {key: pair for key, pair in both.items() if pair[0] != pair[1]}


def _counters_count(directory: Directory, of: ResourceClass) -> Iterator[str]:
    for key, (said, true) in sorted(counted(directory, of).items()):
        yield f"{key} is {said}, must be {true}"


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
    "I2 counters count the users": lambda each: _counters_count(each, "U"),
    "I3 counters count the groups": lambda each: _counters_count(each, "G"),
    "I4 a membership has two items": _memberships_have_two_items,
    "I5 a membership has a user and a group": _memberships_have_both_ends,
    "I6 a group's size is its members": _sizes_are_true,
    "I7 locks and indexes are those of the groups": _groups_are_found,
}


def _keys_have_a_class(items: Items) -> Iterator[str]:
    for key in items:
        if key.pk[0] not in CLASSES or key.pk[1] != "#":
            yield f"I8 every key has a class: {key}"


def _local_items_are_whole(items: Items) -> Iterator[str]:
    """Check their users, of any connection of the organisation, and the items of accounts."""
    users = {
        (organisation_of(key.pk.split("#")[1]), key.sk)
        for key in items
        if key.pk.startswith("S#") and key.pk.endswith("#U")
    }
    for key, item in items.items():
        organisation = key.pk.removeprefix("L#")
        if not key.pk.startswith("L#") or "#" in organisation:
            continue
        if (organisation, key.sk) not in users:
            yield f"I12 a local item has a user: {key.sk}"
        account = OrganisationKeys(organisation).account(item.get("account", ""))
        if "account" in item and items.get(account, {}).get("uid") != key.sk:
            yield f"I13 an account has an item that names its user: {key.sk}"
