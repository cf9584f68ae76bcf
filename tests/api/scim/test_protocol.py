"""What the protocol offers beyond single resources: search, cursors, bulk, settings, schemas."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from app import build
from tests.support.builders import a_customer, api_client, scim_client
from tests.support.faults import FaultyClient, fail, unharmed

SCIM = "/scim/v2"


@pytest.fixture
def admin(operator, context):
    """Send requests to the connection's admin routes."""
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    return lambda method, path="", body=None: operator(method, root + path, body)


def walk(scim, path):
    """Follow cursors to the end; return the ids in order."""
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = scim("GET", f"{path}count=2&cursor={cursor}").body
        ids += [each["id"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    return ids


@pytest.mark.parametrize("path", ["/Users?", "/Users?filter=userName%20sw%20u&"])
def test_pages_by_cursor_and_by_index_have_the_same_resources(scim, path):
    """RFC 9865: the same query, the same resources, each once."""
    for number in range(5):
        scim.a_user(f"u{number}")

    by_index = [each["id"] for each in scim("GET", f"{path}count=9").body["Resources"]]

    assert walk(scim, path) == by_index


CHANGES = [("PUT", "", {}), ("PATCH", "?attributes=members", {"op": "replace"})]


@pytest.mark.parametrize(("method", "query", "operation"), CHANGES)
def test_a_change_of_a_group_too_large_to_return_is_not_an_error(
    services, context, scim, method, query, operation
):
    """It is made: 204 says so, 400 would say the contrary."""
    members = [{"value": scim.a_user(f"u{number}")["id"]} for number in range(6)]
    gid = scim("POST", "/Groups", {"displayName": "Tour", "members": members}).body["id"]
    # A megabyte for each member: a response holds five.
    changes = {"public_url": f"https://id.example.com/{'x' * 1_000_000}"}
    settings = replace(services.settings, **changes)
    app = build(replace(services, settings=settings))
    body = {"displayName": "Choir"}
    sent = (
        {"Operations": [operation | {"value": body}]} if operation else body | {"members": members}
    )

    response = scim_client(app, context.connection, context.token)(
        method, f"/Groups/{gid}{query}", sent
    )

    assert response.status == 204
    assert scim("GET", f"/Groups/{gid}").body["displayName"] == "Choir"


def test_a_cursor_belongs_to_its_query(scim):
    """RFC 9865 section 2.1: the parameters stay the same from page to page."""
    for number in range(3):
        scim.a_user(f"u{number}")
    cursor = scim("GET", "/Users?count=1&cursor=").body["nextCursor"]

    response = scim("GET", f"/Users?count=1&filter=userName%20pr&cursor={cursor}")

    assert (response.status, response.body["scimType"]) == (400, "invalidCursor")


@pytest.mark.parametrize("path", ["/Users?count=many", "/Users?count=--5", "/Users?cursor&count=x"])
def test_a_count_that_is_not_a_number_is_rejected(scim, path):
    """RFC 9865 section 2.1."""
    response = scim("GET", path)

    assert (response.status, response.body["scimType"]) == (400, "invalidCount")
    assert response.body["detail"] == "count: expected a whole number."


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_of_zero_returns_the_total_by_cursor_too(scim, count):
    """RFC 9865 section 2: below 0 is 0, and 0 asks for no resources."""
    for number in range(3):
        scim.a_user(f"u{number}")

    page = scim("GET", f"/Users?cursor=&count={count}").body

    assert (page["totalResults"], page["Resources"]) == (3, [])


def test_a_cursor_serves_the_connection_that_asks(scim, services):
    """RFC 9865 section 5.2: a cursor gives no right to resources."""
    for number in range(3):
        scim.a_user(f"u{number}")
    cursor = scim("GET", "/Users?count=1&cursor=").body["nextCursor"]
    other = a_customer(services)

    client = api_client(build(services), other.token)
    found = client("GET", f"{SCIM}/{other.connection}/Users?count=1&cursor={cursor}").body

    assert found["Resources"] == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"filter": 'userName eq "ann"'}, ["ann"]),
        ({"filter": 'displayName eq "Ann"'}, ["ann", "Ann"]),
        ({"filter": 'userName ne "ann"'}, ["Ann"]),
        ({"filter": "not (userName pr)"}, ["Ann"]),
        ({"filter": 'meta.resourceType eq "Group"'}, ["Ann"]),
        ({"filter": 'userName eq "ann" or displayName eq "Ann"'}, ["ann", "Ann"]),
        ({"startIndex": 2, "count": 1}, ["Ann"]),
        ({"count": 0}, []),
    ],
)
def test_a_search_from_the_root_finds_users_and_then_groups(scim, body, names):
    """RFC 7644 section 3.4.2.1: an attribute that a resource type does not have is absent."""
    scim.a_user("ann", displayName="Ann")
    scim("POST", "/Groups", {"displayName": "Ann"})

    found = scim("POST", "/.search", body).body["Resources"]

    assert [each.get("userName") or each["displayName"] for each in found] == names


