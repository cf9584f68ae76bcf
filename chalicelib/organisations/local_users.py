"""What an organisation itself says about a user: their account, and that they have a password.

Roles are in `assignments`, which changes the same item through `change`.
Only the operator links accounts. Nothing is linked by an e-mail address: an identity provider's
admin could otherwise choose whose account to take over by choosing an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations import audit
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.snapshot import OrganisationSnapshot, read_snapshot_for_change
from chalicelib.scim.comparison import compose
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Change, Document, User
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Check,
    Delete,
    Item,
    Put,
    absent,
    equals,
    equals_or_absent,
)
from chalicelib.storage.keys import ConnectionKeys, is_id
from chalicelib.storage.local_users import LocalUser
from chalicelib.storage.records import from_item, local_user, put_local_user, with_schema
from chalicelib.storage.settings_items import Connection

ACCOUNT_TAKEN = (
    "id: this account belongs to another user of the organisation, whom `id` of this response "
    "names. Unlink it there first."
)


@dataclass(frozen=True, slots=True)
class UserForChange:
    """A user with the settings of their organisation, and their local item as it was read."""

    snapshot: OrganisationSnapshot
    connection: Connection
    user: User
    local: LocalUser


@dataclass(frozen=True, slots=True)
class ChangeDescription:
    """How a change is published: its type and attribute in the feed, its values in the audit.

    Without a type it is not in the feed. `also` makes more actions of its transaction.
    """

    change_type: str | None
    attribute: str
    values: Callable[[UserForChange, LocalUser], Document]
    also: Callable[[AdminContext, LocalUser, LocalUser], Iterator[Action]] = lambda *_: iter(())


def link_account(
    admin: AdminContext, uid: str, account: str | None, *, password_set: bool = False
) -> None:
    """Set which account of the SaaS a user is, and that it has a password; None: no account.

    Raises:
        NotFound: no such user.
        Conflict: the account belongs to another user of the organisation; names them.
    """
    now = timestamp(admin.now()) if password_set else None

    def edit(current: UserForChange) -> LocalUser:
        at = current.local.password_set_at or now
        return replace(current.local, account=account, password_set_at=at)

    change(admin, uid, edit, ACCOUNT)


def user_of_account(admin: AdminContext, account: str) -> str | None:
    """Return the user of an account: 2 RCU.

    The account's own item stays when its user is deleted, so what counts is the user's.
    """
    return _owner_of(admin, account, admin.items.get(admin.keys.account(account)))


def _owner_of(admin: AdminContext, account: str, item: Item | None) -> str | None:
    uid = str(item["uid"]) if item else None
    found = admin.items.get(admin.keys.local_user(uid)) if uid else None
    own = found.get("account") if found else None
    return uid if own is not None and compose(own) == compose(account) else None


def _account_actions(admin: AdminContext, before: LocalUser, after: LocalUser) -> Iterator[Action]:
    """Release the account that a user had, and take the new one.

    Raises:
        Conflict: it belongs to another user.
    """
    released, key = (
        None if each.account is None else admin.keys.account(each.account)
        for each in (before, after)
    )
    if released == key:
        return
    if released is not None:
        yield Delete(released, equals_or_absent("uid", before.user))
    if key is not None and after.account is not None:
        item = admin.items.get(key)
        owner = _owner_of(admin, after.account, item)
        if owner not in {None, after.user}:
            raise Conflict(ACCOUNT_TAKEN, id=owner)
        unchanged = NEW if item is None else equals("uid", item["uid"])
        yield Put(key, with_schema({"uid": after.user}), unchanged)


def password_was_set(admin: AdminContext, uid: str) -> None:
    """Record that a user has set a password: from now on they sign in with it.

    Raises:
        NotFound: no such user.
    """
    now = timestamp(admin.now())

    def edit(current: UserForChange) -> LocalUser:
        return replace(current.local, password_set_at=current.local.password_set_at or now)

    change(admin, uid, edit, PASSWORD)


PASSWORD = ChangeDescription(
    None,
    "password_set",
    lambda _, local: {"password_set": local.password_set_at is not None},
)
ACCOUNT = ChangeDescription(
    "account",
    "account",
    lambda _, local: {} if local.account is None else {"account": local.account},
    _account_actions,
)


def change(
    admin: AdminContext,
    uid: str,
    edit: Callable[[UserForChange], LocalUser],
    description: ChangeDescription,
) -> None:
    """Change a user's local item; `edit` is repeated on a newer one where another write came first.

    The write depends on the version that was read and on the user, so no concurrent change is lost
    and none outlives its user. An edit that changes nothing writes nothing.

    Raises:
        NotFound: no such user, or they are being deleted.
        Conflict: the organisation is being deleted.
        Busy: other writes came first until the deadline.
    """
    snapshot = read_snapshot_for_change(admin)
    for _ in admin.items.deadline.attempts():
        current = _read(admin, snapshot, uid)
        after = edit(current)
        if after == current.local:
            return
        if admin.items.try_commit(list(_actions(admin, current, after, description))) is None:
            return


def _read(admin: AdminContext, snapshot: OrganisationSnapshot, uid: str) -> UserForChange:
    """Find a user in any of the connections, with their local item: one BatchGetItem."""
    if not is_id(uid) or not snapshot.connections:
        raise NotFound
    owners = {ConnectionKeys(each.id): each for each in snapshot.connections}
    items = admin.items.batch_get(key for own in owners for key in (own.user(uid), own.local(uid)))
    for own, connection in owners.items():
        user = from_item(User, items[own.user(uid)]) if own.user(uid) in items else None
        if user is not None and user.lease is None:
            local = local_user(uid, items.get(own.local(uid)))
            return UserForChange(snapshot, connection, user, local)
    raise NotFound


def _actions(
    admin: AdminContext,
    current: UserForChange,
    after: LocalUser,
    description: ChangeDescription,
) -> Iterator[Action]:
    keys, before, uid = ConnectionKeys(current.connection.id), current.local, current.user.id
    yield put_local_user(keys.local(uid), before, replace(after, version=before.version + 1))
    yield Check(keys.user(uid), EXISTS & absent("lease"))
    yield from description.also(admin, before, after)
    edit = Edit(
        "user",
        uid,
        before=description.values(current, before),
        after=description.values(current, after),
        action=f"{description.attribute}_changed",
    )
    yield audit.entry_item(admin, edit)
    if description.change_type is not None:
        change = Change(description.change_type, uid, attributes=[description.attribute])
        yield admin.change_item(change)
