"""A connection that follows the SCIM interoperability profile rejects what the profile forbids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from app import build
from tests.support.builders import Response, ScimClient, a_customer, scim_client

NAME = {"givenName": "Ada", "familyName": "Lovelace"}
PROFILE = {"profile": "interop"}


@dataclass(frozen=True, slots=True)
class Two:
    """The same request to a connection of each profile."""

    lenient: ScimClient
    interop: ScimClient


@pytest.fixture
def two(services):
    """Make a connection of each profile, each with one user."""
    app = build(services)
    made = [a_customer(services, **changes) for changes in ({}, PROFILE)]
    return Two(*(scim_client(app, each.connection, each.token) for each in made))


def patched(scim: ScimClient, *operations: dict[str, Any]) -> Response:
    """Create a user, and patch them."""
    user = scim("POST", "/Users", {"userName": "ada", "name": NAME}).body["id"]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    return scim("PATCH", f"/Users/{user}", body | {"Operations": list(operations)})


REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "no path": ({"op": "replace", "value": {"active": False}}, "path"),
    "an empty path": ({"op": "Replace", "path": " ", "value": {"active": False}}, "path"),
    "an unknown attribute": ({"op": "add", "path": "shoeSize", "value": 42}, "shoeSize"),
    "a password": ({"op": "replace", "path": "password", "value": "s"}, "password"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_what_a_patch_may_not_have(two, name):
    """400 invalidSyntax, with the place and the right form; a lenient connection accepts it."""
    operation, named = REJECTED[name]

    rejected = patched(two.interop, operation)

    assert patched(two.lenient, operation).status in {200, 204}
    assert (rejected.status, rejected.body["scimType"]) == (400, "invalidSyntax")
    assert rejected.body["detail"].startswith("Operations[0]")
    assert named in rejected.body["detail"]


def test_a_replace_of_a_complex_attribute_replaces_the_whole(two):
    """A lenient connection keeps what the value leaves out."""
    replace = {"op": "replace", "path": "name", "value": {"familyName": "King"}}
    whole, merged = {"familyName": "King"}, NAME | {"familyName": "King"}

    assert patched(two.interop, replace).body["name"] == whole
    assert patched(two.lenient, replace).body["name"] == merged


def test_an_add_of_a_complex_attribute_merges(two):
    """In both profiles."""
    add = {"op": "add", "path": "name", "value": {"familyName": "King"}}

    assert patched(two.interop, add).body["name"] == NAME | {"familyName": "King"}


@pytest.mark.parametrize("attribute", ["password", "shoeSize"])
def test_what_a_new_user_may_not_have(two, attribute):
    """An attribute that /Schemas does not have."""
    body = {"userName": "ada", attribute: "secret"}

    assert two.lenient("POST", "/Users", body).status == 201
    rejected = two.interop("POST", "/Users", body)
    assert (rejected.status, rejected.body["scimType"]) == (400, "invalidSyntax")


def test_discovery_says_which_profile_it_is(two):
    """A connection that does not follow it says nothing."""
    urn = "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"
    names = [
        {each["name"] for each in scim("GET", urn).body["attributes"]}
        for scim in (two.lenient, two.interop)
    ]
    config = "/ServiceProviderConfig"

    assert names[0] - names[1] == {"password"}
    assert two.interop("GET", config).body["interopProfileConformant"] is True
    assert "interopProfileConformant" not in two.lenient("GET", config).body


def test_a_filter_on_an_unknown_attribute_is_rejected(two):
    """As the profile says, in both."""
    for scim in (two.lenient, two.interop):
        rejected = scim("GET", "/Users?filter=shoeSize+eq+%2242%22")
        assert (rejected.status, rejected.body["scimType"]) == (400, "invalidFilter")


def test_the_profile_can_be_changed(services, operator):
    """It is in force at the next request, and the settings that it fixes are shown."""
    customer = a_customer(services)
    path = f"/admin/organisations/{customer.organisation}/connections/{customer.connection}"

    changed = operator("PATCH", path, PROFILE).body

    assert (changed["profile"], changed["settings"]["unknown_attributes"]) == ("interop", "strict")
    scim = scim_client(build(services), customer.connection, customer.token)
    assert patched(scim, {"op": "replace", "value": {"active": False}}).status == 400
