"""Finishing what a crash has left of an operation of many steps.

Any number of sweepers may run at once: each step is conditioned as if a caller made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.directory import deletes, pending_changes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.pending_ids import drop_ids
from chalicelib.storage.directory_items import Lease
from chalicelib.storage.expressions import Delete
from chalicelib.storage.lookups import read_group, read_user


def finish(context: ConnectionContext, change_type: str, change_id: str, target: str) -> None:
    """Finish one operation that is due; one that a living caller still holds is left to him.

    Raises:
        KeyError: this release knows no operation of that kind.
        Busy: not through at the deadline; the next sweep goes on.
    """
    FINISH[change_type](context, Lease(change_id, ""), target)


def _members(context: ConnectionContext, lease: Lease, gid: str) -> None:
    group = read_group(context, gid)
    held = group.lease if group else None
    if held is None or held.change_id != lease.change_id:
        _forget(context, lease)
    elif held.expires_at <= context.now():
        pending_changes.join(context, gid, held)


def _group_delete(context: ConnectionContext, lease: Lease, gid: str) -> None:
    deletes.clear_group(context, gid, lease)


def _user_delete(context: ConnectionContext, lease: Lease, uid: str) -> None:
    rows = read_user(context, uid)
    held = rows.user.lease if rows else None
    if held is None or held.change_id != lease.change_id:
        _forget(context, lease)
    else:
        deletes.finish_user(context, uid, held)


def _forget(context: ConnectionContext, lease: Lease) -> None:
    """Delete the rows of an operation that nothing is held by any more."""
    drop_ids(context, lease.change_id)
    context.items.commit([Delete(context.keys.pending_change(lease.change_id))])


FINISH: Mapping[str, Callable[[ConnectionContext, Lease, str], None]] = {
    "members": _members,
    "group delete": _group_delete,
    "user delete": _user_delete,
}
