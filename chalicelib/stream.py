"""The function of the table's stream: it appends what happened to the feed of all organisations.

It calls no target: one that fails would hold up all that come after it, and the stream keeps a
record for a day. Lambda gives it the records of a shard in their order, and the same ones again
until they are appended.

An event source, not a route; `make run` reads the stream of its engine in Lambda's place.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.api.services import Services
from chalicelib.events import feed
from chalicelib.events.stream_records import Record, events_of
from chalicelib.observability import log_fault
from chalicelib.storage import grants
from chalicelib.storage.retries import Deadline

# How long it tries to append the events of one invocation.
SECONDS = 20.0


class StreamFailed(Exception):
    """Records could not be appended; the log has the types and frames of the error."""


def append(services: Services, records: Iterable[Record]) -> None:
    """Append the events of one invocation.

    Raises:
        StreamFailed: not all were appended; Lambda sends the same records again.
    """
    try:
        append_records(services, records)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
        log_fault("records of the stream were not appended", error)
        # Lambda writes the text of what is raised into the log, and tries again.
        raise StreamFailed from None


def append_records(services: Services, records: Iterable[Record]) -> int:
    """Append the events of records of the stream; return how many there were.

    Raises:
        Busy: not within 20 s.
    """
    events = [event for record in records for event in events_of(record)]
    if events:
        deadline = Deadline.after(SECONDS, services.table.clock)
        feed.append(services.table.namespace(grants.append_events(), deadline), events)
    return len(events)
