"""Which credentials the admin API accepts, and what it says to the others."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from app import build
from chalicelib import VERSION
from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ORGANISATIONS, ROUTES
from tests.support.builders import api_client, connection_body
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient


def test_health_is_open_and_has_the_version(operator):
    """A load balancer has no key."""
    response = operator.with_credential("")("GET", "/health")

    assert (response.status, response.body) == (200, {"ok": True, "version": VERSION})


def test_the_version_is_the_projects():
    """One release has one number."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION


CLOSED = [(route.method, route.path) for route in ROUTES if route.access is not Access.ANYONE]


def spelled(path):
    """Put ids into a path template."""
    ids = {"organisation": "a" * 10, "connection": "a" * 16}
    return re.sub(r"{(\w+)}", lambda name: ids.get(name[1], "0" * 12), path)


@pytest.mark.parametrize("credential", ["", "letmein", OPERATOR_KEY[:-1] + "_"])
def test_every_route_needs_a_credential(operator, credential):
    """Checked before the body, so that a stranger learns nothing of it."""
    send = operator.with_credential(credential)
    responses = {route: send(route[0], spelled(route[1]), b"{broken") for route in CLOSED}

    assert {route for route, response in responses.items() if response.status != 401} == set()
    for response in responses.values():
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert "operator key" in response.body["detail"]


def test_the_token_of_a_connection_is_rejected_by_the_admin_api(operator, token):
    """A credential of one type is never accepted where another is expected."""
    send = operator.with_credential(token["token"])
    statuses = {route: send(route[0], spelled(route[1])).status for route in CLOSED}

    assert {route: status for route, status in statuses.items() if status != 401} == {}


def test_the_operator_key_is_rejected_by_scim_routes(operator, connection):
    """The two types of credential are valid for one API each."""
    path = f"/scim/v2/{connection.rpartition('/')[2]}/Users"

    assert operator("GET", path).status == 401


UNKNOWN_IDS = ["b" * 10, "A" * 10, "short", "aaaaaaaaa%23", "%2e%2e"]


@pytest.mark.parametrize("organisation", UNKNOWN_IDS)
@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "B"}),
        ("GET", "/connections", None),
        ("POST", "/connections", connection_body()),
        ("GET", f"/connections/{'b' * 16}", None),
        ("GET", f"/connections/{'b' * 16}/tokens", None),
        ("POST", f"/connections/{'b' * 16}/tokens", {"name": "B"}),
        ("DELETE", f"/connections/{'b' * 16}/tokens/{'0' * 12}", None),
    ],
)
def test_an_unknown_organisation_is_not_found(operator, organisation, method, tail, body):
    """A malformed id too; its text becomes part of no key."""
    response = operator(method, f"{ORGANISATIONS}/{organisation}{tail}", body)

    assert (response.status, response.body["title"]) == (404, "Not Found")


@pytest.mark.parametrize("organisation", UNKNOWN_IDS[1:])
def test_a_malformed_organisation_id_never_becomes_a_key(services, organisation):
    """Only the operator's own key is looked up."""
    table = FaultyClient(services.table.client)
    counted = replace(services, table=replace(services.table, client=table))

    api_client(build(counted), OPERATOR_KEY)("GET", f"{ORGANISATIONS}/{organisation}")

    assert table.calls == ["get_item"]