def test_a_search_from_the_root_asks_for_what_somebody_has(scim):
    """RFC 7644 section 3.4.2.2: never an empty list for a filter that was not understood."""
    response = scim("POST", "/.search", {"filter": "shoeSize pr"})

    assert (response.status, response.body["scimType"]) == (400, "invalidFilter")
    assert "shoeSize: not an attribute of User or Group" in response.body["detail"]


def test_a_resource_says_where_it_is(scim):
    """RFC 7643 section 3.1: `meta.location` is the Content-Location; a 201 has it as Location."""
    created = scim("POST", "/Users", {"userName": "ann"})
    read = scim.follow(created.body["meta"]["location"])

    assert created.headers["location"] == created.body["meta"]["location"]
    assert read.headers["content-location"] == read.body["meta"]["location"]
    assert read.headers["etag"] == read.body["meta"]["version"]


def test_a_patch_of_a_group_with_attributes_returns_them(services):
    """RFC 7644 section 3.5.2: never 204 then, whatever the connection's setting."""
    context = a_customer(services, identity_provider="entra")
    client, root = api_client(build(services), context.token), f"{SCIM}/{context.connection}/Groups"
    gid = client("POST", root, {"displayName": "G"}).body["id"]
    patch = {"Operations": [{"op": "replace", "path": "displayName", "value": "H"}]}

    plain = client("PATCH", f"{root}/{gid}", patch)
    asked = client("PATCH", f"{root}/{gid}?attributes=displayName", patch)

    assert (plain.status, asked.status) == (204, 200)
    assert asked.body.keys() == {"schemas", "id", "displayName"}


def test_a_version_that_the_client_has_is_not_sent_again(scim):
    """RFC 7644 section 3.14."""
    user = scim.a_user("ann")

    response = scim("GET", f"/Users/{user['id']}", headers={"If-None-Match": 'W/"1"'})

    assert (response.status, response.body, response.headers["etag"]) == (304, None, 'W/"1"')


BULK = "/Bulk"


def test_bulk_ids_may_refer_to_what_is_created_later(scim):
    """RFC 7644 section 3.7.2: references go backward and forward."""
    operations = [
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "g",
            "data": {"displayName": "G", "members": [{"value": "bulkId:u"}]},
        },
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "ann"}},
        {"method": "DELETE", "path": "/Users/bulkId:u"},
    ]

    responses = scim("POST", BULK, {"Operations": operations}).body["Operations"]

    assert [each["status"] for each in responses] == ["201", "201", "204"]


