"""Leavers: the SaaS acknowledges that the access of a user has ended, or it is late.

Where a deployment asks for that, the stream's function stores each leaver before it appends their
event, and a pending change of five minutes later. An acknowledgement drops that; else the sweeper
finds it, and counts it. The item of a leaver stays as long as their event is in the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.errors import BadRequest, NotFound
from chalicelib.observability import record_end_of_access
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit, entry_item
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import PendingChange
from chalicelib.storage.event_items import Event
from chalicelib.storage.expressions import EXISTS, NEW, Delete, Put, Update, absent
from chalicelib.storage.keys import (
    ConnectionKeys,
    Key,
    OrganisationKeys,
    leaver,
    organisation_of,
)
from chalicelib.storage.leaver_items import LEAVERS_KEPT, Leaver
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.settings_items import SERVED_STATES
from chalicelib.storage.table import Namespace

CHANGE_TYPE = "leaver"
WITHIN = timedelta(minutes=5)
# How far the clock of the SaaS may be ahead of ours.
AHEAD = timedelta(minutes=1)

TOO_EARLY = "at: expected a time after the change itself, which was at {}."
TOO_LATE = "at: expected a time that is not in the future."


def expect(items: Namespace, events: Sequence[Event]) -> None:
    """Store who has lost access; an event that is told again changes nothing.

    Not those of a connection that is disconnected, or of an organisation that is not active: the
    SaaS has ended these itself.
    """
    served = _served(items, {each.connection for each in events if each.connection})
    for event in events:
        if event.connection is None or event.connection not in served:
            continue
        found = Leaver(event.id, event.connection, event.subject, event.at)
        expires = datetime.fromisoformat(event.at) + LEAVERS_KEPT
        item = to_item(found, expires=expires)
        due = Put(_due(found), to_item(PendingChange(CHANGE_TYPE, event.id)))
        key = leaver(organisation_of(event.connection), event.id)
        items.try_commit([Put(key, item, NEW), due])


def _served(items: Namespace, connections: set[str]) -> set[str]:
    """Return which of these connections are served: 2 RCU for each."""
    own = {each: OrganisationKeys(organisation_of(each)) for each in connections}
    keys = {each: (of.own_item, of.connection(each)) for each, of in own.items()}
    found = items.batch_get([key for both in keys.values() for key in both], ("state",))
    states = {each: [found.get(key, {}).get("state") for key in keys[each]] for each in keys}
    return {each for each, (of, own) in states.items() if of == "active" and own in SERVED_STATES}


def _due(found: Leaver) -> Key:
    """Return the key of the pending change that asks whether a leaver is acknowledged."""
    at = timestamp(datetime.fromisoformat(found.at) + WITHIN)
    keys = ConnectionKeys(found.connection)
    return keys.pending_change(keys.pending_change_id(at, found.event))


def acknowledge(admin: AdminContext, event: str, at: datetime | None) -> Leaver:
    """Store that a leaver's access has ended in the SaaS; `at` None: now. The first one counts.

    Raises:
        NotFound: no leaver of this organisation has that event.
        BadRequest: `at` is before the change, or in the future.
    """
    found = get(admin.items, admin.keys.organisation, event)
    if found.acknowledged is not None:
        return found
    ended = at or max(admin.now(), datetime.fromisoformat(found.at))
    if ended < datetime.fromisoformat(found.at):
        raise BadRequest(TOO_EARLY.format(found.at))
    if ended > admin.now() + AHEAD:
        raise BadRequest(TOO_LATE)
    acknowledged = replace(found, acknowledged=timestamp(ended))
    key = leaver(admin.keys.organisation, event)
    told = Update(
        key,
        set={"acknowledged": acknowledged.acknowledged},
        condition=EXISTS & absent("acknowledged"),
    )
    after = {"event": event, "connection": found.connection, "requested": found.at}
    edit = Edit("access", found.user, after={**after, "ended": timestamp(ended)}, action="ended")
    if admin.items.try_commit([told, Delete(_due(found)), entry_item(admin, edit)]) is not None:
        return get(admin.items, admin.keys.organisation, event)
    record_end_of_access(seconds(acknowledged))
    return acknowledged


def get(items: Namespace, organisation: str, event: str) -> Leaver:
    """Return the leaver of an event.

    Raises:
        NotFound: this organisation has none.
    """
    item = items.get(leaver(organisation, event))
    if item is None:
        raise NotFound
    return from_item(Leaver, item)


def seconds(acknowledged: Leaver) -> int:
    """Return how long it took from the change to the end of the access in the SaaS."""
    ended = datetime.fromisoformat(acknowledged.acknowledged or acknowledged.at)
    return int((ended - datetime.fromisoformat(acknowledged.at)).total_seconds())
