"""Settings that meet: what one administrator is told while another is at work.

The items are on DynamoDB Local, the secrets on moto.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Conflict
from chalicelib.organisations import connections, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import ConnectionChanges, NewToken
from chalicelib.settings import Settings
from chalicelib.storage.table import Table
from tests.support.builders import Customer, a_customer, an_admin_context
from tests.support.faults import Fault, FaultyClient, first, unharmed

TOKEN = NewToken(name="one more")
PAUSE = ConnectionChanges(state="paused")


@pytest.fixture
def services(table: Table, secretsmanager: Any) -> Services:
    """Put the services on the reference engine."""
    settings = Settings.from_environment()
    return Services(table, Secrets(secretsmanager, settings.secrets_prefix), settings)


@dataclass(frozen=True, slots=True)
class Desk:
    """A connection, administered from several places."""

    services: Services
    context: Customer

    def admin(self, client: Any = None) -> AdminContext:
        """Return another administrator's context, with a client of their own."""
        table = self.services.table
        theirs = replace(self.services, table=replace(table, client=client or table.client))
        return an_admin_context(theirs, self.context.organisation)

    def create(self, admin: AdminContext) -> str:
        """Create a token; returns done, or the name of the error."""
        try:
            tokens.create(admin, self.services.secrets, self.context.connection, TOKEN, None)
        except Conflict:
            return "Conflict"
        return "done"

    def pause(self, admin: AdminContext) -> str:
        """Pause the connection."""
        connections.change(admin, self.context.connection, PAUSE, None)
        return "done"

    def live(self) -> int:
        """Count the live tokens."""
        listed = tokens.list_tokens(self.admin(), self.context.connection).items
        return sum(each.live(self.admin().now()) for each in listed)

    def met(self, one: Callable[..., str], other: Callable[..., str], index: int) -> set[str]:
        """Let `other` happen as a whole before call `index` of `one`; what both were told."""
        heard: list[str] = []

        between = first(lambda: heard.append(other(self.admin())))
        heard.append(one(self.admin(self.client(index, between))))
        return set(heard)

    def client(self, index: int = -1, fault: Fault = unharmed) -> FaultyClient:
        """Make a client with a fault at one call; the engine remembers its tokens."""
        return FaultyClient(self.services.table.client, index, fault, remembers_tokens=False)


@pytest.fixture
def desk(services: Services) -> Desk:
    """Make a connection with one token."""
    return Desk(services, a_customer(services))


def calls_of(desk: Desk, act: Callable[..., str]) -> int:
    """Count the calls of an action."""
    client = desk.client()
    act(desk.admin(client))
    return len(client.calls)


@pytest.fixture
def to_the_limit(desk: Desk) -> int:
    """Leave room for one more token; how many calls a creation makes."""
    count = calls_of(desk, desk.create)
    while desk.live() < tokens.MAX_LIVE - 1:
        desk.create(desk.admin())
    return count


# The creation reads the connection, its tokens, and writes; then it reads its own item again.
BEFORE_THE_WRITE, AFTER_THE_WRITE = range(3), range(3, 4)


@pytest.mark.parametrize("index", [*BEFORE_THE_WRITE, *AFTER_THE_WRITE])
def test_of_two_creations_for_the_last_place_one_is_rejected(desk, to_the_limit, index):
    """Never a sixth token, and never none: both orders, and every moment in between."""
    assert index < to_the_limit

    told = desk.met(desk.create, desk.create, index)

    assert told == {"done", "Conflict"}
    assert desk.live() == tokens.MAX_LIVE


@pytest.mark.parametrize("index", [*BEFORE_THE_WRITE, *AFTER_THE_WRITE])
def test_a_pause_does_not_lose_a_token_nor_the_token_the_pause(desk, index):
    """The two write one item, by attributes of their own."""
    told = desk.met(desk.create, desk.pause, index)

    assert told == {"done"}
    assert desk.live() == 2
    assert connections.get(desk.admin(), desk.context.connection).state == "paused"


@pytest.mark.parametrize("index", range(2))
def test_a_token_does_not_stop_a_pause(desk, index):
    """The other order: a token is made in the midst of a pause."""
    assert index < calls_of(desk, desk.pause)
    connections.change(
        desk.admin(), desk.context.connection, ConnectionChanges(state="active"), None
    )

    told = desk.met(desk.pause, desk.create, index)

    assert told == {"done"}
    assert desk.live() == 2
    assert connections.get(desk.admin(), desk.context.connection).state == "paused"