def test_bulk_ids_in_a_circle_are_a_conflict_that_says_so(scim):
    """RFC 7644 section 3.7.1."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": a, "data": {"userName": f"bulkId:{b}"}}
        for a, b in ("xy", "yx")
    ]

    responses = scim("POST", BULK, {"Operations": operations}).body["Operations"]

    assert [each["status"] for each in responses] == ["409", "409"]
    assert "refer to each other" in responses[0]["response"]["detail"]


def test_bulk_stops_after_as_many_errors_as_the_client_names(scim):
    """RFC 7644 section 3.7.3: what was not tried has no response."""
    gone = {"method": "DELETE", "path": f"/Users/{'0' * 32}"}

    responses = scim("POST", BULK, {"failOnErrors": 2, "Operations": [gone] * 5}).body["Operations"]

    assert [each["status"] for each in responses] == ["404", "404"]


def test_a_fault_in_one_bulk_operation_leaves_the_others_their_results(services, context):
    """Two users exist: the client cannot know their ids."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [unharmed, fail(RuntimeError("x"))]
    faulty = replace(services, table=replace(services.table, client=client))
    made = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}}
        for name in "abc"
    ]

    scim = scim_client(build(faulty), context.connection, context.token)
    response = scim("POST", "/Bulk", {"Operations": made})

    assert [each["status"] for each in response.body["Operations"]] == ["201", "500", "201"]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"method": "POST", "path": "/Users", "data": {"userName": "a"}}, "400"),
        ({"method": "POST", "path": "/Schemas", "bulkId": "a", "data": {}}, "400"),
        ({"method": "PUT", "path": "/Users", "data": {}}, "405"),
        ({"method": "PATCH", "path": f"/Users/{'0' * 32}", "data": {}}, "400"),
    ],
)
def test_a_bulk_operation_is_rejected_as_it_would_be_alone(scim, operation, status):
    """Each with the text that says what was expected."""
    responses = scim("POST", BULK, {"Operations": [operation]}).body["Operations"]

    assert responses[0]["status"] == status
    assert responses[0]["response"]["detail"]


def test_a_strict_connection_names_what_it_does_not_know(scim, admin):
    """The setting `unknown_attributes`; the default passes it over."""
    body = {"userName": "ann", "shoeSize": 44, "name": {"nick": "A"}}
    lenient = scim("POST", "/Users", body)

    admin("PATCH", "", {"settings": {"unknown_attributes": "strict"}})
    strict = scim("POST", "/Users", body | {"userName": "bob"})

    assert (lenient.status, strict.status) == (201, 400)
    assert "shoeSize, name.nick" in strict.body["detail"]


def test_a_strict_connection_names_the_path_of_a_patch(scim, admin):
    """Also where the path is well formed and names nothing."""
    user = scim.a_user("ann")
    admin("PATCH", "", {"settings": {"unknown_attributes": "strict"}})
    operation = {"op": "replace", "path": "shoeSize", "value": 44}

    response = scim("PATCH", f"/Users/{user['id']}", {"Operations": [operation]})

    assert (response.status, "shoeSize" in response.body["detail"]) == (400, True)


@pytest.mark.parametrize(("setting", "left"), [("keep", 1), ("clear", 0)])
def test_a_put_that_names_no_members_does_as_the_connection_says(scim, admin, setting, left):
    """RFC 7644 would clear them; users of other servers complain of emptied groups."""
    user = scim.a_user("ann")
    group = scim("POST", "/Groups", {"displayName": "G", "members": [{"value": user["id"]}]}).body
    admin("PATCH", "", {"settings": {"put_without_members": setting}})

    put = scim("PUT", f"/Groups/{group['id']}", {"displayName": "H"}).body

    assert len(put["members"]) == left


ASKED = [("", True), ("?attributes=members", True), ("?attributes=members.value", True)]
NOT_ASKED = [
    ("?excludedAttributes=members", False),
    ("?attributes=displayName", False),
    ("?attributes=members.display", True),
    ("?excludedAttributes=members.display", True),
    ("?excludedAttributes=displayName", True),
]


@pytest.mark.parametrize(("query", "asked"), ASKED + NOT_ASKED)
def test_a_group_without_members_says_so_wherever_members_are_asked_for(scim, query, asked):
    """Else a client cannot tell that the last member has left from what it did not ask for."""
    group = scim("POST", f"/Groups{query}", {"displayName": "G"})
    path = f"/Groups/{group.body['id']}{query}"
    rename = {"op": "replace", "path": "displayName", "value": "J"}

    put = scim("PUT", path, {"displayName": "H", "members": []})
    patched = scim("PATCH", path, {"Operations": [rename]})
    listed = scim("GET", f"/Groups{query}").body["Resources"]
    searched = [
        *scim("POST", "/Groups/.search", search_body(query)).body["Resources"],
        *scim("POST", "/.search", search_body(query)).body["Resources"],
    ]

    found = [group.body, put.body, patched.body, scim("GET", path).body, *listed, *searched]
    assert [each.get("members") for each in found] == [[] if asked else None] * 7


