"""Delete users and groups of any size.

Once the item of a group is deleted, no reader sees the group; its memberships are deleted after
that. A user in more groups than fit one transaction gets a lease first, is removed from the groups
in steps, and is then deleted as usual. A pending change records a delete that needs several
transactions: after a crash the next request for the same resource finishes it, or the sweeper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice

from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.half_memberships import remove_halves
from chalicelib.directory.pending_ids import delete_ids
from chalicelib.directory.resources import group_version, user_version
from chalicelib.directory.stale_names import try_commit
from chalicelib.errors import Busy, NotFound
from chalicelib.scim.preconditions import Precondition
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import (
    Change,
    Delta,
    Group,
    Lease,
    PendingChange,
    group_index_keys,
    index_keys,
    leased_for,
)
from chalicelib.storage.expressions import (
    EXISTS,
    Action,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
    equals_or_absent,
)
from chalicelib.storage.lookups import (
    UserWithGroups,
    left_groups,
    member_ids,
    read_group,
    read_user,
)
from chalicelib.storage.records import to_item
from chalicelib.storage.table import MAX_BATCH_WRITES
from chalicelib.storage.transactions import MAX_ACTIONS

# The two items of the membership and the counter of the group.
ACTIONS_PER_MEMBERSHIP = 3
# After this time every earlier transaction is visible as a whole: a call ends within seconds.
WHOLE_AFTER = timedelta(seconds=60)
# Before a user is deleted of whom less may be visible than there is: seconds before each new read.
# A transaction is visible as a whole within milliseconds of its end.
READ_AGAIN_AFTER = (0.1, 0.3)
# Two actions of each step: it checks the user's lease, and counts the memberships down.
MEMBERSHIPS_PER_STEP = (MAX_ACTIONS - 1) // ACTIONS_PER_MEMBERSHIP


# --- groups -----------------------------------------------------------------------------------


def delete_group(
    context: ConnectionContext, gid: str, precondition: Precondition | None = None
) -> None:
    """Delete a group in one transaction, then its memberships, 25 at a time.

    Memberships left at the deadline are left to the sweeper; no reader sees them.

    Raises:
        NotFound: the group does not exist.
        PreconditionFailed: If-Match names another version.
        Busy: still contended at the deadline; the group is not deleted.
    """
    change_id, group = _delete_group_item(context, gid, precondition)
    with suppress(Busy):
        if group.lease:
            delete_ids(context, group.lease.change_id)
        if change_id is not None:
            delete_memberships(context, gid, change_id, group)


def _delete_group_item(
    context: ConnectionContext, gid: str, precondition: Precondition | None
) -> tuple[str | None, Group]:
    """Delete the item of a group with its index items, and declare the pending delete.

    Returns the id of the pending change that deletes the memberships (None: it has no members), and
    the group as it was when it was deleted. A change of members that was pending ends with it.
    """
    for _ in context.items.deadline.attempts():
        group = read_group(context, gid)
        if group is None:
            raise NotFound
        if precondition:
            precondition.require(group_version(group))
        # Only what is true at the moment of the delete says which memberships there are to find.
        as_read = equals("v", group.version) & equals("m", group.memberships)
        condition = as_read & leased_for(group.lease)
        change_id = None if _is_empty(context, group) else context.new_lease().change_id
        actions = _group_delete_actions(context, group, condition, change_id)
        if try_commit(context, actions, is_last=True) is None:
            return change_id, group
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _is_empty(context: ConnectionContext, group: Group) -> bool:
    """Return whether a group has no members: it counts none, and none is found.

    A restore may have left some that it does not count.
    """
    return group.has_exactly(()) and next(member_ids(context, group.id, page=1), None) is None


def _group_delete_actions(
    context: ConnectionContext, group: Group, condition: Condition, change_id: str | None
) -> list[Action]:
    keys = context.keys
    actions: list[Action] = [
        Delete(keys.group(group.id), condition),
        Delete(keys.group_name(group.document["displayName"]), equals_or_absent("gid", group.id)),
        *(Delete(key) for key in group_index_keys(keys, group.id, group.document)),
        Update(keys.counter("G", group.id), add={"n": -1}),
        context.change_item(Change("team", group.id), before=group.document),
    ]
    if change_id is not None:
        pending = to_item(PendingChange("group delete", group.id))
        actions.append(Put(keys.pending_change(change_id), pending))
    if group.lease:
        actions.append(Delete(keys.pending_change(group.lease.change_id)))
    return actions


def delete_memberships(
    context: ConnectionContext, gid: str, change_id: str, group: Group | None = None
) -> None:
    """Delete the memberships of a deleted group, then the pending change.

    Each page is found by its member items, so these are deleted last: after a crash the rest
    is still found. If fewer are found than `group` counted, one is not visible yet, and the
    sweeper looks again.
    """
    members = member_ids(context, gid)
    found: list[str] = []
    while page := list(islice(members, MAX_BATCH_WRITES)):
        context.items.batch_delete(context.keys.reverse(uid, gid) for uid in page)
        context.items.batch_delete(context.keys.member(gid, uid) for uid in page)
        found += page
    if group is None or group.has_exactly(found):
        context.items.commit([Delete(context.keys.pending_change(change_id))])


# --- users ------------------------------------------------------------------------------------


def delete_user(
    context: ConnectionContext, uid: str, precondition: Precondition | None = None
) -> None:
    """Delete a user with their memberships and with what the organisation stored about them.

    With up to about 30 groups this takes one transaction (14 WCU and 6 for each group);
    otherwise the user gets a lease, is removed from their groups and then deleted.

    Raises:
        NotFound: the user does not exist.
        PreconditionFailed: If-Match names another version.
        Busy: still contended at the deadline.
    """
    for _ in context.items.deadline.attempts():
        found = _read_whole(context, uid)
        if found is None:
            raise NotFound
        context.trace.add_ids(found.group_ids)
        if found.user.lease:
            finish_user_delete(context, uid, found.user.lease)
            return
        if precondition:
            precondition.of_document().require(user_version(found.user))
        if _fits_one_transaction(context, found):
            if _delete(context, found, is_last=True):
                return
        elif started := _start_user_delete(context, found):
            # From here on the delete will be completed, here or by another process: no 404.
            _remove_memberships(context, found, started)
            _go_on(context, uid, started)
            return


def _start_user_delete(context: ConnectionContext, found: UserWithGroups) -> Lease | None:
    """Store a lease with the user, and the pending change; None if another writer was first."""
    lease, user = context.new_lease(), found.user
    as_read = equals("v", user.version) & equals("g", user.joins) & absent("lease")
    canceled = context.try_commit(
        [
            Update(context.keys.user(user.id), set={"lease": lease.attribute()}, condition=as_read),
            context.begin_change(lease.change_id, PendingChange("user delete", user.id)),
        ]
    )
    return lease if canceled is None else None


def finish_user_delete(context: ConnectionContext, uid: str, lease: Lease) -> None:
    """Finish a pending delete of a user, which another request may have begun.

    Do not wait for the lease to expire: two requests may remove memberships at the same time.
    The feed names the request that has begun it.

    Raises:
        Busy: not finished at the deadline.
    """
    _go_on(context.on_behalf_of(lease.change_id), uid, lease)


def _go_on(context: ConnectionContext, uid: str, lease: Lease) -> None:
    """Take the steps that are left of a pending delete."""
    for _ in context.items.deadline.attempts():
        found = _read_whole(context, uid)
        if found is None or found.user.lease is None:
            return
        if found.user.lease.change_id != lease.change_id or _advance(context, found, lease):
            return


def _advance(context: ConnectionContext, found: UserWithGroups, lease: Lease) -> bool:
    """Take one step of a pending delete; True once the user is gone."""
    if _fits_one_transaction(context, found):
        return _delete(context, found)
    _remove_memberships(context, found, lease)
    return False


def _fits_one_transaction(context: ConnectionContext, found: UserWithGroups) -> bool:
    return len(_user_delete_actions(context, found, frozenset())) <= MAX_ACTIONS


def _delete(context: ConnectionContext, found: UserWithGroups, *, is_last: bool = False) -> bool:
    """Delete a user and their memberships in one transaction; False if another writer was first.

    `is_last`: it is all that is left of a request for that.
    """
    return _commit_without_gone_groups(
        context,
        found.user.id,
        found.group_ids,
        lambda gone: _user_delete_actions(context, found, gone),
        is_last=is_last,
    )


def _user_delete_actions(
    context: ConnectionContext, found: UserWithGroups, gone: frozenset[str]
) -> list[Action]:
    keys, user = context.keys, found.user
    as_read = equals("v", user.version) & equals("g", user.joins) & leased_for(user.lease)
    actions: list[Action] = [
        Delete(keys.user(user.id), as_read),
        Delete(keys.user_name(user.document["userName"]), equals_or_absent("uid", user.id)),
        *(Delete(key) for key in sorted(index_keys(keys, user.id, user.document))),
        Update(keys.counter("U", user.id), add={"n": -1}),
        context.change_item(Change("user", user.id), before=user.document),
        Delete(keys.local(user.id)),
        *_membership_actions(context, user.id, found.group_ids, gone),
    ]
    if user.lease:
        actions.append(Delete(keys.pending_change(user.lease.change_id)))
    if _may_hide_memberships(context, found):
        actions.append(_late_memberships(context, user.id))
    return actions


def _read_whole(context: ConnectionContext, uid: str) -> UserWithGroups | None:
    """Read a user with all of their groups: again, after a pause, if a group may be invisible."""
    found = read_user(context, uid)
    for seconds in READ_AGAIN_AFTER:
        if found is None or not _may_hide_memberships(context, found):
            break
        context.clock.sleep(seconds)
        found = read_user(context, uid)
    return found


def _may_hide_memberships(context: ConnectionContext, found: UserWithGroups) -> bool:
    """Return whether a user may be in more groups than a Query has shown.

    It can show half of a transaction: the count of joins raised, and the membership not yet there.
    A user who has left a group has fewer groups than joins, too, so it also depends on when they
    joined the last one.
    """
    user, whole_before = found.user, timestamp(context.clock.now() - WHOLE_AFTER)
    joined_lately = user.joined is None or user.joined > whole_before
    return len(found.group_ids) != user.joins and joined_lately


def _late_memberships(context: ConnectionContext, uid: str) -> Put:
    """Return the action that has a deleted user's memberships searched for again, by the sweeper.

    Nobody can join after the delete, so what the sweeper finds then is all.
    """
    later = timestamp(context.clock.now() + WHOLE_AFTER)
    change_id = context.keys.pending_change_id(later, context.clock.new_id())
    return Put(
        context.keys.pending_change(change_id), to_item(PendingChange("late memberships", uid))
    )


def _remove_memberships(context: ConnectionContext, found: UserWithGroups, lease: Lease) -> None:
    """Remove the user from as many groups as fit one transaction."""
    uid, gids = found.user.id, found.group_ids[:MEMBERSHIPS_PER_STEP]
    left = Update(
        context.keys.user(uid), add={"g": -len(gids)}, condition=EXISTS & leased_for(lease)
    )
    _commit_without_gone_groups(
        context, uid, gids, lambda gone: [left, *_membership_actions(context, uid, gids, gone)]
    )


def delete_late_memberships(context: ConnectionContext, change_id: str, uid: str) -> None:
    """Remove a deleted user from the groups that the delete did not see; see `_late_memberships`.

    Raises:
        Busy: not finished at the deadline.
    """
    for _ in context.items.deadline.attempts():
        gids = left_groups(context, uid)[:MEMBERSHIPS_PER_STEP]
        if not gids:
            context.items.commit([Delete(context.keys.pending_change(change_id))])
            return
        _commit_without_gone_groups(
            context,
            uid,
            gids,
            lambda gone: list(_membership_actions(context, uid, gids, gone)),  # noqa: B023
        )


def _membership_actions(
    context: ConnectionContext, uid: str, gids: Sequence[str], gone: frozenset[str]
) -> Iterator[Action]:
    """Yield the actions that remove a user from groups; groups in `gone` are not updated."""
    keys, now = context.keys, context.now()
    for gid in gids:
        condition = Condition() if gid in gone else EXISTS
        yield Delete(keys.member(gid, uid), condition)
        yield Delete(keys.reverse(uid, gid), condition)
        if gid not in gone:
            yield Update(
                keys.group(gid),
                set={"modified": now},
                add=Delta(remove=frozenset({uid})).counted,
                condition=EXISTS,
            )


def _commit_without_gone_groups(
    context: ConnectionContext,
    uid: str,
    gids: Sequence[str],
    actions: Callable[[frozenset[str]], Sequence[Action]],
    *,
    is_last: bool = False,
) -> bool:
    """Commit `actions(gone)`; repeat it if some groups turn out to be deleted already.

    Returns False if another condition failed; halves of memberships are removed before that.
    """
    gone: frozenset[str] = frozenset()
    for _ in context.items.deadline.attempts():
        canceled = try_commit(context, actions(gone), is_last=is_last)
        if canceled is None:
            return True
        found_gone = frozenset(gid for gid in gids if context.keys.group(gid) in canceled.items)
        if not found_gone:
            for gid in gids:
                remove_halves(context, gid, (uid,), canceled)
            return False
        gone |= found_gone
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy
