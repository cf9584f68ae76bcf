"""The SCIM documents of users and groups, for the SaaS that shows or copies them.

A user has at most 100 groups in it, and a group no members; neither ever has a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.extensions import UserTypes
from chalicelib.directory.resources import group_resource, user_resource
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.settings_items import Connection
from chalicelib.storage.table import Namespace

MAX_GROUPS = 100
ALL = Projection(None, {})


@dataclass(slots=True)
class ScimDocuments:
    """Makes the documents of one response or delivery; a connection's schemas are read once."""

    items: Namespace
    base_url: str
    user_types: UserTypes
    _contexts: dict[str, ConnectionContext] = field(default_factory=dict)

    def of_user(self, connection: Connection, user: User, groups: Iterable[Group]) -> Resource:
        """Make a user's document, with those of their groups that were read."""
        context = self._context(connection)
        resource = user_resource(context, user, islice(groups, MAX_GROUPS))
        return project(resource, context.user_type, ALL)

    def of_group(self, connection: Connection, group: Group) -> Resource:
        """Make a group's document, without members."""
        return project(group_resource(self._context(connection), group, None), GROUP, ALL)

    def _context(self, connection: Connection) -> ConnectionContext:
        if connection.id not in self._contexts:
            version = connection.schemas_version
            self._contexts[connection.id] = ConnectionContext(
                items=self.items,
                keys=ConnectionKeys(connection.id),
                base_url=f"{self.base_url}/scim/v2/{connection.id}",
                default_role=connection.default_role,
                token_id="",
                request_id="",
                user_type=self.user_types.of(self.items, connection.id, version),
            )
        return self._contexts[connection.id]
