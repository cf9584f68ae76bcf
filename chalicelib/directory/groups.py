"""Teams: create, read, change. One function per SCIM operation; deletes stand in `deletes`.

A PATCH that only adds or removes members reads nothing: one transaction, whatever the size of
the team. A team is read before its members, so an ETag is never newer than its body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chalicelib.directory import memberships
from chalicelib.directory.memberships import Delta
from chalicelib.directory.representation import group_resource, group_version
from chalicelib.directory.rows import member_ids, read_group
from chalicelib.directory.tenant import Tenant
from chalicelib.directory.users import Edit, differing, moved_indexes, moved_lock
from chalicelib.scim.errors import NotFound, Uniqueness
from chalicelib.scim.patch import MemberChange
from chalicelib.scim.preconditions import Precondition
from chalicelib.scim.schema import Resource
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Condition,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.items import Change, Document, Group, canonical, group_index_keys
from chalicelib.storage.transactions import Cancelled

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


def create(tenant: Tenant, document: Document, uids: frozenset[str]) -> Resource:
    """Create a team with these users in it: one transaction, 10 WCU and 6 a member.

    Raises:
        Uniqueness: another team has the displayName.
        InvalidValue: an id is no user of this connection; names it.
        PayloadTooLarge: more members than one transaction takes.
    """
    now = tenant.now()
    group = Group(
        id=tenant.clock.new_id(),
        version=1,
        memberships=0,
        size=len(uids),
        document=document,
        created=now,
        modified=now,
    )
    delta = Delta(add=uids)
    actions = _creation(tenant, group, delta)
    memberships.require_fit(delta, len(actions))
    try:
        tenant.rows.commit([*actions, *memberships.actions(tenant, group.id, delta)])
    except Cancelled as cancelled:
        memberships.settled(tenant, group.id, delta, cancelled)
        raise Uniqueness(NAME_IN_USE) from cancelled
    return group_resource(tenant, group, sorted(uids))


def _creation(tenant: Tenant, group: Group, delta: Delta) -> list[Action]:
    keys = tenant.keys
    change = Change(
        "team", group.id, group.version, attributes=sorted(group.document), added=delta.add
    )
    return [
        Put(keys.group(group.id), group.row(), NEW),
        Put(keys.group_name(group.document["displayName"]), {"gid": group.id}, NEW),
        *(Put(key) for key in group_index_keys(keys, group.id, group.document)),
        Update(keys.counter("G", group.id), add={"n": 1}),
        tenant.note(change),
    ]


def get(tenant: Tenant, gid: str, *, with_members: bool = True) -> Resource:
    """Read a team: 1 RCU, and 1 for each 4 KB of member rows where they are asked for.

    Raises:
        NotFound: no such team.
    """
    group = read_group(tenant, gid)
    if group is None:
        raise NotFound
    uids = list(member_ids(tenant, gid)) if with_members and group.size else []
    return group_resource(tenant, group, uids)


def get_if_small(tenant: Tenant, gid: str, most: int) -> Resource | None:
    """Read a team with its members; None where they are more than `most`, or it is gone."""
    group = read_group(tenant, gid)
    if group is None or group.size > most:
        return None
    uids = list(member_ids(tenant, gid, page=most + 1))
    return group_resource(tenant, group, uids) if len(uids) <= most else None


def change(tenant: Tenant, gid: str, wanted: GroupChange) -> None:
    """Change a team's document, its members, or both: one transaction.

    What is already so is left out; where nothing is left, nothing is written and the version
    stays. The read and the transaction start over when another writer came between.

    Raises:
        NotFound: no such team.
        PreconditionFailed: If-Match names another version.
        Uniqueness: another team has the new displayName.
        InvalidValue: an id to be added is no user of this connection; names it.
        PayloadTooLarge: more members than one transaction takes.
        Busy: still contended at the deadline.
    """
    already: frozenset[str] = frozenset()
    for _ in tenant.rows.deadline.attempts():
        attempt = _planned(tenant, gid, wanted, already)
        if attempt is None:
            return
        try:
            tenant.rows.commit(list(attempt.actions(tenant)))
        except Cancelled as cancelled:
            already |= attempt.learn(tenant, cancelled)
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

    def actions(self, tenant: Tenant) -> Iterator[Action]:
        """Make the actions of the transaction.

        Raises:
            PayloadTooLarge: they are too many.
        """
        own = list(self._own(tenant))
        memberships.require_fit(self.delta, len(own))
        yield from own
        yield from memberships.actions(tenant, self.gid, self.delta)

    def _own(self, tenant: Tenant) -> Iterator[Action]:
        moved = {"n": self.delta.growth, "m": 1} if self.delta else {}
        edited = _edited(self.before, self.document)
        yield Update(
            tenant.keys.group(self.gid),
            set={"modified": tenant.now()} | edited,
            add=moved,
            condition=self.condition,
        )
        yield tenant.note(self._change(edited.get("v")))
        if self.before is not None and self.document is not None:
            yield from _moved(tenant, self.before, self.document)

    def _change(self, version: int | None) -> Change:
        attributes = (
            differing(self.before.document, self.document) if self.before and self.document else ()
        )
        return Change(
            "team" if attributes else "membership",
            self.gid,
            version,
            attributes,
            added=self.delta.add,
            removed=self.delta.remove,
        )

    def learn(self, tenant: Tenant, cancelled: Cancelled) -> frozenset[str]:
        """Read the reasons of a cancelled transaction: who is already as he shall be.

        Raises:
            NotFound, Uniqueness, InvalidValue: trying again would not help.
        """
        row = tenant.keys.group(self.gid)
        if row in cancelled.rows:
            if cancelled.rows[row] is None:
                raise NotFound from cancelled
            return frozenset()
        if self.document is not None:
            _refuse_taken_name(tenant, self.gid, self.document, cancelled)
        return memberships.settled(tenant, self.gid, self.delta, cancelled)


def _planned(
    tenant: Tenant, gid: str, wanted: GroupChange, already: frozenset[str]
) -> _Attempt | None:
    """Say what is still to be done; None where nothing is.

    Raises:
        NotFound, PreconditionFailed: as `change`.
    """
    before = _read(tenant, gid, wanted) if wanted.reads else None
    document = wanted.edit(before.document) if wanted.edit and before else None
    if before and document is not None and canonical(document) == canonical(before.document):
        document = None
    delta = _delta(tenant, gid, wanted.members).without(already)
    if document is not None or delta:
        condition = _condition(before, wanted, document_changes=document is not None)
        return _Attempt(gid, before, document, delta, condition)
    if before is None and read_group(tenant, gid) is None:
        raise NotFound
    return None


def _read(tenant: Tenant, gid: str, wanted: GroupChange) -> Group:
    group = read_group(tenant, gid)
    if group is None:
        raise NotFound
    if wanted.precondition:
        wanted.precondition.require(group_version(group))
    return group


def _delta(tenant: Tenant, gid: str, members: MemberChange) -> Delta:
    if members.replace is None:
        return Delta(members.add, members.remove)
    present = frozenset(member_ids(tenant, gid))
    return Delta(members.replace - present, present - members.replace)


def _condition(before: Group | None, wanted: GroupChange, *, document_changes: bool) -> Condition:
    """Condition no more than the request depends on, so that strangers do not collide."""
    condition = EXISTS & absent("op")
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


def _moved(tenant: Tenant, before: Group, document: Document) -> Iterator[Action]:
    keys = tenant.keys
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


def _refuse_taken_name(tenant: Tenant, gid: str, document: Document, cancelled: Cancelled) -> None:
    """Raise Uniqueness if another team holds the new name; this one may hold it already."""
    holder = cancelled.rows.get(tenant.keys.group_name(document["displayName"])) or {}
    if holder.get("gid", gid) != gid:
        raise Uniqueness(NAME_IN_USE) from cancelled
