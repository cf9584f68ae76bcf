"""Every route of the app is requested by every type of principal, who may use it or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from app import build
from chalicelib.api import oauth as oauth_api
from chalicelib.api import routes
from chalicelib.api.admin.requests import Access
from chalicelib.api.services import Services
from tests.support.builders import (
    ApiClient,
    Customer,
    Response,
    a_customer,
    a_link,
    a_session,
    api_client,
    exchanged,
)
from tests.support.clock import ManualClock
from tests.support.environment import OPERATOR_KEY
from tests.support.routes import DECLARED, Route, all_routes

# The responses that nobody gets who may do what they do.
REFUSED = {401, 403, 500, 503}


class World(NamedTuple):
    """An organisation with a connection, another one, and their credentials by principal."""

    own: Customer
    credentials: Mapping[str, str]


def ended(services: Services, context: Customer) -> str:
    """Create the session of an admin, and end it."""
    token = a_session(services, context.organisation)
    api_client(build(services), token)("DELETE", "/admin/sessions/current")
    return token


def oauth(services: Services, context: Customer) -> tuple[str, str]:
    """Create a client secret of a connection; return its text, and an access token for it."""
    operator = api_client(build(services), OPERATOR_KEY)
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    operator("PATCH", path, {"authentication": ["token", "client_secret"]})
    body = {"name": "client", "type": "client_secret"}
    made = operator("POST", f"{path}/credentials", body).body
    sent = {name: made[name] for name in ("client_id", "client_secret")}
    form = urlencode({"grant_type": "client_credentials", **sent}).encode()
    token = f"/oauth2/{context.connection}/token"
    issued = api_client(build(services))("POST", token, form, content_type=oauth_api.FORM)
    return made["client_secret"], issued.body["access_token"]


@pytest.fixture
def world(services: Services, manual_clock: ManualClock) -> World:
    """Create all of them."""
    own, other = a_customer(services), a_customer(services)
    expired = a_session(services, own.organisation)
    manual_clock.advance(hours=8)
    secret, access = oauth(services, own)
    return World(
        own,
        {
            "none": "",
            "garbage": "letmein",
            "mistyped operator": OPERATOR_KEY[:-1] + "_",
            "expired": expired,
            "revoked": ended(services, own),
            "other connection": other.token,
            "other client": oauth(services, other)[1],
            "client secret": secret,
            "other admin": a_session(services, other.organisation),
            "own connection": own.token,
            "own client": access,
            "own setup": exchanged(services, a_link(services, own.organisation, purpose="setup")),
            "own admin": a_session(services, own.organisation),
            "operator": OPERATOR_KEY,
        },
    )


def target(route: Route, own: Customer) -> str:
    """Put ids into a path: of the organisation and its connection; the others do not exist."""
    ids = {
        "organisation": own.organisation,
        "connection": own.connection,
        "token": own.token_id,
        "domain": "acme.example.com",
        "urn": "urn:example:none",
    }
    segments = route.path.split("/")
    named = (ids.get(s.strip("{}"), "0" * 32) if s.startswith("{") else s for s in segments)
    path = "/".join(named)
    # Not those of the principals of this test.
    return f"{path}?user=nobody" if path.endswith("/sessions") else path


def nobody(_: Route) -> set[int]:
    """The credential is missing or has another type."""
    return {401}


def other_admin(route: Route) -> set[int]:
    """An organisation that is not the admin's own is 404; routes without one are the operator's."""
    if route.is_scim:
        return {401}
    if "{organisation}" in route.path:
        return {404}
    return {403} if route.access is Access.OPERATOR else set()


def own_admin(route: Route) -> set[int]:
    """The admin's organisation is there, and what only the operator may do is rejected."""
    if route.is_scim:
        return {401}
    return {403} if route.access is Access.OPERATOR else set()


def own_setup(route: Route) -> set[int]:
    """Who sets up a connection that is not there yet sees no other one, and nothing else."""
    if route.access is Access.SETUP:
        return {404} if "{connection}" in route.path else set()
    return {401} if route.is_scim else {403}


def operator(route: Route) -> set[int]:
    """The operator may do everything but speak for an identity provider."""
    return {401} if route.is_scim else set()


