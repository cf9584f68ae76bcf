"""The feed of changes: what happened in an organisation since a cursor, oldest first.

The changes of each connection, and the organisation's own, are partitions by day in the order of
their ULIDs; merged they are one sequence. A ULID is made before its transaction is sent, and
nothing is sent after the deadline of a request (23 s), so an item may still appear before one that
has been read. A pass is all pages up to the present. Its last page therefore returns a cursor that
is a minute before the pass began: each change is seen at least once, those of the last minute
again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import islice

from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.snapshot import read_snapshot
from chalicelib.storage.directory_items import CHANGES_KEPT, ChangeKeys
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import CROCKFORD, ConnectionKeys, ulid, ulid_moment

NOW = "now"
CURSOR = re.compile(rf"(?P<after>[0-7][{CROCKFORD}]{{25}})(?:-(?P<began>[0-9]{{1,14}}))?")

# How far a cursor stays behind the clock: more than a request's deadline and clock skew.
BEHIND = timedelta(seconds=60)
# The most Queries of one page: one for each day of each connection.
MAX_QUERIES = 64
# How many items the first Query of a day asks for.
PAGE = 100
DAY = timedelta(days=1)

UNKNOWN_CURSOR = "after: expected `now`, or the `next` of the page before, unchanged."
TOO_OLD = (
    "after: this cursor is older than {since}, and the feed is complete only since then. Get a new "
    "one with `after=now`, then read all users and teams again."
)


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """A place in the feed; `pass_began` is set in the middle of a pass."""

    after: str
    pass_began: datetime | None = None

    def __str__(self) -> str:
        """Write it for the client."""
        began = f"-{int(self.pass_began.timestamp() * 1000)}" if self.pass_began else ""
        return f"{self.after}{began}"


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of changes, the cursor to go on from, and whether there are more at the moment."""

    items: Sequence[Item]
    next_cursor: FeedCursor
    has_more: bool


def unbroken_since(now: datetime, restored: datetime | None) -> datetime:
    """Return since when no change is missing: 90 days, or since the table was restored."""
    oldest = now - CHANGES_KEPT
    return max(oldest, restored) if restored else oldest


def start(admin: AdminContext) -> FeedPage:
    """Return the cursor of the present, and no changes: `after=now`.

    Raises:
        NotFound: no such organisation.
    """
    read_snapshot(admin)
    return FeedPage((), FeedCursor(ulid(admin.now() - BEHIND, 0)), has_more=False)


def parse_cursor(text: str | None, since: datetime, now: datetime) -> FeedCursor:
    """Parse a client's cursor; None is the oldest change that is kept.

    Its age is when it was returned: in the middle of a pass it is close to what was read last.

    Raises:
        BadRequest: this feed has not returned it, or did before `since`.
    """
    if text is None:
        return FeedCursor(ulid(since, 0))
    read = CURSOR.fullmatch(text)
    if read is None or read["after"] > ulid(now + DAY, 0):
        raise BadRequest(UNKNOWN_CURSOR)
    milliseconds = read["began"]
    began = datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
    if read["after"] < ulid(since - BEHIND, 0) or (began is not None and began < since):
        raise BadRequest(TOO_OLD.format(since=f"{since:%Y-%m-%d %H:%M} UTC"))
    return FeedCursor(read["after"], began)


def list_changes(admin: AdminContext, cursor: FeedCursor, size: int) -> FeedPage:
    """List the changes after a cursor.

    Raises:
        NotFound: no such organisation.
    """
    connections = read_snapshot(admin).connections
    partitions: list[ChangeKeys] = [admin.keys, *(ConnectionKeys(each.id) for each in connections)]
    now = admin.now()
    began = min(cursor.pass_began or now, now)
    first_day = ulid_moment(cursor.after).date()
    last_day = min(now.date(), first_day + DAY * (MAX_QUERIES // len(partitions)))
    items = list(islice(_changes(admin, partitions, cursor.after, last_day), size))
    if len(items) == size:
        return FeedPage(items, FeedCursor(items[-1]["SK"], began), has_more=True)
    if last_day < now.date():
        return FeedPage(items, FeedCursor(_start_of(last_day + DAY), began), has_more=True)
    return FeedPage(items, FeedCursor(ulid(began - BEHIND, 0)), has_more=False)


def _changes(
    admin: AdminContext, partitions: Sequence[ChangeKeys], after: str, last_day: date
) -> Iterator[Item]:
    """Yield the changes of all partitions in their order, up to the end of a day."""
    day = ulid_moment(after).date()
    while day <= last_day:
        ranges = [keys.changes(day, after) for keys in partitions]
        queries = (admin.items.query(each, page=PAGE) for each in ranges)
        yield from merge(*queries, key=lambda item: str(item["SK"]))
        day += DAY


def _start_of(day: date) -> str:
    """Return the ULID before all of a day."""
    return ulid(datetime(day.year, day.month, day.day, tzinfo=UTC), 0)
