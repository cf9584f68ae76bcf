"""The functions of events: one appends the table's stream to the feed, one sends to a webhook.

The function of the stream calls no target: one that fails would hold up all that come after it, and
the stream keeps a record for a day. Lambda gives it the records of a shard in their order, and the
same ones again until they are appended. Then it wakes the function that sends, for each webhook
that has something to send; so does the sweeper every minute, for what waits and what was lost.

Event sources, not routes; `make run` plays both in Lambda's place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chalicelib.api.services import Services
from chalicelib.events import feed, leavers
from chalicelib.events.sender import Sender, due_webhooks
from chalicelib.events.stream_records import Record, connection_of_leaver, events_of
from chalicelib.observability import count, log_fault, record_alert
from chalicelib.organisations import watch
from chalicelib.storage import grants
from chalicelib.storage.event_items import Event
from chalicelib.storage.retries import Deadline

# How long each tries to do its work, in seconds.
SECONDS = 20.0
SECONDS_TO_COUNT = 4.0


class StreamFailed(Exception):
    """It did not come to its end; the log has the types and frames of the error."""


def append(services: Services, records: Sequence[Record]) -> int:
    """Append the events of one invocation; return how many there were.

    Raises:
        StreamFailed: not all were appended; Lambda sends the same records again.
    """
    try:
        return append_records(services, records)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
        log_fault("records of the stream were not appended", error)
        # Lambda writes the text of what is raised into the log, and tries again.
        raise StreamFailed from None


def append_records(services: Services, records: Sequence[Record]) -> int:
    """Append the events of records of the stream; return how many there were.

    Raises:
        Busy: not within 20 s.
    """
    found = [(record, _events_of(record)) for record in records]
    events = [event for _, some in found for event in some]
    if events:
        deadline = Deadline.after(SECONDS, services.table.clock)
        if services.settings.acknowledgements:
            gone = [some[0] for record, some in found if some and connection_of_leaver(record)]
            may = grants.expect_leavers({each.organisation for each in gone if each.organisation})
            leavers.expect(services.table.namespace(may, deadline), gone)
        feed.append(services.table.namespace(grants.append_events(), deadline), events)
    _count_leavers(services, records)
    return len(events)


def _events_of(record: Record) -> list[Event]:
    """Read the events of a record; one that cannot be read is left out, and logged.

    It never could be: the record is what it is. Lambda would send it, and nothing behind it, again
    for a day, and then lose both. So it is after a rollback, of what the later release has written.
    """
    try:
        return list(events_of(record))
    except Exception as error:  # noqa: BLE001 - whatever it is, those behind it are told
        log_fault("a record of the stream is left out", error)
        count("StreamRecordsLeftOut")
        return []


def _count_leavers(services: Services, records: Sequence[Record]) -> None:
    """Count who has lost access, by connection; best effort, as it counts once, not at least once.

    If the function failed here, Lambda would have it append the same events again.
    """
    deadline = Deadline.after(SECONDS_TO_COUNT, services.table.clock)
    try:
        leavers = Counter(filter(None, map(connection_of_leaver, records)))
        for connection, number in leavers.items():
            for raised in watch.count_leavers(services.table, connection, number, deadline):
                record_alert(raised.alert, raised.of)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
        log_fault("users who lost access were not counted", error)


def list_due(services: Services) -> list[str]:
    """List the webhooks that have something to send: 1 Query, and 1 Get where there are any."""
    deadline = Deadline.after(SECONDS, services.table.clock)
    return due_webhooks(services.table.namespace(grants.list_webhooks(), deadline))


def send(services: Services, webhook: str) -> bool:
    """Send what there is for a webhook; return whether there is more.

    Raises:
        StreamFailed: it was not all sent; the sweeper wakes it again.
    """
    sender = Sender(
        services.table,
        services.secrets,
        services.outbound,
        services.settings.base_url,
        services.queues,
        services.user_types,
    )
    try:
        return sender.run(webhook, Deadline.after(SECONDS, services.table.clock))
    except Exception as error:  # noqa: BLE001 - as above
        log_fault("a webhook was not sent to", error, webhook=webhook)
        raise StreamFailed from None
