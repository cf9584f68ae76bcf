"""The groups of an organisation, over all of its connections, and their members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations import users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import (
    FIRST_PAGE,
    UNKNOWN_CURSOR,
    ListCursor,
    Page,
    take_page,
)
from chalicelib.organisations.snapshot import (
    OrganisationSnapshot,
    connection_scope,
    read_snapshot,
)
from chalicelib.organisations.users import (
    MAX_SEARCHED,
    TOO_MANY,
    ConnectionUser,
    OrganisationUser,
)
from chalicelib.scim.comparison import fold_group_name
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.keys import is_id
from chalicelib.storage.lookups import group_by_name, member_ids, read_group
from chalicelib.storage.records import from_item
from chalicelib.storage.settings_items import Connection


@dataclass(frozen=True, slots=True)
class OrganisationGroup:
    """A group, and the connection that it came by."""

    group: Group
    connection: Connection

    @property
    def cursor(self) -> ListCursor:
        """The cursor of a page that ends with this group."""
        return ListCursor(self.connection.id, self.group.id)

    @property
    def folded_name(self) -> str:
        """The name, for comparison without regard to letter case."""
        return fold_group_name(self.group.document["displayName"])


def list_groups(
    admin: AdminContext, size: int, after: ListCursor = FIRST_PAGE, search: str | None = None
) -> Page[OrganisationGroup]:
    """List the groups, all of them or those whose name begins with `search`.

    Raises:
        NotFound: no such organisation.
        BadRequest: there are too many groups to compare their names.
    """
    snapshot = read_snapshot(admin)
    if search is None:
        found = _all_groups(admin, snapshot, after, size + 1)
    elif users.count(admin, snapshot, "G") <= MAX_SEARCHED:
        prefix, every = fold_group_name(search), _all_groups(admin, snapshot, after)
        found = (each for each in every if each.folded_name.startswith(prefix))
    else:
        found = _groups_named(admin, snapshot, search, after)
    return take_page(found, size, lambda last: last.cursor.text())


def _all_groups(
    admin: AdminContext,
    snapshot: OrganisationSnapshot,
    after: ListCursor,
    page: int | None = None,
) -> Iterator[OrganisationGroup]:
    for connection, low in snapshot.connections_after(after):
        scope = connection_scope(admin, connection)
        for item in scope.items.query(scope.keys.groups_from(low), page=page):
            yield OrganisationGroup(from_item(Group, item), connection)


def _groups_named(
    admin: AdminContext, snapshot: OrganisationSnapshot, name: str, after: ListCursor
) -> Iterator[OrganisationGroup]:
    """Find groups by their whole name, in each connection.

    Raises:
        BadRequest: none has this name, and there are too many to search by a part of it.
    """
    found = ((group_by_name(connection_scope(admin, c), name), c) for c in snapshot.connections)
    groups = [OrganisationGroup(group, connection) for group, connection in found if group]
    matches = [each for each in groups if each.folded_name == fold_group_name(name)]
    if not matches:
        raise BadRequest(TOO_MANY)
    return (each for each in matches if each.cursor > after)


def get(admin: AdminContext, gid: str) -> OrganisationGroup:
    """Read a group.

    Raises:
        NotFound: no such organisation, or no such group in any of its connections.
    """
    return _get(admin, read_snapshot(admin), gid)


def _get(admin: AdminContext, snapshot: OrganisationSnapshot, gid: str) -> OrganisationGroup:
    for connection in snapshot.connections if is_id(gid) else ():
        group = read_group(connection_scope(admin, connection), gid)
        if group is not None:
            return OrganisationGroup(group, connection)
    raise NotFound


def list_members(
    admin: AdminContext, gid: str, size: int, after: str = ""
) -> Page[OrganisationUser]:
    """List the members of a group in the order of their ids, without the members' groups.

    A user who is deleted while the page is read is left out.

    Raises:
        NotFound: no such organisation, or no such group.
        BadRequest: this list has not returned such a cursor.
    """
    if after and not is_id(after):
        raise BadRequest(UNKNOWN_CURSOR)
    snapshot = read_snapshot(admin)
    connection = _get(admin, snapshot, gid).connection
    scope = connection_scope(admin, connection)
    ids = take_page(member_ids(scope, gid, page=size + 1, after=after), size, str)
    items = scope.items.batch_get(map(scope.keys.user, ids.items))
    members = [
        from_item(User, items[key]) for key in map(scope.keys.user, ids.items) if key in items
    ]
    found = [ConnectionUser(connection, user, ()) for user in members]
    local_users = users.local_users_by_id(admin, found)
    return Page(
        [
            users.organisation_user(snapshot, connection, user, local_users[user.id])
            for user in members
        ],
        ids.next_cursor,
    )
