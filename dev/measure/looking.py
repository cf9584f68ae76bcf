"""What it costs to look at a connection: the sweeper does it for each every 16 minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from chalicelib.organisations.watch import ROUND, watch_connections
from chalicelib.settings import PLANS
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import hour
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys, organisation_of
from chalicelib.storage.records import to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import Connection, ConnectionToken, OrganisationSummary
from chalicelib.storage.table import Table
from dev.measure.meter import Cost, Meter
from dev.measure.scene import CONNECTION, SECONDS, memory, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Looks:
    """A look that finds something new, and one that does not; 4 Queries of each find it."""

    writing: Cost
    idle: Cost


def measure() -> Looks:
    """Measure two rounds for one connection with requests in each of the last hours."""
    with memory() as table:
        write(table, _connection(table.clock.now()))
        first, second = (_round(table) for _ in range(2))
    return Looks(first, second)


def _connection(now: datetime) -> Sequence[Item]:
    keys, at = OrganisationKeys(organisation_of(CONNECTION)), timestamp(now)
    ends = timestamp(now + timedelta(days=200))
    summary = OrganisationSummary(keys.organisation, "Acme", "enterprise", "active")
    connection = Connection(CONNECTION, "E", "active", "main", "reader", "entra", at, at)
    token = ConnectionToken("0" * 12, "first", "wxyz", "live", at, "operator", ends)
    stored = {
        keys.list_item(): to_item(summary),
        keys.connection(CONNECTION): to_item(connection),
        keys.token(CONNECTION, token.id): to_item(token),
    }
    hours = (now - timedelta(hours=number) for number in range(4))
    for each in hours:
        counted = {"last": timestamp(each), "n_success": 60, f"used_{token.id}": timestamp(each)}
        stored[ConnectionKeys(CONNECTION).health(hour(each))] = counted
    return [{"PK": key.pk, "SK": key.sk, **item} for key, item in stored.items()]


def _later(now: datetime, minutes: int) -> datetime:
    return now + timedelta(minutes=minutes)


def _round(table: Table) -> Cost:
    """Measure the minute of a round in which it is the connection's turn."""
    meter = Meter(table.client)
    dearest = Cost({}, 0, 0)
    for minute in range(ROUND):
        clock = replace(table.clock, now=partial(_later, table.clock.now(), minute))
        metered = replace(table, client=cast("DynamoDBClient", meter), clock=clock)
        deadline = Deadline.after(SECONDS, clock)
        list(watch_connections(metered, PLANS, deadline))
        dearest = max(dearest, meter.take(), key=lambda each: each.round_trips)
    return dearest
