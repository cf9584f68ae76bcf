"""Memberships: two items each, and what a change of members does to the users and the group.

Adding a member never reads the group, so the cost does not grow with the group. A failed
condition shows which users are members already; the others are sent again without them.
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.half_memberships import remove_halves
from chalicelib.scim.errors import InvalidValue
from chalicelib.storage.directory_items import Delta, Lease
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Check,
    Delete,
    Item,
    Put,
    Update,
    absent,
)
from chalicelib.storage.table import MAX_GETS, chunks
from chalicelib.storage.transactions import TransactionCanceled

# Actions of a transaction: the two items of a membership, and for an added one the user.
ACTIONS_PER_ADD = 3
ACTIONS_PER_REMOVAL = 2

# How many characters of an unknown id an error repeats.
MAX_ID_SHOWN = 64


def actions(context: ConnectionContext, gid: str, delta: Delta) -> Iterator[Action]:
    """Yield the actions that add and remove members."""
    keys, now = context.keys, context.now()
    for uid in sorted(delta.add):
        yield Update(
            keys.user(uid), set={"j": now}, add={"g": 1}, condition=EXISTS & absent("lease")
        )
        yield Put(keys.member(gid, uid), condition=NEW)
        yield Put(keys.reverse(uid, gid), {"since": now}, NEW)
    for uid in sorted(delta.remove):
        yield Delete(keys.member(gid, uid), EXISTS)
        yield Delete(keys.reverse(uid, gid), EXISTS)


def checks(context: ConnectionContext, gid: str, settled: Delta) -> list[Check]:
    """Return the conditions that those to add are members and those to remove are not."""
    member = context.keys.member
    return [
        *(Check(member(gid, uid), EXISTS) for uid in sorted(settled.add)),
        *(Check(member(gid, uid), NEW) for uid in sorted(settled.remove)),
    ]


def count_actions(delta: Delta) -> int:
    """Return how many actions of a transaction a change of members needs."""
    return ACTIONS_PER_ADD * len(delta.add) + ACTIONS_PER_REMOVAL * len(delta.remove)


def require_users(context: ConnectionContext, uids: frozenset[str]) -> None:
    """Read the users of these ids, 1 RCU for each 4 KB, and check that they exist.

    Their documents are not sent, and 100 users are in memory at a time.

    Raises:
        InvalidValue: one does not; the text names the id.
    """
    for some in chunks(sorted(uids), MAX_GETS):
        found = context.items.batch_get(map(context.keys.user, some), ("lease",))
        for uid in some:
            item = found.get(context.keys.user(uid))
            if item is None or "lease" in item:
                _reject(context, uid, item)


def unknown_users(
    context: ConnectionContext, delta: Delta, canceled: TransactionCanceled
) -> frozenset[str]:
    """Return which of the users to add do not exist, or are being deleted."""
    return frozenset(uid for uid in delta.add if context.keys.user(uid) in canceled.items)


def reject_unknown_users(
    context: ConnectionContext, delta: Delta, canceled: TransactionCanceled
) -> None:
    """Reject a change that adds somebody who is not a user.

    Raises:
        InvalidValue: there is one; the text names the id.
    """
    for uid in sorted(unknown_users(context, delta, canceled)):
        _reject(context, uid, canceled.items[context.keys.user(uid)])


def already_applied(
    context: ConnectionContext, gid: str, delta: Delta, canceled: TransactionCanceled
) -> frozenset[str]:
    """Return which users to add are members already, and which to remove are not members.

    Half of a membership is neither: it is removed, and the change tries again.
    """
    keys = context.keys
    failed = frozenset(
        uid
        for uid in delta.add | delta.remove
        if keys.member(gid, uid) in canceled.items or keys.reverse(uid, gid) in canceled.items
    )
    return failed - remove_halves(context, gid, failed, canceled)


def _reject(context: ConnectionContext, uid: str, item: Item | None) -> None:
    """Raise InvalidValue; if the user is being deleted, finish that first."""
    if item is not None and "lease" in item:
        deletes.finish_user_delete(context, uid, Lease(**item["lease"]))
    raise UnknownUser(uid)


class UnknownUser(InvalidValue):
    """An id to add as a member that is not a user's of this connection."""

    def __init__(self, uid: str) -> None:
        """Take the id; the text repeats it, cut."""
        super().__init__(f'members: no user of this connection has the id "{uid[:MAX_ID_SHOWN]}".')
        self.uid = uid
