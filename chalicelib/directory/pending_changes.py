"""Pending changes: changes of a group's members that need more than one transaction.

    1 the users to add are read; an unknown one rejects the request before anything is written
    2 the ids of all users concerned are written (`pending_ids`)
    3 one transaction leases the group to the change and writes what else the request changes;
      from here on the change will be completed, by this process or by another
    4 steps of one transaction each add and remove members; each renews the lease
    5 the lease and the pending change are deleted, and the request gets its response

Readers may see the group between two steps: a user who is a member before and after the change
is a member all the time.

The lease is an attribute of the group's item: which change it is for, and until when only the
process that wrote it goes on. A process that works on the change, or waits for it, reads it:

    the lease of the group      state       what the process does
    --------------------------  ----------  ---------------------------------------------------
    as this process wrote it    ours        `apply` the next step, which `renew`s the lease;
                                            `release` it if the deadline passes first
    of this change, not expired another's   `wait_for` it: look again later
    of this change, expired     free        `acquire` it, then `apply` what is left
    none, or of another change  finished    return
    (or no such group)

Every write of a process is conditioned on the lease that it wrote last. If the condition fails,
the lease is lost: the process stops and looks at the table again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.directory import members
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.pending_ids import delete_ids, read_ids, write_ids
from chalicelib.directory.stale_names import try_commit
from chalicelib.errors import Busy
from chalicelib.observability import logger
from chalicelib.storage.directory_items import Change, Delta, Lease, PendingChange, lease_unchanged
from chalicelib.storage.expressions import Action, Delete, Update
from chalicelib.storage.lookups import read_group
from chalicelib.storage.table import MAX_GETS, chunks
from chalicelib.storage.transactions import MAX_ACTIONS, TransactionCanceled

# Beside the members a step writes the group's item and a change item.
ACTIONS_PER_STEP = MAX_ACTIONS - 2
ADDS_PER_STEP = ACTIONS_PER_STEP // members.ACTIONS_PER_ADD
REMOVALS_PER_STEP = ACTIONS_PER_STEP // members.ACTIONS_PER_REMOVAL

# How long past its deadline a request may still release its lease.
RELEASE_SECONDS = 1.0


class _LeaseLost(Exception):
    """The group's lease is no longer as this process wrote it."""


def start(
    context: ConnectionContext,
    gid: str,
    delta: Delta,
    group_actions: Callable[[Lease], Sequence[Action]],
) -> TransactionCanceled | None:
    """Start a change of a group's members and complete it.

    `group_actions` returns the actions that store the lease, and what else the request changes.
    If one of their conditions fails, nothing is started and the failure is returned.

    Raises:
        InvalidValue: a user to add does not exist; nothing was written.
        Busy: started, but not completed at the deadline; the next process to meet it goes on.
    """
    members.require_users(context, delta.add)
    lease = context.new_lease()
    write_ids(context, lease.change_id, delta)
    change = PendingChange("members", gid, adds=len(delta.add), removals=len(delta.remove))
    pending = context.begin_change(lease.change_id, change)
    canceled = try_commit(context, [*group_actions(lease), pending])
    if canceled is not None:
        delete_ids(context, lease.change_id)
    elif not apply(context, gid, lease):
        wait_for(context, gid, lease.change_id)
    return canceled


def wait_for(context: ConnectionContext, gid: str, change_id: str) -> None:
    """Wait until a pending change of a group is finished; complete it if its lease expires.

    Raises:
        Busy: not finished at the deadline.
    """
    for _ in context.items.deadline.attempts():
        group = read_group(context, gid)
        lease = group.lease if group else None
        if lease is None or lease.change_id != change_id:
            return
        if lease.expires_at > context.now():
            continue
        acquired = acquire(context, gid, lease)
        if acquired and apply(context.on_behalf_of(change_id), gid, acquired):
            return


def acquire(context: ConnectionContext, gid: str, expired: Lease) -> Lease | None:
    """Acquire a lease that has expired; None if another process was first."""
    acquired = renew(context, expired)
    canceled = context.try_commit([_store_lease(context, gid, expired, acquired)])
    return acquired if canceled is None else None


def renew(context: ConnectionContext, lease: Lease) -> Lease:
    """Return the lease with a new time of expiry, for the next write to store."""
    return replace(lease, expires_at=context.lease_expires_at())


def release(context: ConnectionContext, gid: str, lease: Lease) -> None:
    """Let the lease expire at once, so that the next process need not wait: best effort.

    The deadline has passed, so this has a short one of its own.
    """
    late = context.with_deadline(RELEASE_SECONDS)
    released = replace(lease, expires_at=late.now())
    with suppress(Busy):
        late.items.try_commit([_store_lease(late, gid, lease, released)])


