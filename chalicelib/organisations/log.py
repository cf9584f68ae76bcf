"""The provisioning log of a connection, newest first: the requests of its identity provider.

A page reads a limited number of items and days, so a search may return fewer entries than asked
for, or none, and still have a next page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from chalicelib.errors import BadRequest
from chalicelib.organisations import connections
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import CROCKFORD, ConnectionKeys, ulid, ulid_moment
from chalicelib.storage.log_entries import LogEntry
from chalicelib.storage.records import from_item

CURSOR = re.compile(rf"[0-7][{CROCKFORD}]{{25}}")

MAX_ITEMS = 2_000
# How many operations and ids the entries of a page have together: below 2 MB of JSON.
MAX_LISTED = 10_000
MAX_DAYS = 31
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries to list: from when to when, how they ended, which users and groups they touch.

    `cursor` is the end of the page before.
    """

    since: datetime
    until: datetime
    outcome: str | None = None
    ids: frozenset[str] = frozenset()
    cursor: str | None = None

    def matches(self, entry: LogEntry) -> bool:
        """Tell whether an entry is one of them."""
        return self.outcome in {None, entry.outcome} and self.ids <= entry.concerned


def list_entries(
    admin: AdminContext, connection_id: str, query: LogQuery, size: int
) -> Page[LogEntry]:
    """List entries of the log, the newest first.

    Raises:
        NotFound: the organisation has no such connection.
        BadRequest: this list has not returned such a cursor.
    """
    connections.get(admin, connection_id)
    found: list[LogEntry] = []
    listed = 0
    last_read: str | None = None
    items = _newest_first(admin, ConnectionKeys(connection_id), query)
    for count, (cursor, item) in enumerate(items):
        if item is None:
            return Page(found, cursor)
        if count == MAX_ITEMS:
            return Page(found, last_read)
        entry = from_item(LogEntry, item)
        if query.matches(entry):
            listed += len(entry.operations) + len(entry.ids)
            if len(found) == size or (found and listed > MAX_LISTED):
                return Page(found, last_read)
            found.append(entry)
        last_read = cursor
    return Page(found)


def _newest_first(
    admin: AdminContext, keys: ConnectionKeys, query: LogQuery
) -> Iterator[tuple[str, Item | None]]:
    """Yield items with their cursors; a cursor without an item once `MAX_DAYS` days are read."""
    first, last = ulid(query.since, 0), _last_to_read(query)
    if last < first:  # DynamoDB rejects a range that ends before it begins
        return
    for number, day in enumerate(_days(ulid_moment(last).date(), query.since.date())):
        if number == MAX_DAYS:
            yield _end_of(day), None
        entries = keys.log_entries(day, first, last)
        for item in admin.items.query(entries, page=100, descending=True):
            if item["SK"] != query.cursor:
                yield item["SK"], item


def _end_of(day: date) -> str:
    """Return the last ULID of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    return ulid(midnight - timedelta(milliseconds=1), -1)


def _last_to_read(query: LogQuery) -> str:
    """Return the ULID of the newest entry that may be on the page."""
    cursor = query.cursor
    if cursor is not None and CURSOR.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    until = ulid(query.until, -1)
    return min(cursor, until) if cursor else until


def _days(newest: date, oldest: date) -> Iterator[date]:
    while newest >= oldest:
        yield newest
        newest -= DAY
