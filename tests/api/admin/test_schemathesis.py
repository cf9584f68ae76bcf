"""Random requests made from the published OpenAPI document cause no internal error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import build
from chalicelib.api.admin.published import read_document
from chalicelib.api.services import Services
from dev.run.gateway import Gateway, HttpRequest
from tests.support import described
from tests.support.builders import Customer, a_customer, api_client
from tests.support.environment import OPERATOR_KEY

ADDRESS = "https://id.example.com"
SCHEMA = schemathesis.openapi.from_dict({**read_document(), "servers": [{"url": ADDRESS}]})
FOUND: list[Any] = list(SCHEMA.get_all_operations())
OPERATIONS = {each.ok().label: each.ok() for each in FOUND}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
load_all_checks()

# Of each route; more in a campaign by hand.
CASES = 12


def sent(case: Case[Any]) -> requests.PreparedRequest:
    """Write a case as a request of the operator."""
    asked = {**case.as_transport_kwargs(base_url=ADDRESS)}
    asked["headers"] = {**asked["headers"], "Authorization": f"Bearer {OPERATOR_KEY}"}
    return requests.Request(**asked).prepare()


def responded(gateway: Gateway, request: requests.PreparedRequest) -> Response:
    """Send it as API Gateway would, and return the response as schemathesis reads it."""
    parts = urlsplit(request.url or "")
    body: Any = request.body or b""
    headers = tuple((name, str(value)) for name, value in request.headers.items())
    raw = body.encode() if isinstance(body, str) else body
    response = gateway.respond(
        HttpRequest(request.method or "", parts.path, parts.query, headers, raw)
    )
    many = {name: [value] for name, value in response.headers}
    return Response(response.status, many, response.body, request, elapsed=0.0, verify=True)


Names = Mapping[str, str]


def names_of(services: Services, context: Customer) -> Names:
    """Create a user and a group, and name all that a path or a body can name."""
    scim = api_client(build(services), context.token)
    root = f"/scim/v2/{context.connection}"
    return {
        "organisation": context.organisation,
        "connection": context.connection,
        "token": context.token_id,
        "user": scim("POST", f"{root}/Users", {"userName": "ada@example.com"}).body["id"],
        "team": scim("POST", f"{root}/Groups", {"displayName": "Team"}).body["id"],
        "workspace": "main",
        "role": "reader",
        "default_role": "reader",
        "plan": "enterprise",
    }


def with_real_names(case: Case[Any], names: Names) -> None:
    """Name what exists, so that the case gets past authorisation."""
    for place in (case.path_parameters, case.body):
        if isinstance(place, dict):
            place.update({name: names[name] for name in names if name in place})


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_document_allows_gets_the_responses_that_it_declares(services, label):
    """Well-formed and malformed: no fault, and no status, type or body that it does not name."""
    operation = OPERATIONS[label]
    gateway = Gateway(build(services), "test", "id.example.com")
    names = names_of(services, a_customer(services))
    cases = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=CASES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(cases), real=st.sampled_from([True, True, True, False]))
    def holds(case: Case[Any], real: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        if real:
            with_real_names(case, names)
        request = sent(case)
        assume(described.template_of(urlsplit(request.url or "").path) == operation.path)
        case.validate_response(responded(gateway, request), checks=CHECKS)

    holds()
