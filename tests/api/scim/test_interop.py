"""A connection that follows the SCIM interoperability profile does what the profile demands.

docs/conformance-interop.md and docs/conformance-ipsie.md list the demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

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


UNKNOWN = "urn:example:unknown"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def a_patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH], "Operations": list(operations)}


# Each with the words of the right form that the error names.
FORBIDDEN: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "an unknown schema": (
        "POST",
        "/Users",
        {"userName": "x", "schemas": [USER, UNKNOWN]},
        "schemas",
    ),
    "an unknown extension": (
        "POST",
        "/Users",
        {"userName": "x", UNKNOWN: {"a": 1}},
        "Leave it out",
    ),
    "an unknown attribute of a group": ("POST", "/Groups", {"displayName": "x", "size": 1}, "size"),
    "an unknown attribute in a PUT": ("PUT", "/Users/{id}", {"userName": "x", "size": 1}, "size"),
    "a password in a PUT": ("PUT", "/Users/{id}", {"userName": "x", "password": "p"}, "password"),
    "no path in a PATCH of a group": (
        "PATCH",
        "/Groups/{group}",
        a_patch({"op": "replace", "value": {"displayName": "y"}}),
        "path: missing",
    ),
    "an unknown path in a PATCH of a group": (
        "PATCH",
        "/Groups/{group}",
        a_patch({"op": "add", "path": "size", "value": 1}),
        "size",
    ),
    "no path in the second operation": (
        "PATCH",
        "/Users/{id}",
        a_patch(
            {"op": "replace", "path": "active", "value": False},
            {"op": "add", "value": {"title": "x"}},
        ),
        "Operations[1]: path: missing",
    ),
}


def test_each_rejected_form_names_the_right_one(two):
    """For users and groups, whatever the method; in a Bulk request too."""
    scim = two.interop
    user = scim("POST", "/Users", {"userName": "ada"}).body["id"]
    group = scim("POST", "/Groups", {"displayName": "Tour"}).body["id"]
    for name, (method, path, body, named) in FORBIDDEN.items():
        target = path.replace("{id}", user).replace("{group}", group)
        operation = {"method": method, "path": target, "data": body, "bulkId": "1"}

        alone = scim(method, target, body)
        sent = scim("POST", "/Bulk", {"schemas": [BULK], "Operations": [operation]})
        in_bulk = sent.body["Operations"][0]["response"]

        for rejected in (alone.body, in_bulk):
            assert (rejected["status"], rejected["scimType"]) == ("400", "invalidSyntax"), name
            assert named in rejected["detail"], name


def test_discovery_is_exact(two):
    """The id of a type is its name, its schemas can be read, and each `type` has its values."""
    types = two.interop("GET", "/ResourceTypes").body["Resources"]
    schemas = {each["id"]: each for each in two.interop("GET", "/Schemas").body["Resources"]}
    named = {each["schema"] for each in types} | {
        extension["schema"] for each in types for extension in each.get("schemaExtensions", [])
    }
    typed = [
        sub
        for schema in schemas.values()
        for attribute in schema["attributes"]
        if attribute["multiValued"] and attribute["name"] in TYPED
        for sub in attribute["subAttributes"]
        if sub["name"] == "type"
    ]

    assert [each["id"] for each in types] == [each["name"] for each in types]
    assert named <= schemas.keys()
    assert len(typed) == len(TYPED)
    assert all(each["canonicalValues"] for each in typed)


TYPED = ("emails", "phoneNumbers", "ims", "photos", "addresses")


def test_case_is_the_same_in_filters_and_in_uniqueness(two):
    """A userName in any case, an externalId and an id in their own."""
    scim = two.interop
    user = scim("POST", "/Users", {"userName": "JSmith", "externalId": "ABC"}).body["id"]

    def total(attribute: str, value: str) -> Any:
        return scim("GET", f"/Users?filter={attribute}+eq+%22{value}%22").body["totalResults"]

    assert scim("POST", "/Users", {"userName": "jsmith"}).status == 409
    assert (total("userName", "jSMITH"), total("externalId", "abc")) == (1, 0)
    assert (total("id", user), total("id", user.upper())) == (1, 0)
    assert scim("GET", f"/Users/{user.upper()}").status == 404


def test_attributes_of_one_value_and_of_several_are_changed_as_the_profile_says(two):
    """An `add` replaces a simple one and appends to a list; a `replace` replaces either."""
    scim = two.interop
    mails = [{"value": f"{name}@example.com", "type": name} for name in ("work", "home", "other")]
    user = scim("POST", "/Users", {"userName": "ada", "title": "a", "emails": mails[:1]}).body["id"]
    path = f"/Users/{user}"

    added = scim(
        "PATCH",
        path,
        a_patch(
            {"op": "add", "path": "title", "value": "b"},
            {"op": "add", "path": "emails", "value": mails[1:2]},
        ),
    ).body
    replaced = scim(
        "PATCH", path, a_patch({"op": "replace", "path": "emails", "value": mails[2:]})
    ).body

    assert (added["title"], len(added["emails"])) == ("b", 2)
    assert [each["value"] for each in replaced["emails"]] == ["other@example.com"]


def test_a_user_ends_by_delete_only_and_leaves_the_name_free(two):
    """A deactivated one is kept; a deleted one is 404 and in no list."""
    scim = two.interop
    user = scim("POST", "/Users", {"userName": "ada"}).body["id"]
    off = scim(
        "PATCH", f"/Users/{user}", a_patch({"op": "replace", "path": "active", "value": False})
    )
    on = scim(
        "PATCH", f"/Users/{user}", a_patch({"op": "replace", "path": "active", "value": True})
    )

    assert (off.body["active"], on.body["active"]) == (False, True)
    assert scim("DELETE", f"/Users/{user}").status == 204
    assert {scim(method, f"/Users/{user}").status for method in ("GET", "DELETE")} == {404}
    assert scim("GET", "/Users").body["totalResults"] == 0
    assert scim("POST", "/Users", {"userName": "ada"}).status == 201


FILTERS = {
    "Users": (
        'userName eq "ada"',
        'externalId eq "1"',
        'emails[value eq "ada@example.com"]',
        'emails[type eq "work" and value eq "ada@example.com"]',
        'userName eq "ada" and active eq true',
    ),
    "Groups": ('displayName eq "Tour"', 'externalId eq "2"', 'members[value eq "{id}"]'),
}


def test_filters_that_the_profiles_name(two):
    """Each finds the one that it describes."""
    scim = two.interop
    mail = {"value": "ada@example.com", "type": "work"}
    ada = {"userName": "ada", "externalId": "1", "emails": [mail]}
    user = scim("POST", "/Users", ada).body["id"]
    group = {"displayName": "Tour", "externalId": "2", "members": [{"value": user}]}
    assert scim("POST", "/Groups", group).status == 201
    for endpoint, filters in FILTERS.items():
        for text in filters:
            found = scim("GET", f"/{endpoint}?filter={quote(text.replace('{id}', user))}")
            assert found.body["totalResults"] == 1, text


def test_fifty_operations_on_members_are_one_request(two):
    """Each is an operation of its own."""
    scim = two.interop
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(n), "data": {"userName": f"u{n}"}}
        for n in range(50)
    ]
    made = scim("POST", "/Bulk", {"schemas": [BULK], "Operations": operations}).body["Operations"]
    ids = [each["location"].rpartition("/")[2] for each in made]
    group = scim("POST", "/Groups", {"displayName": "Tour"}).body["id"]
    adding = [{"op": "add", "path": "members", "value": [{"value": each}]} for each in ids]

    assert scim("PATCH", f"/Groups/{group}", a_patch(*adding)).status in {200, 204}
    members = scim("GET", f"/Groups/{group}").body["members"]
    assert {each["value"] for each in members} == {*ids}
