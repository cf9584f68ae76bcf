"""The feed of changes: what happened in an organisation since a cursor, oldest first.

The changes of each connection, and the organisation's own, are partitions by day in the order of
their ULIDs; merged they are one sequence. A ULID is made before its transaction is sent, and
nothing is sent after the deadline of a request (19 s), so an item may still appear before one that
has been read. A pass is all pages up to the present. Its last page therefore returns a cursor that
is a minute before the pass began: each change is seen at least once, those of the last minute
again.

The order of ULIDs is not the order in which concurrent changes came true: the ULID of a change that
met others is that of its first attempt. An entry for a membership therefore does not say what its
change did, but what is so when the page is read. Applied in order, the entries end in the truth: a
change that is committed after that moment is read later. Users and groups are ordered by version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import islice

from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.snapshot import read_snapshot
from chalicelib.storage.directory_items import CHANGES_KEPT, MEMBERSHIP, Change, ChangeKeys
from chalicelib.storage.expressions import Item, key_of
from chalicelib.storage.keys import (
    ULID,
    ConnectionKeys,
    Key,
    change_owner,
    is_organisation,
    ulid,
    ulid_moment,
)
from chalicelib.storage.records import from_item
from chalicelib.storage.settings_items import Organisation

NOW = "now"
CURSOR = re.compile(
    rf"(?P<after>{ULID.pattern})(?:\.(?P<told>[0-9]{{1,5}}))?(?:-(?P<began>[0-9]{{1,14}}))?"
)

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
    """A place in the feed; `pass_began` is set in the middle of a pass.

    It follows the change `after`; where `told` is set, the first so many entries of that change.
    """

    after: str
    pass_began: datetime | None = None
    told: int = 0

    def __str__(self) -> str:
        """Write it for the client."""
        told = f".{self.told}" if self.told else ""
        began = f"-{int(self.pass_began.timestamp() * 1000)}" if self.pass_began else ""
        return f"{self.after}{told}{began}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the feed: a change of a resource, or one membership that a change concerned.

    `connection` is None for a change of the organisation's own. `number` is its place among the
    entries of its change, `last` whether it is the last. `user` is set for a membership of the
    group `change.id`, and `present` whether it is there now.
    """

    change: Change
    connection: str | None
    number: int
    last: bool
    user: str | None = None
    present: bool = False

    @property
    def id(self) -> str:
        """The id of a membership's entry, the same whenever it is told."""
        return f"{self.change.ulid}.{self.number}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of the items that are there as long as the membership is."""
        if self.user is None or self.connection is None:
            return ()
        return ConnectionKeys(self.connection).membership(self.change.id, self.user)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of entries, the cursor to go on from, and whether there are more at the moment."""

    organisation: Organisation
    entries: Sequence[Entry]
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
    organisation = read_snapshot(admin).organisation
    return FeedPage(organisation, (), FeedCursor(ulid(admin.now() - BEHIND, 0)), has_more=False)


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
    return FeedCursor(read["after"], began, int(read["told"] or 0))


def list_changes(admin: AdminContext, cursor: FeedCursor, size: int) -> FeedPage:
    """List the entries after a cursor: 2 RCU for each membership, beside those of the changes.

    Raises:
        NotFound: no such organisation.
    """
    snapshot = read_snapshot(admin)
    partitions: list[ChangeKeys] = [
        admin.keys,
        *(ConnectionKeys(each.id) for each in snapshot.connections),
    ]
    now = admin.now()
    began = min(cursor.pass_began or now, now)
    first_day = ulid_moment(cursor.after).date()
    last_day = min(now.date(), first_day + DAY * (MAX_QUERIES // len(partitions)))
    found = (
        entry
        for item in _changes(admin, partitions, cursor, last_day)
        for entry in _entries(item)
        if entry.change.ulid != cursor.after or entry.number >= cursor.told
    )
    entries = _with_states(admin, list(islice(found, size)))
    has_more, next_cursor = False, FeedCursor(ulid(began - BEHIND, 0))
    if len(entries) == size:
        last = entries[-1]
        told = 0 if last.last else last.number + 1
        has_more, next_cursor = True, FeedCursor(last.change.ulid, began, told)
    elif last_day < now.date():
        has_more, next_cursor = True, FeedCursor(_start_of(last_day + DAY), began)
    return FeedPage(snapshot.organisation, entries, next_cursor, has_more=has_more)


def _entries(item: Item) -> Iterator[Entry]:
    """Yield the entries of a change item: of the resource itself, then of each member."""
    owner, change = change_owner(key_of(item)), from_item(Change, item)
    connection = None if is_organisation(owner) else owner
    own = [None] if change.change_type != MEMBERSHIP else []
    users = [*own, *sorted({*change.added, *change.removed})]
    for number, user in enumerate(users):
        yield Entry(change, connection, number, number == len(users) - 1, user)


def _with_states(admin: AdminContext, entries: Sequence[Entry]) -> list[Entry]:
    """Read, after the changes, which of the memberships are there."""
    keys = dict.fromkeys(key for entry in entries for key in entry.keys)
    there = admin.items.batch_get(keys, ("sv",)) if keys else {}
    return [
        replace(entry, present=bool(entry.keys) and all(key in there for key in entry.keys))
        for entry in entries
    ]


def _changes(
    admin: AdminContext, partitions: Sequence[ChangeKeys], cursor: FeedCursor, last_day: date
) -> Iterator[Item]:
    """Yield the changes of all partitions in their order, up to the end of a day.

    The first is the one that the cursor is in the midst of.
    """
    after, day = cursor.after, ulid_moment(cursor.after).date()
    while day <= last_day:
        ranges = [keys.changes(day, after) for keys in partitions]
        if cursor.told:
            ranges = [each._replace(low=after) for each in ranges]
        queries = (admin.items.query(each, page=PAGE) for each in ranges)
        yield from merge(*queries, key=lambda item: str(item["SK"]))
        day += DAY


def _start_of(day: date) -> str:
    """Return the ULID before all of a day."""
    return ulid(datetime(day.year, day.month, day.day, tzinfo=UTC), 0)
