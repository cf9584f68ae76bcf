"""Memberships of which a damaged table has only one of the two items.

Both are written and deleted in one transaction, so the conditions of another transaction find both
of them or neither; where they find one, it is damage and not contention, and the half is removed.
So nobody stays or becomes a member by half, and the request does what it wants on a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from chalicelib.directory import whole_groups
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy
from chalicelib.observability import logger
from chalicelib.storage.expressions import EXISTS, NEW, Check, Delete
from chalicelib.storage.transactions import TransactionCanceled


def remove_halves(
    context: ConnectionContext, gid: str, uids: Iterable[str], canceled: TransactionCanceled
) -> frozenset[str]:
    """Remove the halves that a transaction found of these memberships; return their users.

    Each is removed only if the other half is missing at that moment. The group is counted again
    later, since nobody can tell whether it counts the half.
    """
    removed = frozenset(uid for uid in uids if _remove_half(context, gid, uid, canceled))
    if removed:
        with suppress(Busy):
            whole_groups.queue_recount(context, gid)
    return removed


def _remove_half(
    context: ConnectionContext, gid: str, uid: str, canceled: TransactionCanceled
) -> bool:
    """Remove a membership if exactly one of its items made the transaction fail."""
    items = (context.keys.member(gid, uid), context.keys.reverse(uid, gid))
    failed = [key for key in items if key in canceled.items]
    if len(failed) != 1 or any(key in canceled.unjudged for key in items):
        return False
    (other,) = (key for key in items if key not in failed)
    left, gone = (other, failed[0]) if canceled.items[failed[0]] is None else (failed[0], other)
    if context.try_commit([Delete(left, EXISTS), Check(gone, NEW)]) is not None:
        return False
    logger.error("half of a membership was left", extra={"group": gid, "user": uid})
    return True