def search_body(query):
    """Write the parameters of a query as a search has them in its body."""
    return {name: value.split(",") for name, value in parse_qsl(query.removeprefix("?"))}


@pytest.mark.parametrize(
    "query", ["attributes=members.display", "excludedAttributes=members.value"]
)
def test_a_group_with_members_is_never_shown_as_one_without(scim, query):
    """The sub-attributes that are asked for may be absent from each member."""
    user = scim.a_user("ann")
    group = scim("POST", "/Groups", {"displayName": "G", "members": [{"value": user["id"]}]}).body

    assert scim("GET", f"/Groups/{group['id']}?{query}").body.get("members") != []


def test_what_a_client_reads_and_sends_back_is_what_it_gets(scim):
    """A member who came between is removed again; If-Match prevents that."""
    ann, group = scim.a_user("ann"), scim("POST", "/Groups", {"displayName": "G"}).body
    path = f"/Groups/{group['id']}"
    read = scim("GET", path).body
    add = {"op": "add", "path": "members", "value": [{"value": ann["id"]}]}
    scim("PATCH", path, {"Operations": [add]})

    careful = scim("PUT", path, read, headers={"If-Match": read["meta"]["version"]})
    assert (careful.status, len(scim("GET", path).body["members"])) == (412, 1)
    assert scim("PUT", path, read).body["members"] == []


def test_members_show_their_names_on_request(scim):
    """`display` costs a read each, so it is returned only where it is requested."""
    user = scim.a_user("ann", displayName="Ann")
    group = scim("POST", "/Groups", {"displayName": "G", "members": [{"value": user["id"]}]}).body

    asked = scim("GET", f"/Groups/{group['id']}?attributes=members.display").body
    plain = scim("GET", f"/Groups/{group['id']}").body

    assert asked["members"][0]["display"] == "Ann"
    assert "display" not in plain["members"][0]


URN = "urn:example:params:scim:schemas:extension:shoes:2.0:User"
SHOES = {
    "id": URN,
    "name": "Shoes",
    "attributes": [
        {"name": "size", "type": "integer"},
        {"name": "colours", "type": "string", "multiValued": True},
    ],
}


def test_a_schema_of_ones_own_is_at_once_in_force(scim, admin):
    """In validation, filter, PATCH, projection and /Schemas, without a deployment."""
    assert admin("PUT", f"/schemas/{URN}", SHOES).status == 200

    user = scim.a_user("ann", **{URN: {"size": 44}})
    patch = {"op": "add", "path": f"{URN}:colours", "value": ["red"]}
    changed = scim("PATCH", f"/Users/{user['id']}", {"Operations": [patch]}).body
    found = scim("GET", f"/Users?filter={URN}:size eq 44&attributes={URN}:colours").body

    assert changed[URN] == {"size": 44, "colours": ["red"]}
    assert [each[URN] for each in found["Resources"]] == [{"colours": ["red"]}]
    assert URN in [each["id"] for each in scim("GET", "/Schemas").body["Resources"]]


def test_an_immutable_value_is_set_once(scim, admin):
    """RFC 7644 section 3.5.1: a PUT may leave it out or repeat it, and PATCH is no way round."""
    badge = {"name": "badge", "mutability": "immutable"}
    admin("PUT", f"/schemas/{URN}", SHOES | {"attributes": [badge]})
    user = scim.a_user("ann", **{URN: {"badge": "7"}})
    path = f"/Users/{user['id']}"
    patch = {"Operations": [{"op": "replace", "path": f"{URN}:badge", "value": "8"}]}

    left_out = scim("PUT", path, {"userName": "ann"})
    changed = scim("PUT", path, {"userName": "ann", URN: {"badge": "8"}})

    assert left_out.body[URN] == {"badge": "7"}
    for rejected in (changed, scim("PATCH", path, patch)):
        assert (rejected.status, rejected.body["scimType"]) == (400, "mutability")
        assert f"{URN}:badge: immutable" in rejected.body["detail"]


