"""Read a connection as a repair sees it: by Query and BatchGetItem, never by a Scan.

Of a document only what the invariants need stays in memory. The feed of the days that a restore
reaches back says what was true last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from chalicelib.directory.context import ConnectionContext
from chalicelib.storage.directory_items import Change, Group, User, canonical
from chalicelib.storage.expressions import Item, key_of
from chalicelib.storage.keys import Key
from chalicelib.storage.records import from_item
from dev.repair.soundness import Directory, directory_of, names_and_lookups

# DynamoDB restores a table to any second of the last 35 days.
DAYS = 36
NEEDED = frozenset({"userName", "displayName", "externalId", "active"})


@dataclass(slots=True)
class Feed:
    """What the feed says last.

    `types` says which ids are users and which are groups (`team`), `versions` the newest version of
    each, `active` the newest that changed `active`; `ended` are those that were deleted. `members`
    says of a group and a user whether the user came (True) or went.
    """

    types: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    active: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    members: dict[tuple[str, str], bool] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Take the next change; a later one counts more."""
        self.members |= {(change.id, uid): True for uid in change.added}
        self.members |= {(change.id, uid): False for uid in change.removed}
        if change.change_type == "membership":
            return
        self.types[change.id] = change.change_type
        if change.version is None:
            self.ended.add(change.id)
            return
        self.versions[change.id] = max(change.version, self.versions.get(change.id, 0))
        if "active" in change.attributes:
            self.active[change.id] = max(change.version, self.active.get(change.id, 0))


@dataclass(frozen=True, slots=True)
class State:
    """A connection as it was read, and what the feed says of it."""

    context: ConnectionContext
    directory: Directory
    feed: Feed

    def resource(self, resource_id: str) -> User | Group | None:
        """Return a user or group; None if there is no such item."""
        return self.directory.users.get(resource_id) or self.directory.groups.get(resource_id)


def read(context: ConnectionContext) -> State:
    """Read a connection: 1 RCU for each 4 KB of its users, groups, memberships and feed."""
    items = dict(_items(context))
    known = directory_of(context.keys, items)
    items |= context.items.batch_get(names_and_lookups(known))
    return State(context, directory_of(context.keys, items), _feed(context))


def _items(context: ConnectionContext) -> Iterator[tuple[Key, Item]]:
    keys = context.keys
    ranges = (keys.counters("U"), keys.counters("G"))
    for each in (*ranges, keys.users_from(), keys.groups_from(), keys.all_members()):
        for item in context.items.query(each):
            yield key_of(item), _slim(item)


def _slim(item: Item) -> Item:
    if "doc" not in item:
        return item
    document = json.loads(item["doc"])
    kept = {name: value for name, value in document.items() if name in NEEDED}
    emails = [{"value": each["value"]} for each in document.get("emails", ()) if each.get("value")]
    return item | {"doc": canonical(kept | ({"emails": emails} if emails else {}))}


def _feed(context: ConnectionContext) -> Feed:
    feed = Feed()
    for day in days(context.clock.now().date()):
        for item in context.items.query(context.keys.changes(day)):
            feed.add(from_item(Change, item))
    return feed


def days(today: date) -> list[date]:
    """List the days whose changes say what a restore may have lost, the oldest first."""
    return [today - timedelta(days=passed) for passed in range(DAYS, -1, -1)]
