"""More members than one transaction takes: a declared target, applied in steps.

    1 users to be added are read; an unknown one refuses the request before anything is written
    2 the ids are written down
    3 one transaction sets `op` on the team, with what else the request changes: from here on
      only the holder changes the team's members, and the change will come true
    4 what still differs is sent, as much as a transaction takes, each step prolonging the hold
    5 `op` and the operation's rows go; then the caller is answered

Readers in between see a team on its way: nobody who is in it before and after disappears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from chalicelib.directory import memberships
from chalicelib.directory.memberships import ACTIONS_A_REMOVAL, ACTIONS_AN_ADD
from chalicelib.directory.operations import drop_ids, read_ids, write_ids
from chalicelib.directory.tenant import Tenant
from chalicelib.observability import logger
from chalicelib.scim.errors import Busy
from chalicelib.storage.expressions import Action, Delete, Put, Update
from chalicelib.storage.items import Change, Delta, Operation, held_as_read
from chalicelib.storage.rows import read_group
from chalicelib.storage.table import MOST_GETS, chunks
from chalicelib.storage.transactions import MOST_ACTIONS, Cancelled

# Beside the members, a step takes the team's row and a change row.
OWN_ACTIONS = 2
ADDS_A_STEP = (MOST_ACTIONS - OWN_ACTIONS) // ACTIONS_AN_ADD
REMOVALS_A_STEP = (MOST_ACTIONS - OWN_ACTIONS) // ACTIONS_A_REMOVAL

# How long past its deadline a request may still say that it lets go of an operation.
GRACE_SECONDS = 1.0


class _Lost(Exception):
    """The team is no longer held as it was: it is gone, or another has taken over."""


def declare(
    tenant: Tenant,
    gid: str,
    delta: Delta,
    own: Callable[[Operation], Sequence[Action]],
) -> None:
    """Declare a change of members and see it through.

    `own` makes the actions that set `op` on the team, and what else the request changes.

    Raises:
        InvalidValue: somebody who is to be added is no user; nothing was written.
        Cancelled: a condition of `own` did not hold; nothing was declared.
        Busy: declared, but not through at the deadline; whoever comes next goes on with it.
    """
    memberships.require_users(tenant, delta.add)
    operation = tenant.new_operation()
    write_ids(tenant, operation, delta)
    row = Put(
        tenant.keys.operation(operation.id),
        {
            "kind": "members",
            "target": gid,
            "adds": len(delta.add),
            "removals": len(delta.remove),
        },
    )
    try:
        tenant.rows.commit([*own(operation), row])
    except Cancelled:
        drop_ids(tenant, operation.id)
        raise
    _see_through(tenant, gid, operation, mine=operation)


def join(tenant: Tenant, gid: str, operation: Operation) -> None:
    """Wait for an operation that another works on, and finish it if it is left.

    Raises:
        Busy: it is not over at the deadline.
    """
    _see_through(tenant, gid, operation, mine=None)


def _see_through(tenant: Tenant, gid: str, operation: Operation, *, mine: Operation | None) -> None:
    hold = _Hold(tenant, gid, mine) if mine else None
    for _ in tenant.rows.deadline.attempts():
        if hold is not None and hold.work_off():
            return
        hold, over = _take(tenant, gid, operation)
        if over:
            return


def _take(tenant: Tenant, gid: str, operation: Operation) -> tuple[_Hold | None, bool]:
    """Take an operation over: the hold, None while it is another's; and whether it is over."""
    group = read_group(tenant, gid)
    if group is None or group.operation is None or group.operation.id != operation.id:
        return None, True
    if group.operation.until > tenant.now():
        return None, False
    taken = replace(group.operation, until=tenant.held_until())
    try:
        tenant.rows.commit([_hold_action(tenant, gid, group.operation, taken)])
    except Cancelled:
        return None, False
    return _Hold(tenant, gid, taken), False


def _hold_action(
    tenant: Tenant, gid: str, before: Operation, after: Operation, growth: int = 0
) -> Update:
    """Keep the hold of a team, conditioned on having it; `growth` where members change too."""
    moved = {"n": growth, "m": 1} if growth else {}
    modified = {"modified": tenant.now()} if growth else {}
    return Update(
        tenant.keys.group(gid),
        set={"op": after.attribute()} | modified,
        add=moved,
        condition=held_as_read(before),
    )


class _Hold:
    """The hand on an operation: every step is conditioned on it and prolongs it."""

    def __init__(self, tenant: Tenant, gid: str, operation: Operation) -> None:
        """Begin with the operation as it was declared or taken."""
        self._tenant = tenant
        self._gid = gid
        self._operation = operation

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
            drop_ids(self._tenant, self._operation.id)
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
        tenant, operation_id = self._tenant, self._operation.id
        declared = tenant.rows.get(tenant.keys.operation(operation_id))
        if declared is None:
            raise _Lost
        target = read_ids(tenant, operation_id)
        if (len(target.add), len(target.remove)) == (declared["adds"], declared["removals"]):
            return target
        logger.error(
            "ids of a large change are missing: given up", extra={"operation": operation_id}
        )
        return Delta()

    def _present(self, uids: Sequence[str]) -> frozenset[str]:
        keys = {self._tenant.keys.member(self._gid, uid): uid for uid in uids}
        return frozenset(keys[key] for key in self._tenant.rows.batch_get(keys))

    def _apply(self, part: Delta) -> None:
        """Change some members; who is so already, or no user any more, is left out."""
        for _ in self._tenant.rows.deadline.attempts():
            if not part:
                return
            try:
                self._commit(part)
            except Cancelled as cancelled:
                part = self._left(part, cancelled)
            else:
                return

    def _commit(self, part: Delta) -> None:
        tenant, gid = self._tenant, self._gid
        after = replace(self._operation, until=tenant.held_until())
        change = Change("membership", gid, added=part.add, removed=part.remove)
        tenant.rows.commit(
            [
                _hold_action(tenant, gid, self._operation, after, part.growth),
                tenant.note(change),
                *memberships.actions(tenant, gid, part),
            ]
        )
        self._operation = after

    def _left(self, part: Delta, cancelled: Cancelled) -> Delta:
        """Tell what of a cancelled step is still to be done.

        Raises:
            _Lost: the team is no longer held as it was.
        """
        if self._tenant.keys.group(self._gid) in cancelled.rows:
            raise _Lost from cancelled
        gone = memberships.not_users(self._tenant, part, cancelled)
        return part.without(gone | memberships.settled(self._tenant, self._gid, part, cancelled))

    def _close(self) -> None:
        """Take `op` off the team and delete the operation's row.

        Raises:
            _Lost: the team is no longer held as it was.
        """
        tenant = self._tenant
        released = Update(
            tenant.keys.group(self._gid), remove=("op",), condition=held_as_read(self._operation)
        )
        try:
            tenant.rows.commit([released, Delete(tenant.keys.operation(self._operation.id))])
        except Cancelled as cancelled:
            raise _Lost from cancelled

    def _let_go(self) -> None:
        """Say, a moment past the deadline, that the next who comes may go on at once."""
        late = self._tenant.late(GRACE_SECONDS)
        after = replace(self._operation, until=late.now())
        try:
            late.rows.commit([_hold_action(late, self._gid, self._operation, after)])
        except (Cancelled, Busy):
            return
