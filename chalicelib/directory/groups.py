"""Teams: create, read, change. One function per SCIM operation; deletes stand in `deletes`.

A PATCH that only adds or removes members reads nothing: one transaction, whatever the size of
the team. A team is read before its members, so an ETag is never newer than its body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from chalicelib.directory import members as memberships
from chalicelib.directory import pending_changes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import (
    group_resource,
    group_version,
    member,
    most_members,
    require_answerable,
)
from chalicelib.directory.users import Edit, differing, moved_indexes, moved_lock
from chalicelib.errors import NotFound, PayloadTooLarge
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
    group_index_keys,
    group_of,
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
from chalicelib.storage.transactions import MOST_ACTIONS, TransactionCanceled

# A name is a read of its user.
MOST_DISPLAYED = 1_000

NAME_IN_USE = (
    "displayName: another group of this connection has this displayName (letter case ignored)."
)


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a request means to change: the document (None: it says nothing of it), members."""

    edit: Edit | None
    members: MemberChange
    precondition: Precondition | None = None

    @property
    def reads(self) -> bool:
        """Tell whether the team must be read first; adding and removing members needs not."""
        return bool(self.edit or self.precondition or self.members.replace is not None)


@dataclass(frozen=True, slots=True)
class Members:
    """A page of a team's members, how many there are, and after whom the next page begins."""

    page: Sequence[Document]
    total: int
    next: str | None


def create(context: ConnectionContext, document: Document, uids: frozenset[str]) -> Resource:
    """Create a team with these users in it: 10 WCU and 6 a member.

    One transaction while they fit (31 beside an externalId), else a declared target.

    Raises:
        Uniqueness: another team has the displayName.
        InvalidValue: an id is no user of this connection; names it.
        PayloadTooLarge: more members than the plan lets one request name, or an answer hold.
        Busy: still contended at the deadline.
    """
    members = _permitted(context, MemberChange(add=uids))
    _require_answerable(context, len(members.add))
    now = context.now()
    group = Group(
        id=context.clock.new_id(),
        version=1,
        memberships=0,
        size=0,
        document=document,
        created=now,
        modified=now,
    )
    delta = Delta(add=members.add)
    try:
        return _created(context, group, delta)
    except TransactionCanceled as canceled:
        memberships.refuse_unknown(context, delta, canceled)
        raise Uniqueness(NAME_IN_USE) from canceled


def _require_answerable(context: ConnectionContext, size: int) -> None:
    """Refuse, before anything is written, a new team that could not be answered whole.

    Raises:
        PayloadTooLarge: it has more members than one answer holds.
    """
    most = most_members(context)
    if size > most:
        message = (
            f"members: a new group may come with {most:,}, as many as one answer holds; this one "
            f"has {size:,}. Create it with fewer and add the others by PATCH."
        )
        raise PayloadTooLarge(message)


def _created(context: ConnectionContext, group: Group, delta: Delta) -> Resource:
    """Write a new team and its members, and represent it.

    Raises:
        Cancelled: the name is taken, or somebody is no user.
    """
    full = replace(group, size=len(delta.add))
    own = _creation(context, full, delta)
    if memberships.needed(delta, len(own)) <= MOST_ACTIONS:
        context.items.commit([*own, *memberships.actions(context, group.id, delta)])
        return group_resource(context, full, sorted(delta.add))
    pending_changes.declare(
        context,
        group.id,
        delta,
        lambda lease: _creation(context, replace(group, lease=lease), Delta()),
    )
    return get(context, group.id)


def _creation(context: ConnectionContext, group: Group, delta: Delta) -> list[Action]:
    keys = context.keys
    change = Change(
        "team", group.id, group.version, attributes=sorted(group.document), added=delta.add
    )
    return [
        Put(keys.group(group.id), group.row(), NEW),
        Put(keys.group_name(group.document["displayName"]), {"gid": group.id}, NEW),
        *(Put(key) for key in group_index_keys(keys, group.id, group.document)),
        Update(keys.counter("G", group.id), add={"n": 1}),
        context.change_item(change, after=group.document),
    ]


def get(
    context: ConnectionContext, gid: str, *, with_members: bool = True, with_display: bool = False
) -> Resource:
    """Read a team: 1 RCU, and 1 for each 4 KB of member rows where they are asked for.

    Raises:
        NotFound: no such team.
        TooMany: it has more members than one answer holds.
    """
    group = _existing(context, gid)
    if not with_members or not group.size:
        return group_resource(context, group, ())
    require_answerable(context, group)
    uids = list(member_ids(context, gid))
    found = group_resource(context, group, uids)
    return _displayed(context, found, uids) if with_display else found


