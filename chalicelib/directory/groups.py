"""Groups: create, read and change them and their members. Deletes are in `deletes`.

A PATCH that only adds or removes members reads nothing: it is one transaction, however large
the group. A group is read before its members, so an ETag is never newer than its body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from chalicelib.directory import members as memberships
from chalicelib.directory import pending_changes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import (
    group_resource,
    group_version,
    max_members_in_response,
    member,
    require_returnable,
)
from chalicelib.directory.stale_names import freed, try_commit
from chalicelib.directory.users import (
    Edit,
    changed_attributes,
    move_index_items,
    move_uniqueness_item,
)
from chalicelib.directory.whole_groups import WholeGroup, read_whole
from chalicelib.errors import Busy, NotFound, PayloadTooLarge
from chalicelib.scim.errors import TooMany, Uniqueness
from chalicelib.scim.member_changes import MemberChange
from chalicelib.scim.preconditions import Precondition
from chalicelib.scim.schema import Resource
from chalicelib.storage.directory_items import (
    Change,
    Delta,
    Document,
    Group,
    Lease,
    canonical,
    checksum_of,
    group_index_keys,
)
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Condition,
    Item,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.keys import is_id
from chalicelib.storage.lookups import member_ids, read_group, user_names
from chalicelib.storage.records import changed_item, from_item, to_item
from chalicelib.storage.transactions import MAX_ACTIONS, TransactionCanceled

# Each `members.display` is a read of a user.
MAX_MEMBERS_WITH_DISPLAY = 1_000
# How many seconds a change of members alone waits for others of the same group. Without this, of
# more changes than the group can take very many would still be waiting at the deadline.
PATIENCE = 4.4

NAME_IN_USE = (
    "displayName: another group of this connection has this value. It must be unique; letter "
    "case, blanks at its ends and joiners are ignored."
)


# --- create -----------------------------------------------------------------------------------


def create(context: ConnectionContext, document: Document, uids: frozenset[str]) -> Resource:
    """Create a group with these users as members: 10 WCU and 6 for each member.

    One transaction if they fit (31 members with an externalId), else a pending change.

    Raises:
        Uniqueness: another group has the displayName.
        InvalidValue: an id is not a user's of this connection; the text names it.
        PayloadTooLarge: more members than the plan allows in a request, or than a response holds.
        Busy: still contended at the deadline.
    """
    _validate_members(context, MemberChange(add=uids))
    _require_returnable_size(context, len(uids))
    delta, now = Delta(add=uids), context.now()
    group = Group(
        id=context.clock.new_id(),
        version=1,
        memberships=0,
        size=len(uids),
        checksum=checksum_of(uids),
        document=document,
        created=now,
        modified=now,
    )
    actions = _create_actions(context, group, delta)
    fits = len(actions) + memberships.count_actions(delta) <= MAX_ACTIONS
    if fits:
        members = memberships.actions(context, group.id, delta)
        canceled = context.try_commit([*actions, *members], is_last=True)
    else:
        canceled = pending_changes.start(
            context,
            group.id,
            delta,
            lambda lease: _create_actions(
                context, replace(group, size=0, checksum=0, lease=lease), Delta()
            ),
        )
    if canceled is not None:
        memberships.reject_unknown_users(context, delta, canceled)
        if freed(context, context.keys.group_name(document["displayName"]), canceled):
            return create(context, document, uids)
        raise Uniqueness(NAME_IN_USE) from canceled
    created = group_resource(context, group, sorted(uids))
    try:
        return created if fits else get(context, group.id)
    except NotFound:  # another request has deleted it since
        return created


def _require_returnable_size(context: ConnectionContext, size: int) -> None:
    """Reject a new group that no response could hold, before anything is written.

    Raises:
        PayloadTooLarge: it has more members than one response holds.
    """
    largest = max_members_in_response(context)
    if size > largest:
        message = (
            f"members: a new group may have at most {largest:,} members, as many as one response "
            f"holds; this one has {size:,}. Create it with fewer and add the others with PATCH."
        )
        raise PayloadTooLarge(message)


def _create_actions(context: ConnectionContext, group: Group, delta: Delta) -> list[Action]:
    keys = context.keys
    change = Change(
        "team", group.id, group.version, attributes=sorted(group.document), added=delta.add
    )
    return [
        Put(keys.group(group.id), to_item(group), NEW),
        Put(keys.group_name(group.document["displayName"]), {"gid": group.id}, NEW),
        *(Put(key) for key in group_index_keys(keys, group.id, group.document)),
        Update(keys.counter("G", group.id), add={"n": 1}),
        context.change_item(change, after=group.document),
    ]


# --- read -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of a group's members, how many there are, and the id after which more follow."""

    members: Sequence[Document]
    total: int
    next_cursor: str | None


