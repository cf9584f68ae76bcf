"""What a request will read first comes with authentication, and is of nobody before that."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from app import build
from chalicelib.api.edge import Request
from chalicelib.api.scim.items_ahead import items_ahead
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.auth import tokens
from chalicelib.storage.expressions import key_on_wire
from chalicelib.storage.keys import ConnectionKeys
from tests.support.builders import api_client
from tests.support.faults import FaultyClient

KEYS = ConnectionKeys("abcdefghijklmnop")
ID = "0123456789abcdef0123456789abcdef"
USER, GROUP = KEYS.user(ID), KEYS.group(ID)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/Users/{id}", USER),
        ("HEAD", "/Users/{id}", USER),
        ("PUT", "/users/{id}", USER),
        ("PATCH", "/Users/{id}", USER),
        ("GET", "/Groups/{id}", GROUP),
        ("PUT", "/Groups/{id}", GROUP),
        ("DELETE", "/groups/{id}", GROUP),
        ("GET", "/Groups/{id}/members", GROUP),
        # They read nothing first, or more than this item.
        ("PATCH", "/Groups/{id}", None),
        ("DELETE", "/Users/{id}", None),
        ("GET", "/Schemas/{id}", None),
        ("POST", "/Users/{id}", None),
    ],
)
def test_the_item_that_a_path_names_is_read_ahead(method, path, expected):
    """Where that saves a call."""
    found = items_ahead(KEYS, Request(method, "", "1", route=ROOT + path, path={"id": ID}))

    assert found == ((expected,) if expected else ())


@pytest.mark.parametrize("resource_id", ["", "1", ID[:-1], ID.upper(), f"{ID}#", "../x"])
def test_what_is_no_id_is_not_read(resource_id):
    """The response is 404, as before."""
    request = Request("GET", "", "1", route=f"{ROOT}/Users/{{id}}", path={"id": resource_id})

    assert items_ahead(KEYS, request) == ()


@pytest.mark.parametrize(
    ("path", "filter", "expected"),
    [
        ("/Users", 'userName eq "Ada"', KEYS.user_name("ada")),
        ("/users", 'USERNAME EQ "ada"', KEYS.user_name("ada")),
        ("/Groups", 'displayName eq "R&D"', KEYS.group_name("R&D")),
        ("/Users", 'displayName eq "Ada"', None),
        ("/Groups", 'userName eq "Ada"', None),
        ("/Users", 'userName eq "a" or title eq "b"', None),
        ("/Users", 'not (userName eq "a")', None),
        ("/Users", 'userName sw "a"', None),
        ("/Users", r'userName eq "a\\"b"', None),
        ("/Users", f'userName eq "{"a" * 101}"', None),
        ("/Users", "", None),
    ],
)
def test_the_name_of_a_plain_filter_is_read_ahead(path, filter, expected):  # noqa: A002 - RFC 7644
    """What needs more than a look is left to the parser of filters."""
    found = items_ahead(KEYS, Request("GET", "", "1", route=ROOT + path, query={"filter": filter}))

    assert found == ((expected,) if expected else ())


@pytest.fixture
def table(services):
    """Return the table's client, which records its calls."""
    return FaultyClient(services.table.client)


@pytest.fixture
def watched(services, table):
    """Return the app on that client."""
    return build(replace(services, table=replace(services.table, client=table)))


def asked(table):
    """Return the keys of the first call."""
    ((_, part),) = table.requests[0]["RequestItems"].items()
    return [key_on_wire(key) for key in part["Keys"]]


def test_a_user_is_read_with_authentication(watched, context, scim, table):
    """One call, and the log entry after it."""
    uid = scim("POST", "/Users", {"userName": "ada"}).body["id"]

    response = api_client(watched, context.token)(
        "GET", f"/scim/v2/{context.connection}/Users/{uid}"
    )

    assert (response.status, response.body["userName"]) == (200, "ada")
    assert table.calls[:2] == ["batch_get_item", "put_item"]
    assert ConnectionKeys(context.connection).user(uid) in asked(table)


REJECTED = {
    "no token": lambda _: "",
    "mistyped": lambda token: token[:-1] + ("x" if token[-1] != "x" else "y"),
    "operator key": lambda token: tokens.derive("op", token, "").text,
}


@pytest.mark.parametrize("credential", REJECTED.values(), ids=REJECTED)
def test_nothing_is_read_ahead_for_what_is_no_token(watched, context, scim, table, credential):
    """A checksum costs nothing to check; without it a stranger could have large items read."""
    uid = scim("POST", "/Users", {"userName": "ada"}).body["id"]

    response = api_client(watched, credential(context.token))(
        "GET", f"/scim/v2/{context.connection}/Users/{uid}"
    )

    assert response.status == 401
    assert ConnectionKeys(context.connection).user(uid) not in asked(table)


@pytest.mark.parametrize("path", ["/Users/{}", "/Groups/{}", "/Users?filter={}"])
def test_a_rejected_request_looks_the_same_whatever_there_is(watched, context, scim, path):
    """To a token that was revoked, or is another connection's."""
    uid = scim("POST", "/Users", {"userName": "ada"}).body["id"]
    wrong = api_client(watched, tokens.derive("scim", context.token, "").text)
    there = (uid, quote('userName eq "ada"'))
    absent = ("0" * 32, quote('userName eq "eve"'))

    first, second = (
        wrong("GET", f"/scim/v2/{context.connection}{path.format(each['filter' in path])}")
        for each in (there, absent)
    )

    assert (first.status, first.body) == (401, second.body)


def test_a_change_of_members_is_seen_by_its_own_response(scim):
    """What was read before a write is not what a request reads after it."""
    uid = scim("POST", "/Users", {"userName": "ada"}).body["id"]
    gid = scim("POST", "/Groups", {"displayName": "R&D"}).body["id"]

    body = {"displayName": "Research", "members": [{"value": uid}]}
    response = scim("PUT", f"/Groups/{gid}", body)

    assert response.body == scim("GET", f"/Groups/{gid}").body
    assert [each["value"] for each in response.body["members"]] == [uid]
