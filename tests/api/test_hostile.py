"""Requests that are hostile, or only look odd: each gets a response that says what is wrong."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from app import build
from dev.run.gateway import HttpRequest
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.every_request import a_side, fresh, requests_of
from tests.support.routes import all_routes

ID = "0" * 32
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def user(**attributes: Any) -> dict[str, Any]:
    """Write a user's document."""
    return {"userName": "ann", **attributes}


def raw(inside: str) -> bytes:
    """Write a user's document with JSON that `json.dumps` would not write."""
    return b'{"userName": "ann", ' + inside.encode() + b"}"


def patch(count: int) -> dict[str, Any]:
    """Write a PATCH of so many operations."""
    one = {"op": "replace", "path": "title", "value": "x"}
    return {"schemas": [PATCH_URN], "Operations": [one] * count}


def filtered(text: str) -> str:
    """Write a look-up by a filter."""
    return f"/Users?filter={quote(text)}"


GZIP = {"Content-Encoding": "gzip"}

# What is sent, and the status, scimType and words of the response.
REFUSED: dict[str, tuple[str, str, Any, dict[str, str], int, str | None, str]] = {
    "a body of a megabyte": (
        "POST", "/Users", user(title="x" * 1_000_000), {}, 413, None, "at most 1,000,000",
    ),
    "a team's body of six": (
        "POST", "/Groups", b" " * 5_500_001, {}, 413, None, "at most 5,500,000",
    ),
    "brackets without end": ("POST", "/Users", b"[" * 100_000, {}, 400, "invalidSyntax", "32"),
    "a long integer": (
        "POST", "/Users", raw(f'"x": {"1" * 5_000}'), {}, 400, "invalidSyntax", "too many digits",
    ),
    "NaN": ("POST", "/Users", raw('"x": NaN'), {}, 400, "invalidSyntax", "NaN"),
    "Infinity": ("POST", "/Users", raw('"x": -Infinity'), {}, 400, "invalidSyntax", "Infinity"),
    "1e999": ("POST", "/Users", raw('"x": 1e999'), {}, 400, "invalidSyntax", "too large"),
    "a key twice": (
        "POST", "/Users", raw('"active": true, "active": false'), {}, 400, "invalidSyntax", "twice",
    ),
    "half a character": (
        "POST", "/Users", raw('"title": "\\ud800"'), {}, 400, "invalidValue", "U+D800",
    ),
    "NUL": ("POST", "/Users", raw('"title": "\\u0000"'), {}, 400, "invalidValue", "U+0000"),
    "a line break in a name": (
        "POST", "/Users", {"userName": "ann\n"}, {}, 400, "invalidValue", "userName",
    ),
    "a name that is written from right to left": (
        "POST", "/Users", {"userName": "ann\u202ebob"}, {}, 400, "invalidValue", "U+202E",
    ),
    "a team's name with a character of no width": (
        "POST", "/Groups", {"displayName": "To\u200bur"}, {}, 400, "invalidValue", "displayName",
    ),
    "a number for a boolean": (
        "POST", "/Users", user(active=1), {}, 400, "invalidValue", "active",
    ),
    "a number for a boolean in a filter": (
        "GET", filtered("active eq 1"), None, {}, 400, "invalidFilter", "active",
    ),
    "too many operations": (
        "PATCH", f"/Users/{ID}", patch(2_001), {}, 413, None, "2,000",
    ),
    "too many terms": (
        "GET", filtered(" and ".join(["title pr"] * 51)), None, {}, 400, "invalidFilter", "50",
    ),
    "too many brackets": (
        "GET", filtered("(" * 21 + "title pr" + ")" * 21), None, {}, 400, "invalidFilter", "20",
    ),
    "a filter without end": (
        "GET", filtered(f'title eq "{"x" * 4_096}"'), None, {}, 400, "invalidFilter", "4,096",
    ),
    "an operator of nobody's": (
        "GET", filtered('title like "x"'), None, {}, 400, "invalidFilter", "^",
    ),
    "an attribute of nobody's": (
        "GET", filtered('shoeSize eq "44"'), None, {}, 400, "invalidFilter", "shoeSize",
    ),
    "what is never returned": (
        "GET", filtered('password sw "a"'), None, {}, 400, "invalidFilter", "password",
    ),
    "a path into Python": (
        "PATCH", f"/Users/{ID}",
        {"Operations": [{"op": "add", "path": "__class__", "value": "x"}]},
        {}, 400, "invalidPath", "^",
    ),
    "a compressed body": ("POST", "/Users", b"\x1f\x8b", GZIP, 415, None, "compress"),
    "another media type": (
        "POST", "/Users", b"<user/>", {"Content-Type": "text/xml"}, 415, None, "scim+json",
    ),
    "an id that is none": ("GET", "/Users/..", None, {}, 404, None, "no such"),
    "an id that climbs": ("GET", "/Users/%2e%2e%2fGroups", None, {}, 404, None, "no such"),
    "a method in a header": (
        "DELETE", "/Users", None, {"X-HTTP-Method-Override": "GET"}, 405, None, "GET, HEAD, POST",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_an_error_names_what_is_wrong(scim, case):
    """Each has ended in a 500, in silence or in another's data somewhere."""
    method, path, body, headers, status, scim_type, words = case

    response = scim(method, path, body, headers)

    assert (response.status, response.body.get("scimType")) == (status, scim_type)
    assert words in response.body["detail"]


def test_a_date_at_the_end_of_time_is_compared(scim):
    """Moving it to UTC would leave the calendar."""
    scim("POST", "/Users", user())

    late = scim("GET", filtered('meta.created gt "0001-01-01T00:00:00+14:00"'))

    assert (late.status, late.body["totalResults"]) == (200, 1)


SPELLINGS = [
    ("/Users", 200),
    ("/Users/", 200),
    ("/users", 200),
    ("/%55sers", 404),
    ("//Users", 200),
    ("/Users;x", 404),
    ("/Users.", 404),
    ("/Users%20", 404),
    ("/Users/%2e%2e/Groups", 404),
    ("/USERS", 404),
]


@pytest.mark.parametrize(("path", "status"), SPELLINGS)
def test_a_path_has_one_spelling(scim, path, status):
    """Where two programs read a path differently, one of them lets the wrong client in."""
    assert scim("GET", path).status == status


@pytest.mark.parametrize(("path", "_status"), SPELLINGS)
def test_no_spelling_gets_past_the_token(services, context, path, _status):
    """The same responses with a token and without one would leave the service open."""
    response = api_client(build(services))("GET", f"/scim/v2/{context.connection}{path}")

    assert response.status == 401
    assert "Resources" not in response.body


def headers_of(token: str) -> dict[str, list[tuple[str, str]]]:
    """Write the header in ways that some program takes for the token's."""
    good = f"Bearer {token}"
    return {
        "none": [],
        "twice": [("Authorization", good), ("Authorization", good)],
        "good then bad": [("Authorization", good), ("authorization", "Bearer x")],
        "a list": [("Authorization", f"{good}, {good}")],
        "two blanks": [("Authorization", f"Bearer  {token}")],
        "a tab": [("Authorization", f"Bearer\t{token}")],
        "a blank behind": [("Authorization", f"{good} x")],
        "no scheme": [("Authorization", token)],
        "another scheme": [("Authorization", f"Basic {token}")],
        "forwarded": [("X-Forwarded-Authorization", good)],
        "a digit too many": [("Authorization", f"{good}0")],
        "other letters": [("Authorization", f"Bearer {token.swapcase()}")],
    }


@pytest.mark.parametrize("way", headers_of(""))
def test_one_header_of_one_form_opens(services, context, way):
    """What two programs may read differently is rejected."""
    gateway = api_client(build(services)).gateway
    path, sent = f"/scim/v2/{context.connection}/Users", tuple(headers_of(context.token)[way])

    assert gateway.respond(HttpRequest("GET", path, "", sent, b"")).status == 401


def test_the_scheme_may_be_written_in_any_case(services, context):
    """RFC 9110 section 11.1."""
    gateway = api_client(build(services)).gateway
    path, sent = (
        f"/scim/v2/{context.connection}/Users",
        (("Authorization", f"bEARER {context.token}"),),
    )

    assert gateway.respond(HttpRequest("GET", path, "", sent, b"")).status == 200


def test_a_token_in_the_address_opens_nothing(services, context):
    """URLs are logged."""
    path = f"/scim/v2/{context.connection}/Users?access_token={context.token}"

    assert api_client(build(services))("GET", path).status == 401


# About the largest bodies that a route accepts; a resource may be larger.
SIZES = (4_000, 16_000, 130_000)


def unknown_fields(size: int) -> bytes:
    """Write a body of so many bytes, all of it fields that nobody knows."""
    return json.dumps({f"f{number:06}": 1 for number in range(size // 14)}).encode()


def test_no_body_gets_a_large_response(services):
    """A megabyte of unknown fields got ten; with a credential or without one, on every route."""
    side = a_side(services, "flood")
    bodies = [*map(unknown_fields, SIZES), f'{{"roles": [{"0," * 60_000}0]}}'.encode()]
    sent = [("", unknown_fields(1_000_000)), *(("own", each) for each in bodies)]
    written = [each for each in requests_of(all_routes()) if each.body]
    by_route = {(each.route.method, each.route.path): each for each in written}
    send, large = api_client(build(services)), []
    for number, request in enumerate(by_route.values()):
        target, _ = request.filled({**side.values, **fresh(number)})
        own = side.token if request.route.is_scim else OPERATOR_KEY
        for credential, body in sent:
            principal = own if credential else ""
            response = send.with_credential(principal)(request.route.method, target, body)
            size = len(json.dumps(response.body or {}))
            if response.status >= 500 or size > 8_000 or len(response.body.get("errors", ())) > 20:
                large.append((request.short, response.status, size))

    assert (large, len(by_route) > 30) == ([], True)
