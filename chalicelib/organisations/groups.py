"""The teams of an organisation, over all of its connections, and who is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations import snapshot, users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import START, UNKNOWN_CURSOR, Page, Position, spans
from chalicelib.organisations.snapshot import OrganisationSnapshot, view
from chalicelib.organisations.users import MOST_SEARCHED, TOO_MANY, Found, Person
from chalicelib.scim.comparison import fold
from chalicelib.storage.directory_items import Group, group_of, user_of
from chalicelib.storage.keys import LAST, Range, is_id
from chalicelib.storage.lookups import UserWithGroups, group_by_name, member_ids, read_group
from chalicelib.storage.settings_items import Connection


@dataclass(frozen=True, slots=True)
class Team:
    """A team, and the connection that it came by."""

    group: Group
    connection: Connection

    @property
    def position(self) -> Position:
        """Its place in a list."""
        return Position(self.connection.id, self.group.id)


def listed(
    admin: AdminContext, size: int, after: Position = START, search: str | None = None
) -> Page[Team]:
    """List teams, all of them or those whose name begins with a text.

    Raises:
        NotFound: no such organisation.
        BadRequest: there are too many teams to be compared with a name.
    """
    around = snapshot.read(admin)
    found = list(islice(_found(admin, around, after, search, size), size + 1))
    page = found[:size]
    return Page(page, page[-1].position.cursor() if len(found) > size else None)


def _found(
    admin: AdminContext,
    around: OrganisationSnapshot,
    after: Position,
    search: str | None,
    size: int,
) -> Iterator[Team]:
    if search is None:
        return _all(admin, around, after, size + 1)
    if users.count(admin, around, "G") <= MOST_SEARCHED:
        beginning = fold(search)
        return (each for each in _all(admin, around, after) if _name(each).startswith(beginning))
    return _named(admin, around, search, after)


def _all(
    admin: AdminContext, around: OrganisationSnapshot, after: Position, page: int | None = None
) -> Iterator[Team]:
    for connection, low in spans(around, after):
        scope = view(admin, connection)
        for row in scope.items.query(Range(scope.keys.groups, low, LAST), page=page):
            yield Team(group_of(row), connection)


def _named(
    admin: AdminContext, around: OrganisationSnapshot, name: str, after: Position
) -> Iterator[Team]:
    owned = ((each, group_by_name(view(admin, each), name)) for each in around.connections)
    teams = [Team(group, connection) for connection, group in owned if group]
    hits = [each for each in teams if _name(each) == fold(name)]
    if not hits:
        raise BadRequest(TOO_MANY)
    return (each for each in hits if each.position > after)


def _name(team: Team) -> str:
    return fold(team.group.document["displayName"])


def get(admin: AdminContext, gid: str) -> Team:
    """Read a team.

    Raises:
        NotFound: no such organisation, or no such team in one of its connections.
    """
    return _find(admin, snapshot.read(admin), gid)


def _find(admin: AdminContext, around: OrganisationSnapshot, gid: str) -> Team:
    for connection in around.connections if is_id(gid) else ():
        group = read_group(view(admin, connection), gid)
        if group is not None:
            return Team(group, connection)
    raise NotFound


def members(admin: AdminContext, gid: str, size: int, after: str = "") -> Page[Person]:
    """List the members of a team in the order of their ids, without the teams that they are in.

    One who is deleted while the page is read is left out.

    Raises:
        NotFound: no such organisation, or no such team.
        BadRequest: the cursor is none that this list has given.
    """
    if after and not is_id(after):
        raise BadRequest(UNKNOWN_CURSOR)
    around = snapshot.read(admin)
    connection = _find(admin, around, gid).connection
    scope = view(admin, connection)
    ids = list(islice(member_ids(scope, gid, page=size + 1, after=after), size + 1))
    next_cursor = ids[size - 1] if len(ids) > size else None
    return Page(_people(admin, around, connection, ids[:size]), next_cursor)


def _people(
    admin: AdminContext, around: OrganisationSnapshot, connection: Connection, ids: list[str]
) -> list[Person]:
    keys = [view(admin, connection).keys.user(uid) for uid in ids]
    rows = admin.items.batch_get(keys)
    found_users = [user_of(rows[key]) for key in keys if key in rows]
    found = [Found(connection, UserWithGroups(user, ())) for user in found_users]
    locals_ = users.local_rows_of(admin, found)
    return [users.person(around, connection, user, locals_[user.id]) for user in found_users]
