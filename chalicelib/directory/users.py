"""Users: create, read, change. One function per SCIM operation; deletes stand in `deletes`.

A userName is held by a lock row, so two creates cannot both win. A change is conditioned on
the version that was read and starts over when another came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chalicelib.directory import deletes
from chalicelib.directory.representation import user_resource, user_version
from chalicelib.directory.tenant import Tenant
from chalicelib.scim.errors import NotFound, Uniqueness
from chalicelib.scim.preconditions import Precondition
from chalicelib.scim.schema import Resource
from chalicelib.storage.expressions import NEW, Action, Delete, Put, Update, absent, equals
from chalicelib.storage.items import Change, Document, User, canonical, index_keys
from chalicelib.storage.keys import Key
from chalicelib.storage.rows import UserRows, groups_by_id, read_user
from chalicelib.storage.transactions import Cancelled

Edit = Callable[[Document], Document]

NAME_IN_USE = "userName: another user of this connection has this userName (letter case ignored)."


def create(tenant: Tenant, document: Document) -> Resource:
    """Create a user: one transaction, 12 WCU with externalId and one e-mail.

    Without `active` he is active. The connection's default role of this moment is noted.

    Raises:
        Uniqueness: another user has the userName.
    """
    now = tenant.now()
    user = User(
        id=tenant.clock.new_id(),
        version=1,
        joins=0,
        document={"active": True} | document,
        granted_role=tenant.default_role,
        created=now,
        modified=now,
    )
    try:
        tenant.rows.commit(_creation(tenant, user))
    except Cancelled as cancelled:
        raise Uniqueness(NAME_IN_USE) from cancelled
    return user_resource(tenant, user, ())


def _creation(tenant: Tenant, user: User) -> list[Action]:
    keys = tenant.keys
    return [
        Put(keys.user(user.id), user.row(), NEW),
        Put(keys.user_name(user.document["userName"]), {"uid": user.id}, NEW),
        *(Put(key) for key in sorted(index_keys(keys, user.id, user.document))),
        Update(keys.counter("U", user.id), add={"n": 1}),
        tenant.note(
            Change("user", user.id, user.version, sorted(user.document)), after=user.document
        ),
    ]


def get(tenant: Tenant, uid: str, *, with_groups: bool = True) -> Resource:
    """Read a user: 1 RCU, and 1 for each of his teams where they are asked for.

    Raises:
        NotFound: no such user.
    """
    rows = read_user(tenant, uid)
    if rows is None:
        raise NotFound
    return represent(tenant, rows, with_groups=with_groups)


def represent(tenant: Tenant, rows: UserRows, *, with_groups: bool) -> Resource:
    """Represent a user with his teams; those that are gone meanwhile are left out."""
    joined = groups_by_id(tenant, rows.group_ids if with_groups else ())
    return user_resource(tenant, rows.user, joined.values())


def change(
    tenant: Tenant, uid: str, edit: Edit, precondition: Precondition | None = None
) -> Resource:
    """Change a user's document: read, `edit`, and one transaction; PATCH and PUT both.

    `edit` may be called again on a newer document. An edit that changes nothing writes nothing
    and keeps the version.

    Raises:
        NotFound: no such user.
        PreconditionFailed: If-Match names another version.
        Uniqueness: another user has the new userName.
        Busy: still contended at the deadline.
    """
    for _ in tenant.rows.deadline.attempts():
        rows = _standing(tenant, uid)
        if precondition:
            precondition.require(user_version(rows.user))
        edited = edit(rows.user.document)
        if canonical(edited) == canonical(rows.user.document):
            return represent(tenant, rows, with_groups=True)
        changed = replace(
            rows.user, document=edited, version=rows.user.version + 1, modified=tenant.now()
        )
        if _committed(tenant, rows.user, changed):
            return represent(tenant, replace(rows, user=changed), with_groups=True)
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _standing(tenant: Tenant, uid: str) -> UserRows:
    """Read a user who is not being deleted; a delete that is under way is finished first."""
    rows = read_user(tenant, uid)
    if rows is not None and rows.user.operation is not None:
        deletes.finish_user(tenant, uid, rows.user.operation)
        rows = None
    if rows is None:
        raise NotFound
    return rows


def _committed(tenant: Tenant, before: User, after: User) -> bool:
    """Write a change; false where another writer came first."""
    try:
        tenant.rows.commit(_changes(tenant, before, after))
    except Cancelled as cancelled:
        _refuse_taken_name(tenant, after, cancelled)
        return False
    return True


def _refuse_taken_name(tenant: Tenant, user: User, cancelled: Cancelled) -> None:
    """Raise Uniqueness if somebody else holds the new name.

    The holder may be this very user, when the same change was made by another request.
    """
    holder = cancelled.rows.get(tenant.keys.user_name(user.document["userName"])) or {}
    if holder.get("uid", user.id) != user.id:
        raise Uniqueness(NAME_IN_USE) from cancelled


def _changes(tenant: Tenant, before: User, after: User) -> list[Action]:
    keys = tenant.keys
    row = after.row()
    return [
        Update(
            keys.user(after.id),
            set={name: row[name] for name in ("v", "doc", "modified", "shape")},
            condition=equals("v", before.version) & absent("op"),
        ),
        *moved_lock(
            keys.user_name(before.document["userName"]),
            keys.user_name(after.document["userName"]),
            "uid",
            after.id,
        ),
        *moved_indexes(
            index_keys(keys, after.id, before.document), index_keys(keys, after.id, after.document)
        ),
        tenant.note(
            Change("user", after.id, after.version, differing(before.document, after.document)),
            before.document,
            after.document,
        ),
    ]


def moved_lock(before: Key, after: Key, owner: str, resource_id: str) -> list[Action]:
    """Move a name's lock; a change of letter case alone moves nothing."""
    if before == after:
        return []
    return [
        Delete(before, equals(owner, resource_id)),
        Put(after, {owner: resource_id}, NEW),
    ]


def moved_indexes(before: frozenset[Key], after: frozenset[Key]) -> list[Action]:
    """Delete and write the index rows that differ; none is named twice."""
    gone: Sequence[Action] = [Delete(key) for key in sorted(before - after)]
    come: Sequence[Action] = [Put(key) for key in sorted(after - before)]
    return [*gone, *come]


def differing(before: Document, after: Document) -> Sequence[str]:
    """Name the attributes whose values differ."""
    names: Iterable[str] = before.keys() | after.keys()
    return sorted(
        name
        for name in names
        if canonical({"": before.get(name)}) != canonical({"": after.get(name)})
    )
