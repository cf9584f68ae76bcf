"""Find and list the users of an organisation, with their roles, groups and accounts.

A user is looked up by key (id, userName, externalId, e-mail address), or listed page by page. A
search for the beginning of a name compares all users; above a limit it is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.assignments import EffectiveRole, effective_roles
from chalicelib.organisations.local_users import user_of_account
from chalicelib.organisations.paging import FIRST_PAGE, ListCursor, Page, take_page
from chalicelib.organisations.snapshot import (
    OrganisationSnapshot,
    connection_scope,
    read_snapshot,
)
from chalicelib.scim.comparison import compose, fold
from chalicelib.storage.directory_items import Document, Group, User
from chalicelib.storage.keys import ConnectionKeys, ResourceClass, is_id
from chalicelib.storage.local_users import LocalUser
from chalicelib.storage.lookups import (
    ConnectionScope,
    UserWithGroups,
    groups_by_id,
    read_user,
    user_by_name,
    users_by_email,
    users_by_external_id,
    users_of,
)
from chalicelib.storage.records import local_user
from chalicelib.storage.settings_items import Connection

MAX_SEARCHED = 10_000
MAX_EXAMINED = 2_000

TOO_MANY = (
    f"search: the beginning of a name finds users and teams of up to {MAX_SEARCHED:,}; this "
    "organisation has more. Enter the whole e-mail address or userName of a user, or the whole "
    "name of a team."
)


@dataclass(frozen=True, slots=True)
class ConnectionUser:
    """A user with the ids of their groups, and the connection that provisions them."""

    connection: Connection
    user: User
    group_ids: tuple[str, ...]

    @property
    def cursor(self) -> ListCursor:
        """The cursor of a page that ends with this user."""
        return ListCursor(self.connection.id, self.user.id)


@dataclass(frozen=True, slots=True)
class OrganisationUser:
    """A user with what provisioning and the organisation store about them.

    `groups` is None if they have not been read.
    """

    user: User
    connection: Connection
    local: LocalUser
    roles: tuple[EffectiveRole, ...]
    groups: tuple[Group, ...] | None = None

    @property
    def active(self) -> bool:
        """Tell whether the user may use the SaaS."""
        return is_active(self.user, self.connection)


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Which users to list, and how many.

    `linked` selects users with an account (True) or without one (False). With `linked`, at most
    `examined` users are read for a page, even if fewer match than `size`.
    """

    size: int
    after: ListCursor = FIRST_PAGE
    search: str | None = None
    linked: bool | None = None
    examined: int = MAX_EXAMINED


def is_active(user: User, connection: Connection) -> bool:
    """Tell whether a user is active in the directory and the connection has not deactivated all."""
    return bool(user.document.get("active", False)) and not connection.users_are_inactive


# --- lists ------------------------------------------------------------------------------------


def list_users(admin: AdminContext, query: UserQuery) -> Page[OrganisationUser]:
    """List users with their roles, groups and accounts.

    Raises:
        NotFound: no such organisation.
        BadRequest: there are too many users to compare their names.
    """
    snapshot = read_snapshot(admin)
    to_read = query.size if query.linked is None else query.examined
    examined = take_page(_find_users(admin, snapshot, query, to_read), to_read, _cursor_text)
    local_users = local_users_by_id(admin, examined.items)
    matches = (
        each
        for each in examined.items
        if query.linked in (None, local_users[each.user.id].account is not None)
    )
    page = take_page(matches, query.size, _cursor_text)
    return Page(
        _with_details(admin, snapshot, page.items, local_users),
        page.next_cursor or examined.next_cursor,
    )


def _cursor_text(last: ConnectionUser) -> str:
    return last.cursor.text()


def _find_users(
    admin: AdminContext, snapshot: OrganisationSnapshot, query: UserQuery, to_read: int
) -> Iterator[ConnectionUser]:
    """Yield users in the order of lists: all, or those that `query.search` finds.

    The text is the beginning of a name; with an `@`, or in an organisation with too many users
    to compare, it is a whole e-mail address or userName.
    """
    text = query.search
    if text is None:
        return _all_users(admin, snapshot, query.after, to_read + 1)
    is_address = "@" in text
    if not is_address and count(admin, snapshot, "U") <= MAX_SEARCHED:
        prefix, every = fold(text), _all_users(admin, snapshot, query.after)
        return (each for each in every if _has_name_with_prefix(each.user, prefix))
    found = list(look_up(admin, snapshot, ("user_name", "email"), text))
    if not found and not is_address:
        raise BadRequest(TOO_MANY)
    return (each for each in found if each.cursor > query.after)


def _all_users(
    admin: AdminContext,
    snapshot: OrganisationSnapshot,
    after: ListCursor,
    page: int | None = None,
) -> Iterator[ConnectionUser]:
    for connection, low in snapshot.connections_after(after):
        scope = connection_scope(admin, connection)
        for found in users_of(scope.items.query(scope.keys.users_from(low), page=page)):
            yield ConnectionUser(connection, found.user, found.group_ids)


def count(admin: AdminContext, snapshot: OrganisationSnapshot, class_: ResourceClass) -> int:
    """Count the users or groups of an organisation: one Query per connection."""
    counters = (
        item
        for connection in snapshot.connections
        for item in admin.items.query(ConnectionKeys(connection.id).counters(class_))
    )
    return sum(item["n"] for item in counters)


