"""Memberships: two rows each, and what adding or removing them does to user and team.

Adding never reads the team, so its cost does not know the team's size. Those who are members
already are told by the condition that failed; the rest is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.scim.errors import InvalidValue
from chalicelib.storage.directory_items import Delta, user_of
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Item, Put, Update, absent
from chalicelib.storage.transactions import TransactionCanceled

ACTIONS_AN_ADD = 3
ACTIONS_A_REMOVAL = 2

# How much of a client's text an error repeats.
LONGEST_SHOWN = 64


def actions(context: ConnectionContext, gid: str, delta: Delta) -> Iterator[Action]:
    """Make the actions of a change of members: 3 an add, 2 a removal."""
    keys = context.keys
    for uid in sorted(delta.add):
        yield Update(keys.user(uid), add={"g": 1}, condition=EXISTS & absent("lease"))
        yield Put(keys.member(gid, uid), condition=NEW)
        yield Put(keys.reverse(uid, gid), {"since": context.now()}, NEW)
    for uid in sorted(delta.remove):
        yield Delete(keys.member(gid, uid), EXISTS)
        yield Delete(keys.reverse(uid, gid), EXISTS)


def needed(delta: Delta, others: int) -> int:
    """Count the actions of a change of members beside `others`: what fits is computed."""
    return others + ACTIONS_AN_ADD * len(delta.add) + ACTIONS_A_REMOVAL * len(delta.remove)


def require_users(context: ConnectionContext, uids: frozenset[str]) -> None:
    """Check, by reading them, that these are users of this connection: 1 RCU each.

    Raises:
        InvalidValue: one is not; names him.
    """
    found = context.items.batch_get(context.keys.user(uid) for uid in sorted(uids))
    for uid in sorted(uids):
        row = found.get(context.keys.user(uid))
        if row is None or "lease" in row:
            _refuse(context, uid, row)


def not_users(
    context: ConnectionContext, delta: Delta, canceled: TransactionCanceled
) -> frozenset[str]:
    """Tell from a cancelled transaction who of those to be added is no user, or not any more."""
    return frozenset(uid for uid in delta.add if context.keys.user(uid) in canceled.items)


def refuse_unknown(context: ConnectionContext, delta: Delta, canceled: TransactionCanceled) -> None:
    """Refuse a change that adds somebody who is no user.

    Raises:
        InvalidValue: names him.
    """
    for uid in sorted(not_users(context, delta, canceled)):
        _refuse(context, uid, canceled.items[context.keys.user(uid)])


def settled(
    context: ConnectionContext, gid: str, delta: Delta, canceled: TransactionCanceled
) -> frozenset[str]:
    """Tell from a cancelled transaction who is already as he shall be."""
    keys = context.keys
    return frozenset(
        uid
        for uid in delta.add | delta.remove
        if keys.member(gid, uid) in canceled.items or keys.reverse(uid, gid) in canceled.items
    )


def _refuse(context: ConnectionContext, uid: str, row: Item | None) -> None:
    """Raise for somebody who is not there; a delete of him that is under way is finished."""
    if row is not None and (lease := user_of(row).lease) is not None:
        deletes.finish_user(context, uid, lease)
    raise unknown(uid)


def unknown(uid: str) -> InvalidValue:
    """Refuse an id that is no user's."""
    return InvalidValue(f'members: no user of this connection has the id "{uid[:LONGEST_SHOWN]}".')
