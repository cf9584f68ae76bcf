"""What is damaged in a connection, and the transaction that repairs it.

Each repair is one transaction, conditioned on all that it was judged by: what another request has
changed meanwhile, or is only half visible, is not touched. Nobody gains access by one: what neither
the items that are left nor the feed say counts as absent, and an unclear `active` as false.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib.directory import deletes
from chalicelib.storage.directory_items import (
    Change,
    Group,
    User,
    canonical,
    checksum_of,
    lease_unchanged,
)
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Check,
    Delete,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.keys import ONLY, Key, ResourceClass
from chalicelib.storage.records import with_schema
from chalicelib.storage.table import Namespace
from dev.repair.reading import State
from dev.repair.soundness import counted, group_names, user_names

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold; `repair` returns whether it could be repaired.

    Without `repair` it is only reported. `is_remains`: what is left of a user or group that was
    lost, which is removed only when that was asked for.
    """

    text: str
    repair: Callable[[], bool] | None = None
    is_remains: bool = False


Plan = Callable[[State], Iterator[Finding]]


def commits(items: Namespace, actions: Sequence[Action]) -> Callable[[], bool]:
    """Return a repair: a transaction."""
    return lambda: items.try_commit(actions) is None


def _commit(state: State, actions: Sequence[Action]) -> Callable[[], bool]:
    return commits(state.context.items, actions)


def _done(operation: Callable[[], None]) -> bool:
    operation()
    return True


# --- leases and what the feed says ------------------------------------------------------------


def leases(state: State) -> Iterator[Finding]:
    """Find leases without their pending change; with it, the sweeper completes the change."""
    context = state.context
    for uid, user in state.directory.users.items():
        if user.lease:
            finish = partial(deletes.finish_user_delete, context, uid, user.lease)
            yield Finding(f"I0 user {uid}: its delete is not finished", partial(_done, finish))
    for gid, group in state.directory.groups.items():
        if group.lease is None:
            continue
        key = context.keys.pending_change(group.lease.change_id)
        if context.items.get(key) is not None or group.lease.expires_at > context.now():
            yield Finding(f"I0 group {gid}: a change is not finished; the sweeper completes it")
            continue
        actions: list[Action] = [
            Update(
                context.keys.group(gid), remove=("lease",), condition=lease_unchanged(group.lease)
            ),
            Check(key, NEW),
        ]
        yield Finding(f"I0 group {gid}: its pending change is missing", _commit(state, actions))


def ended(state: State) -> Iterator[Finding]:
    """Find users and groups that are here again after they were deleted."""
    context, feed = state.context, state.feed
    for uid in sorted(state.directory.users.keys() & feed.ended):
        delete = partial(deletes.delete_user, context, uid)
        yield Finding(f"user {uid} was deleted, says the feed", partial(_done, delete))
    for gid in sorted(state.directory.groups.keys() & feed.ended):
        delete = partial(deletes.delete_group, context, gid)
        yield Finding(f"group {gid} was deleted, says the feed", partial(_done, delete))


def outdated(state: State) -> Iterator[Finding]:
    """Find users and groups whose item is older than the feed; the later values are lost."""
    for uid, user in sorted(state.directory.users.items()):
        newest = state.feed.versions.get(uid, 0)
        if user.version < newest and uid not in state.feed.ended:
            unclear = user.version < state.feed.active.get(uid, 0)
            text = f"user {uid}: version {user.version} of {newest}; what came after it is lost"
            said = f"{text}{', active among it: set to false' if unclear else ''}"
            yield Finding(said, partial(_renumber_user, state, user, newest, unclear=unclear))
    for gid, group in sorted(state.directory.groups.items()):
        newest = state.feed.versions.get(gid, 0)
        if group.version < newest and gid not in state.feed.ended:
            text = f"group {gid}: version {group.version} of {newest}; what came after it is lost"
            yield Finding(text, partial(_renumber_group, state, group, newest))


def _renumber_user(state: State, user: User, newest: int, *, unclear: bool) -> bool:
    """Give a user a version that none had, so that no ETag is used twice."""
    context, key = state.context, state.context.keys.user(user.id)
    item = context.items.get(key)
    if item is None or item["v"] != user.version:
        return False
    document = json.loads(item["doc"]) | ({"active": False} if unclear else {})
    change = Change("user", user.id, newest + 1, ["active"] if unclear else [])
    written = {"doc": canonical(document), "v": newest + 1, "modified": context.now()}
    actions: list[Action] = [
        Update(key, set=with_schema(written), condition=equals("v", user.version)),
        context.change_item(change),
    ]
    return context.try_commit(actions) is None