def _has_name_with_prefix(user: User, prefix: str) -> bool:
    """Tell whether any name of a user begins with a folded `prefix`."""
    document = user.document
    name = document.get("name", {})
    names = [document.get(each, "") for each in ("userName", "displayName", "nickName")]
    names += [name.get(each, "") for each in ("formatted", "givenName", "familyName")]
    return any(fold(each).startswith(prefix) for each in names)


# --- look-ups ---------------------------------------------------------------------------------


def get(admin: AdminContext, uid: str) -> OrganisationUser:
    """Read a user.

    Raises:
        NotFound: no such organisation, or no such user in any of its connections.
    """
    found = _find(admin, read_snapshot(admin), uid)
    if found is None:
        raise NotFound
    return found


def find_by_account(admin: AdminContext, account: str) -> tuple[OrganisationUser, ...]:
    """Find the user who has an account of the SaaS: one, or nobody.

    Raises:
        NotFound: no such organisation.
    """
    snapshot, uid = read_snapshot(admin), user_of_account(admin, account)
    found = _find(admin, snapshot, uid) if uid else None
    return () if found is None else (found,)


def _find(admin: AdminContext, snapshot: OrganisationSnapshot, uid: str) -> OrganisationUser | None:
    for connection in snapshot.connections if is_id(uid) else ():
        found = read_user(connection_scope(admin, connection), uid)
        if found is not None:
            users = [ConnectionUser(connection, found.user, found.group_ids)]
            (user,) = _with_details(admin, snapshot, users, local_users_by_id(admin, users))
            return user
    return None


def resolve(admin: AdminContext, key: str, value: str) -> tuple[OrganisationUser, ...]:
    """Find all users whose `key` (`user_name`, `external_id` or `email`) has this value.

    Raises:
        NotFound: no such organisation.
    """
    snapshot = read_snapshot(admin)
    found = list(look_up(admin, snapshot, (key,), value))
    return _with_details(admin, snapshot, found, local_users_by_id(admin, found))


def look_up(
    admin: AdminContext, snapshot: OrganisationSnapshot, keys: Iterable[str], value: str
) -> Iterator[ConnectionUser]:
    """Yield the users with `value` in one of these attributes, in the order of lists."""
    for connection in snapshot.connections:
        scope = connection_scope(admin, connection)
        found = {
            each.user.id: ConnectionUser(connection, each.user, each.group_ids)
            for key in keys
            for each in LOOK_UPS[key](scope, value)
        }
        yield from (found[uid] for uid in sorted(found))


# A value can change between the look-up by its key and the read of its user.
def has_user_name(document: Document, name: str) -> bool:
    """Tell whether a user has this userName, without regard to letter case."""
    return fold(document["userName"]) == fold(name)


def has_email(document: Document, address: str) -> bool:
    """Tell whether a user has this e-mail address, without regard to letter case."""
    return any(fold(each.get("value", "")) == fold(address) for each in document.get("emails", ()))


def _by_user_name(scope: ConnectionScope, name: str) -> list[UserWithGroups]:
    found = user_by_name(scope, name)
    return [found] if found else []


def _by_external_id(scope: ConnectionScope, value: str) -> list[UserWithGroups]:
    found = users_by_external_id(scope, value)
    return [
        each
        for each in found
        if compose(each.user.document.get("externalId", "")) == compose(value)
    ]


def _by_email(scope: ConnectionScope, address: str) -> list[UserWithGroups]:
    found = users_by_email(scope, address)
    return [each for each in found if has_email(each.user.document, address)]


LOOK_UPS: Mapping[str, Callable[[ConnectionScope, str], list[UserWithGroups]]] = {
    "user_name": _by_user_name,
    "external_id": _by_external_id,
    "email": _by_email,
}


# --- what belongs to a user -------------------------------------------------------------------


def local_users_by_id(admin: AdminContext, users: Sequence[ConnectionUser]) -> dict[str, LocalUser]:
    """Read the accounts, roles and passwords that the organisation stores for users."""
    keys = {each.user.id: ConnectionKeys(each.connection.id) for each in users}
    items = admin.items.batch_get(own.local(uid) for uid, own in keys.items()) if keys else {}
    return {uid: local_user(uid, items.get(own.local(uid))) for uid, own in keys.items()}


def _with_details(
    admin: AdminContext,
    snapshot: OrganisationSnapshot,
    users: Sequence[ConnectionUser],
    local_users: Mapping[str, LocalUser],
) -> tuple[OrganisationUser, ...]:
    groups: dict[str, Group] = {}
    for connection, own in groupby(users, key=lambda each: each.connection):
        ids = (gid for each in own for gid in each.group_ids)
        groups |= groups_by_id(connection_scope(admin, connection), ids)
    return tuple(
        organisation_user(
            snapshot,
            each.connection,
            each.user,
            local_users[each.user.id],
            tuple(groups[gid] for gid in each.group_ids if gid in groups),
        )
        for each in users
    )


def organisation_user(
    snapshot: OrganisationSnapshot,
    connection: Connection,
    user: User,
    local: LocalUser,
    groups: tuple[Group, ...] | None = None,
) -> OrganisationUser:
    """Combine a user with their local data and their effective roles."""
    roles = effective_roles(snapshot, connection, user, local)
    return OrganisationUser(user, connection, local, roles, groups)
