"""Users: create, read, change. One function per SCIM operation; deletes stand in `deletes`.

A userName is held by a lock row, so two creates cannot both win. A change is conditioned on
the version that was read and starts over when another came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import user_resource, user_version
from chalicelib.errors import NotFound
from chalicelib.scim.errors import Uniqueness
from chalicelib.scim.preconditions import Precondition
from chalicelib.scim.schema import Resource
from chalicelib.storage.directory_items import Change, Document, User, canonical, index_keys
from chalicelib.storage.expressions import NEW, Action, Delete, Put, Update, absent, equals
from chalicelib.storage.keys import Key
from chalicelib.storage.lookups import UserWithGroups, groups_by_id, read_user
from chalicelib.storage.transactions import TransactionCanceled

Edit = Callable[[Document], Document]

NAME_IN_USE = "userName: another user of this connection has this userName (letter case ignored)."


def create(context: ConnectionContext, document: Document) -> Resource:
    """Create a user: one transaction, 12 WCU with externalId and one e-mail.

    Without `active` he is active. The connection's default role of this moment is noted.

    Raises:
        Uniqueness: another user has the userName.
    """
    now = context.now()
    user = User(
        id=context.clock.new_id(),
        version=1,
        joins=0,
        document={"active": True} | document,
        granted_role=context.default_role,
        created=now,
        modified=now,
    )
    try:
        context.items.commit(_creation(context, user))
    except TransactionCanceled as canceled:
        raise Uniqueness(NAME_IN_USE) from canceled
    return user_resource(context, user, ())


def _creation(context: ConnectionContext, user: User) -> list[Action]:
    keys = context.keys
    return [
        Put(keys.user(user.id), user.row(), NEW),
        Put(keys.user_name(user.document["userName"]), {"uid": user.id}, NEW),
        *(Put(key) for key in sorted(index_keys(keys, user.id, user.document))),
        Update(keys.counter("U", user.id), add={"n": 1}),
        context.change_item(
            Change("user", user.id, user.version, sorted(user.document)), after=user.document
        ),
    ]


def get(context: ConnectionContext, uid: str, *, with_groups: bool = True) -> Resource:
    """Read a user: 1 RCU, and 1 for each of his teams where they are asked for.

    Raises:
        NotFound: no such user.
    """
    rows = read_user(context, uid)
    if rows is None:
        raise NotFound
    return represent(context, rows, with_groups=with_groups)


def represent(context: ConnectionContext, rows: UserWithGroups, *, with_groups: bool) -> Resource:
    """Represent a user with his teams; those that are gone meanwhile are left out."""
    joined = groups_by_id(context, rows.group_ids if with_groups else ())
    return user_resource(context, rows.user, joined.values())


def change(
    context: ConnectionContext, uid: str, edit: Edit, precondition: Precondition | None = None
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
    for _ in context.items.deadline.attempts():
        rows = _standing(context, uid)
        if precondition:
            precondition.require(user_version(rows.user))
        edited = edit(rows.user.document)
        if canonical(edited) == canonical(rows.user.document):
            return represent(context, rows, with_groups=True)
        changed = replace(
            rows.user, document=edited, version=rows.user.version + 1, modified=context.now()
        )
        canceled = context.items.try_commit(_changes(context, rows.user, changed))
        if canceled is None:
            return represent(context, replace(rows, user=changed), with_groups=True)
        _refuse_taken_name(context, changed, canceled)
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _standing(context: ConnectionContext, uid: str) -> UserWithGroups:
    """Read a user who is not being deleted; a delete that is under way is finished first."""
    rows = read_user(context, uid)
    if rows is not None and rows.user.lease is not None:
        deletes.finish_user(context, uid, rows.user.lease)
        rows = None
    if rows is None:
        raise NotFound
    return rows


def _refuse_taken_name(
    context: ConnectionContext, user: User, canceled: TransactionCanceled
) -> None:
    """Raise Uniqueness if somebody else holds the new name.

    The holder may be this very user, when the same change was made by another request.
    """
    holder = canceled.items.get(context.keys.user_name(user.document["userName"])) or {}
    if holder.get("uid", user.id) != user.id:
        raise Uniqueness(NAME_IN_USE) from canceled


def _changes(context: ConnectionContext, before: User, after: User) -> list[Action]:
    keys = context.keys
    row = after.row()
    return [
        Update(
            keys.user(after.id),
            set={name: row[name] for name in ("v", "doc", "modified", "shape")},
            condition=equals("v", before.version) & absent("lease"),
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
        context.change_item(
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