def get(
    context: ConnectionContext,
    gid: str,
    *,
    with_members: bool = True,
    with_display: bool = False,
    written: WholeGroup | None = None,
) -> Resource:
    """Return a group: 1 RCU, 1 for each 70 members, and 1 for each member's display.

    Members are those of exactly the version that is returned. If some of its items are missing,
    those that are there are returned, and a repair is queued. What this request has `written` as
    a whole is not read.

    Raises:
        NotFound: the group does not exist.
        TooMany: it has more members than one response holds.
        Busy: members came or went at each read until the deadline.
    """
    group = written.group if written else _get_group(context, gid)
    if not with_members:
        return group_resource(context, group, None)
    if not group.size:
        return group_resource(context, group, ())
    require_returnable(context, group)
    found = written or read_whole(context, group)
    if found is None:
        raise NotFound
    require_returnable(context, found.group)
    uids = found.member_ids
    resource = group_resource(context, found.group, uids)
    return _with_display(context, resource, uids) if with_display else resource


def _with_display(context: ConnectionContext, group: Resource, uids: Sequence[str]) -> Resource:
    """Add the display names of the members: 1 RCU each.

    Raises:
        TooMany: there are too many to read for one response.
    """
    if len(uids) > MAX_MEMBERS_WITH_DISPLAY:
        message = (
            f"members.display: names are returned for at most {MAX_MEMBERS_WITH_DISPLAY:,} "
            f"members; this group has {len(uids):,}. Request it without `members.display`."
        )
        raise TooMany(message)
    names = user_names(context, uids)
    members = [
        each | {"display": names[each["value"]]} if each["value"] in names else each
        for each in group["members"]
    ]
    return group | {"members": members}


def list_members(context: ConnectionContext, gid: str, after: str, count: int) -> MemberPage:
    """Return at most `count` members of a group, those whose ids follow `after` ("": the first).

    Raises:
        NotFound: the group does not exist.
    """
    group = _get_group(context, gid)
    # One more than wanted shows whether there is a next page.
    uids = list(islice(member_ids(context, gid, page=count + 1, after=after), count + 1))
    return MemberPage(
        members=[member(context, uid) for uid in uids[:count]],
        total=group.size,
        next_cursor=uids[count - 1] if count and len(uids) > count else None,
    )


def _get_group(context: ConnectionContext, gid: str) -> Group:
    group = read_group(context, gid)
    if group is None:
        raise NotFound
    return group


def find_small(context: ConnectionContext, gid: str, max_members: int) -> Resource | None:
    """Return a group with its members; None if it has more than `max_members` or is gone.

    None as well if others change it at the same time: the members would be of no one version.
    """
    group = read_group(context, gid)
    if group is None or group.size > max_members:
        return None
    uids = list(member_ids(context, gid, page=max_members + 1))
    return group_resource(context, group, uids) if group.has_exactly(uids) else None


# --- change -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a request changes: the document (`edit` is None if it does not) and the members.

    `members_sent` is False for a PUT without `members`, of which the connection's setting says
    whether it keeps or clears them.
    """

    edit: Edit | None
    members: MemberChange
    precondition: Precondition | None = None
    members_sent: bool = True

    @property
    def needs_read(self) -> bool:
        """Whether the group must be read first; adding and removing members does not."""
        return bool(self.edit or self.precondition or self.members.replace is not None)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one attempt of a change writes.

    `before` is None if the group was not read, `after` if its document stays as it is. `settled`
    are members who are as wanted already; that they still are is a condition. `now` is when the
    group is modified, if it is.
    """

    gid: str
    before: Group | None
    after: Group | None
    delta: Delta
    settled: Delta
    condition: Condition
    now: str

    @property
    def is_change(self) -> bool:
        """Whether there is anything to write."""
        return self.after is not None or bool(self.delta)


