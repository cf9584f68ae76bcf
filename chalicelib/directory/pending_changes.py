"""More members than one transaction takes: a declared target, applied in steps.

    1 users to be added are read; an unknown one refuses the request before anything is written
    2 the ids are written down
    3 one transaction sets `lease` on the team, with what else the request changes: from here on
      only the holder changes the team's members, and the change will come true
    4 what still differs is sent, as much as a transaction takes, each step prolonging the hold
    5 `lease` and the operation's rows go; then the caller is answered

Readers in between see a team on its way: nobody who is in it before and after disappears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.directory import members
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.members import ACTIONS_A_REMOVAL, ACTIONS_AN_ADD
from chalicelib.directory.pending_ids import drop_ids, read_ids, write_ids
from chalicelib.errors import Busy
from chalicelib.observability import logger
from chalicelib.storage.directory_items import Change, Delta, Lease, lease_unchanged
from chalicelib.storage.expressions import Action, Delete, Put, Update
from chalicelib.storage.lookups import read_group
from chalicelib.storage.table import MOST_GETS, chunks
from chalicelib.storage.transactions import MOST_ACTIONS, TransactionCanceled

# Beside the members, a step takes the team's row and a change row.
OWN_ACTIONS = 2
ADDS_A_STEP = (MOST_ACTIONS - OWN_ACTIONS) // ACTIONS_AN_ADD
REMOVALS_A_STEP = (MOST_ACTIONS - OWN_ACTIONS) // ACTIONS_A_REMOVAL

# How long past its deadline a request may still say that it lets go of an operation.
GRACE_SECONDS = 1.0


class _Lost(Exception):
    """The team is no longer held as it was: it is gone, or another has taken over."""


def declare(
    context: ConnectionContext,
    gid: str,
    delta: Delta,
    own: Callable[[Lease], Sequence[Action]],
) -> None:
    """Declare a change of members and see it through.

    `own` makes the actions that set `lease` on the team, and what else the request changes.

    Raises:
        InvalidValue: somebody who is to be added is no user; nothing was written.
        Cancelled: a condition of `own` did not hold; nothing was declared.
        Busy: declared, but not through at the deadline; whoever comes next goes on with it.
    """
    members.require_users(context, delta.add)
    lease = context.new_lease()
    write_ids(context, lease, delta)
    row = Put(
        context.keys.pending_change(lease.change_id),
        {
            "change_type": "members",
            "target": gid,
            "adds": len(delta.add),
            "removals": len(delta.remove),
        },
    )
    try:
        context.items.commit([*own(lease), row])
    except TransactionCanceled:
        drop_ids(context, lease.change_id)
        raise
    _see_through(context, gid, lease, mine=lease)


def join(context: ConnectionContext, gid: str, lease: Lease) -> None:
    """Wait for an operation that another works on, and finish it if it is left.

    Raises:
        Busy: it is not over at the deadline.
    """
    _see_through(context, gid, lease, mine=None)


def _see_through(context: ConnectionContext, gid: str, lease: Lease, *, mine: Lease | None) -> None:
    hold = _Hold(context, gid, mine) if mine else None
    for _ in context.items.deadline.attempts():
        if hold is not None and hold.work_off():
            return
        hold, over = _take(context, gid, lease)
        if over:
            return


def _take(context: ConnectionContext, gid: str, lease: Lease) -> tuple[_Hold | None, bool]:
    """Take an operation over: the hold, None while it is another's; and whether it is over."""
    group = read_group(context, gid)
    if group is None or group.lease is None or group.lease.change_id != lease.change_id:
        return None, True
    if group.lease.expires_at > context.now():
        return None, False
    taken = replace(group.lease, expires_at=context.lease_expires_at())
    try:
        context.items.commit([_hold_action(context, gid, group.lease, taken)])
    except TransactionCanceled:
        return None, False
    return _Hold(context, gid, taken), False


def _hold_action(
    context: ConnectionContext, gid: str, before: Lease, after: Lease, growth: int = 0
) -> Update:
    """Keep the hold of a team, conditioned on having it; `growth` where members change too."""
    moved = {"n": growth, "m": 1} if growth else {}
    modified = {"modified": context.now()} if growth else {}
    return Update(
        context.keys.group(gid),
        set={"lease": after.attribute()} | modified,
        add=moved,
        condition=lease_unchanged(before),
    )


