"""What the RFCs demand of a response and no other test shows; docs/musts.md names them all."""

from __future__ import annotations

import gzip

import pytest

from chalicelib.scim import messages

NOBODY = "0" * 32


def test_an_id_is_the_services_own(scim):
    """RFC 7643 section 3.1: a client does not choose it, and it never reads as a bulkId."""
    user = scim.a_user(id="bulkId:mine", meta={"created": "2000-01-01T00:00:00Z"})

    assert "bulkid" not in user["id"].lower()
    assert user["meta"]["created"] != "2000-01-01T00:00:00Z"


def test_an_external_id_is_the_clients_own(scim):
    """RFC 7643 section 3.1: the service makes none up, and one may occur twice."""
    first, second = scim.a_user("ada", externalId="7"), scim.a_user("bob", externalId="7")

    assert first["externalId"] == second["externalId"] == "7"
    assert "externalId" not in scim.a_user("cy")


def test_a_reference_can_be_followed(scim):
    """RFC 7643 section 2.3.7: a GET of a `$ref` returns the resource that it refers to."""
    uid = scim.a_user()["id"]
    group = scim("POST", "/Groups", {"displayName": "Tour", "members": [{"value": uid}]}).body

    user = scim.follow(group["members"][0]["$ref"]).body

    assert user["id"] == uid
    assert scim.follow(user["groups"][0]["$ref"]).body["id"] == group["id"]


@pytest.mark.parametrize("path", [f"/Users/{NOBODY}", f"/Groups/{NOBODY}"])
def test_a_put_creates_nothing(scim, path):
    """RFC 7644 section 3.5.1."""
    response = scim("PUT", path, {"userName": "ada", "displayName": "Tour"})

    assert response.status == 404
    assert scim("POST", "/.search", {}).body["totalResults"] == 0


def test_a_group_is_the_only_way_to_its_members(scim):
    """RFC 7643 section 4.1.2: `groups` of a user is read-only, in a body and by a path."""
    uid = scim.a_user()["id"]
    gid = scim("POST", "/Groups", {"displayName": "Tour"}).body["id"]
    groups = [{"value": gid}]

    put = scim("PUT", f"/Users/{uid}", {"userName": "ada", "groups": groups})
    patch = {"Operations": [{"op": "add", "path": "groups", "value": groups}]}

    assert "groups" not in put.body
    assert scim("PATCH", f"/Users/{uid}", patch).body["scimType"] == "mutability"


@pytest.mark.parametrize(
    "query", ["attributes=id", "sortBy=id", "startIndex=2&count=1", "excludedAttributes=name"]
)
@pytest.mark.parametrize("path", ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"])
def test_discovery_is_whole_whatever_is_asked(scim, path, query):
    """RFC 7644 section 4: these parameters are ignored there."""
    assert scim("GET", f"{path}?{query}").body == scim("GET", path).body


@pytest.mark.parametrize("path", ["/ServiceProviderConfig", "/ResourceTypes/User", "/Schemas"])
def test_discovery_is_not_filtered(scim, path):
    """RFC 7644 section 4: a client must not believe that the filter was applied."""
    assert scim("GET", f"{path}?filter=id%20pr").status == 403


@pytest.mark.parametrize("token", ["", "wrong"])
def test_an_unauthenticated_request_learns_the_scheme(scim, token):
    """RFC 7644 section 2, RFC 9110 section 11.6.1."""
    response = scim.with_credential(token)("GET", "/Users")

    assert response.status == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")


def test_a_token_in_an_address_opens_nothing(scim):
    """RFC 7644 section 7.5.2: URLs are logged."""
    response = scim.with_credential("")("GET", f"/Users?access_token={scim.client.credential}")

    assert response.status == 401


@pytest.mark.parametrize("version", ["v1", "v3", "V2"])
def test_another_version_of_the_protocol_is_not_served(scim, version):
    """RFC 7644 section 3.13: the request is rejected instead of served by another version."""
    assert scim.client("GET", scim.root.replace("v2", version) + "/Users").status == 404


@pytest.mark.parametrize("accept", ["application/scim+json", "application/json", "*/*"])
def test_responses_have_scims_media_type(scim, accept):
    """RFC 7644 section 3.1: whatever of both a client accepts; text is UTF-8."""
    response = scim("POST", "/Users", {"userName": "Zoë"}, {"Accept": accept})

    assert response.headers["content-type"] == "application/scim+json"
    assert response.body["userName"] == "Zoë"


def test_a_bulk_response_has_a_result_for_each_operation(scim):
    """RFC 7644 section 3.7: bulkId and location of what was made, status always."""
    made = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}}
    taken = made | {"bulkId": "b"}

    response = scim("POST", "/Bulk", {"Operations": [made, taken]})

    first, second = response.body["Operations"]
    assert (response.status, first["bulkId"], first["status"]) == (200, "a", "201")
    assert scim.follow(first["location"]).status == 200
    assert (second["bulkId"], second["status"], "location" in second) == ("b", "409", False)


