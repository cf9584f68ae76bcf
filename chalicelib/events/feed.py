"""The one feed of all organisations: batches of events with numbers without a gap.

A batch is an item of its own, in a partition of its own. The head says how many there are; a batch
is written in the transaction that moves the head from its number to the next. So a reader who
knows a number knows the keys of all that follow: no query, no late commit, and an idle poll reads
one item. A batch of the stream that is sent twice is appended twice, with the same ids.

A cursor is a number, how many events of the next batch were told, and the tag of the batch before:
after a restore the numbers come again with other tags, and the cursor is rejected.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from chalicelib.errors import BadRequest
from chalicelib.storage.event_items import EVENTS_KEPT, Batch, Event, FeedHead
from chalicelib.storage.expressions import NEW, Put, Update, equals
from chalicelib.storage.keys import event_batch, event_head
from chalicelib.storage.records import from_item, from_items, to_item
from chalicelib.storage.table import Namespace, chunks

# How many events one batch has at most: below 100 KB in the table.
MAX_BATCH = 100
# How many batches one page reads at most, and how many at first: often they are enough.
MAX_BATCHES = 20
FIRST_BATCHES = 2
TAG_BITS = 48
CURSOR = re.compile(r"(?P<number>[0-9]{1,15})\.(?P<told>[0-9]{1,3})\.(?P<tag>[0-9a-f]{1,12})")
# Batches go after 90 days, but not at the same moment as those before them.
SPARE = timedelta(days=7)

NO_CURSOR = "after: expected `now`, or the `next` of the page before, unchanged."
TOO_OLD = (
    "after: the feed no longer has what follows this cursor: it is older than 90 days, or the "
    "table was restored. Get a new one with `after=now`, then compare by the digest."
)


@dataclass(frozen=True, slots=True)
class EventCursor:
    """A place in the feed: after `number` batches and `told` events of the next."""

    number: int = 0
    told: int = 0
    tag: str = "0"

    def __str__(self) -> str:
        """Write it for the client."""
        return f"{self.number}.{self.told}.{self.tag}"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An event, its place in the feed, `<number of the batch>.<position>`, and the cursor after."""

    event: Event
    place: str
    after: EventCursor


@dataclass(frozen=True, slots=True)
class EventPage:
    """Entries in their order, and the cursor after the page."""

    entries: Sequence[FeedEntry]
    next_cursor: EventCursor
    has_more: bool


def append(items: Namespace, events: Sequence[Event]) -> int:
    """Append events, at most 100 a batch; return the number of batches that the feed has then.

    Raises:
        Busy: not within the deadline; some batches may have been appended.
    """
    head = _head(items)
    for some in chunks(events, MAX_BATCH):
        head = _append(items, head, some)
    return head.number


def _append(items: Namespace, head: FeedHead, events: Sequence[Event]) -> FeedHead:
    clock = items.table.clock
    for _ in items.deadline.attempts():
        tag = f"{clock.random.getrandbits(TAG_BITS):012x}"
        batch = Batch(head.number + 1, tag, head.tag, events)
        item = to_item(batch, expires=clock.now() + EVENTS_KEPT + SPARE)
        unchanged = equals("n", head.number) if head.number else NEW
        moved = {"n": batch.number, "tag": tag}
        move = Update(event_head(), set=moved, condition=unchanged)
        if items.try_commit([move, Put(event_batch(batch.number), item)]) is None:
            return FeedHead(batch.number, tag)
        head = _head(items)
    raise AssertionError  # attempts() raises Busy


def end(items: Namespace) -> EventCursor:
    """Return the cursor of the present: 1 RCU."""
    head = _head(items)
    return EventCursor(head.number, 0, head.tag)


def start(items: Namespace) -> EventCursor:
    """Return the cursor before the oldest batch of the last 90 days: 1 RCU for each halving."""
    head = _head(items)
    kept_until = int((items.table.clock.now() + SPARE).timestamp())

    def is_kept(number: int) -> bool:
        item = items.get(event_batch(number))
        return item is not None and bool(item["ttl"] >= kept_until)

    number = bisect_left(range(1, head.number + 1), True, key=is_kept)  # noqa: FBT003 - what is looked for
    item = items.get(event_batch(number + 1)) if number < head.number else None
    tag = head.tag if item is None else from_item(Batch, item).previous
    return EventCursor(number, 0, tag)


def parse_cursor(text: str) -> EventCursor:
    """Parse a client's cursor.

    Raises:
        BadRequest: this feed returns no such cursors.
    """
    read = CURSOR.fullmatch(text)
    if read is None:
        raise BadRequest(NO_CURSOR)
    return EventCursor(int(read["number"]), int(read["told"]), read["tag"])


def read_page(items: Namespace, cursor: EventCursor, size: int) -> EventPage:
    """Read the events after a cursor: 1 RCU, and those of the batches that follow.

    Raises:
        BadRequest: the feed has not, or no longer, what follows.
    """
    head = _head(items)
    if cursor.number > head.number or (
        cursor.number == head.number and (cursor.tag != head.tag or cursor.told)
    ):
        raise BadRequest(TOO_OLD)
    last = min(head.number, cursor.number + MAX_BATCHES)
    told = cursor.told
    entries: list[FeedEntry] = []
    for batch in _batches(items, cursor, last):
        for entry in islice(_entries(batch), told, None):
            entries.append(entry)
            if len(entries) == size:
                return EventPage(entries, entry.after, entry.after.number < head.number)
        told = 0
    next_cursor = entries[-1].after if entries else cursor
    return EventPage(entries, next_cursor, has_more=last < head.number)


def read_places(items: Namespace, places: Sequence[str]) -> dict[str, FeedEntry]:
    """Read entries by their places; those that are no longer kept are left out."""
    numbers = {int(place.partition(".")[0]) for place in places}
    found = items.batch_get(map(event_batch, numbers)) if numbers else {}
    entries = (each for batch in from_items(Batch, found.values()) for each in _entries(batch))
    wanted = {*places}
    return {each.place: each for each in entries if each.place in wanted}


def _entries(batch: Batch) -> Iterator[FeedEntry]:
    for position, event in enumerate(batch.events):
        yield FeedEntry(event, f"{batch.number}.{position}", _after(batch, position))


def _after(batch: Batch, position: int) -> EventCursor:
    if position == len(batch.events) - 1:
        return EventCursor(batch.number, 0, batch.tag)
    return EventCursor(batch.number - 1, position + 1, batch.previous)


def _batches(items: Namespace, cursor: EventCursor, last: int) -> Iterator[Batch]:
    """Yield the batches after a cursor, up to a number.

    Raises:
        BadRequest: one is missing, or follows another one than the cursor's.
    """
    numbers = range(cursor.number + 1, last + 1)
    tag = cursor.tag
    for some in (numbers[:FIRST_BATCHES], numbers[FIRST_BATCHES:]):
        found = items.batch_get(map(event_batch, some)) if some else {}
        for number in some:
            item = found.get(event_batch(number))
            batch = None if item is None else from_item(Batch, item)
            if batch is None or batch.previous != tag:
                raise BadRequest(TOO_OLD)
            yield batch
            tag = batch.tag


def _head(items: Namespace) -> FeedHead:
    item = items.get(event_head())
    return FeedHead() if item is None else from_item(FeedHead, item)
