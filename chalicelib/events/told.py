"""What is read when an event is told: the organisation's reference, whether a membership is there.

An event says what a write did; the state says what is so now. Applied in the order of the feed,
states end in the truth, also where an event is told twice or late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.storage import grants
from chalicelib.storage.event_items import Event
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event, with the SaaS's own id of its organisation and, of a membership, its state.

    `included` is what a webhook has asked for: the `object` that the event is about.
    """

    event: Event
    reference: str | None
    present: bool = False
    included: Mapping[str, Any] = field(default_factory=dict)


def tell(table: Table, events: Sequence[Event], deadline: Deadline) -> list[ToldEvent]:
    """Read what belongs to events: 1 RCU an organisation, 2 RCU a membership."""
    organisations = {each.organisation for each in events if each.organisation}
    items = table.namespace(grants.told_objects(organisations), deadline)
    own = {each: OrganisationKeys(each).own_item for each in organisations}
    keys = [*own.values(), *(key for each in events for key in _keys(each))]
    found = items.batch_get(keys, ("reference",))
    references = {each: found[key].get("reference") for each, key in own.items() if key in found}
    return [
        ToldEvent(
            each,
            references.get(each.organisation) if each.organisation else None,
            present=all(key in found for key in _keys(each)),
        )
        for each in events
    ]


def _keys(event: Event) -> Iterable[Key]:
    """Return the keys of the items that are there as long as the membership is."""
    if event.user is None or event.connection is None:
        return ()
    return ConnectionKeys(event.connection).membership(event.subject, event.user)
