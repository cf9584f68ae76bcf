"""What the users of an organisation stand in: its connections, roles and workspaces.

One Query reads all settings as they are at this moment, so whatever is said about users is said
by one and the same state of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.organisations import BEING_DELETED
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import ONLY, ConnectionKeys
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    Organisation,
    connection_from,
    organisation_from,
)


@dataclass(frozen=True, slots=True)
class OrganisationSnapshot:
    """An organisation, its connections in the order of their ids, and what roles there are.

    A connection that has ended is among them, one whose users are being deleted is not.
    """

    organisation: Organisation
    connections: tuple[Connection, ...]
    roles: frozenset[str]
    workspaces: frozenset[str]


def read_snapshot(admin: AdminContext) -> OrganisationSnapshot:
    """Read all settings of an organisation: one Query.

    Raises:
        NotFound: there is none of this id.
    """
    rows = list(admin.items.query(admin.keys.whole()))
    if not rows or rows[0]["SK"] != ONLY:
        raise NotFound
    found = map(connection_from, (row for row in rows if _is_connection(row)))
    return OrganisationSnapshot(
        organisation_from(rows[0]),
        tuple(each for each in found if each.state != DELETING),
        roles=frozenset(_ids("R#", rows)),
        workspaces=frozenset(_ids("W#", rows)),
    )


def read_snapshot_for_change(admin: AdminContext) -> OrganisationSnapshot:
    """Read them in order to change something of a user.

    Raises:
        NotFound: there is no such organisation.
        Conflict: it is being deleted.
    """
    snapshot = read_snapshot(admin)
    if snapshot.organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    return snapshot


def connection_scope(admin: AdminContext, connection: Connection) -> ConnectionScope:
    """See the users and teams of a connection."""
    return ConnectionScope(admin.items, ConnectionKeys(connection.id))


def _is_connection(row: Item) -> bool:
    """Tell a connection from its tokens, which stand behind it."""
    sort_key: str = row["SK"]
    return sort_key.startswith("N#") and sort_key.count("#") == 1


def _ids(prefix: str, rows: Iterable[Item]) -> Iterator[str]:
    return (row["SK"].removeprefix(prefix) for row in rows if row["SK"].startswith(prefix))