@pytest.mark.parametrize("written", [URN, URN.upper(), URN.replace(":", "%3A")])
def test_a_schema_is_read_by_its_urn_however_that_is_written(scim, admin, written):
    """RFC 3986 section 2.2: libraries escape the colons, which a path may hold as they are."""
    admin("PUT", f"/schemas/{URN}", SHOES)

    assert scim("GET", f"/Schemas/{written}").body["id"] == URN


def test_a_custom_schema_rejects_values_that_do_not_fit(scim, admin):
    """With the path that says where."""
    admin("PUT", f"/schemas/{URN}", SHOES)

    response = scim("POST", "/Users", {"userName": "ann", URN: {"size": "large"}})

    assert (response.status, response.body["detail"].startswith(f"{URN}:size")) == (400, True)


def test_a_deleted_schema_is_unknown_again(scim, admin):
    """At the next request."""
    admin("PUT", f"/schemas/{URN}", SHOES)
    user = scim.a_user("ann", **{URN: {"size": 44}})

    assert admin("DELETE", f"/schemas/{URN}").status == 204
    assert URN not in scim("GET", f"/Users/{user['id']}").body
    assert admin("GET", f"/schemas/{URN}").status == 404


def test_the_audit_says_what_was_changed_of_a_schema(operator, context, admin, manual_clock):
    """Attribute by attribute, and of which connection."""
    other = {**SHOES, "attributes": [{"name": "size", "type": "string"}]}
    for method, body in [("PUT", SHOES), ("PUT", other), ("DELETE", None)]:
        manual_clock.advance(seconds=1)
        admin(method, f"/schemas/{URN}", body)

    found = operator("GET", f"/admin/organisations/{context.organisation}/audit").body["items"]
    deleted, changed, created = found[:3]

    assert [each["action"] for each in (created, changed, deleted)] == [
        "schema.created",
        "schema.changed",
        "schema.deleted",
    ]
    assert changed["before"]["attributes"]["size"].startswith("integer")
    assert changed["after"]["attributes"] == {"size": "string, readWrite, returned default"}
    assert deleted["before"]["connection"] == context.connection


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "urn:other"}, "id"),
        ({"attributes": []}, "attributes"),
        ({"attributes": [{"name": "a b"}]}, "attributes[0].name"),
        ({"attributes": [{"name": "a", "type": "text"}]}, "attributes[0].type"),
        ({"attributes": [{"name": "a", "uniqueness": "server"}]}, "attributes[0].uniqueness"),
        (
            {"attributes": [{"name": "a", "required": True, "mutability": "writeOnly"}]},
            "attributes[0].required",
        ),
    ],
)
def test_an_invalid_schema_is_rejected_by_its_field(admin, changes, field):
    """RFC 7643 section 7 says what one is."""
    response = admin("PUT", f"/schemas/{URN}", SHOES | changes)

    assert (response.status, response.body["errors"][0]["field"]) == (400, field)


def test_a_schema_too_long_for_an_item_is_rejected_by_its_field(admin):
    """DynamoDB limits a sort key to 1,024 bytes and an item to 400 KB; beyond it was our fault."""
    long = f"{URN}:{'a' * 1000}"
    many = [{"name": f"a{n}", "description": "d" * 5000} for n in range(100)]

    named = admin("PUT", f"/schemas/{long}", SHOES | {"id": long})
    whole = admin("PUT", f"/schemas/{URN}", SHOES | {"attributes": many})

    assert [(a.status, a.body["errors"][0]["field"]) for a in (named, whole)] == [
        (400, "id"),
        (400, "attributes"),
    ]
    assert {admin(method, f"/schemas/{long}").status for method in ("GET", "DELETE")} == {404}


def test_a_schema_of_the_protocol_cannot_be_replaced(admin):
    """The core stays what the RFC says."""
    core = "urn:ietf:params:scim:schemas:core:2.0:User"

    response = admin("PUT", f"/schemas/{core}", SHOES | {"id": core})

    assert response.status == 400