def _renumber_group(state: State, group: Group, newest: int) -> bool:
    context = state.context
    written = {"v": newest + 1, "modified": context.now()}
    actions: list[Action] = [
        Update(
            context.keys.group(group.id),
            set=with_schema(written),
            add={"m": 1},
            condition=equals("v", group.version) & absent("lease"),
        ),
        context.change_item(Change("team", group.id, newest + 1)),
    ]
    return context.try_commit(actions) is None


# --- memberships ------------------------------------------------------------------------------


def memberships(state: State) -> Iterator[Finding]:
    """Find memberships without one of their items, without their user or group, or too many."""
    directory = state.directory
    every = directory.members | directory.reverse
    for pair in sorted(every):
        gid, uid = pair
        if gid not in directory.groups or uid not in directory.users:
            yield _without_an_end(state, pair)
    ends = {p for p in every if p[0] in directory.groups and p[1] in directory.users}
    by_group: dict[str, set[Pair]] = {}
    for pair in ends:
        by_group.setdefault(pair[0], set()).add(pair)
    for gid, pairs in sorted(by_group.items()):
        if directory.groups[gid].lease is None:
            yield from _of_group(state, gid, pairs)


def _without_an_end(state: State, pair: Pair) -> Finding:
    (gid, uid), keys = pair, state.context.keys
    gone = [each for each in pair if state.resource(each) is None]
    of = {gid: keys.group(gid), uid: keys.user(uid)}
    lost = not state.feed.ended & {*gone}
    text = f"I5 user {uid} in group {gid}: {' and '.join(gone)} {'lost' if lost else 'deleted'}"
    actions = [*(Check(of[each], NEW) for each in gone), *_removal(state, pair)]
    return Finding(text, _commit(state, actions), is_remains=lost)


def _removal(state: State, pair: Pair) -> list[Action]:
    """Return the actions that remove what there is of a membership, on condition of it."""
    (gid, uid), keys, directory = pair, state.context.keys, state.directory
    items = (
        (keys.member(gid, uid), directory.members),
        (keys.reverse(uid, gid), directory.reverse),
    )
    return [
        *(Delete(key, EXISTS) if pair in found else Check(key, NEW) for key, found in items),
        state.context.change_item(Change("membership", gid, removed=[uid])),
    ]


def _of_group(state: State, gid: str, pairs: set[Pair]) -> Iterator[Finding]:
    directory, group = state.directory, state.directory.groups[gid]
    members, reverse = pairs & directory.members, pairs & directory.reverse
    halves = members ^ reverse

    def counts(candidates: set[Pair]) -> bool:
        return group.has_exactly([uid for _, uid in candidates])

    # The group's own count says which halves it has; else the feed does.
    true = next((each for each in (pairs, members, reverse) if counts(each)), None)
    for pair in sorted(halves):
        known = state.feed.members.get(pair)
        if pair in true if true is not None else known:
            yield Finding(f"I4 user {pair[1]} in group {gid}: half", _completion(state, pair))
        else:
            text = f"I4 user {pair[1]} in group {gid}: half of it is left, and it ends"
            yield Finding(text, _guarded(state, group, _removal(state, pair)))
    if not halves and not counts(pairs):
        for pair in sorted(each for each in pairs if state.feed.members.get(each) is False):
            text = f"I6 user {pair[1]} in group {gid}: had left it, says the feed"
            yield Finding(text, _guarded(state, group, _removal(state, pair)))


def _guarded(state: State, group: Group, actions: Sequence[Action]) -> Callable[[], bool]:
    """Require that nobody has changed the members since they were read."""
    unchanged = equals("m", group.memberships) & absent("lease")
    return _commit(state, [*actions, Check(state.context.keys.group(group.id), unchanged)])


def _completion(state: State, pair: Pair) -> Callable[[], bool]:
    (gid, uid), context = pair, state.context
    member, reverse = context.keys.member(gid, uid), context.keys.reverse(uid, gid)
    halves: list[Action] = [
        Check(member, EXISTS),
        Put(reverse, {"since": context.now()}, NEW),
    ]
    if pair in state.directory.reverse:
        halves = [Put(member, condition=NEW), Check(reverse, EXISTS)]
    user = state.directory.users[uid]
    actions = [
        *halves,
        Check(context.keys.user(uid), equals("v", user.version) & absent("lease")),
        context.change_item(Change("membership", gid, added=[uid])),
    ]
    return _guarded(state, state.directory.groups[gid], actions)