def change(context: ConnectionContext, gid: str, wanted: GroupChange) -> WholeGroup | None:
    """Change a group's document, its members, or both.

    Returns the group as it is then, where all of its members are replaced in one transaction: that
    depends on all that was read. Else None.

    One transaction if the change fits (32 members to add, 49 to remove), else a pending
    change. What is so already is left out, on condition that it stays so; if nothing is left,
    nothing is written and the version stays. If another writer comes between, it reads and
    plans again.

    Raises:
        NotFound: the group does not exist.
        PreconditionFailed: If-Match names another version.
        Uniqueness: another group has the new displayName.
        InvalidValue: an id to add is not a user's of this connection; the text names it.
        PayloadTooLarge: more members than the plan allows in a request.
        Busy: still contended at the deadline.
    """
    wanted = replace(wanted, members=_validate_members(context, wanted.members))
    settled: frozenset[str] = frozenset()
    for _ in context.items.deadline.attempts():
        plan = _plan(context, gid, wanted, settled)
        canceled = _commit(context, plan) if plan.is_change else None
        if canceled is None:
            return _replaced(plan, wanted.members.replace)
        settled = _check_failed(context, plan, canceled)
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _replaced(plan: _Plan, members: frozenset[str] | None) -> WholeGroup | None:
    """Return a group of which all members were replaced; None if it is not known as a whole."""
    if plan.before is None or members is None:
        return None
    counted, group = plan.delta.counted, plan.after or plan.before
    if plan.is_change:
        group = replace(group, modified=plan.now)
    if plan.delta:
        group = replace(
            group,
            memberships=group.memberships + counted["m"],
            size=group.size + counted["n"],
            checksum=group.checksum + counted["h"],
        )
    uids = sorted(members)
    return WholeGroup(group, uids) if group.has_exactly(uids) else None


def _validate_members(context: ConnectionContext, members: MemberChange) -> MemberChange:
    """Check the ids that a request names; leave out ids to remove that cannot be a user's.

    Raises:
        InvalidValue: an id to add cannot be a user's.
        PayloadTooLarge: there are more than the plan allows in a request.
    """
    wanted = members.add | (members.replace or frozenset())
    if malformed := sorted(uid for uid in wanted if not is_id(uid)):
        raise memberships.UnknownUser(malformed[0])
    named, allowed = len(wanted | members.remove), context.max_members_per_request
    if named > allowed:
        message = (
            f"members: a request may name at most {allowed:,} members on your plan; this one "
            f"names {named:,}. Send them in several requests."
        )
        raise PayloadTooLarge(message)
    return replace(members, remove=frozenset(filter(is_id, members.remove)))


def _plan(
    context: ConnectionContext, gid: str, wanted: GroupChange, settled: frozenset[str]
) -> _Plan:
    """Read what the change depends on and plan the writes.

    `settled` are users who need no change, as a failed attempt has shown. The condition covers
    no more than the request depends on, so unrelated changes do not collide.

    Raises:
        NotFound, PreconditionFailed: as `change`.
    """
    before = _get_for_change(context, gid, wanted) if wanted.needs_read else None
    after = _edited(before, wanted.edit) if before and wanted.edit else None
    whole = _member_delta(context, before, wanted.members)
    delta = whole.without(settled)
    if after is None and not delta and before is None and not settled:
        _get_group(context, gid)  # no attempt has read the group yet
    condition = _condition(before, wanted)
    return _Plan(gid, before, after, delta, whole.among(settled), condition, context.now())


def _condition(before: Group | None, wanted: GroupChange) -> Condition:
    """Return the condition on the group's item: that what the request depends on is unchanged.

    An edit that leaves the document as it is depends on it too: another one may change it.
    """
    condition = EXISTS & absent("lease")
    if before and (wanted.edit or wanted.precondition):
        condition &= equals("v", before.version)
    if before and (wanted.precondition or wanted.members.replace is not None):
        condition &= equals("m", before.memberships)
    return condition


def _get_for_change(context: ConnectionContext, gid: str, wanted: GroupChange) -> Group:
    """Read a group after any pending change of it is finished."""
    group = _get_group(context, gid)
    if group.lease is not None:
        pending_changes.wait_for(context, gid, group.lease.change_id)
        group = _get_group(context, gid)
    if wanted.precondition:
        wanted.precondition.require(group_version(group))
    if not wanted.members_sent:
        _advise(context, group, wanted.members)
    return group


def _advise(context: ConnectionContext, group: Group, members: MemberChange) -> None:
    """Record what becomes of the members whom a PUT does not name, if the client may be wrong."""
    if members.replace is None and group.size:
        context.trace.add_advice("members_kept")
    if members.replace is not None and group.size > 1:
        context.trace.add_advice("members_cleared")


def _edited(before: Group, edit: Edit) -> Group | None:
    """Return the group with its document edited and its version raised; None if it stays."""
    document = edit(before.document)
    if canonical(document) == canonical(before.document):
        return None
    return replace(before, document=document, version=before.version + 1)


