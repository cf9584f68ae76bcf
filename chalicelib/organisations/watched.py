"""What the last look at the connections has found: of one, and of all, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from chalicelib.errors import BadRequest
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page
from chalicelib.storage.alert_items import ALERT_TYPES, AlertType, Watched
from chalicelib.storage.keys import (
    OrganisationKeys,
    organisation_of,
    watched_connection,
    watched_connections,
)
from chalicelib.storage.records import from_item, from_items
from chalicelib.storage.settings_items import CONNECTION_ID, OrganisationSummary
from chalicelib.storage.table import Namespace

# What a page reads at most, however few of it are wanted.
MAX_READ = 2_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection as the last look has found it, and its organisation; None: it is gone."""

    watched: Watched
    organisation: OrganisationSummary | None

    @property
    def organisation_id(self) -> str:
        """The id of its organisation."""
        return organisation_of(self.watched.id)


def worst(watched: Watched) -> AlertType | None:
    """Return the most urgent alert that is open; None without any."""
    return next((each for each in ALERT_TYPES if each in watched.alerts), None)


def get(items: Namespace, connection: str) -> Watched:
    """Read what the last look at a connection has found; nothing before the first one: 1 RCU."""
    item = items.get(watched_connection(connection))
    return Watched(id=connection) if item is None else from_item(Watched, item)


def list_connections(
    items: Namespace,
    wanted: frozenset[AlertType | None],
    state: str | None,
    cursor: str,
    size: int,
) -> Page[Listed]:
    """List connections of all organisations by their most urgent alert; a page reads up to 2,000.

    None among `wanted`: those without an alert. `state` None: in any state.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    if cursor and CONNECTION_ID.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    found: list[Watched] = []
    last = ""
    read = from_items(Watched, items.query(watched_connections(after=cursor)))
    for each in islice(read, MAX_READ):
        if len(found) == size:
            return Page(_with_organisations(items, found), last)
        if worst(each) in wanted and state in {None, each.state}:
            found.append(each)
        last = each.id
    more = next(read, None) is not None
    return Page(_with_organisations(items, found), last if more else None)


def _with_organisations(items: Namespace, found: Sequence[Watched]) -> list[Listed]:
    ids = {each.id: organisation_of(each.id) for each in found}
    keys = {each: OrganisationKeys(each).list_item() for each in ids.values()}
    read = items.batch_get(keys.values()) if keys else {}
    summaries = {
        each: from_item(OrganisationSummary, read[key]) for each, key in keys.items() if key in read
    }
    return [Listed(each, summaries.get(ids[each.id])) for each in found]
