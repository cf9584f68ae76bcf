"""Users: create, read and change them. Deletes are in `deletes`.

A uniqueness item reserves each userName, so two creates cannot both succeed. A change is
conditioned on the version that was read, and starts over if another writer was first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import user_resource, user_version
from chalicelib.directory.stale_names import freed, try_commit
from chalicelib.errors import NotFound
from chalicelib.scim.errors import Uniqueness
from chalicelib.scim.preconditions import Precondition
from chalicelib.scim.schema import Resource
from chalicelib.storage.directory_items import Change, Document, User, canonical, index_keys
from chalicelib.storage.expressions import (
    NEW,
    Action,
    Delete,
    Put,
    Update,
    absent,
    equals,
    equals_or_absent,
)
from chalicelib.storage.keys import Key
from chalicelib.storage.lookups import UserWithGroups, groups_by_id, read_user, read_user_alone
from chalicelib.storage.records import to_item, update
from chalicelib.storage.transactions import TransactionCanceled

# Returns a changed copy of a document. It may be called again on a newer one.
Edit = Callable[[Document], Document]

NAME_IN_USE = (
    "userName: another user of this connection has this value. It must be unique; letter case "
    "is ignored."
)


def create(context: ConnectionContext, document: Document) -> Resource:
    """Create a user: one transaction, 12 WCU with an externalId and one e-mail address.

    A user without `active` is active. The connection's present default role is stored with
    the user.

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
    keys = context.keys
    change = Change("user", user.id, user.version, sorted(user.document))
    canceled = context.try_commit(
        [
            Put(keys.user(user.id), to_item(user), NEW),
            Put(keys.user_name(user.document["userName"]), {"uid": user.id}, NEW),
            *(Put(key) for key in sorted(index_keys(keys, user.id, user.document))),
            Update(keys.counter("U", user.id), add={"n": 1}),
            context.change_item(change, after=user.document),
        ],
        is_last=True,
    )
    if canceled is None:
        return user_resource(context, user, ())
    if freed(context, keys.user_name(user.document["userName"]), canceled):
        return create(context, document)
    raise Uniqueness(NAME_IN_USE) from canceled


def get(context: ConnectionContext, uid: str, *, with_groups: bool = True) -> Resource:
    """Return a user: 1 RCU, and 1 more for each of their groups if those are wanted.

    Raises:
        NotFound: the user does not exist.
    """
    found = read_user(context, uid) if with_groups else read_user_alone(context, uid)
    if found is None:
        raise NotFound
    return _resource(context, found)


def _resource(context: ConnectionContext, found: UserWithGroups) -> Resource:
    """Represent a user with their groups; a group that was deleted meanwhile is left out."""
    return user_resource(context, found.user, groups_by_id(context, found.group_ids).values())


def change(
    context: ConnectionContext, uid: str, edit: Edit, precondition: Precondition | None = None
) -> Resource:
    """Change a user's document, for PATCH and PUT: read, `edit`, one transaction.

    An edit that changes nothing writes nothing and keeps the version.

    Raises:
        NotFound: the user does not exist.
        PreconditionFailed: If-Match names another version.
        Uniqueness: another user has the new userName.
        Busy: still contended at the deadline.
    """
    for _ in context.items.deadline.attempts():
        found = _get_for_change(context, uid)
        before = found.user
        if precondition:
            precondition.of_document().require(user_version(before))
        document = edit(before.document)
        if canonical(document) == canonical(before.document):
            return _resource(context, found)
        after = replace(
            before, document=document, version=before.version + 1, modified=context.now()
        )
        canceled = try_commit(context, _change_actions(context, before, after), is_last=True)
        if canceled is None:
            return _resource(context, replace(found, user=after))
        _require_free_name(context, after, canceled)
    raise AssertionError  # pragma: no cover - attempts() ends by raising Busy


def _get_for_change(context: ConnectionContext, uid: str) -> UserWithGroups:
    """Read a user; if they are being deleted, finish that first.

    Raises:
        NotFound: the user does not exist.
    """
    found = read_user(context, uid)
    if found is None:
        raise NotFound
    if found.user.lease is not None:
        deletes.finish_user_delete(context, uid, found.user.lease)
        raise NotFound
    return found


def _change_actions(context: ConnectionContext, before: User, after: User) -> list[Action]:
    keys, uid = context.keys, after.id
    attributes = changed_attributes(before.document, after.document)
    return [
        update(keys.user(uid), after, equals("v", before.version) & absent("lease")),
        *move_uniqueness_item(
            keys.user_name(before.document["userName"]),
            keys.user_name(after.document["userName"]),
            {"uid": uid},
        ),
        *move_index_items(
            index_keys(keys, uid, before.document), index_keys(keys, uid, after.document)
        ),
        context.change_item(
            Change("user", uid, after.version, attributes), before.document, after.document
        ),
    ]


def _require_free_name(
    context: ConnectionContext, user: User, canceled: TransactionCanceled
) -> None:
    """Raise Uniqueness if another user has the new userName.

    This user has it already if another request made the same change.
    """
    name = context.keys.user_name(user.document["userName"])
    owner = canceled.items.get(name) or {}
    if owner.get("uid", user.id) != user.id and not freed(context, name, canceled):
        raise Uniqueness(NAME_IN_USE) from canceled


# --- shared with groups -----------------------------------------------------------------------


def move_uniqueness_item(before: Key, after: Key, owner: dict[str, str]) -> list[Action]:
    """Return the actions that free a name and reserve another for `owner`, such as {"uid": id}.

    A change of letter case alone has one key, which a transaction may not name twice.
    """
    if before == after:
        return []
    ((attribute, resource_id),) = owner.items()
    # Of a damaged table the old name may have no item; there is nothing to free then.
    return [Delete(before, equals_or_absent(attribute, resource_id)), Put(after, owner, NEW)]


def move_index_items(before: frozenset[Key], after: frozenset[Key]) -> list[Action]:
    """Return the actions that delete and write the index items that differ."""
    return [
        *(Delete(key) for key in sorted(before - after)),
        *(Put(key) for key in sorted(after - before)),
    ]


def changed_attributes(before: Document, after: Document) -> Sequence[str]:
    """Return the names of the attributes whose values differ."""
    return sorted(
        name
        for name in before.keys() | after.keys()
        if canonical({"": before.get(name)}) != canonical({"": after.get(name)})
    )
