"""The deployment of `make events`: it plays the stream and sends to the webhooks, step by step.

Each step gives the records that have come to the stream's function, some of them twice, and lets
one process for each webhook send until there is no more. Then a minute goes by on its clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Busy
from chalicelib.events import feed
from chalicelib.events.feed import EventCursor
from chalicelib.events.sender import Sender
from chalicelib.settings import Settings
from chalicelib.storage import grants
from chalicelib.storage.clock import Clock, timestamp
from chalicelib.storage.expressions import NEW, Put
from chalicelib.storage.keys import WebhookKeys
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table
from chalicelib.storage.webhook_items import SigningSecret, Webhook
from chalicelib.stream import append_records
from dev.measure.scene import NOBODY
from tests.campaigns.pushed.consumer import SECRET
from tests.campaigns.pushed.receivers import (
    DOWN,
    FLAKY,
    LIVING,
    AccountsProcess,
    MortalAccounts,
    Outbound,
)
from tests.campaigns.pushed.streamed import Records, Stream

CONSUMER = "http://127.0.0.1:9/consumer"
# How many records of the stream come twice at once, and how many batches of it once more later.
TWICE = 0.05
AGAIN = 20
MINUTE = 61.0
# A machine with much else to do is no table that does not respond.
SECONDS = 300.0


@dataclass(slots=True)
class Hours:
    """A clock that runs as this machine's, but for the minutes that a step adds."""

    added: float = 0.0

    def clock(self) -> Clock:
        """Make the clock."""
        return Clock(now=lambda: datetime.now(UTC) + timedelta(seconds=self.added))


class OneSecret:
    """Has the secret of all webhooks, in the place of Secrets Manager."""

    def text_of(self, *_: object) -> str:
        """Return it."""
        return SECRET


def services_on(client: Any, name: str, hours: Hours) -> Services:
    """Return the services of a table."""
    settings = Settings(table_name=name, stage="events", stream_arn="arn:of:the:campaign")
    secrets = Secrets(NOBODY.client("secretsmanager"), settings.secrets_prefix)
    return Services(Table(client, name, hours.clock()), secrets, settings)


@dataclass(slots=True)
class Site:
    """The deployment; `behind` is how many batches a webhook lacked at most when it had sent."""

    services: Services
    hours: Hours
    stream: Stream
    outbound: Outbound
    consumer: MortalAccounts | AccountsProcess
    random: Random
    webhooks: Mapping[str, str]
    behind: dict[str, int] = field(default_factory=dict)
    recent: deque[Records] = field(default_factory=lambda: deque(maxlen=AGAIN))
    resent: int = 0
    events: set[str] = field(default_factory=set)
    cursor: EventCursor = field(default_factory=EventCursor)

    def items(self) -> Namespace:
        """Return the feed and the webhooks."""
        deadline = Deadline.after(SECONDS, self.services.table.clock)
        return self.services.table.namespace(grants.webhook_management(), deadline)

    def step(self, seconds: float = MINUTE) -> None:
        """Play the stream and send; then some time goes by."""
        self.consumer.revive()
        for records in self.stream():
            self._append(records)
            if self.random.random() < TWICE:
                self._append(records, again=True)
            self.recent.append(records)
        with ThreadPoolExecutor(len(self.webhooks)) as processes:
            list(processes.map(self._send, self.webhooks))
        self.hours.added += seconds

    def send_again(self) -> None:
        """Give the last records of the shard to the function once more, from an earlier one on."""
        for records in self.recent:
            self._append(records, again=True)

    def _append(self, records: Records, *, again: bool = False) -> None:
        """Append as the stream's function does; Lambda calls it until it has succeeded."""
        count: int | None = None
        while count is None:
            with suppress(Busy):
                count = append_records(self.services, records)
        self.resent += count if again else 0

    def _send(self, name: str) -> None:
        """Send to one webhook until there is no more, as its process does."""
        secrets: Any = OneSecret()
        table, outbound = self.services.table, self.outbound
        sender = Sender(table, secrets, outbound, "https://id.example.com")  # type: ignore[arg-type]
        began = feed.end(self.items()).number
        while self._run(sender, name):
            pass
        number = feed.parse_cursor(self.webhook(name).cursor).number
        self.behind[name] = max(self.behind.get(name, 0), began - number)

    def _run(self, sender: Sender, name: str) -> bool:
        """Run the process that sends; one that has failed is woken again in the next minute."""
        deadline = Deadline.after(SECONDS, self.services.table.clock)
        try:
            return sender.run(self.webhooks[name], deadline)
        except Busy:
            return False

    def webhook(self, name: str) -> Webhook:
        """Read a webhook."""
        item = self.items().get(WebhookKeys(self.webhooks[name]).own_item)
        assert item
        return from_item(Webhook, item)

    def is_done(self, name: str) -> bool:
        """Tell whether everything was sent to a webhook, and nothing waits."""
        webhook = self.webhook(name)
        is_behind = webhook.cursor != str(feed.end(self.items()))
        return not is_behind and webhook.next_waiting is None

    def read_feed(self) -> set[str]:
        """Read on to the end of the feed; return the ids of all events that it has ever had."""
        more = True
        while more:
            page = feed.read_page(self.items(), self.cursor, 1_000)
            self.events.update(each.event.id for each in page.entries)
            self.cursor, more = page.next_cursor, page.has_more
        return self.events

    def letters(self) -> int:
        """Count the dead letters of all webhooks."""
        keys = [WebhookKeys(each) for each in self.webhooks.values()]
        return sum(1 for each in keys for _ in self.items().query(each.dead_letters()))


def subscribe(services: Services, consumer_url: str) -> dict[str, str]:
    """Create a webhook for each receiver, as the route does; return their ids."""
    deadline = Deadline.after(SECONDS, services.table.clock)
    items = services.table.namespace(grants.webhook_management(), deadline)
    now = timestamp(services.table.clock.now())
    urls = {"consumer": consumer_url, "living": LIVING, "failing": FLAKY, "down": DOWN}
    wanted = Webhook("", "", "active", now, str(EventCursor()), (SigningSecret("1"),))
    ids = {name: f"{number:012x}" for number, name in enumerate(urls)}
    for name, url in urls.items():
        webhook = replace(wanted, id=ids[name], url=url)
        items.commit([Put(WebhookKeys(ids[name]).own_item, to_item(webhook), NEW)])
    return ids
