"""The teams of an organisation, over all of its connections, and who is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations import users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import START, UNKNOWN_CURSOR, Page, Position, spans
from chalicelib.organisations.snapshot import OrganisationSnapshot, connection_scope, read_snapshot
from chalicelib.organisations.users import MOST_SEARCHED, TOO_MANY, ConnectionUser, OrganisationUser
from chalicelib.scim.comparison import fold
from chalicelib.storage.directory_items import Group, group_of, user_of
from chalicelib.storage.keys import LAST, Range, is_id
from chalicelib.storage.lookups import UserWithGroups, group_by_name, member_ids, read_group
from chalicelib.storage.settings_items import Connection


@dataclass(frozen=True, slots=True)
class OrganisationGroup:
    """A team, and the connection that it came by."""

    group: Group
    connection: Connection

    @property
    def position(self) -> Position:
        """Its place in a list."""
        return Position(self.connection.id, self.group.id)


def list_groups(
    admin: AdminContext, size: int, after: Position = START, search: str | None = None
) -> Page[OrganisationGroup]:
    """List teams, all of them or those whose name begins with a text.

    Raises:
        NotFound: no such organisation.
        BadRequest: there are too many teams to be compared with a name.
    """
    snapshot = read_snapshot(admin)
    found = list(islice(_found(admin, snapshot, after, search, size), size + 1))
    page = found[:size]
    return Page(page, page[-1].position.cursor() if len(found) > size else None)


def _found(
    admin: AdminContext,
    snapshot: OrganisationSnapshot,
    after: Position,
    search: str | None,
    size: int,
) -> Iterator[OrganisationGroup]:
    if search is None:
        return _all(admin, snapshot, after, size + 1)
    if users.count(admin, snapshot, "G") <= MOST_SEARCHED:
        beginning = fold(search)
        return (each for each in _all(admin, snapshot, after) if _name(each).startswith(beginning))
    return _named(admin, snapshot, search, after)


def _all(
    admin: AdminContext, snapshot: OrganisationSnapshot, after: Position, page: int | None = None
) -> Iterator[OrganisationGroup]:
    for connection, low in spans(snapshot, after):
        scope = connection_scope(admin, connection)
        for row in scope.items.query(Range(scope.keys.groups, low, LAST), page=page):
            yield OrganisationGroup(group_of(row), connection)


def _named(
    admin: AdminContext, snapshot: OrganisationSnapshot, name: str, after: Position
) -> Iterator[OrganisationGroup]:
    owned = (
        (each, group_by_name(connection_scope(admin, each), name)) for each in snapshot.connections
    )
    teams = [OrganisationGroup(group, connection) for connection, group in owned if group]
    hits = [each for each in teams if _name(each) == fold(name)]
    if not hits:
        raise BadRequest(TOO_MANY)
    return (each for each in hits if each.position > after)


def _name(team: OrganisationGroup) -> str:
    return fold(team.group.document["displayName"])


def get(admin: AdminContext, gid: str) -> OrganisationGroup:
    """Read a team.

    Raises:
        NotFound: no such organisation, or no such team in one of its connections.
    """
    return _find(admin, read_snapshot(admin), gid)


def _find(admin: AdminContext, snapshot: OrganisationSnapshot, gid: str) -> OrganisationGroup:
    for connection in snapshot.connections if is_id(gid) else ():
        group = read_group(connection_scope(admin, connection), gid)
        if group is not None:
            return OrganisationGroup(group, connection)
    raise NotFound


def list_members(
    admin: AdminContext, gid: str, size: int, after: str = ""
) -> Page[OrganisationUser]:
    """List the members of a team in the order of their ids, without the teams that they are in.

    One who is deleted while the page is read is left out.

    Raises:
        NotFound: no such organisation, or no such team.
        BadRequest: the cursor is none that this list has given.
    """
    if after and not is_id(after):
        raise BadRequest(UNKNOWN_CURSOR)
    snapshot = read_snapshot(admin)
    connection = _find(admin, snapshot, gid).connection
    scope = connection_scope(admin, connection)
    ids = list(islice(member_ids(scope, gid, page=size + 1, after=after), size + 1))
    next_cursor = ids[size - 1] if len(ids) > size else None
    return Page(_people(admin, snapshot, connection, ids[:size]), next_cursor)


def _people(
    admin: AdminContext, snapshot: OrganisationSnapshot, connection: Connection, ids: list[str]
) -> list[OrganisationUser]:
    keys = [connection_scope(admin, connection).keys.user(uid) for uid in ids]
    rows = admin.items.batch_get(keys)
    found_users = [user_of(rows[key]) for key in keys if key in rows]
    found = [ConnectionUser(connection, UserWithGroups(user, ())) for user in found_users]
    locals_ = users.local_users_by_id(admin, found)
    return [
        users.organisation_user(snapshot, connection, user, locals_[user.id])
        for user in found_users
    ]