def test_a_long_chain_of_references_is_followed_to_its_end(scim):
    """RFC 7644 section 3.7.2: the last one fails, and so do all that depend on it."""
    operations = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": str(number),
            "data": {"userName": f"u{number}", "manager": {"value": f"bulkId:{number + 1}"}},
        }
        for number in range(messages.MAX_BULK_OPERATIONS - 1)
    ]
    last = {"method": "POST", "path": "/Users", "bulkId": str(len(operations)), "data": {}}

    responses = scim("POST", "/Bulk", {"Operations": [*operations, last]}).body["Operations"]

    assert [each["status"] for each in responses] == ["409"] * len(operations) + ["400"]


def test_a_bulk_operation_may_name_the_version_that_it_is_for(scim):
    """RFC 7644 section 3.7: as If-Match does it alone."""
    user = scim.a_user()
    patch = {"Operations": [{"op": "replace", "path": "title", "value": "Guide"}]}
    operation = {"method": "PATCH", "path": f"/Users/{user['id']}", "data": patch}
    versions = [user["meta"]["version"], user["meta"]["version"]]

    responses = scim(
        "POST", "/Bulk", {"Operations": [operation | {"version": each} for each in versions]}
    )

    assert [each["status"] for each in responses.body["Operations"]] == ["200", "412"]


def test_a_bulk_body_over_the_limit_names_it(scim):
    """RFC 7644 section 3.7.4: 413, and the limit that ServiceProviderConfig announces."""
    response = scim("POST", "/Bulk", {"Operations": [], "filling": "x" * messages.MAX_BULK_BYTES})

    assert response.status == 413
    assert f"at most {messages.MAX_BULK_BYTES:,}" in response.body["detail"]
    assert scim("GET", "/ServiceProviderConfig").body["bulk"]["maxPayloadSize"] == 1_000_000


def test_a_compressed_bulk_body_is_rejected(scim):
    """As on every route: 415 says what to change."""
    body = gzip.compress(b'{"Operations": []}')

    assert scim("POST", "/Bulk", body, {"Content-Encoding": "gzip"}).status == 415


def test_a_cursor_goes_on_by_post_too(scim):
    """RFC 9865 section 3: the parameters of the query, in the body."""
    for name in ("ada", "bob", "cy"):
        scim.a_user(name)

    first = scim("POST", "/Users/.search", {"cursor": "", "count": 2}).body
    last = scim("POST", "/Users/.search", {"cursor": first["nextCursor"], "count": 2}).body

    assert [page["itemsPerPage"] for page in (first, last)] == [2, 1]
    assert "nextCursor" not in last
    assert "startIndex" not in first


def test_pages_are_by_index_unless_a_cursor_is_asked_for(scim):
    """RFC 9865 section 2.4: the default that ServiceProviderConfig names."""
    page = scim("GET", "/Users").body

    assert (page["startIndex"], "nextCursor" in page) == (1, False)
    offered = scim("GET", "/ServiceProviderConfig").body["pagination"]
    assert (offered["defaultPaginationMethod"], offered["cursor"]) == ("index", True)
    assert offered["index"] is True