def _displayed(context: ConnectionContext, group: Resource, uids: Sequence[str]) -> Resource:
    """Add the members' names: 1 RCU each.

    Raises:
        TooMany: they are too many to read them all for one answer.
    """
    if len(uids) > MOST_DISPLAYED:
        message = (
            f"members.display is given up to {MOST_DISPLAYED:,} members; the group has "
            f"{len(uids):,}. Ask for it without `members.display`."
        )
        raise TooMany(message)
    names = user_names(context, uids)
    members = [
        each | {"display": names[each["value"]]} if each["value"] in names else each
        for each in group["members"]
    ]
    return group | {"members": members}


def members_after(context: ConnectionContext, gid: str, after: str, count: int) -> Members:
    """Read a page of a team's members: those whose ids follow `after`, at most `count`.

    Raises:
        NotFound: no such team.
    """
    group = _existing(context, gid)
    uids = list(islice(member_ids(context, gid, page=count + 1, after=after), count + 1))
    more = len(uids) > count
    return Members(
        [member(context, uid) for uid in uids[:count]],
        group.size,
        uids[count - 1] if more and count else None,
    )


def _existing(context: ConnectionContext, gid: str) -> Group:
    group = read_group(context, gid)
    if group is None:
        raise NotFound
    return group


def get_if_small(context: ConnectionContext, gid: str, most: int) -> Resource | None:
    """Read a team with its members; None where they are more than `most`, or it is gone."""
    group = read_group(context, gid)
    if group is None or group.size > most:
        return None
    uids = list(member_ids(context, gid, page=most + 1))
    return group_resource(context, group, uids) if len(uids) <= most else None