def own_connection(route: Route) -> set[int]:
    """A token is valid for the routes of its own type only."""
    return set() if route.is_scim else {401}


# The statuses that each principal gets; an empty set is any that does not reject the request.
EXPECTED: Mapping[str, Callable[[Route], set[int]]] = {
    "none": nobody,
    "garbage": nobody,
    "mistyped operator": nobody,
    "expired": nobody,
    "revoked": nobody,
    "other connection": nobody,
    "other client": nobody,
    "client secret": nobody,
    "other admin": other_admin,
    "own connection": own_connection,
    "own client": own_connection,
    "own setup": own_setup,
    "own admin": own_admin,
    "operator": operator,
}


# What needs no credential beside the tables, and gives everybody the same: the page and the
# metadata. The token endpoint checks credentials of its own, in the body or as Basic.
TOKEN = "/oauth2/{connection}/token"
OPEN = {
    "/console",
    "/console/{version}/{file}",
    "/console/{version}/{folder}/{file}",
    "/.well-known/oauth-authorization-server/oauth2/{connection}",
    "/oauth2/{connection}/.well-known/oauth-authorization-server",
}


def test_every_route_is_in_a_table_that_says_who_may_call_it(services):
    """One that is registered otherwise would escape this file and the published document."""
    routers = [routes.all_paths(services), routes._others(services)]
    listed = [each for router in routers for each in router._by_length.values()]
    registered = {endpoint.path for endpoints in listed for endpoint in endpoints}

    assert registered == {route.path for route in all_routes()} | OPEN | {TOKEN}
    assert {(r.method, r.path) for r in all_routes() if not r.is_scim} == set(DECLARED)


def same(response: Response) -> tuple[Any, ...]:
    """Return what of a response does not change from request to request."""
    text = str(response.body)
    return response.status, text.replace(response.headers["x-amzn-requestid"], "")


@pytest.mark.parametrize("path", [*sorted(OPEN), TOKEN])
def test_beside_the_tables_a_bearer_credential_opens_nothing(services, world, path):
    """Nobody's makes a difference, whatever the method; none gets an access token."""
    path = path.replace("{connection}", world.own.connection)
    path = path.format(version="old", folder="texts", file="en.json")
    form = b"grant_type=client_credentials"
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        body = form if method == "POST" else None
        seen = {
            same(api_client(build(services), each)(method, path, body, content_type=oauth_api.FORM))
            for each in world.credentials.values()
        }
        assert len(seen) == 1, method
        assert ("access_token" in str(seen)) is False


def wrong(route: Route, status: int, allowed: set[int]) -> bool:
    """Tell whether a principal gets another status than expected."""
    return status not in allowed if allowed else status in REFUSED


# What needs no body and ends the session with which the other routes are requested.
ENDING = {"/admin/sessions/current/finish"}
# What ends it for all others comes last.
CURRENT = "/admin/sessions/current"


@pytest.mark.parametrize("principal", EXPECTED)
def test_every_route_accepts_the_right_principals_only(services, world, principal):
    """Looked at before the body: a stranger learns nothing of what is wrong with it."""
    send = api_client(build(services), world.credentials[principal])

    found: dict[str, Any] = {}
    for route in sorted(all_routes(), key=lambda each: each.path == CURRENT):
        if route.access is Access.ANYONE or (route.path in ENDING and principal == "own setup"):
            continue
        body = None if route.method in {"GET", "DELETE"} else b"{broken"
        status = send(route.method, target(route, world.own), body).status
        if wrong(route, status, EXPECTED[principal](route)):
            found[f"{route.method} {route.path}"] = status

    assert found == {}


@pytest.mark.parametrize("credential", ["", "letmein", OPERATOR_KEY])
def test_what_is_open_is_open_for_everybody(services: Services, credential: str):
    """The health, the document, and the exchange of a link, which is a credential itself."""
    send: ApiClient = api_client(build(services), credential)
    opened = [route for route in all_routes() if route.access is Access.ANYONE]

    responses = {route.path: send(route.method, route.path, b"{broken").status for route in opened}

    assert set(responses.values()) <= {200, 400}
    assert responses["/admin/sessions"] == 400
