"""The users of an organisation: what provisioning says of them, and what the organisation says.

Users are found by key (id, userName, externalId, e-mail address) or listed page by page. Who
shall be found by a name is compared with all, up to a bound; above it the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.assignments import EffectiveRole, effective_roles
from chalicelib.organisations.paging import START, Page, Position, spans
from chalicelib.organisations.snapshot import OrganisationSnapshot, connection_scope, read_snapshot
from chalicelib.scim.comparison import fold
from chalicelib.storage.directory_items import Document, Group, User
from chalicelib.storage.keys import LAST, ConnectionKeys, Kind, Range, exact, is_id
from chalicelib.storage.local_users import LocalUser, local_user_of
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
from chalicelib.storage.settings_items import Connection

MOST_SEARCHED = 10_000
MOST_EXAMINED = 2_000

TOO_MANY = (
    f"search: more than {MOST_SEARCHED:,} are there, too many to be compared with the beginning "
    "of a name. Give a whole e-mail address or userName of a user, or the whole name of a team."
)


@dataclass(frozen=True, slots=True)
class ConnectionUser:
    """A user's rows, and the connection whose user he is."""

    connection: Connection
    rows: UserWithGroups

    @property
    def position(self) -> Position:
        """His place in a list."""
        return Position(self.connection.id, self.rows.user.id)


@dataclass(frozen=True, slots=True)
class OrganisationUser:
    """A user with all that is known of him; `teams` None: they were not asked for."""

    user: User
    connection: Connection
    local: LocalUser
    roles: tuple[EffectiveRole, ...]
    teams: tuple[Group, ...] | None = None

    @property
    def active(self) -> bool:
        """Tell whether he may use the SaaS."""
        return is_active(self.user, self.connection)


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Which users a list shall hold; `linked` None: whether they have an account or not.

    A page looks at `examined` users at most for those who are linked, or who are not.
    """

    size: int
    after: Position = START
    search: str | None = None
    linked: bool | None = None
    examined: int = MOST_EXAMINED


def is_active(user: User, connection: Connection) -> bool:
    """Tell whether a user is active: his identity provider's word, while it has one."""
    return bool(user.document.get("active", True)) and not connection.users_are_inactive


# --- lists ------------------------------------------------------------------------------------


def list_users(admin: AdminContext, wanted: UserQuery) -> Page[OrganisationUser]:
    """List users with their roles, teams and accounts.

    Raises:
        NotFound: no such organisation.
        BadRequest: there are too many users to be compared with a name.
    """
    snapshot = read_snapshot(admin)
    most = wanted.size if wanted.linked is None else wanted.examined
    found = list(islice(_found(admin, snapshot, wanted, most), most + 1))
    looked_at = found[:most]
    locals_ = local_users_by_id(admin, looked_at)
    fitting = [each for each in looked_at if _fits(wanted, locals_[each.rows.user.id])]
    people = _joined(admin, snapshot, fitting[: wanted.size], locals_)
    return Page(people, _following((fitting, wanted.size), (found, most)))


def _fits(wanted: UserQuery, local: LocalUser) -> bool:
    return wanted.linked in (None, local.account is not None)


def _following(*limited: tuple[Sequence[ConnectionUser], int]) -> str | None:
    """Tell behind whom the next page begins: where the first limit that was met has cut."""
    last = (rows[most - 1] for rows, most in limited if len(rows) > most)
    return next((each.position.cursor() for each in last), None)


def _found(
    admin: AdminContext, snapshot: OrganisationSnapshot, wanted: UserQuery, page: int
) -> Iterator[ConnectionUser]:
    if wanted.search is None:
        return _all(admin, snapshot, wanted.after, page + 1)
    return _searched(admin, snapshot, wanted.search, wanted.after)


def _all(
    admin: AdminContext, snapshot: OrganisationSnapshot, after: Position, page: int | None = None
) -> Iterator[ConnectionUser]:
    for connection, low in spans(snapshot, after):
        scope = connection_scope(admin, connection)
        for rows in users_of(scope.items.query(Range(scope.keys.users, low, LAST), page=page)):
            yield ConnectionUser(connection, rows)


def _searched(
    admin: AdminContext, snapshot: OrganisationSnapshot, text: str, after: Position
) -> Iterator[ConnectionUser]:
    """Find by a whole e-mail address or userName, else by the beginning of a name."""
    by_key = "@" in text
    if not by_key and count(admin, snapshot, "U") <= MOST_SEARCHED:
        beginning = fold(text)
        return (each for each in _all(admin, snapshot, after) if _begins(each.rows.user, beginning))
    hits = list(identified(admin, snapshot, ("user_name", "email"), text))
    if not hits and not by_key:
        raise BadRequest(TOO_MANY)
    return (each for each in hits if each.position > after)


def count(admin: AdminContext, snapshot: OrganisationSnapshot, kind: Kind) -> int:
    """Count the users or teams of an organisation: one Query a connection."""
    counters = (
        row
        for connection in snapshot.connections
        for row in admin.items.query(ConnectionKeys(connection.id).counters(kind))
    )
    return sum(row["n"] for row in counters)


