"""Deletes of any size: what does not fit one transaction is declared first.

A team is gone for every reader with its row; its memberships are cleared away behind it. A user
with more teams than one transaction takes is marked (`lease`), released from them, and then
deleted as usual. An operation row says what is under way: what a crash leaves is finished by
the next caller who meets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.pending_ids import drop_ids
from chalicelib.directory.resources import group_version, user_version
from chalicelib.errors import Busy, NotFound
from chalicelib.scim.preconditions import Precondition
from chalicelib.storage.directory_items import (
    Change,
    Group,
    Lease,
    group_index_keys,
    index_keys,
    leased_for,
)
from chalicelib.storage.expressions import (
    EXISTS,
    Action,
    Check,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.lookups import (
    UserWithGroups,
    left_groups,
    member_ids,
    read_group,
    read_user,
)
from chalicelib.storage.table import MOST_BATCH_WRITES
from chalicelib.storage.transactions import MOST_ACTIONS, TransactionCanceled

# A membership takes its two rows and the team's counter out of a transaction.
ACTIONS_A_MEMBERSHIP = 3
MOST_RELEASES = (MOST_ACTIONS - 1) // ACTIONS_A_MEMBERSHIP


def delete_group(
    context: ConnectionContext, gid: str, precondition: Precondition | None = None
) -> None:
    """Delete a team: O(1) until it is gone, then its membership rows, two at a time.

    Past the deadline the rest of the rows is left to the operation's row; no reader sees them.

    Raises:
        NotFound: no such team.
        PreconditionFailed: If-Match names another version.
        Busy: still contended at the deadline, and the team is still there.
    """
    lease, running = _remove_group(context, gid, precondition)
    try:
        if running:
            drop_ids(context, running.change_id)
        clear_group(context, gid, lease)
    except Busy:
        return


def _remove_group(
    context: ConnectionContext, gid: str, precondition: Precondition | None
) -> tuple[Lease, Lease | None]:
    """Remove the team; the operation that clears up, and the one that held the team till now."""
    for _ in context.items.deadline.attempts():
        group = read_group(context, gid)
        if group is None:
            raise NotFound
        if precondition:
            precondition.require(group_version(group))
        lease = context.new_lease()
        try:
            context.items.commit(
                _group_removal(context, group, lease, exactly=precondition is not None)
            )
        except TransactionCanceled:
            continue
        return lease, group.lease
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _group_removal(
    context: ConnectionContext, group: Group, lease: Lease, *, exactly: bool
) -> list[Action]:
    keys = context.keys
    as_read = equals("v", group.version) & leased_for(group.lease)
    members_too = equals("m", group.memberships) if exactly else Condition()
    running = group.lease
    return [
        Delete(keys.group(group.id), as_read & members_too),
        Delete(keys.group_name(group.document["displayName"]), equals("gid", group.id)),
        *(Delete(key) for key in group_index_keys(keys, group.id, group.document)),
        Update(keys.counter("G", group.id), add={"n": -1}),
        context.change_item(Change("team", group.id), before=group.document),
        Put(
            context.keys.pending_change(lease.change_id),
            {"change_type": "group delete", "target": group.id},
        ),
        *([Delete(context.keys.pending_change(running.change_id))] if running else []),
    ]


def clear_group(context: ConnectionContext, gid: str, lease: Lease) -> None:
    """Delete the membership rows of a team that is gone, then the operation's row.

    The reverse rows of a page go first: while a member row is there, a repetition finds it.
    """
    members = member_ids(context, gid)
    while page := list(islice(members, MOST_BATCH_WRITES)):
        context.items.batch_delete(context.keys.reverse(uid, gid) for uid in page)
        context.items.batch_delete(context.keys.member(gid, uid) for uid in page)
    context.items.commit([Delete(context.keys.pending_change(lease.change_id))])


def delete_user(
    context: ConnectionContext, uid: str, precondition: Precondition | None = None
) -> None:
    """Delete a user with his memberships and with what the organisation noted about him.

    One transaction while he is in few enough teams (about 30), of 14 + 6 WCU a team; above, he
    is marked, released from his teams and then deleted.

    Raises:
        NotFound: no such user.
        PreconditionFailed: If-Match names another version.
        Busy: still contended at the deadline.
    """
    for _ in context.items.deadline.attempts():
        rows = read_user(context, uid)
        if rows is None:
            raise NotFound
        if precondition and rows.user.lease is None:
            precondition.require(user_version(rows.user))
        context.trace.add_ids(rows.group_ids)
        if rows.user.lease is None and _fits(context, rows):
            if _removed(context, rows):
                return
        elif lease := rows.user.lease or _mark(context, rows):
            # From here on he will be gone, whoever finishes it: no 404 for who declared it.
            if not _advanced(context, rows, lease):
                finish_user(context, uid, lease)
            return


def finish_user(context: ConnectionContext, uid: str, lease: Lease) -> None:
    """Finish the delete of a user that another request, or a crash, has left.

    Raises:
        Busy: still not done at the deadline.
    """
    for _ in context.items.deadline.attempts():
        rows = read_user(context, uid)
        if rows is None or not _is_held(rows, lease) or _advanced(context, rows, lease):
            return


def _is_held(rows: UserWithGroups, lease: Lease) -> bool:
    return rows.user.lease is not None and rows.user.lease.change_id == lease.change_id


def _fits(context: ConnectionContext, rows: UserWithGroups) -> bool:
    return len(_user_removal(context, rows, gone=frozenset())) <= MOST_ACTIONS


def _advanced(context: ConnectionContext, rows: UserWithGroups, lease: Lease) -> bool:
    """Take a declared delete as far as one step goes; true when the user is gone."""
    if _fits(context, rows):
        return _removed(context, rows)
    _release(context, rows, lease)
    return False


def _removed(context: ConnectionContext, rows: UserWithGroups) -> bool:
    """Send the last transaction; a team that is gone gets no update."""
    gone: frozenset[str] = frozenset()
    for _ in context.items.deadline.attempts():
        try:
            context.items.commit(_user_removal(context, rows, gone))
        except TransactionCanceled as canceled:
            found_gone = _gone_groups(context, rows.group_ids, canceled)
            if not found_gone:
                return False
            gone |= found_gone
        else:
            _release_late(context, rows.user.id)
            return True
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _release_late(context: ConnectionContext, uid: str) -> None:
    """Take a deleted user out of teams that he was joining while he was read.

    A Query may meet a transaction half done: `g` as the join leaves it, and its reverse row not
    yet. From the deletion on nobody joins, so what is there now is all. He is gone already.
    """
    with suppress(Busy, TransactionCanceled):
        late = left_groups(context, uid)[:MOST_RELEASES]
        if late:
            context.items.commit([*_releases(context, uid, late, gone=frozenset())])


def _gone_groups(
    context: ConnectionContext, gids: tuple[str, ...], canceled: TransactionCanceled
) -> frozenset[str]:
    return frozenset(gid for gid in gids if context.keys.group(gid) in canceled.items)


def _user_removal(
    context: ConnectionContext, rows: UserWithGroups, gone: frozenset[str]
) -> list[Action]:
    keys, user = context.keys, rows.user
    as_read = equals("v", user.version) & equals("g", user.joins) & leased_for(user.lease)
    return [
        Delete(keys.user(user.id), as_read),
        Delete(keys.user_name(user.document["userName"]), equals("uid", user.id)),
        *(Delete(key) for key in sorted(index_keys(keys, user.id, user.document))),
        Update(keys.counter("U", user.id), add={"n": -1}),
        context.change_item(Change("user", user.id), before=user.document),
        Delete(keys.local(user.id)),
        *([Delete(context.keys.pending_change(user.lease.change_id))] if user.lease else []),
        *_releases(context, user.id, rows.group_ids, gone),
    ]


def _releases(
    context: ConnectionContext, uid: str, gids: tuple[str, ...], gone: frozenset[str]
) -> Iterator[Action]:
    keys, now = context.keys, context.now()
    for gid in gids:
        there = Condition() if gid in gone else EXISTS
        yield Delete(keys.member(gid, uid), there)
        yield Delete(keys.reverse(uid, gid), there)
        if gid not in gone:
            yield Update(
                keys.group(gid), set={"modified": now}, add={"n": -1, "m": 1}, condition=EXISTS
            )


def _mark(context: ConnectionContext, rows: UserWithGroups) -> Lease | None:
    """Declare the delete; None where another writer came first."""
    lease = context.new_lease()
    as_read = equals("v", rows.user.version) & equals("g", rows.user.joins) & absent("lease")
    try:
        context.items.commit(
            [
                Update(
                    context.keys.user(rows.user.id),
                    set={"lease": lease.attribute()},
                    condition=as_read,
                ),
                Put(
                    context.keys.pending_change(lease.change_id),
                    {"change_type": "user delete", "target": rows.user.id},
                ),
            ]
        )
    except TransactionCanceled:
        return None
    return lease


def _release(context: ConnectionContext, rows: UserWithGroups, lease: Lease) -> None:
    """Take the user out of as many teams as one transaction holds, beside the check of `lease`."""
    gids = rows.group_ids[:MOST_RELEASES]
    mine = Check(context.keys.user(rows.user.id), leased_for(lease))
    gone: frozenset[str] = frozenset()
    for _ in context.items.deadline.attempts():
        try:
            context.items.commit([mine, *_releases(context, rows.user.id, gids, gone)])
        except TransactionCanceled as canceled:
            found_gone = _gone_groups(context, gids, canceled)
            if not found_gone:
                return
            gone |= found_gone
        else:
            return
