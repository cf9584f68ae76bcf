"""The events of a record of the table's stream: an item as it was, and as it is. Pure.

The stream keeps the order of each item, so that events of one user, of one group and of one
membership come in the order of their changes. What no event tells of (counters, the log, leases,
the users of a self-test) makes no event; records that the function's filter would leave out do no
harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.storage.alert_items import Watched
from chalicelib.storage.clock import timestamp
from chalicelib.storage.console_items import ConsoleLink
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.event_items import Event
from chalicelib.storage.expressions import Item, from_wire
from chalicelib.storage.keys import (
    Key,
    is_console_link,
    organisation_of,
    partition_type,
    self_test_of,
    setting_of,
    user_and_group,
    watched_connection,
)
from chalicelib.storage.records import from_item, local_user
from chalicelib.storage.settings_items import Connection

Record = Mapping[str, Any]
ID_DIGITS = 32

CREATED, UPDATED, DELETED = "created", "updated", "deleted"
RAISED, CLEARED = "raised", "cleared"


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item before and after one write; None: there was or is no such item.

    `owner` is the connection or organisation that its key names.
    """

    key: Key
    owner: str
    before: Item | None
    after: Item | None
    sequence_number: str
    at: str

    def event(self, event_type: str, action: str, subject: str, **more: Any) -> Event:
        """Make an event of it; its id follows from the write, the type and the alert."""
        alert = (more["alert"],) if "alert" in more else ()
        text = "\n".join((*self.key, self.sequence_number, event_type, *alert))
        event_id = hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]
        place = {"organisation": organisation_of(self.owner), "connection": self.owner}
        return Event(event_id, event_type, action, subject=subject, at=self.at, **(place | more))


def events_of(record: Record) -> Iterator[Event]:
    """Yield the events of a record, as DynamoDB Streams and Lambda give it."""
    change = _read(record)
    partition, owner = partition_type(change.key)
    make = EVENTS.get(partition)
    if make is not None and not self_test_of(owner):
        yield from make(change)


def connection_of_leaver(record: Record) -> str | None:
    """Return the connection of a user who has lost access by this write; None where none has.

    They were deactivated, or deleted while they were active.
    """
    change = _read(record)
    partition, owner = partition_type(change.key)
    if partition != "S#U" or user_and_group(change.key)[1] is not None or self_test_of(owner):
        return None
    before, after = (
        from_item(User, item) if item else None for item in (change.before, change.after)
    )
    was_active, is_active = (bool(each and each.document.get("active")) for each in (before, after))
    return owner if was_active and not is_active else None


def _read(record: Record) -> ItemChange:
    stream = record["dynamodb"]
    keys = from_wire(stream["Keys"])
    key = Key(keys["PK"], keys["SK"])
    before, after = (
        from_wire(stream[image]) if image in stream else None for image in ("OldImage", "NewImage")
    )
    at = stream["ApproximateCreationDateTime"]  # seconds in Lambda, a moment in boto3
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    number, owner = stream["SequenceNumber"], partition_type(key)[1]
    return ItemChange(key, owner, before, after, number, timestamp(moment))


def _of_users_partition(change: ItemChange) -> Iterator[Event]:
    """Yield the event of a user's item, or of the item beside it that says they are in a group."""
    uid, gid = user_and_group(change.key)
    if gid is None:
        yield from _of_document(change, "user", User, _users_action)
    elif change.before is None or change.after is None:
        action = "added" if change.before is None else "removed"
        yield change.event("membership", action, gid, user=uid)


def _of_group(change: ItemChange) -> Iterator[Event]:
    return _of_document(change, "team", Group, lambda *_: UPDATED)


def _of_document(
    change: ItemChange,
    event_type: str,
    of: type[User | Group],
    updated: Callable[[Any, Any], str],
) -> Iterator[Event]:
    """Yield the event of a user or group; none where only counts or the lease have changed."""
    before = from_item(of, change.before) if change.before else None
    after = from_item(of, change.after) if change.after else None
    version = after.version if after else None
    old, new = (each.document if each else {} for each in (before, after))
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    if before is None or after is None:
        action = CREATED if after else DELETED
        named = names if after else []
        yield change.event(event_type, action, change.key.sk, version=version, attributes=named)
    elif before.version != after.version:
        action = updated(before, after)
        yield change.event(event_type, action, change.key.sk, version=version, attributes=names)


def _users_action(before: User, after: User) -> str:
    active = bool(before.document.get("active")), bool(after.document.get("active"))
    return {(True, False): "deactivated", (False, True): "reactivated"}.get(active, UPDATED)


def _of_local_user(change: ItemChange) -> Iterator[Event]:
    """Yield the events of a user's roles and account; a deleted user's own event says enough."""
    if change.after is None:
        return
    before, after = (local_user(change.key.sk, item) for item in (change.before, change.after))
    of = {"connection": None, "organisation": change.owner}
    if before.roles != after.roles:
        yield change.event("role", "changed", change.key.sk, attributes=["roles"], **of)
    if before.account != after.account:
        action = "linked" if after.account is not None else "unlinked"
        yield change.event("account", action, change.key.sk, attributes=["account"], **of)


def _of_settings(change: ItemChange) -> Iterator[Event]:
    """Yield the event of a connection, where its version has changed."""
    setting = setting_of(change.key)
    if setting.setting_type != "connection":
        return
    before = from_item(Connection, change.before) if change.before else None
    after = from_item(Connection, change.after) if change.after else None
    if before and after and before.version == after.version:
        return
    action = UPDATED if before and after else CREATED if after else DELETED
    of = {"connection": setting.id, "organisation": change.owner}
    yield change.event(
        "connection", action, setting.id, version=after.version if after else None, **of
    )


def _of_console(change: ItemChange) -> Iterator[Event]:
    """Yield the event of a console link that was opened; nothing of sessions."""
    if change.before is None or change.after is None or not is_console_link(change.key):
        return
    before, after = (from_item(ConsoleLink, item) for item in (change.before, change.after))
    if before.openings < after.openings:
        of = {"connection": after.connection, "organisation": change.owner}
        yield change.event("console_link", "opened", after.id, **of)


def _of_watched(change: ItemChange) -> Iterator[Event]:
    """Yield the event of each alert of a connection or webhook that was raised or cleared."""
    before, after = (
        from_item(Watched, item).alerts if item else {} for item in (change.before, change.after)
    )
    watched = change.key.sk
    is_connection = change.key == watched_connection(watched)
    of: dict[str, str | None] = {"connection": None, "organisation": None}
    if is_connection:
        of = {"connection": watched, "organisation": organisation_of(watched)}
    for alert in sorted(before.keys() ^ after.keys()):
        action = RAISED if alert in after else CLEARED
        yield change.event("alert", action, watched, alert=alert, **of)


EVENTS: Mapping[str, Callable[[ItemChange], Iterator[Event]]] = {
    "S#U": _of_users_partition,
    "S#G": _of_group,
    "L": _of_local_user,
    "C": _of_settings,
    "C#V": _of_console,
    "H": _of_watched,
}
