"""The user or group that an event is about, as it is now, for a webhook that asks for it.

It is read when the event is sent, and never stored: what is erased lives on in no queue, feed or
dead letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from chalicelib.directory.extensions import UserTypes
from chalicelib.organisations.scim_documents import MAX_GROUPS, ScimDocuments
from chalicelib.scim.schema import Resource
from chalicelib.storage import grants
from chalicelib.storage.event_items import Event
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys
from chalicelib.storage.lookups import ConnectionScope, groups_by_id, read_group, read_user
from chalicelib.storage.records import from_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import Connection
from chalicelib.storage.table import Table

HAVE_OBJECTS = frozenset({"user", "team"})


@dataclass(frozen=True, slots=True)
class WholeObjects:
    """Reads them; `base_url` begins their `meta.location`."""

    table: Table
    base_url: str
    user_types: UserTypes = field(default_factory=UserTypes)

    def included(self, event: Event, deadline: Deadline) -> Mapping[str, Any]:
        """Return what an event's `data` has more: `object`, null where it is gone by now.

        An event of another type has nothing more. 1 Get and 1 Query; of a user with groups one
        BatchGet more.

        Raises:
            Busy, Unavailable: the table does not respond before the deadline.
        """
        has_object = event.type in HAVE_OBJECTS
        return {"object": self._read(event, deadline)} if has_object else {}

    def _read(self, event: Event, deadline: Deadline) -> Resource | None:
        if event.organisation is None or event.connection is None:
            return None
        may = grants.told_objects([event.organisation])
        items = self.table.namespace(may, deadline)
        item = items.get(OrganisationKeys(event.organisation).connection(event.connection))
        if item is None:
            return None
        scope = ConnectionScope(items, ConnectionKeys(event.connection))
        documents = ScimDocuments(items, self.base_url, self.user_types)
        connection = from_item(Connection, item)
        if event.type == "team":
            group = read_group(scope, event.subject)
            return documents.of_group(connection, group) if group else None
        found = read_user(scope, event.subject)
        if found is None:
            return None
        groups = groups_by_id(scope, islice(found.group_ids, MAX_GROUPS))
        return documents.of_user(connection, found.user, groups.values())
