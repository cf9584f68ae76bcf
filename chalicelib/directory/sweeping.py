"""Finishing what a crash has left of an operation of many steps.

Any number of sweepers may run at once: each step is conditioned as if a caller made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.directory import deletes, large_changes
from chalicelib.directory.operations import drop_ids
from chalicelib.directory.tenant import Tenant
from chalicelib.storage.expressions import Delete
from chalicelib.storage.items import Operation
from chalicelib.storage.rows import read_group, read_user


def finish(tenant: Tenant, kind: str, operation_id: str, target: str) -> None:
    """Finish one operation that is due; one that a living caller still holds is left to him.

    Raises:
        KeyError: this release knows no operation of that kind.
        Busy: not through at the deadline; the next sweep goes on.
    """
    FINISH[kind](tenant, Operation(operation_id, ""), target)


def _members(tenant: Tenant, operation: Operation, gid: str) -> None:
    group = read_group(tenant, gid)
    held = group.operation if group else None
    if held is None or held.id != operation.id:
        _forget(tenant, operation)
    elif held.until <= tenant.now():
        large_changes.join(tenant, gid, held)


def _group_delete(tenant: Tenant, operation: Operation, gid: str) -> None:
    deletes.clear_group(tenant, gid, operation)


def _user_delete(tenant: Tenant, operation: Operation, uid: str) -> None:
    rows = read_user(tenant, uid)
    held = rows.user.operation if rows else None
    if held is None or held.id != operation.id:
        _forget(tenant, operation)
    else:
        deletes.finish_user(tenant, uid, held)


def _forget(tenant: Tenant, operation: Operation) -> None:
    """Delete the rows of an operation that nothing is held by any more."""
    drop_ids(tenant, operation.id)
    tenant.rows.commit([Delete(tenant.keys.operation(operation.id))])


FINISH: Mapping[str, Callable[[Tenant, Operation, str], None]] = {
    "members": _members,
    "group delete": _group_delete,
    "user delete": _user_delete,
}
