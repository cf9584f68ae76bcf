"""The headers If-Match and Idempotency-Key of the admin API."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app import build
from chalicelib.api.admin.routes import ORGANISATIONS
from chalicelib.settings import Settings
from tests.support.builders import api_client, connection_body, organisation_body
from tests.support.environment import ENVIRONMENT, OPERATOR_KEY


@pytest.mark.parametrize("of", ["organisation", "connection"])
def test_a_change_with_another_version_in_if_match_is_rejected(request, operator, of):
    """412 where another change came first; `*` and no header match every version."""
    path = request.getfixturevalue(of)
    etag = operator("GET", path).headers["etag"]

    tags = [etag, etag, "*", 'W/"0", W/"3"', "nonsense"]
    responses = [
        operator("PATCH", path, {"name": f"B{at}"}, {"If-Match": tag}).status
        for at, tag in enumerate(tags)
    ]

    assert responses == [200, 412, 200, 200, 400]


# --- Idempotency-Key --------------------------------------------------------------------------

KEYED = {"Idempotency-Key": "b3b2"}


def test_an_organisation_is_created_once(operator):
    """A replay returns 201 with the present state."""
    once = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    operator(
        "PATCH", once.headers["location"].removeprefix("https://id.example.com"), {"name": "B"}
    )

    again = operator("POST", ORGANISATIONS, organisation_body(), KEYED)

    assert (again.status, again.body["id"], again.body["name"]) == (201, once.body["id"], "B")
    assert len(operator("GET", ORGANISATIONS).body["items"]) == 1


def test_a_connection_is_created_once(operator, organisation):
    """Whatever the order of the fields."""
    body = connection_body()
    backwards = dict(reversed(list(body.items())))

    once = operator("POST", f"{organisation}/connections", body, KEYED)
    again = operator("POST", f"{organisation}/connections", backwards, KEYED)

    assert (once.status, again.status) == (201, 201)
    assert once.body == again.body
    assert once.headers["location"] == again.headers["location"]


def test_a_token_is_created_and_shown_once(operator, connection):
    """A replay returns 409 with id and hint, never the token."""
    once = operator("POST", f"{connection}/tokens", {"name": "B"}, KEYED)

    again = operator("POST", f"{connection}/tokens", {"name": "B"}, KEYED)

    assert (once.status, again.status) == (201, 409)
    assert (again.body["id"], again.body["hint"]) == (once.body["id"], once.body["hint"])
    assert "psl_scim_" not in str(again.body).replace(once.body["hint"], "")


def test_a_key_is_for_one_content(operator, organisation):
    """400: the client would take something else for what it wanted to create."""
    operator("POST", f"{organisation}/connections", connection_body(), KEYED)

    response = operator("POST", f"{organisation}/connections", connection_body(name="B"), KEYED)

    assert response.status == 400
    assert "Idempotency-Key" in response.body["detail"]


def test_a_key_is_for_one_route(services):
    """The same content elsewhere is another request."""
    plans = {"enterprise": {"scim": True, "max_connections": 2}}
    settings = Settings.from_environment({**ENVIRONMENT, "PLANS": json.dumps(plans)})
    operator = api_client(build(replace(services, settings=settings)), OPERATOR_KEY)
    organisation = operator("POST", ORGANISATIONS, organisation_body()).body["id"]
    path = f"{ORGANISATIONS}/{organisation}/connections"

    one, two = (operator("POST", path, connection_body()).body["id"] for _ in range(2))
    responses = [operator("POST", f"{path}/{c}/tokens", {"name": "B"}, KEYED) for c in (one, two)]

    assert [response.status for response in responses] == [201, 400]


def test_a_key_is_forgotten_after_a_day(operator, manual_clock):
    """Also where DynamoDB has not deleted its item yet."""
    once = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    manual_clock.advance(hours=23)
    within = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    manual_clock.advance(hours=1)

    after = operator("POST", ORGANISATIONS, organisation_body(), KEYED)

    assert within.body["id"] == once.body["id"]
    assert (after.status, after.body["id"] != once.body["id"]) == (201, True)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "\u00e9"])
def test_a_malformed_key_is_rejected(operator, key):
    """1 to 255 visible ASCII characters."""
    response = operator("POST", ORGANISATIONS, organisation_body(), {"Idempotency-Key": key})

    assert response.status == 400


def test_a_rejected_request_does_not_use_up_its_key(operator):
    """The key is stored in the transaction that creates the resource."""
    operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"))
    taken = operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"), KEYED)

    free = operator("POST", ORGANISATIONS, organisation_body(reference="acme-2"), KEYED)

    assert (taken.status, free.status) == (409, 201)
