"""Read the settings of an organisation at once: its connections, roles and workspaces.

One Query reads all of them, so all users of a response are seen with the same settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.organisations import BEING_DELETED
from chalicelib.organisations.paging import ListCursor
from chalicelib.storage.keys import FIRST, LAST, ONLY, ConnectionKeys
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import from_item, from_items
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    Organisation,
    Role,
    Workspace,
    of_type,
)


@dataclass(frozen=True, slots=True)
class OrganisationSnapshot:
    """An organisation, its connections in the order of ids, the ids of its roles and workspaces.

    Connections that have ended are included; those that are being deleted are not.
    """

    organisation: Organisation
    connections: tuple[Connection, ...]
    roles: frozenset[str]
    workspaces: frozenset[str]

    def connections_after(self, cursor: ListCursor) -> Iterator[tuple[Connection, str]]:
        """Yield the connections to read after `cursor`, each with the sort key to begin at."""
        for connection in self.connections:
            if connection.id > cursor.connection:
                yield connection, FIRST
            elif connection.id == cursor.connection:
                yield connection, cursor.id + LAST


def read_snapshot(admin: AdminContext) -> OrganisationSnapshot:
    """Read all settings of the organisation: one Query.

    Raises:
        NotFound: no such organisation.
    """
    items = list(admin.items.query(admin.keys.all_settings()))
    if not items or items[0]["SK"] != ONLY:
        raise NotFound
    connections = from_items(Connection, of_type("connection", items))
    return OrganisationSnapshot(
        from_item(Organisation, items[0]),
        tuple(each for each in connections if each.state != DELETING),
        roles=frozenset(each.id for each in from_items(Role, of_type("role", items))),
        workspaces=frozenset(
            each.id for each in from_items(Workspace, of_type("workspace", items))
        ),
    )


def read_snapshot_for_change(admin: AdminContext) -> OrganisationSnapshot:
    """Read the settings before a change of a user's roles, account or password.

    Raises:
        NotFound: no such organisation.
        Conflict: it is being deleted.
    """
    snapshot = read_snapshot(admin)
    if snapshot.organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    return snapshot


def connection_scope(admin: AdminContext, connection: Connection) -> ConnectionScope:
    """Return access to the users and groups of a connection."""
    return ConnectionScope(admin.items, ConnectionKeys(connection.id))