def sizes(state: State) -> Iterator[Finding]:
    """Find groups that do not count the members that they have."""
    context, directory = state.context, state.directory
    members: dict[str, list[str]] = {gid: [] for gid in directory.groups}
    for gid, uid in directory.members:
        members.get(gid, []).append(uid)
    for gid, uids in sorted(members.items()):
        group = directory.groups[gid]
        if group.lease is not None or group.has_exactly(uids):
            continue
        recount = Update(
            context.keys.group(gid),
            set={"n": len(uids), "h": checksum_of(uids), "modified": context.now()},
            add={"m": 1},
            condition=equals("m", group.memberships) & absent("lease"),
        )
        yield Finding(
            f"I6 group {gid} counts {group.size} members and has {len(uids)}",
            _commit(state, [recount]),
        )


# --- names, look-ups and counters -------------------------------------------------------------


def names(state: State) -> Iterator[Finding]:
    """Find users and groups that their names, externalId or addresses do not lead to."""
    found = state.directory.locks
    for key, owner in sorted([*user_names(state.directory), *group_names(state.directory)]):
        if found.get(key) == owner:
            continue
        if key in found:
            yield _name_of_another(state, key, owner)
        else:
            item = {_owner_attribute(state, owner): owner} if key.sk == ONLY else {}
            actions: list[Action] = [Put(key, item, NEW), _as_read(state, owner)]
            yield Finding(f"I1 {owner} is not found by a name or look-up", _commit(state, actions))


def _name_of_another(state: State, key: Key, owner: str) -> Finding:
    """Take a name from an owner that does not have it; one that has it keeps it."""
    other, is_user = state.directory.locks[key], owner in state.directory.users
    if (key, other) in {*user_names(state.directory), *group_names(state.directory)}:
        text = f"I1 {owner} has the name of {other}, whose it is; its own name is lost"
        delete = deletes.delete_user if is_user else deletes.delete_group
        remove = partial(_done, partial(delete, state.context, owner))
        return Finding(text, remove, is_remains=True)
    attribute = _owner_attribute(state, owner)
    actions: list[Action] = [
        Update(key, set={attribute: owner}, condition=equals(attribute, other)),
        _as_read(state, other, like=owner),
        _as_read(state, owner),
    ]
    return Finding(f"I1 {owner}: its name leads to {other}", _commit(state, actions))


def _owner_attribute(state: State, owner: str) -> str:
    return "uid" if owner in state.directory.users else "gid"


def _as_read(state: State, resource_id: str, like: str = "") -> Check:
    """Require that a user or group is as it was read; `like` says which of them a lost one is."""
    keys, found = state.context.keys, state.resource(resource_id)
    is_user = (like or resource_id) in state.directory.users
    key = keys.user(resource_id) if is_user else keys.group(resource_id)
    return Check(key, NEW if found is None else equals("v", found.version))


def counters(state: State) -> Iterator[Finding]:
    """Find counters that are wrong."""
    classes: Sequence[ResourceClass] = ("U", "G")
    for of in classes:
        for key, (said, true) in sorted(counted(state.directory, of).items()):
            known = key in state.directory.counters
            put = Update(key, set={"n": true}, condition=equals("n", said) if known else NEW)
            yield Finding(f"I2 {key.sk} counts {said} of {true}", _commit(state, [put]))


def lost(state: State) -> Iterator[Finding]:
    """Find users and groups of the feed that are gone without a delete."""
    context, present = state.context, {**state.directory.users, **state.directory.groups}
    for lost_id in sorted(state.feed.versions.keys() - state.feed.ended - present.keys()):
        change_type = state.feed.types[lost_id]
        key = context.keys.user(lost_id) if change_type == "user" else context.keys.group(lost_id)
        end: list[Action] = [Check(key, NEW), context.change_item(Change(change_type, lost_id))]
        text = f"{change_type} {lost_id} is lost: the feed has it, and its item is gone"
        yield Finding(text, _commit(state, end), is_remains=True)


# In this order: what is left follows from what was decided before.
PLANS: Sequence[Plan] = (leases, ended, outdated, memberships, sizes, names, counters, lost)
