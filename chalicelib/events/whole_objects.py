"""The user or group that an event is about, as it is now, for a webhook that asks for it.

It is read when the event is sent, and never stored: what is erased lives on in no queue, feed or
dead letter. One that cannot be read holds up neither its event nor those of others: the receiver is
told to read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.directory.extensions import UserTypes
from chalicelib.events.envelope import LEFT_OUT
from chalicelib.observability import log_fault
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
# How long the table is waited for: where one customer is throttled, others are sent to.
SECONDS_TO_READ = 2.0


@dataclass(frozen=True, slots=True)
class WholeObjects:
    """Reads them; `base_url` begins their `meta.location`."""

    table: Table
    base_url: str
    user_types: UserTypes = field(default_factory=UserTypes)

    def included(self, event: Event, deadline: Deadline) -> Mapping[str, Any]:
        """Return what an event's `data` has more: `object`, null where it is gone by now.

        An event of another type has nothing more. 1 Get and 1 Query; of a user with groups one
        BatchGet more. One that cannot be read in two seconds, or not at all, as after a rollback
        what the later release has written, is left out.
        """
        if event.type not in HAVE_OBJECTS:
            return {}
        seconds = min(SECONDS_TO_READ, deadline.left())
        try:
            return {"object": self._read(event, Deadline.after(seconds, deadline.clock))}
        except Exception as error:  # noqa: BLE001 - whatever it is, those behind it are told
            log_fault("an object is left out of its event", error, event=event.id)
            return LEFT_OUT

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
        found = read_user(scope, event.subject, most_groups=MAX_GROUPS)
        if found is None:
            return None
        groups = groups_by_id(scope, found.group_ids)
        return documents.of_user(connection, found.user, groups.values())