def change(context: ConnectionContext, gid: str, wanted: GroupChange) -> None:
    """Change a team's document, its members, or both.

    One transaction while the change fits (32 members to add, 49 to remove), else a declared
    target. What is already so is left out; where nothing is left, nothing is written and the
    version stays. The read and the transaction start over when another writer came between.

    Raises:
        NotFound: no such team.
        PreconditionFailed: If-Match names another version.
        Uniqueness: another team has the new displayName.
        InvalidValue: an id to be added is no user of this connection; names it.
        PayloadTooLarge: more members than the plan lets one request name.
        Busy: still contended at the deadline.
    """
    wanted = replace(wanted, members=_permitted(context, wanted.members))
    already: frozenset[str] = frozenset()
    for _ in context.items.deadline.attempts():
        attempt = _planned(context, gid, wanted, already)
        if attempt is None:
            return
        try:
            attempt.send(context)
        except TransactionCanceled as canceled:
            already |= attempt.learn(context, canceled)
        else:
            return


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One transaction: the team as it was read (None: it was not), and what is to come."""

    gid: str
    before: Group | None
    document: Document | None
    delta: Delta
    condition: Condition

    def send(self, context: ConnectionContext) -> None:
        """Write the change, or declare it where it does not fit one transaction.

        Raises:
            Cancelled: a condition did not hold; nothing was written.
        """
        own = self._own(context, self.delta)
        if memberships.needed(self.delta, len(own)) <= MOST_ACTIONS:
            context.items.commit([*own, *memberships.actions(context, self.gid, self.delta)])
            return
        pending_changes.declare(
            context, self.gid, self.delta, lambda lease: self._own(context, Delta(), lease)
        )

    def _own(
        self, context: ConnectionContext, delta: Delta, lease: Lease | None = None
    ) -> list[Action]:
        """Make the actions beside the members': the team, what its document moves, the change.

        A declared target notes its members step by step.
        """
        edited = _edited(self.before, self.document)
        held = {"lease": lease.attribute()} if lease else {}
        own: list[Action] = [
            Update(
                context.keys.group(self.gid),
                set={"modified": context.now()} | edited | held,
                add={"n": delta.growth, "m": 1} if delta else {},
                condition=self.condition,
            )
        ]
        if self.before is not None and self.document is not None:
            own += _moved(context, self.before, self.document)
        if delta or edited:
            change = self._change(delta, edited.get("v"))
            documents = (self.before.document, self.document) if self.before and edited else ()
            own.append(context.change_item(change, *documents))
        return own

    def _change(self, delta: Delta, version: int | None) -> Change:
        attributes = (
            differing(self.before.document, self.document) if self.before and self.document else ()
        )
        return Change(
            "team" if attributes else "membership",
            self.gid,
            version,
            attributes,
            added=delta.add,
            removed=delta.remove,
        )

    def learn(self, context: ConnectionContext, canceled: TransactionCanceled) -> frozenset[str]:
        """Read the reasons of a cancelled transaction: who is already as he shall be.

        Raises:
            NotFound, Uniqueness, InvalidValue: trying again would not help.
        """
        key = context.keys.group(self.gid)
        if key in canceled.items:
            _wait(context, canceled.items[key])
            return frozenset()
        if key in canceled.unjudged:  # a member of a team that is gone is none
            return frozenset()
        if self.document is not None:
            _refuse_taken_name(context, self.gid, self.document, canceled)
        memberships.refuse_unknown(context, self.delta, canceled)
        return memberships.settled(context, self.gid, self.delta, canceled)


def _planned(
    context: ConnectionContext, gid: str, wanted: GroupChange, already: frozenset[str]
) -> _Attempt | None:
    """Say what is still to be done; None where nothing is.

    Raises:
        NotFound, PreconditionFailed: as `change`.
    """
    before = _read(context, gid, wanted) if wanted.reads else None
    document = wanted.edit(before.document) if wanted.edit and before else None
    if before and document is not None and canonical(document) == canonical(before.document):
        document = None
    delta = _delta(context, gid, wanted.members).without(already)
    if document is not None or delta:
        condition = _condition(before, wanted, document_changes=document is not None)
        return _Attempt(gid, before, document, delta, condition)
    # Who is there already has been told by a transaction that met the team.
    if before is None and not already and read_group(context, gid) is None:
        raise NotFound
    return None


def _read(context: ConnectionContext, gid: str, wanted: GroupChange) -> Group:
    group = read_group(context, gid)
    if group is not None and group.lease is not None:
        pending_changes.join(context, gid, group.lease)
        group = read_group(context, gid)
    if group is None:
        raise NotFound
    if wanted.precondition:
        wanted.precondition.require(group_version(group))
    return group


def _wait(context: ConnectionContext, row: Item | None) -> None:
    """See an operation through that holds the team; nothing where only a version differs.

    Raises:
        NotFound: the team is gone.
    """
    if row is None:
        raise NotFound
    group = group_of(row)
    if group.lease is not None:
        pending_changes.join(context, group.id, group.lease)


def _permitted(context: ConnectionContext, members: MemberChange) -> MemberChange:
    """Check whom a request names as members; an id that cannot be one is nobody's.

    Raises:
        InvalidValue: somebody who is to be in the team cannot be a user.
        PayloadTooLarge: they are more than the plan lets one request name.
    """
    wanted = members.add | (members.replace or frozenset())
    if unknown := sorted(uid for uid in wanted if not is_id(uid)):
        raise memberships.unknown(unknown[0])
    named = len(wanted | members.remove)
    if named > context.most_members:
        message = (
            f"members: this request names {named:,}; your plan takes {context.most_members:,} in "
            "one request. Send them in several."
        )
        raise PayloadTooLarge(message)
    return replace(members, remove=frozenset(filter(is_id, members.remove)))


def _delta(context: ConnectionContext, gid: str, members: MemberChange) -> Delta:
    if members.replace is None:
        return Delta(members.add, members.remove)
    present = frozenset(member_ids(context, gid))
    return Delta(members.replace - present, present - members.replace)


def _condition(before: Group | None, wanted: GroupChange, *, document_changes: bool) -> Condition:
    """Condition no more than the request depends on, so that strangers do not collide."""
    condition = EXISTS & absent("lease")
    if before and (document_changes or wanted.precondition):
        condition &= equals("v", before.version)
    if before and (wanted.members.replace is not None or wanted.precondition):
        condition &= equals("m", before.memberships)
    return condition


def _edited(before: Group | None, document: Document | None) -> Document:
    """Give the attributes of the team's row that a changed document sets."""
    if before is None or document is None:
        return {}
    row = replace(before, document=document, version=before.version + 1).row()
    return {name: row[name] for name in ("v", "doc", "shape")}


def _moved(context: ConnectionContext, before: Group, document: Document) -> Iterator[Action]:
    keys = context.keys
    yield from moved_lock(
        keys.group_name(before.document["displayName"]),
        keys.group_name(document["displayName"]),
        "gid",
        before.id,
    )
    yield from moved_indexes(
        group_index_keys(keys, before.id, before.document),
        group_index_keys(keys, before.id, document),
    )


def _refuse_taken_name(
    context: ConnectionContext, gid: str, document: Document, canceled: TransactionCanceled
) -> None:
    """Raise Uniqueness if another team holds the new name; this one may hold it already."""
    holder = canceled.items.get(context.keys.group_name(document["displayName"])) or {}
    if holder.get("gid", gid) != gid:
        raise Uniqueness(NAME_IN_USE) from canceled
