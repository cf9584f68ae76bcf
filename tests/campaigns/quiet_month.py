"""`make quiet-month`: a month in which nothing is amiss, from the requests to the alerts.

    make quiet-month                               a hundred organisations
    make quiet-month ARGS='--organisations 5'      what `make test` does, in seconds

Each identity provider has a habit of tests/support/habits.py. Every two hours it may send requests
through the app's handlers: look-ups, joiners, leavers, some that are rejected; on one day 20 leave
within the hour, as many as are no mass change. Then the sweeper looks at every connection, and the
stream is played. The table is an engine in memory, the clock a virtual one. The feed may tell no
alert in the end.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from random import Random
from typing import Any

from moto import mock_aws

from chalicelib import sweeper
from chalicelib.api.services import Services
from chalicelib.organisations.alerts import LEAST_LEAVERS
from chalicelib.organisations.watch import ROUND
from chalicelib.settings import Plan
from chalicelib.stream import append_records
from dev.progress import progress
from tests.campaigns.pushed.streamed import InMemory
from tests.support.builders import ApiClient, ScimClient, a_customer, api_client, scim_client
from tests.support.clock import ManualClock
from tests.support.deployment import deploy, make_clients
from tests.support.environment import OPERATOR_KEY
from tests.support.habits import HABITS

DAYS = 30
# Between two looks: less than the shortest silence that is told.
STEP = timedelta(hours=2)
DAY_OF_LEAVERS = 15
# What a request is, as shares of all; the rest are look-ups.
JOINER, LEAVER, UNKNOWN = 0.06, 0.05, 0.04
# The engine in memory has no counters of rates.
PLANS = {"enterprise": Plan(scim=True, max_connections=1, rate=None)}
OFF = {"Operations": [{"op": "replace", "path": "active", "value": False}]}


@dataclass(slots=True)
class Provider:
    """An identity provider with a habit; `users` are those who are active."""

    scim: ScimClient
    habit: str
    random: Random
    users: list[str] = field(default_factory=list)
    made: int = 0
    requests: int = 0

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; returns the document."""
        self.requests += 1
        return self.scim(method, path, body).body

    def join(self) -> None:
        """Create a user."""
        self.made += 1
        self.users.append(self.send("POST", "/Users", {"userName": f"u{self.made}"})["id"])

    def leave(self) -> None:
        """Deactivate the user who has been there for longest."""
        self.send("PATCH", f"/Users/{self.users.pop(0)}", OFF)

    def is_on(self, now: datetime) -> bool:
        """Whether it sends anything in the hours of this step."""
        hours = (now + timedelta(hours=number) for number in range(STEP // timedelta(hours=1)))
        return any(self.random.random() < HABITS[self.habit](each) for each in hours)

    def cycle(self) -> None:
        """Send what a cycle sends."""
        kind = self.random.random()
        if kind < JOINER or not self.users:
            self.join()
        elif kind < JOINER + LEAVER:
            self.leave()
        elif kind < JOINER + LEAVER + UNKNOWN:
            self.send("GET", "/Users/unknown")
        else:
            self.send("GET", "/Users?filter=userName%20eq%20%22u1%22")


@dataclass(slots=True)
class Month:
    """A deployment, its identity providers and its clock."""

    services: Services
    client: InMemory
    clock: ManualClock
    providers: Sequence[Provider]
    operator: ApiClient

    def steps(self) -> Iterator[int]:
        """Let the month go by."""
        for number in range(DAYS * timedelta(days=1) // STEP):
            for each in self.providers:
                if each.is_on(self.services.table.clock.now()):
                    each.cycle()
            if number == DAY_OF_LEAVERS * timedelta(days=1) // STEP:
                self.let_leave(LEAST_LEAVERS)
            self.look()
            yield number

    def let_leave(self, number: int) -> None:
        """Let so many join at the first identity provider, and leave within the same hour."""
        first = self.providers[0]
        for _ in range(number):
            first.join()
        for _ in range(number):
            first.leave()

    def look(self) -> None:
        """Let the time of a step go by, with one round of the sweeper at its end."""
        self.play()
        self.clock.advance(minutes=STEP.total_seconds() / 60 - ROUND)
        for _ in range(ROUND):
            self.clock.advance(minutes=1)
            sweeper.watch(self.services, self.services.deadline())
        sweeper.sweep_due(self.services)
        self.play()

    def play(self) -> None:
        """Give the stream's records to its function, and those that it has written itself."""
        for records in self.client.stream():
            append_records(self.services, records)

    def told(self) -> list[tuple[str, str]]:
        """Read the feed to its end; returns the alerts."""
        found: list[tuple[str, str]] = []
        cursor: str | None = ""
        while cursor is not None:
            after = f"?after={cursor}" if cursor else ""
            page = self.operator("GET", f"/admin/changes{after}").body
            found += [(e["alert"], e["action"]) for e in page["items"] if e["type"] == "alert"]
            cursor = page["next"] if page["more"] else None
        return found


def begin(services: Services, clock: ManualClock, organisations: int) -> Month:
    """Put the services on an engine in memory, and create the organisations."""
    from app import build  # noqa: PLC0415 - it reads the environment when it is imported

    client: Any = InMemory()
    for item in services.table.client.scan(TableName=services.table.name)["Items"]:
        client.put_item(TableName=services.table.name, Item=item)  # the operator key
    table, settings = replace(services.table, client=client), services.settings
    services = replace(services, table=table, settings=replace(settings, plans=PLANS))
    app, habits = build(services), [*HABITS]
    providers = []
    for number in range(organisations):
        made = a_customer(services, identity_provider="other")
        random = Random(number)  # noqa: S311 - a run must be repeatable
        habit = habits[number % len(habits)]
        providers.append(Provider(scim_client(app, made.connection, made.token), habit, random))
    return Month(services, client, clock, providers, api_client(app, OPERATOR_KEY))


@contextmanager
def deployed(organisations: int) -> Iterator[Month]:
    """Deploy for a run of the verb."""
    logging.disable()
    with mock_aws():
        clients, clock = make_clients(), ManualClock()
        services = deploy(clients.dynamodb, clients.secretsmanager, clock.clock())
        yield begin(services, clock, organisations)


def main(arguments: Sequence[str]) -> int:
    """Let a month go by; 0 when no alert was told."""
    parser = argparse.ArgumentParser(prog="make quiet-month")
    parser.add_argument("--organisations", type=int, default=100)
    asked = parser.parse_args(arguments)
    with deployed(asked.organisations) as month:
        steps = DAYS * timedelta(days=1) // STEP
        with redirect_stdout(StringIO()):  # what is measured of each request
            looks = sum(1 for _ in progress(month.steps(), steps, "looks")) * asked.organisations
            told = month.told()
    requests = sum(each.requests for each in month.providers)
    print(f"{asked.organisations} organisations, {DAYS} days, {requests:,} requests,", end=" ")
    print(f"{looks:,} looks: {len(told)} alerts told {told or ''}".rstrip())
    return 1 if told else 0
