"""What has ended costs nothing: sign-in, requests and the feed read only what lives (B5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from app import build
from chalicelib import sweeper
from chalicelib.api.services import Services
from chalicelib.organisations.connections import MOST_KEPT
from chalicelib.settings import Plan, Rate
from chalicelib.storage.expressions import Item
from dev.measure.meter import Meter
from dev.measure.scene import write
from tests.support.builders import (
    Response,
    a_session,
    an_organisation,
    api_client,
    connection_body,
    organisation_body,
)
from tests.support.clock import ManualClock
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all

MANY = 1_000
URN = "urn:example:past"
# A definition of 4 KB: each that is read costs a read unit.
SCHEMA = {
    "id": URN,
    "name": "Past",
    "attributes": [{"name": f"a{n}", "type": "string"} for n in range(20)],
}
EMAIL = "ada@acme.example.com"


class World:
    """An organisation whose requests are measured, with a connection that is served."""

    def __init__(self, services: Services, clock: ManualClock) -> None:
        """Create both, with a user."""
        self.plain = services
        self.clock = clock
        self.meter = Meter(services.table.client)
        metered: Any = self.meter
        self.services = replace(services, table=replace(services.table, client=metered))
        self.operator = api_client(build(self.services), OPERATOR_KEY)
        body = organisation_body(domains=["acme.example.com"])
        created = self.operator("POST", "/admin/organisations", body)
        self.organisation = created.body["id"]
        self.root = f"/admin/organisations/{self.organisation}"
        self.connection = self.add_connection("served")
        token = self.add_token(self.connection)
        self.token = token["token"]
        self.scim = api_client(build(self.services), self.token)
        self.scim("POST", self.users, {"userName": EMAIL})
        self.operator("PATCH", self.path, {"authentication": ["token", "client_secret"]})
        body = {"name": "client", "type": "client_secret"}
        self.secret = self.operator("POST", f"{self.path}/credentials", body).body
        self.client = api_client(build(self.services), self.issue().body["access_token"])
        self.admin = api_client(build(self.services), a_session(services, self.organisation))

    @property
    def users(self) -> str:
        """The path of the users."""
        return f"/scim/v2/{self.connection}/Users"

    @property
    def path(self) -> str:
        """The path of the connection."""
        return f"{self.root}/connections/{self.connection}"

    def issue(self, *_: Any) -> Response:
        """Let the client get an access token."""
        sent = {name: self.secret[name] for name in ("client_id", "client_secret")}
        form = urlencode({"grant_type": "client_credentials", **sent}).encode()
        anyone = api_client(build(self.services))
        path = f"/oauth2/{self.connection}/token"
        return anyone("POST", path, form, content_type="application/x-www-form-urlencoded")

    def add_connection(self, name: str) -> str:
        """Create a connection."""
        body = connection_body(name=name)
        return str(self.operator("POST", f"{self.root}/connections", body).body["id"])

    def add_token(self, connection: str) -> Any:
        """Create a token."""
        path = f"{self.root}/connections/{connection}/tokens"
        return self.operator("POST", path, {"name": "next"}).body

    def end(self, path: str) -> None:
        """End a connection or a token."""
        assert self.operator("DELETE", f"{self.root}/connections/{path}").status == 204

    def costs(self) -> list[Any]:
        """Measure a sign-in, requests of SCIM, OAuth and a session, and a poll of the feed."""
        cursor = self.operator("GET", f"{self.root}/changes?after=now").body["next"]
        requests: list[tuple[Any, str, str, Any]] = [
            (self.operator, "POST", "/sign-in", {"email": EMAIL}),
            (self.operator, "POST", "/sign-in", {"email": "nobody@acme.example.com"}),
            (self.scim, "GET", self.users, None),
            (self.client, "GET", self.users, None),
            (self.issue, "POST", "/oauth2", None),
            (self.admin, "GET", "/admin/summary", None),
            (self.scim, "POST", self.users, {"userName": EMAIL}),
            (self.operator, "GET", f"{self.root}/users", None),
            (self.operator, "GET", f"{self.root}/changes?after={cursor}", None),
            (self.operator, "POST", f"{self.root}/resolve", {"email": EMAIL}),
        ]
        return [self._cost(*each) for each in requests]

    def _cost(self, client: Callable[..., Response], method: str, path: str, body: Any) -> Any:
        # The second request of a minute: the first one may read a secret or a schema that this
        # process then knows.
        self.clock.advance(minutes=1)
        client(method, path, body)
        self.meter.take()
        status = client(method, path, body).status
        cost = self.meter.take()
        return method, path.partition("?")[0], status, dict(cost.calls), cost.rcu


@pytest.fixture
def world(services, manual_clock) -> World:
    """Make it, on a plan with room."""
    plans = {"enterprise": Plan(scim=True, max_connections=9, rate=None)}
    settings = replace(services.settings, plans=plans)
    made = World(replace(services, settings=settings), manual_clock)
    # The secret of a token can then no longer be in the making.
    manual_clock.advance(minutes=2)
    return made


def let_one_of_each_end(world: World) -> None:
    """End a token by hand, one by its time, a session, and a connection with tokens and a schema.

    An access token is there as well: it ends with its time.
    """
    world.issue()
    api_client(build(world.services), a_session(world.plain, world.organisation))(
        "DELETE", "/admin/sessions/current"
    )
    connection = world.add_connection("past")
    world.end(f"{world.connection}/tokens/{world.add_token(world.connection)['id']}")
    world.end(f"{connection}/tokens/{world.add_token(connection)['id']}")
    world.add_token(connection)
    path = f"{world.root}/connections/{connection}/schemas/{URN}"
    assert world.operator("PUT", path, SCHEMA).status == 200
    world.end(connection)


def copies(before: Any, after: Any) -> Iterator[Item]:
    """Copy what ending has left of settings, often, under other ids: the keys stay of one form."""
    left = {key: item for key, item in after.items() if key not in before}
    for key, item in left.items():
        if key.pk.startswith("C#") and key.sk.startswith("N#"):
            yield from (item | {"SK": _another(key.sk, number)} for number in range(MANY))


def _another(sort_key: str, number: int) -> str:
    """Change the id of the connection, or of the token where it is one of a served connection."""
    name, connection, *rest = sort_key.split("#")
    digits = "".join("abcdefghij"[int(each)] for each in f"{number:04d}")
    connection = f"{connection[:-4]}{digits}" if rest[:1] != ["T"] else connection
    rest = [rest[0], f"{rest[1][:-4]}{number:04d}"] if rest[:1] == ["T"] else rest
    return "#".join([name, connection, *rest])


def test_what_has_ended_costs_no_request_anything(world):
    """RCU, calls and items are the same with one past token, connection and schema and 1,000."""
    before = read_all(world.plain.table)
    let_one_of_each_end(world)
    once = world.costs()
    left = list(copies(before, read_all(world.plain.table)))
    write(world.plain.table, left)

    assert len(left) >= 4 * MANY
    assert world.costs() == once


def test_a_token_that_has_expired_is_moved_by_the_sweeper(world, manual_clock):
    """It is listed as expired, its secret is gone, and its item is kept for a time."""
    manual_clock.advance(days=366)
    sweeper.sweep_due(world.plain)

    items = {key: item for key, item in read_all(world.plain.table).items() if "#T#" in key.sk}
    assert {(key.pk.rpartition("#")[2], "ttl" in item) for key, item in items.items()} == {
        ("PT", True)
    }
    listed = world.operator("GET", f"{world.root}/connections/{world.connection}/tokens").body
    assert [each["state"] for each in listed["items"]] == ["expired"]
    assert world.scim("GET", world.users).status == 401


def test_all_tokens_are_listed_page_by_page(world):
    """The valid one, and those that have ended, each once."""
    made = [world.add_token(world.connection)["id"] for _ in range(3)]
    for each in made:
        world.end(f"{world.connection}/tokens/{each}")
    path = f"{world.root}/connections/{world.connection}/tokens"

    assert sorted(listed(world, path, 2)) == sorted([*made, world.token.split("_")[2]])


def test_all_connections_are_listed_page_by_page(world):
    """Those that are served first, then those that have ended."""
    past = [world.add_connection(f"past {number}") for number in range(3)]
    for each in past:
        world.end(each)
    served = sorted([world.connection, world.add_connection("next")])

    assert listed(world, f"{world.root}/connections", 2) == [*served, *sorted(past)]


def listed(world: World, path: str, size: int) -> list[str]:
    """Read all pages of a list."""
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        page = world.operator("GET", f"{path}?limit={size}{after}").body
        ids += [each["id"] for each in page["items"]]
        cursor = page["next"]
    return ids


@pytest.mark.parametrize("cursor", ["x", "past.", "past.x", "#", "A" * 16])
@pytest.mark.parametrize("path", ["connections", "connections/{connection}/tokens"])
def test_another_cursor_is_rejected(world, path, cursor):
    """It never becomes part of a key."""
    path = path.format(connection=world.connection)
    response = world.operator("GET", f"{world.root}/{path}?cursor={cursor.replace('#', '%23')}")

    assert response.status == 400
    assert response.body["detail"].startswith("cursor:")


def test_an_ended_connection_is_read_by_its_id(world):
    """Its settings, health and log; requests with its tokens are counted as `ended`."""
    past = world.add_connection("past")
    text = world.add_token(past)["token"]
    world.end(past)
    path = f"{world.root}/connections/{past}"
    scim = api_client(build(world.services), text)

    assert scim("GET", f"/scim/v2/{past}/Users").status == 401
    found = world.operator("GET", path).body
    assert found["state"] == "ended"
    assert [each["reason"] for each in found["health"]["refusals"]] == ["ended"]
    assert world.operator("GET", f"{path}/log").status == 200
    assert world.operator("GET", f"{path}/tokens").body["items"] == []
    assert world.operator("PATCH", path, {"name": "B"}).status == 409


def test_a_revoked_token_is_counted_as_revoked(world):
    """The admin is told to paste the new one; an unknown one is counted as foreign."""
    token = world.add_token(world.connection)
    world.end(f"{world.connection}/tokens/{token['id']}")
    api_client(build(world.services), token["token"])("GET", world.users)

    health = world.operator("GET", f"{world.root}/connections/{world.connection}").body["health"]
    assert [each["reason"] for each in health["refusals"]] == ["revoked"]


def test_the_number_of_ended_connections_with_users_is_bounded(world):
    """Each costs a sign-in two reads: the next one may be deleted, or leave nobody."""
    for number in range(MOST_KEPT):
        end_with_a_user(world, f"{number}")
    response = end_with_a_user(world, "next")

    assert response.status == 409
    assert f"{MOST_KEPT} ended connections" in response.body["detail"]
    signed_in = world.operator("POST", "/sign-in", {"email": "user0@acme.example.com"}).body
    assert signed_in == {"method": "inactive"}


def end_with_a_user(world: World, name: str) -> Any:
    """Create a connection with a user, and end it so that the user reads as inactive."""
    connection = world.add_connection(name)
    scim = api_client(build(world.services), world.add_token(connection)["token"])
    email = f"user{name}@acme.example.com"
    assert scim("POST", f"/scim/v2/{connection}/Users", {"userName": email}).status == 201
    path = f"{world.root}/connections/{connection}?users=deactivate"
    return world.operator("DELETE", path)


def test_an_organisation_makes_a_bounded_number_of_changes(world):
    """429 with Retry-After; reads go on, and so do the operator and other organisations."""
    rate = Rate(per_second=0.01, burst=2)
    settings = replace(world.services.settings, admin_changes=rate)
    limited = replace(world.services, settings=settings)
    own, other = (
        a_session(limited, each)
        for each in (world.organisation, an_organisation(limited).keys.organisation)
    )
    admin, stranger = (api_client(build(limited), each) for each in (own, other))
    sent = [admin("PATCH", world.path, {"name": f"{number}"}) for number in range(3)]

    assert [each.status for each in sent] == [200, 200, 429]
    assert 1 <= int(sent[-1].headers["retry-after"]) <= 100
    assert admin("GET", world.path).status == 200
    assert admin("DELETE", f"{world.path}/tokens/x").status == 429
    assert stranger("PUT", f"{world.path}/schemas/{URN}", SCHEMA).status == 404
    assert admin("DELETE", "/admin/sessions/current").status == 204
    operator = api_client(build(limited), OPERATOR_KEY)
    assert operator("PATCH", world.path, {"name": "next"}).status == 200