class _Hold:
    """The hand on an operation: every step is conditioned on it and prolongs it."""

    def __init__(self, context: ConnectionContext, gid: str, lease: Lease) -> None:
        """Begin with the operation as it was declared or taken."""
        self._context = context
        self._gid = gid
        self._lease = lease

    def work_off(self) -> bool:
        """Apply what still differs and close; false where the hold was lost.

        Raises:
            Busy: not through at the deadline; the hold is let go.
        """
        try:
            for part in self._parts():
                self._apply(part)
            self._close()
        except _Lost:
            return False
        except Busy:
            self._let_go()
            raise
        # The change is in force and no longer held; ids that stay behind end by themselves.
        with suppress(Busy):
            drop_ids(self._context, self._lease.change_id)
        return True

    def _parts(self) -> Iterator[Delta]:
        """Yield what still differs from the target, in portions of one transaction."""
        target = self._target()
        for uids in chunks(sorted(target.add), MOST_GETS):
            present = self._present(uids)
            for part in chunks([uid for uid in uids if uid not in present], ADDS_A_STEP):
                yield Delta(add=frozenset(part))
        for uids in chunks(sorted(target.remove), MOST_GETS):
            for part in chunks(sorted(self._present(uids)), REMOVALS_A_STEP):
                yield Delta(remove=frozenset(part))

    def _target(self) -> Delta:
        """Read what was declared; nobody where not all of it is there any more.

        Raises:
            _Lost: the operation is over.
        """
        context, change_id = self._context, self._lease.change_id
        declared = context.items.get(context.keys.pending_change(change_id))
        if declared is None:
            raise _Lost
        target = read_ids(context, change_id)
        if (len(target.add), len(target.remove)) == (declared["adds"], declared["removals"]):
            return target
        logger.error("ids of a large change are missing: given up", extra={"operation": change_id})
        return Delta()

    def _present(self, uids: Sequence[str]) -> frozenset[str]:
        keys = {self._context.keys.member(self._gid, uid): uid for uid in uids}
        return frozenset(keys[key] for key in self._context.items.batch_get(keys))

    def _apply(self, part: Delta) -> None:
        """Change some members; who is so already, or no user any more, is left out."""
        for _ in self._context.items.deadline.attempts():
            if not part:
                return
            try:
                self._commit(part)
            except TransactionCanceled as canceled:
                part = self._left(part, canceled)
            else:
                return

    def _commit(self, part: Delta) -> None:
        context, gid = self._context, self._gid
        after = replace(self._lease, expires_at=context.lease_expires_at())
        change = Change("membership", gid, added=part.add, removed=part.remove)
        context.items.commit(
            [
                _hold_action(context, gid, self._lease, after, part.growth),
                context.change_item(change),
                *members.actions(context, gid, part),
            ]
        )
        self._lease = after

    def _left(self, part: Delta, canceled: TransactionCanceled) -> Delta:
        """Tell what of a cancelled step is still to be done.

        Raises:
            _Lost: the team is no longer held as it was.
        """
        if self._context.keys.group(self._gid) in canceled.items:
            raise _Lost from canceled
        gone = members.not_users(self._context, part, canceled)
        return part.without(gone | members.settled(self._context, self._gid, part, canceled))

    def _close(self) -> None:
        """Take `lease` off the team and delete the operation's row.

        Raises:
            _Lost: the team is no longer held as it was.
        """
        context = self._context
        released = Update(
            context.keys.group(self._gid), remove=("lease",), condition=lease_unchanged(self._lease)
        )
        try:
            context.items.commit(
                [released, Delete(context.keys.pending_change(self._lease.change_id))]
            )
        except TransactionCanceled as canceled:
            raise _Lost from canceled

    def _let_go(self) -> None:
        """Say, a moment past the deadline, that the next who comes may go on at once."""
        late = self._context.late(GRACE_SECONDS)
        after = replace(self._lease, expires_at=late.now())
        try:
            late.items.commit([_hold_action(late, self._gid, self._lease, after)])
        except (TransactionCanceled, Busy):
            return
