"""Two organisations side by side: neither sees, meets or changes anything of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import pytest

from app import build
from chalicelib.api.admin.requests import Access
from chalicelib.api.services import Services
from chalicelib.settings import Plan
from dev.measure.scene import QuickQueries
from tests.support.builders import ApiClient, Response, api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.every_request import CURSORS, Request, Side, Values, a_side, fresh, requests_of
from tests.support.invariants import read_all
from tests.support.routes import all_routes

REFUSED = {400, 401, 404}
NOT_OFFERED = {405, 501}
RANDOM_REQUESTS = 2_000

# What names something new in a path: another organisation may have one of the same name, but for
# a domain, which is one organisation's alone.
ONES_OWN = {
    ("PUT /workspaces/<workspace>", "workspace"): 200,
    ("PUT /roles/<role>", "role"): 200,
    ("PUT /connections/<connection>/schemas/<urn>", "urn"): 200,
    ("PUT /domains/<domain>", "domain"): 409,
}
# A position in the order of ids is no id, nor does a manager have to be somebody who is here; what
# a user is in is not read from a body, and a role that they lack is withdrawn without an error.
MEANS_NOBODY = {
    ("GET /Groups/<team>/members", "user"),
    ("GET /teams/<team>/members", "user"),
    ("POST /Users", "user"),
    ("PUT /Users/<user>", "team"),
    ("DELETE /users/<user>/roles/<role>", "role"),
    ("DELETE /users/<user>/roles/<role>", "workspace"),
}


class World(NamedTuple):
    """Both organisations, and the client."""

    services: Services
    send: ApiClient
    own: Side
    other: Side
    sent: list[str]

    def response(self, request: Request, values: Values, credential: str) -> Response:
        """Send a request with these values in its places."""
        target, body = request.filled(values)
        self.sent.extend(told for told in self.other.told if told in f"{target}{body!r}")
        return self.send.with_credential(credential)(request.route.method, target, body)

    def principal(self, request: Request) -> str:
        """Give the credential by which this request is served."""
        if request.route.is_scim:
            return self.own.token
        return OPERATOR_KEY if request.route.access is Access.OPERATOR else self.own.session

    def shown(self, response: Response) -> set[str]:
        """Return what a response shows of the other, except what was sent: a log repeats it."""
        text = f"{response.headers}{json.dumps(response.body, ensure_ascii=False)}"
        return {told for told in self.other.told if told in text} - {*self.sent}

    def other_items(self) -> Mapping[Any, Any]:
        """Read what the other has; rejected requests there are for its own admin to see."""
        other = self.other.values["organisation"]
        items = read_all(self.services.table).items()
        return {key: item for key, item in items if other in f"{key}" and not key.pk.endswith("#H")}


@pytest.fixture
def world(services, manual_clock):
    """Make the two, on a plan that lets them have several connections."""
    plans = {"enterprise": Plan(scim=True, max_connections=900, rate=None)}
    quick: Any = QuickQueries(services.table.client)
    services = replace(
        services,
        settings=replace(services.settings, plans=plans, admin_changes=None),
        table=replace(services.table, client=quick),
    )
    own, other = a_side(services, "okapi"), a_side(services, "zebra")
    manual_clock.advance(seconds=1)
    return World(services, api_client(build(services)), own, other, [])


# --- what must hold ---------------------------------------------------------------------------


# A setup session has something to finish; the session of this test is an admin's.
FINISH = "/admin/sessions/current/finish"


def test_with_its_own_ids_every_request_succeeds(world):
    """Otherwise what is rejected below might be rejected for another reason."""
    rejected = {}
    for number, request in enumerate(requests_of(all_routes())):
        if request.route.method != "DELETE" and request.route.path != FINISH:
            values = world.own.values | fresh(number)
            status = world.response(request, values, world.principal(request)).status
            if status >= 300 and status not in NOT_OFFERED:
                rejected[f"{request}"] = status

    assert rejected == {}


def nothing_found(response: Response) -> bool:
    """Tell whether a response is an error, or an empty list."""
    if response.status in REFUSED | NOT_OFFERED:
        return True
    body = response.body if isinstance(response.body, dict) else {}
    inner = body.get("Operations", [])
    empty = body.get("totalResults") == 0 or body.get("items") == []
    return empty or bool(inner and all(int(each["status"]) in REFUSED for each in inner))


def foreign(world: World) -> Iterator[tuple[Request, str, Values]]:
    """Put the other's into each place of each request, one at a time."""
    for number, request in enumerate(requests_of(all_routes())):
        for place in request.places():
            yield (
                request,
                place,
                {**world.own.values, **fresh(number), place: world.other.values[place]},
            )


def test_the_ids_of_another_organisation_are_unknown_in_every_request(world):
    """Rejected as unknown, or found in no list; nothing of the other is shown or changed."""
    before, found, tried = world.other_items(), {}, 0
    for request, place, values in foreign(world):
        if (request.short, place) in ONES_OWN:
            continue
        alone = place == "organisation" and request.route.access is Access.OPERATOR
        principal = world.own.session if alone else world.principal(request)
        response, tried = world.response(request, values, principal), tried + 1
        may_be = place in CURSORS or (request.short, place) in MEANS_NOBODY
        if world.shown(response) or not (may_be or nothing_found(response)):
            found[f"{place} in {request}"] = response

    assert found == {}
    assert world.other_items() == before
    assert tried > 300


def test_two_organisations_may_use_the_same_name(world):
    """Workspaces, roles and schemas are each organisation's; a domain is one's alone."""
    before, responded = world.other_items(), {}
    for request, place, values in foreign(world):
        if (request.short, place) in ONES_OWN:
            response = world.response(request, values, world.principal(request))
            responded[request.short, place] = response.status
            assert world.shown(response) == set()

    assert responded == ONES_OWN
    assert world.other_items() == before


# What would end the credential of the request.
ENDING = (
    "/connections/<connection>",
    "/tokens/<token>",
    "/credentials/<token>",
    "/current",
    "/sessions",
    "/sessions/<session>",
)


def may_be_drawn(request: Request) -> bool:
    """Leave out what may end the credential, and self-tests: each is a hundred requests."""
    ends = request.route.method == "DELETE" and request.target.endswith(ENDING)
    return not ends and not request.target.endswith("/test")


def drawn(random: Random, world: World, number: int) -> Values:
    """Draw a value for each place: mostly its own."""
    sides = [world.own, world.own, world.own, world.other]
    values = {name: random.choice(sides).values[name] for name in world.own.values}
    return values | fresh(number)


def test_random_requests_show_and_change_nothing_of_the_other(world, manual_clock, record_property):
    """With a session or a token of one organisation, and ids of both in all places."""
    random = Random(2027)  # noqa: S311 - a run must be able to be repeated
    requests = [each for each in requests_of(all_routes()) if may_be_drawn(each)]
    before, leaks, served = world.other_items(), {}, 0
    for number in range(RANDOM_REQUESTS):
        manual_clock.advance(seconds=1)
        request, values = random.choice(requests), drawn(random, world, number)
        kind = request.route.is_scim if random.random() < 0.9 else not request.route.is_scim
        response = world.response(request, values, world.own.token if kind else world.own.session)
        served += response.status < 300
        if found := world.shown(response):
            leaks[number] = (request, values, found)

    assert leaks == {}
    assert world.other_items() == before
    assert served > RANDOM_REQUESTS / 8, "nearly all were rejected"
    record_property("random requests between two organisations", RANDOM_REQUESTS)
    record_property("of them served", served)