def apply(context: ConnectionContext, gid: str, lease: Lease) -> bool:
    """Apply what is left of a change and finish it; False if the lease was lost.

    Raises:
        Busy: not finished at the deadline; the lease is released.
    """
    try:
        for step in _steps(context, gid, lease):
            lease = _apply_step(context, gid, lease, step)
        _finish(context, gid, lease)
    except _LeaseLost:
        return False
    except Busy:
        release(context, gid, lease)
        raise
    # The change is complete; DynamoDB deletes ids that stay behind at their time to live.
    with suppress(Busy):
        delete_ids(context, lease.change_id)
    return True


def _steps(context: ConnectionContext, gid: str, lease: Lease) -> Iterator[Delta]:
    """Yield what is left of a change, in parts of one transaction."""
    delta = _declared(context, gid, lease)
    for uids in chunks(sorted(delta.add), MAX_GETS):
        present = _members_among(context, gid, uids)
        whole = _with_reverse_among(context, gid, present)
        for part in chunks([uid for uid in uids if uid not in whole], ADDS_PER_STEP):
            yield Delta(add=frozenset(part))
    for uids in chunks(sorted(delta.remove), MAX_GETS):
        present = _members_among(context, gid, uids)
        half = _with_reverse_among(context, gid, frozenset(uids) - present)
        for part in chunks(sorted(present | half), REMOVALS_PER_STEP):
            yield Delta(remove=frozenset(part))


def _declared(context: ConnectionContext, gid: str, lease: Lease) -> Delta:
    """Return whom a change adds and removes; nobody if some of the ids are missing.

    Raises:
        _LeaseLost: the change is finished, or its item is missing and it is abandoned.
    """
    pending = context.items.get(context.keys.pending_change(lease.change_id))
    if pending is None:
        _finish(context, gid, lease)  # not the lease of a change that is finished
        _report_missing(lease)
        raise _LeaseLost
    delta = read_ids(context, lease.change_id)
    if (len(delta.add), len(delta.remove)) == (pending["adds"], pending["removals"]):
        return delta
    _report_missing(lease)
    return Delta()


def _report_missing(lease: Lease) -> None:
    logger.error(
        "items of a pending change are missing; it is abandoned",
        extra={"change_id": lease.change_id},
    )


def _members_among(context: ConnectionContext, gid: str, uids: Sequence[str]) -> frozenset[str]:
    keys = {context.keys.member(gid, uid): uid for uid in uids}
    return frozenset(keys[key] for key in context.items.batch_get(keys))


def _with_reverse_among(
    context: ConnectionContext, gid: str, uids: frozenset[str]
) -> frozenset[str]:
    """Return which have the other item of a membership, of users who seem to need no change.

    Who has only one of the two needs it: the step finds the half and removes it.
    """
    keys = {context.keys.reverse(uid, gid): uid for uid in sorted(uids)}
    return frozenset(keys[key] for key in context.items.batch_get(keys))


def _apply_step(context: ConnectionContext, gid: str, lease: Lease, step: Delta) -> Lease:
    """Add or remove some members in one transaction that renews the lease; return the new one.

    Users who need no change any more, or do not exist any more, are left out.

    Raises:
        _LeaseLost: another process has acquired the lease, or the group is gone.
    """
    for _ in context.items.deadline.attempts():
        if not step:
            return lease
        renewed = renew(context, lease)
        change = Change("membership", gid, added=step.add, removed=step.remove)
        canceled = context.try_commit(
            [
                _store_lease(context, gid, lease, renewed, step),
                context.change_item(change),
                *members.actions(context, gid, step),
            ]
        )
        if canceled is None:
            return renewed
        if context.keys.group(gid) in canceled.items:
            raise _LeaseLost
        step = step.without(members.unknown_users(context, step, canceled))
        step = step.without(members.already_applied(context, gid, step, canceled))
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _finish(context: ConnectionContext, gid: str, lease: Lease) -> None:
    """Delete the lease and the pending change.

    Raises:
        _LeaseLost: another process has acquired the lease, or the group is gone.
    """
    canceled = context.try_commit(
        [
            Update(context.keys.group(gid), remove=("lease",), condition=lease_unchanged(lease)),
            Delete(context.keys.pending_change(lease.change_id)),
        ]
    )
    if canceled is not None:
        raise _LeaseLost


def _store_lease(
    context: ConnectionContext, gid: str, before: Lease, after: Lease, step: Delta | None = None
) -> Update:
    """Return the action that replaces a lease, on condition that it is as `before`.

    With a step it counts the group's members too, and the change of them.
    """
    modified = {"modified": context.now()} if step else {}
    return Update(
        context.keys.group(gid),
        set={"lease": after.attribute()} | modified,
        add=step.counted if step else {},
        condition=lease_unchanged(before),
    )