def _member_delta(context: ConnectionContext, before: Group | None, members: MemberChange) -> Delta:
    """Return who joins and who leaves; a replacement is compared with the members of `before`.

    Raises:
        Busy: the members are not those that the group counts; nothing can be compared.
    """
    if members.replace is None or before is None:
        return Delta(members.add, members.remove)
    found = read_whole(context, before)
    if found is None:
        raise NotFound
    if found.damaged:
        raise Busy
    present = frozenset(found.member_ids)
    return Delta(members.replace - present, present - members.replace)


def _commit(context: ConnectionContext, plan: _Plan) -> TransactionCanceled | None:
    """Write the change in one transaction if it fits, else as a pending change.

    Returns the conditions that failed, if any did; then nothing was written.
    """
    actions = [
        *_group_actions(context, plan, plan.delta),
        *memberships.checks(context, plan.gid, plan.settled),
    ]
    if len(actions) + memberships.count_actions(plan.delta) <= MAX_ACTIONS:
        members = memberships.actions(context, plan.gid, plan.delta)
        patient = context if plan.before else context.with_patience(PATIENCE)
        return try_commit(patient, [*actions, *members], is_last=True)
    return pending_changes.start(
        context,
        plan.gid,
        plan.delta.joined(plan.settled),
        lambda lease: _group_actions(context, plan, Delta(), lease),
    )


def _group_actions(
    context: ConnectionContext, plan: _Plan, delta: Delta, lease: Lease | None = None
) -> list[Action]:
    """Return the actions on the group itself: its item, its index items and the change item.

    With a lease `delta` is empty: the steps of the pending change count and record members.
    """
    written = changed_item(plan.after) if plan.after else {}
    modified = {"modified": plan.now} if plan.after or delta else {}
    leased = {"lease": lease.attribute()} if lease else {}
    actions: list[Action] = [
        Update(
            context.keys.group(plan.gid),
            set=modified | written | leased,
            add=delta.counted if delta else {},
            condition=plan.condition,
        )
    ]
    if plan.before and plan.after:
        actions += _document_actions(context, plan.before, plan.after, delta)
    elif delta:
        change = Change("membership", plan.gid, added=delta.add, removed=delta.remove)
        actions.append(context.change_item(change))
    return actions


def _document_actions(
    context: ConnectionContext, before: Group, after: Group, delta: Delta
) -> list[Action]:
    """Return the actions that follow from a changed document, with the change item."""
    keys, gid = context.keys, before.id
    change = Change(
        "team",
        gid,
        after.version,
        changed_attributes(before.document, after.document),
        added=delta.add,
        removed=delta.remove,
    )
    return [
        *move_uniqueness_item(
            keys.group_name(before.document["displayName"]),
            keys.group_name(after.document["displayName"]),
            {"gid": gid},
        ),
        *move_index_items(
            group_index_keys(keys, gid, before.document),
            group_index_keys(keys, gid, after.document),
        ),
        context.change_item(change, before.document, after.document),
    ]


def _check_failed(
    context: ConnectionContext, plan: _Plan, canceled: TransactionCanceled
) -> frozenset[str]:
    """Return the users who need no change, as the failed conditions show; wait for a lease.

    Nobody if one who needed none has come or gone since: the change starts over.

    Raises:
        NotFound, Uniqueness, InvalidValue: trying again would not help.
    """
    key = context.keys.group(plan.gid)
    if key in canceled.items:
        _wait_for_lease(context, canceled.items[key])
        return frozenset()
    if canceled.unjudged:  # what did not fail need not hold either: the group may be gone
        return frozenset()
    if plan.after is not None:
        name = context.keys.group_name(plan.after.document["displayName"])
        name_item = canceled.items.get(name)
        if name_item and name_item["gid"] != plan.gid and not freed(context, name, canceled):
            raise Uniqueness(NAME_IN_USE) from canceled
    memberships.reject_unknown_users(context, plan.delta, canceled)
    checked = {each.key for each in memberships.checks(context, plan.gid, plan.settled)}
    if checked & canceled.items.keys():
        return frozenset()
    applied = memberships.already_applied(context, plan.gid, plan.delta, canceled)
    return applied | plan.settled.uids


def _wait_for_lease(context: ConnectionContext, item: Item | None) -> None:
    """Wait for the pending change of a group, if it has one; else only a version differs.

    Raises:
        NotFound: the group is gone.
    """
    if item is None:
        raise NotFound
    group = from_item(Group, item)
    if group.lease is not None:
        pending_changes.wait_for(context, group.id, group.lease.change_id)
