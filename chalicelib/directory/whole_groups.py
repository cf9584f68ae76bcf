"""Read a group with its members as one state of it.

A group and its members are read by several calls, and a Query may show half of a transaction
that is being committed. The group's item counts its members and adds up their ids: a list that
has that number and that sum is the list of exactly this version, and costs no further call.
Another list is read again, with the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy
from chalicelib.observability import logger
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Group, PendingChange, checksum_of
from chalicelib.storage.expressions import EXISTS, Delete, Put, Update, absent, equals
from chalicelib.storage.lookups import member_ids, read_group
from chalicelib.storage.records import to_item

# A transaction is visible as a whole long before this many reads this many seconds apart; if
# the group has not changed meanwhile, items are missing.
READS_OF_DAMAGE = 3
SECONDS_BETWEEN_READS = 0.2
# Only what has stayed the same for so long is repaired.
UNCHANGED_BEFORE_REPAIR = timedelta(minutes=5)

REPAIR = "recount members"


@dataclass(frozen=True, slots=True)
class WholeGroup:
    """A group and its members, of one moment; `damaged`: they differ from what it counts."""

    group: Group
    member_ids: Sequence[str]
    damaged: bool = False


def read_whole(
    context: ConnectionContext,
    group: Group,
    read: Sequence[str] | None = None,
    page: int | None = None,
) -> WholeGroup | None:
    """Read the members of a group that was just read; None if it is gone by now.

    Reads both again while they do not match; `read` are the members if they were read already.
    Damage is logged, and its repair is queued.

    Raises:
        Busy: it changed between the two at each read until the deadline.
    """
    found = _read(context, group, read, page)
    if found and found.damaged:
        with suppress(Busy):
            _report(context, found)
    return found


def _read(
    context: ConnectionContext,
    group: Group,
    read: Sequence[str] | None = None,
    page: int | None = None,
) -> WholeGroup | None:
    unchanged = 0
    for _ in context.items.deadline.attempts():
        found = list(member_ids(context, group.id, page=page)) if read is None else read
        if group.has_exactly(found):
            return WholeGroup(group, found)
        again = read_group(context, group.id)
        if again is None:
            return None
        unchanged = unchanged + 1 if again.memberships == group.memberships else 0
        if unchanged == READS_OF_DAMAGE:
            return WholeGroup(again, found, damaged=True)
        group, read = again, None
        if unchanged:
            context.clock.sleep(SECONDS_BETWEEN_READS)
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _report(context: ConnectionContext, damaged: WholeGroup) -> None:
    """Log that a group's members are not those that it counts, and queue the repair."""
    group = damaged.group
    logger.error(
        "members of a group are missing or too many",
        extra={"group": group.id, "counted": group.size, "found": len(damaged.member_ids)},
    )
    _queue(context, group)


def queue_recount(context: ConnectionContext, gid: str) -> None:
    """Have the members of a group counted again, by the sweeper."""
    group = read_group(context, gid)
    if group is not None:
        _queue(context, group)


def _queue(context: ConnectionContext, group: Group) -> None:
    # The same id as long as nobody changes the group: it is queued once.
    change_id = context.keys.pending_change_id(group.modified, group.id)
    pending = to_item(PendingChange(REPAIR, group.id))
    context.items.commit([Put(context.keys.pending_change(change_id), pending)])


def repair(context: ConnectionContext, change_id: str, gid: str) -> None:
    """Count the members of a damaged group again, once it has been unchanged for some minutes.

    Raises:
        Busy: it has changed lately, or changes now; the next sweep looks again.
    """
    done = Delete(context.keys.pending_change(change_id))
    group = read_group(context, gid)
    found = _read(context, group) if group else None
    if found is None or not found.damaged:
        context.items.commit([done])
        return
    before, uids = found.group, found.member_ids
    if before.lease or before.modified > timestamp(context.clock.now() - UNCHANGED_BEFORE_REPAIR):
        raise Busy
    recount = Update(
        context.keys.group(gid),
        set={"n": len(uids), "h": checksum_of(uids), "modified": context.now()},
        add={"m": 1},
        condition=EXISTS & equals("m", before.memberships) & absent("lease"),
    )
    if context.items.try_commit([recount, done]) is not None:
        raise Busy
    logger.warning("members of a group counted again", extra={"group": gid, "counted": len(uids)})
