"""Finishing what a crash has left of an operation of many steps.

Any number of sweepers may run at once: each step is conditioned as if a caller made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.directory import deletes, pending_changes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.pending_ids import drop_ids
from chalicelib.storage.directory_items import Operation
from chalicelib.storage.expressions import Delete
from chalicelib.storage.lookups import read_group, read_user


def finish(context: ConnectionContext, kind: str, operation_id: str, target: str) -> None:
    """Finish one operation that is due; one that a living caller still holds is left to him.

    Raises:
        KeyError: this release knows no operation of that kind.
        Busy: not through at the deadline; the next sweep goes on.
    """
    FINISH[kind](context, Operation(operation_id, ""), target)


def _members(context: ConnectionContext, operation: Operation, gid: str) -> None:
    group = read_group(context, gid)
    held = group.operation if group else None
    if held is None or held.id != operation.id:
        _forget(context, operation)
    elif held.until <= context.now():
        pending_changes.join(context, gid, held)


def _group_delete(context: ConnectionContext, operation: Operation, gid: str) -> None:
    deletes.clear_group(context, gid, operation)


def _user_delete(context: ConnectionContext, operation: Operation, uid: str) -> None:
    rows = read_user(context, uid)
    held = rows.user.operation if rows else None
    if held is None or held.id != operation.id:
        _forget(context, operation)
    else:
        deletes.finish_user(context, uid, held)


def _forget(context: ConnectionContext, operation: Operation) -> None:
    """Delete the rows of an operation that nothing is held by any more."""
    drop_ids(context, operation.id)
    context.items.commit([Delete(context.keys.operation(operation.id))])


FINISH: Mapping[str, Callable[[ConnectionContext, Operation, str], None]] = {
    "members": _members,
    "group delete": _group_delete,
    "user delete": _user_delete,
}
