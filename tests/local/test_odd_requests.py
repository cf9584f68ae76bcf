"""Random requests, composed of the words and characters that parsers look for.

They run on DynamoDB Local, since moto reads all items for each Query.
"""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from app import build
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.settings import Plan, Settings
from tests.support.builders import a_customer, api_client

pytestmark = pytest.mark.campaign

ID = "0" * 32


@pytest.fixture
def scim(table, secretsmanager):
    """Send SCIM requests without a rate limit; paths are relative to the connection's URL."""
    plans = {"enterprise": Plan(scim=True, rate=None)}
    settings = replace(Settings.from_environment(), plans=plans)
    services = Services(table, Secrets(secretsmanager, settings.secrets_prefix), settings)
    context = a_customer(services, identity_provider="other")
    client = api_client(build(services), context.token)

    def call(method, path, body=None, headers=None):
        return client(method, f"/scim/v2/{context.connection}{path}", body, headers)

    return call


REQUESTS = 1_000
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ENDPOINTS = ["GET /Users", "POST /Users", "GET /Users/{id}", "PUT /Users/{id}", "PATCH /Users/{id}",
           "GET /Groups", "POST /Groups", "GET /Groups/{id}", "PUT /Groups/{id}",
           "PATCH /Groups/{id}", "GET /Groups/{id}/members", "POST /Bulk", "POST /.search",
           "POST /Users/.search", "POST /Groups/.search", "DELETE /Users/{id}",
           "GET /ResourceTypes/{id}", "GET /Schemas", "GET /Me"]  # fmt: skip
PARAMETERS = ["filter", "attributes", "excludedAttributes", "startIndex", "count", "cursor"]
KEYS = ["userName", "emails", "members", "value", "displayName", "active", "name", "schemas", "id",
        "meta", "Operations", "op", "path", "type", "primary", "externalId", "manager", "bulkId",
        "method", "data", "failOnErrors", "name.givenName", "filter", "count", "password", "roles",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]  # fmt: skip
WORDS = ["eq", "and", "or", "not", "(", ")", "[", "]", '"', "\\", ".", ":", "pr", "members", "add",
         "emails", "work", "type", "value", "true", "null", "1", "-1", "9" * 30, "é", "\u202e",
         "\U0001f600", "", " ", "remove", "replace", "POST", "PATCH", "/Users", "bulkId:a",
         "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "__class__", "%", "%00", ID,
         "urn:ietf:params:scim:schemas:core:2.0:User", "{0}", "${x}", "A" * 300]  # fmt: skip
MAX_DEPTH = 4


def text(random: Random) -> str:
    """Join random words that have a meaning for a parser."""
    return random.choice(["", " "]).join(random.choices(WORDS, k=random.randint(0, 6)))


def value(random: Random, depth: int = 0) -> Any:
    """Make a random JSON value with keys that the schemas or messages define."""
    choice = random.randint(0, 7 if depth < MAX_DEPTH else 4)
    if choice > 5:
        return {key: value(random, depth + 1) for key in random.sample(KEYS, random.randint(0, 4))}
    if choice == 5:
        return [value(random, depth + 1) for _ in range(random.randint(0, 3))]
    return random.choice([text(random), random.choice(WORDS), True, None, random.randint(-5, 500)])


def body(random: Random) -> bytes | None:
    """Make a body; some are broken."""
    operations = [{"op": "add", "path": text(random), "value": value(random)} for _ in range(2)]
    user = {"userName": "ann", random.choice(KEYS): value(random)}
    whole = random.choice([value(random), {"Operations": operations}, user])
    written = json.dumps(whole).encode()
    return random.choice([written, written, written, written[: len(written) // 2], None])


def request(random: Random, ids: list[str]) -> tuple[str, str, bytes | None, dict[str, str]]:
    """Make a request."""
    method, _, path = random.choice(ENDPOINTS).partition(" ")
    path = path.format(id=random.choice([*ids, *ids, ID, "a%20b"]))
    query = "&".join(
        f"{name}={quote(text(random))}" for name in random.sample(PARAMETERS, random.randint(0, 2))
    )
    headers = {"If-Match": text(random).encode("ascii", "replace").decode()}
    method = random.choice([*[method] * 20, *METHODS])
    return method, f"{path}?{query}", body(random), random.choice([{}, {}, {}, headers])


def test_no_request_causes_an_internal_error(scim, record_property):
    """Each of 1,000 random requests gets a valid SCIM response; a seed makes them repeatable."""
    random = Random(20_261_124)  # noqa: S311 - a test must be able to run again
    ids = [scim("POST", "/Users", {"userName": "ann"}).body["id"]]
    ids.append(scim("POST", "/Groups", {"displayName": "Tour"}).body["id"])

    statuses = set()
    for number in range(REQUESTS):
        sent = request(random, ids)
        response = scim(*sent)
        assert response.status < 500 or response.status == 501, (number, sent, response)
        assert response.status < 400 or response.body["detail"], (number, sent, response)
        statuses.add(response.status)
    assert statuses > {200, 201, 204, 400, 404, 405, 409}
    record_property("odd requests answered without a 500", REQUESTS)
