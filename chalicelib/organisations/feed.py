"""The feed of changes: what happened in an organisation since a cursor, oldest first.

Each connection's changes and the organisation's own are partitions by day, each in the order of
its ULIDs; read side by side they are one sequence. A ULID is made when its transaction is first
sent, and nothing is sent later than the deadline of a request (23 s), so a row may still appear
behind one that has been read. The last page of a pass therefore gives a cursor that lies a
minute before the moment the pass began: every change is seen at least once, and those of the
last minute again.
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
from chalicelib.storage.keys import CROCKFORD, FIRST, LAST, ConnectionKeys, Range, ulid, ulid_moment

NOW = "now"
CURSOR = re.compile(rf"(?P<after>[0-7][{CROCKFORD}]{{25}})(?:-(?P<began>[0-9]{{1,14}}))?")

# How far a cursor stays behind the clock: a request's deadline, and what clocks may differ.
BEHIND = timedelta(seconds=60)
# What one page reads at most: a Query for each day of each connection.
MOST_QUERIES = 64
# The rows that the first Query of a day asks for.
PAGE = 100
DAY = timedelta(days=1)

UNKNOWN_CURSOR = "after: take the `next` of the page before, unchanged, or `now`."
TOO_OLD = (
    "after: this cursor lies before {since}, from when on the feed is unbroken. Take a new one by "
    "`after=now`, then read all users and teams again."
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the feed; `began`: when the pass began that is not at its end yet."""

    after: str
    began: datetime | None = None

    def __str__(self) -> str:
        """Write it for the client, who sends it back as it is."""
        began = f"-{int(self.began.timestamp() * 1000)}" if self.began else ""
        return f"{self.after}{began}"


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of changes, the cursor to go on from, and whether there is more at this moment."""

    items: Sequence[Item]
    next: Cursor
    more: bool


def unbroken_since(now: datetime, restored: datetime | None) -> datetime:
    """Tell since when nothing is missing: 90 days, or since the table was restored."""
    kept = now - CHANGES_KEPT
    return max(kept, restored) if restored else kept


def start(admin: AdminContext) -> Feed:
    """Give the cursor to begin with, and no change: `after=now`.

    Raises:
        NotFound: no such organisation.
    """
    read_snapshot(admin)
    return Feed((), Cursor(ulid(admin.now() - BEHIND, 0)), more=False)


def parse_cursor(text: str | None, since: datetime, now: datetime) -> Cursor:
    """Read a cursor; none is the beginning of what is kept.

    What counts is when it was given: in the middle of a pass it lies close to what was read last.

    Raises:
        BadRequest: none that this feed has given, or one from before the feed was unbroken.
    """
    if text is None:
        return Cursor(ulid(since, 0))
    read = CURSOR.fullmatch(text)
    if read is None or read["after"] > ulid(now + DAY, 0):
        raise BadRequest(UNKNOWN_CURSOR)
    began = _began(read["began"])
    if read["after"] < ulid(since - BEHIND, 0) or (began is not None and began < since):
        raise BadRequest(TOO_OLD.format(since=f"{since:%Y-%m-%d %H:%M} UTC"))
    return Cursor(read["after"], began)


def _began(milliseconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def list_changes(admin: AdminContext, at: Cursor, size: int) -> Feed:
    """Read on from a cursor.

    Raises:
        NotFound: no such organisation.
    """
    connections = read_snapshot(admin).connections
    sources: list[ChangeKeys] = [admin.keys, *(ConnectionKeys(each.id) for each in connections)]
    now = admin.now()
    began = min(at.began or now, now)
    first = ulid_moment(at.after).date()
    last = min(now.date(), first + DAY * (MOST_QUERIES // len(sources)))
    rows = list(islice(_rows(admin, sources, at.after, last), size))
    if len(rows) == size:
        return Feed(rows, Cursor(rows[-1]["SK"], began), more=True)
    if last < now.date():
        return Feed(rows, Cursor(_beginning(last + DAY), began), more=True)
    return Feed(rows, Cursor(ulid(began - BEHIND, 0)), more=False)


def _rows(
    admin: AdminContext, sources: Sequence[ChangeKeys], after: str, last: date
) -> Iterator[Item]:
    """Yield the changes of all sources in their order, up to the end of a day."""
    day = ulid_moment(after).date()
    while day <= last:
        ranges = [Range(keys.change(after, day).pk, after + FIRST, LAST) for keys in sources]
        yield from merge(*(admin.items.query(each, page=PAGE) for each in ranges), key=_place)
        day += DAY


def _place(row: Item) -> str:
    return str(row["SK"])


def _beginning(day: date) -> str:
    """Give the ULID before all of a day."""
    return ulid(datetime(day.year, day.month, day.day, tzinfo=UTC), 0)
