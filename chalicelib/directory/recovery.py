"""Recovery: finish the pending changes that a crash or a deadline left behind.

Any number of sweepers may run at once: every step is conditioned as in a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.directory import deletes, pending_changes, whole_groups
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.pending_ids import delete_ids
from chalicelib.storage.expressions import Delete
from chalicelib.storage.lookups import read_group, read_user


def finish(context: ConnectionContext, change_type: str, change_id: str, target: str) -> None:
    """Finish one pending change; one whose lease has not expired is left to its process.

    Raises:
        Busy: not finished at the deadline; the next sweep goes on.
    """
    FINISH[change_type](context, change_id, target)


def _finish_members(context: ConnectionContext, change_id: str, gid: str) -> None:
    group = read_group(context, gid)
    lease = group.lease if group else None
    if lease is None or lease.change_id != change_id:
        _delete_pending_change(context, change_id)
    elif lease.expires_at <= context.now():
        pending_changes.wait_for(context, gid, change_id)


def _finish_user_delete(context: ConnectionContext, change_id: str, uid: str) -> None:
    found = read_user(context, uid)
    lease = found.user.lease if found else None
    if lease is None or lease.change_id != change_id:
        _delete_pending_change(context, change_id)
    else:
        deletes.finish_user_delete(context, uid, lease)


def _finish_group_delete(context: ConnectionContext, change_id: str, gid: str) -> None:
    deletes.delete_memberships(context, gid, change_id)


def _delete_pending_change(context: ConnectionContext, change_id: str) -> None:
    """Delete the items of a change that is finished: its user or group has no lease for it."""
    delete_ids(context, change_id)
    context.items.commit([Delete(context.keys.pending_change(change_id))])


FINISH: Mapping[str, Callable[[ConnectionContext, str, str], None]] = {
    "members": _finish_members,
    "group delete": _finish_group_delete,
    "user delete": _finish_user_delete,
    "late memberships": deletes.delete_late_memberships,
    whole_groups.REPAIR: whole_groups.repair,
}