def _begins(user: User, beginning: str) -> bool:
    return any(fold(name).startswith(beginning) for name in _names(user.document))


def _names(document: Document) -> Iterator[str]:
    """Yield all that somebody may know a user by."""
    whole = document.get("name", {})
    for name in ("userName", "displayName", "nickName"):
        yield document.get(name, "")
    for name in ("formatted", "givenName", "familyName"):
        yield whole.get(name, "")


# --- look-ups ---------------------------------------------------------------------------------


def get(admin: AdminContext, uid: str) -> OrganisationUser:
    """Read a user.

    Raises:
        NotFound: no such organisation, or no such user in one of its connections.
    """
    snapshot = read_snapshot(admin)
    found = [_find(admin, snapshot, uid)]
    (person,) = _joined(admin, snapshot, found, local_users_by_id(admin, found))
    return person


def _find(admin: AdminContext, snapshot: OrganisationSnapshot, uid: str) -> ConnectionUser:
    for connection in snapshot.connections if is_id(uid) else ():
        rows = read_user(connection_scope(admin, connection), uid)
        if rows is not None:
            return ConnectionUser(connection, rows)
    raise NotFound


def resolve(admin: AdminContext, key: str, value: str) -> tuple[OrganisationUser, ...]:
    """Find all users of a `user_name`, `external_id` or `email`; which is meant is not guessed.

    Raises:
        NotFound: no such organisation.
    """
    snapshot = read_snapshot(admin)
    found = list(identified(admin, snapshot, (key,), value))
    return _joined(admin, snapshot, found, local_users_by_id(admin, found))


def identified(
    admin: AdminContext, snapshot: OrganisationSnapshot, keys: Iterable[str], value: str
) -> Iterator[ConnectionUser]:
    """Yield the users who have a value as one of these keys, in the order of lists."""
    for connection in snapshot.connections:
        scope = connection_scope(admin, connection)
        hits = {rows.user.id: rows for key in keys for rows in LOOK_UPS[key](scope, value)}
        yield from (ConnectionUser(connection, hits[uid]) for uid in sorted(hits))


# The key of a row brings together what only looks alike, so the value itself is compared too.
def has_user_name(document: Document, name: str) -> bool:
    """Tell whether a user has this userName, in whatever letter case."""
    return fold(document["userName"]) == fold(name)


def has_email(document: Document, address: str) -> bool:
    """Tell whether a user has this e-mail address, in whatever letter case."""
    return any(fold(each.get("value", "")) == fold(address) for each in document.get("emails", ()))


def _by_user_name(scope: ConnectionScope, name: str) -> list[UserWithGroups]:
    found = user_by_name(scope, name)
    return [found] if found and has_user_name(found.user.document, name) else []


def _by_external_id(scope: ConnectionScope, value: str) -> list[UserWithGroups]:
    found = users_by_external_id(scope, value)
    return [
        rows for rows in found if exact(rows.user.document.get("externalId", "")) == exact(value)
    ]


def _by_email(scope: ConnectionScope, address: str) -> list[UserWithGroups]:
    found = users_by_email(scope, address)
    return [rows for rows in found if has_email(rows.user.document, address)]


LOOK_UPS: Mapping[str, Callable[[ConnectionScope, str], list[UserWithGroups]]] = {
    "user_name": _by_user_name,
    "external_id": _by_external_id,
    "email": _by_email,
}


# --- what belongs to a user -------------------------------------------------------------------


def local_users_by_id(admin: AdminContext, found: Sequence[ConnectionUser]) -> dict[str, LocalUser]:
    """Read what the organisation says about users, by their ids."""
    keys = {each.rows.user.id: ConnectionKeys(each.connection.id) for each in found}
    rows = admin.items.batch_get(own.local(uid) for uid, own in keys.items()) if keys else {}
    return {uid: local_user_of(uid, rows.get(own.local(uid))) for uid, own in keys.items()}


def _joined(
    admin: AdminContext,
    snapshot: OrganisationSnapshot,
    found: Sequence[ConnectionUser],
    locals_: Mapping[str, LocalUser],
) -> tuple[OrganisationUser, ...]:
    teams = _teams(admin, found)
    return tuple(
        organisation_user(
            snapshot,
            each.connection,
            each.rows.user,
            locals_[each.rows.user.id],
            tuple(teams[gid] for gid in each.rows.group_ids if gid in teams),
        )
        for each in found
    )


def organisation_user(
    snapshot: OrganisationSnapshot,
    connection: Connection,
    user: User,
    local: LocalUser,
    teams: tuple[Group, ...] | None = None,
) -> OrganisationUser:
    """Join what is known of a user."""
    return OrganisationUser(
        user, connection, local, effective_roles(snapshot, connection, user, local), teams
    )


def _teams(admin: AdminContext, found: Sequence[ConnectionUser]) -> dict[str, Group]:
    """Read the teams that users are in, once each."""
    teams: dict[str, Group] = {}
    for connection, own in groupby(found, key=lambda each: each.connection):
        ids = (gid for each in own for gid in each.rows.group_ids)
        teams |= groups_by_id(connection_scope(admin, connection), ids)
    return teams
