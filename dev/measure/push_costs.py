"""What it costs to push events to a webhook: part of `make costs`.

Measured with the parts that do it in AWS: a batch of one event, the dearest there is, is appended
to the feed, a sender is woken and sends it. Lambda reads the stream itself, for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from chalicelib import stream
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.events import feed
from chalicelib.events.webhooks import OWNER
from chalicelib.outbound import OutboundClient, OutboundRequest, OutboundResponse
from chalicelib.settings import Settings
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.event_items import Event
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import WebhookKeys, organisation_of
from chalicelib.storage.records import to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from chalicelib.storage.webhook_items import SigningSecret, Webhook
from dev.measure.meter import Cost, Meter
from dev.measure.scene import CONNECTION, NOBODY, NOON, SECONDS, memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

APPEND, FIND, SEND = "append an event to the feed", "find the webhooks to wake", "send it"
REST, POLL = "find none, every minute", "poll the feed, where nothing is new"
OF_A_CHANGE = (APPEND, FIND, SEND)
WEBHOOK, SECRET, EVENT = "webhook00001", "secret000001", "0" * 32
TEXT = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"


class Accepting(OutboundClient):
    """A receiver that accepts everything."""

    def send(self, request: OutboundRequest, **_: Any) -> OutboundResponse:  # noqa: ARG002
        """Respond as it would."""
        return OutboundResponse(204, b"")


@dataclass(frozen=True, slots=True)
class Scene:
    """A deployment with one webhook, whose calls are counted."""

    services: Services
    meter: Meter

    @property
    def deadline(self) -> Deadline:
        """An hour from now."""
        return Deadline.after(SECONDS, self.services.table.clock)


def measure() -> dict[str, Cost]:
    """Return the calls of each step."""
    with memory() as table:
        scene = _scene(table)
        items = scene.services.table.namespace(grants.append_events(), scene.deadline)
        organisation = organisation_of(CONNECTION)
        event = Event(EVENT, "user", "created", organisation, CONNECTION, EVENT, timestamp(NOON))
        steps = {
            APPEND: lambda: feed.append(items, [event]),
            FIND: lambda: stream.list_due(scene.services),
            SEND: lambda: stream.send(scene.services, WEBHOOK),
            REST: lambda: stream.list_due(scene.services),
        }
        found = {name: _cost(scene.meter, act) for name, act in steps.items()}
        end = feed.end(items)
        return found | {POLL: _cost(scene.meter, lambda: feed.read_page(items, end, 1))}


def _cost(meter: Meter, act: Callable[[], object]) -> Cost:
    meter.take()
    act()
    return meter.take()


def _scene(table: Table) -> Scene:
    meter = Meter(table.client)
    secrets = Secrets(NOBODY.client("secretsmanager"), "passerelle/memory")
    settings = Settings(table_name=table.name, stage="memory")
    metered = replace(table, client=cast("DynamoDBClient", meter))
    scene = Scene(Services(metered, secrets, settings, outbound=Accepting()), meter)
    secrets.create(OWNER, SECRET, TEXT, scene.deadline)
    url, at = "https://saas.example.com/", timestamp(NOON)
    webhook = Webhook(WEBHOOK, url, "active", at, "0.0.0", (SigningSecret(SECRET),))
    items = metered.namespace(grants.webhook_management(), scene.deadline)
    items.commit([Put(WebhookKeys(WEBHOOK).own_item, to_item(webhook))])
    return scene


def table(costs: Mapping[str, Cost]) -> Iterator[str]:
    """Yield the table of the steps."""
    yield "| step | calls | RCU | WCU |"
    yield "|---|---|---|---|"
    for name, cost in costs.items():
        yield f"| {name} | {cost.round_trips} | {cost.rcu} | {cost.wcu} |"
