"""What an operator key with one scope may do: every route of the operator, by the route table."""

from __future__ import annotations

from random import Random

import pytest

from app import build
from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ROUTES
from chalicelib.auth.tokens import mint
from chalicelib.storage.operator_keys import SCOPES
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import a_customer, api_client
from tests.support.directory import a_user, connection_context
from tests.support.routes import all_routes

NEEDS = {(route.method, route.path): route.scope for route in ROUTES}


@pytest.fixture
def keyed(services, secretsmanager):
    """Give a client with a key of some scopes."""
    keys = OperatorKeys(services.table, secretsmanager, "passerelle/test")

    def client(*scopes: str):
        text = mint("op", Random(31)).text  # noqa: S311 - nobody's key
        keys.create(text, "a key", scopes)
        return api_client(build(services), text)

    return client


def target(path, customer):
    """Put ids into a path: the organisation's, its connection's, others that are not there."""
    path = path.replace("{organisation}", customer.organisation)
    path = path.replace("{connection}", customer.connection)
    parts = ("0" * 32 if part.startswith("{") else part for part in path.split("/"))
    return "/".join(parts)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_is_for_the_routes_of_its_scope(services, keyed, scope):
    """All others are 403, which names what is missing; checked before the body is read."""
    customer, send = a_customer(services), keyed(scope)
    wrong = {}
    for route in all_routes():
        if route.is_scim or route.access is Access.ANYONE:
            continue
        needed = NEEDS[route.method, route.path]
        body = None if route.method in {"GET", "DELETE"} else b"{broken"
        response = send(route.method, target(route.path, customer), body)
        named = f"`{needed}`" in str(response.body)
        if (response.status == 403 and named) == (needed == scope):
            wrong[f"{route.method} {route.path}"] = response.status

    assert wrong == {}


def test_every_scope_opens_something():
    """A scope that no route needs would be a promise."""
    assert {route.scope for route in ROUTES} == SCOPES.keys()


def test_the_sign_in_page_gets_along_with_one_scope(services, keyed):
    """What a stolen key of the page is good for: no more than the page."""
    a_customer(services)
    send = keyed("sign-in")

    found = send("POST", "/sign-in", {"email": "ada@example.com"})
    rejected = send("GET", "/admin/organisations")

    assert found.body == {"method": "password", "reset_required": True}
    assert (rejected.status, "`directory:read`" in rejected.body["detail"]) == (403, True)


def test_the_sample_consumer_gets_along_with_two_scopes(services, keyed):
    """What it asks for, as the clients and samples do; it creates and reads nothing else."""
    customer = a_customer(services)
    scim = connection_context(services.table, customer.connection)
    user = a_user(scim)
    send, path = keyed("directory:read", "changes"), f"/admin/organisations/{customer.organisation}"

    responses = [
        send("GET", path),
        send("GET", f"{path}/changes?after=now"),
        send("GET", f"{path}/users?linked=false"),
        send("GET", f"{path}/users/{user}"),
        send("PUT", f"{path}/users/{user}/account", {"id": "acc_1"}),
        send("GET", f"{path}/connections"),
        send("GET", f"{path}/connections/{customer.connection}/digest"),
    ]

    assert [each.status for each in responses] == [200] * 7
    assert send("GET", f"{path}/audit").status == 403


def test_the_audit_names_the_key(services, keyed, operator):
    """Several back ends act as the operator; which one it was."""
    customer = a_customer(services)
    path = f"/admin/organisations/{customer.organisation}"
    keyed("admin")("PATCH", path, {"name": "New"})

    newest = operator("GET", f"{path}/audit?action=organisation.changed").body["items"][0]
    other = operator("GET", f"{path}/audit?actor=first").body

    assert (newest["actor"]["type"], newest["actor"]["name"]) == ("operator", "a key")
    assert other["items"] == []


def test_a_missing_scope_is_counted_where_the_operator_sees_it(services, keyed, operator):
    """With the reason."""
    customer = a_customer(services)
    path = f"/admin/organisations/{customer.organisation}"
    keyed("sign-in")("GET", path)

    [rejected] = operator("GET", f"{path}/audit").body["rejected"]

    assert (rejected["reason"], rejected["count"]) == ("scope", 1)
