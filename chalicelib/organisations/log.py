"""The provisioning log of a connection, newest first: what its identity provider has asked.

A page reads a bounded number of rows and days, so a search may answer fewer calls than asked
for, even none, and still have a next page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from chalicelib.errors import BadRequest
from chalicelib.organisations import connections
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import CROCKFORD, FIRST, ConnectionKeys, Range, ulid, ulid_moment
from chalicelib.storage.log_entries import LogEntry, log_entry_of

CURSOR = re.compile(rf"[0-7][{CROCKFORD}]{{25}}")
UNKNOWN_CURSOR = "cursor: take the `next` of the page before, unchanged."

MOST_ROWS = 2_000
MOST_DAYS = 31
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which calls are asked for: from when to when, how they ended, whom they met.

    `cursor` is where the page before ended.
    """

    since: datetime
    until: datetime
    outcome: str | None = None
    ids: frozenset[str] = frozenset()
    cursor: str | None = None

    def matches(self, call: LogEntry) -> bool:
        """Tell whether a call is one of them."""
        met = {call.target, *call.ids}
        return self.outcome in {None, call.outcome} and self.ids <= met


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, the newest first; `following` is the cursor of the next page, None at the end."""

    items: Sequence[LogEntry]
    next_cursor: str | None


def list_entries(admin: AdminContext, connection_id: str, wanted: LogQuery, size: int) -> Page:
    """Read a page of the log.

    Raises:
        NotFound: the organisation has no such connection.
        BadRequest: the cursor is none that this list has given.
    """
    connections.get(admin, connection_id)
    found: list[LogEntry] = []
    place: str | None = None
    for count, (at, row) in enumerate(_newest_first(admin, ConnectionKeys(connection_id), wanted)):
        if row is None or count == MOST_ROWS:
            return Page(found, place if row else at)
        call = log_entry_of(row)
        if wanted.matches(call):
            if len(found) == size:
                return Page(found, place)
            found.append(call)
        place = at
    return Page(found, None)


def _newest_first(
    admin: AdminContext, keys: ConnectionKeys, wanted: LogQuery
) -> Iterator[tuple[str, Item | None]]:
    """Yield rows with their places in the log; no row once as many days are read as may be."""
    first, last = ulid(wanted.since, 0), _last(wanted)
    if last < first:  # DynamoDB refuses a range that ends before it begins
        return
    days = _days(ulid_moment(last).date(), wanted.since.date())
    for passed, day in enumerate(days):
        if passed == MOST_DAYS:
            yield _end_of(day), None
        rows = Range(keys.log_row(FIRST, day).pk, first, last)
        for row in admin.items.query(rows, page=100, descending=True):
            if row["SK"] != wanted.cursor:
                yield row["SK"], row


def _end_of(day: date) -> str:
    """Give the last ULID of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    return ulid(midnight - timedelta(milliseconds=1), -1)


def _last(wanted: LogQuery) -> str:
    """Tell up to which row to read."""
    cursor = wanted.cursor
    if cursor is not None and CURSOR.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    until = ulid(wanted.until, -1)
    return min(cursor, until) if cursor else until


def _days(newest: date, oldest: date) -> Iterator[date]:
    while newest >= oldest:
        yield newest
        newest -= DAY
