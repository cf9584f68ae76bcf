"""What of a request had no effect, and what may have been meant: an admin sees both."""

from __future__ import annotations

from dataclasses import replace as replaced

import pytest

from app import build
from chalicelib.api.pending_counters import PendingCounters
from chalicelib.scim.catalog import ENTERPRISE_USER
from tests.support.builders import a_second_apart, api_client, scim_client
from tests.support.environment import OPERATOR_KEY

URN = ENTERPRISE_USER.id


@pytest.fixture
def root(context):
    """Return where the connection is administered."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}"


@pytest.fixture
def scim(services, context, manual_clock):
    """Send SCIM requests, a second apart, so that the log has them in order."""
    client = scim_client(build(services), context.connection, context.token)
    return a_second_apart(client, manual_clock)


@pytest.fixture
def health(operator, root):
    """Read the health of the connection."""
    return lambda: operator("GET", root).body["health"]


@pytest.fixture
def newest(operator, root):
    """Read the newest entry of the log."""
    return lambda: operator("GET", f"{root}/log").body["items"][0]


def patch(operation):
    """Write a PATCH of one operation."""
    return {"Operations": [operation]}


def replace(value, **more):
    """Write an operation."""
    return {"op": "replace", "value": value, **more}


def a_user(scim, name="ada", **attributes):
    """Create a user and return their id."""
    return scim("POST", "/Users", {"userName": name, **attributes}).body["id"]


def user(**attributes):
    """Write the body of a user."""
    return {"userName": "ada", **attributes}


IGNORED = {
    "POST": ("POST", user(departement="R&D"), ["departement"], 0),
    "PUT": ("PUT", user(departement="R&D", shoe=44), ["departement", "shoe"], 0),
    "PATCH by path": ("PATCH", patch(replace("x", path="shoe")), ["shoe"], 0),
    "PATCH by key": ("PATCH", patch(replace({"shoe": 44, "title": "T"})), ["shoe"], 0),
    "PATCH twice": ("PATCH", {"Operations": [replace({"shoe": 1})] * 2}, ["shoe"], 0),
    "a sub-attribute": ("PUT", user(name={"familyName": "L", "nick": "x"}), ["name.nick"], 0),
    "of an extension": ("PUT", user(**{URN: {"room": "1"}}), [f"{URN}:room"], 0),
    "of an extension by path": (
        "PATCH",
        patch(replace("1", path=f"{URN.upper()}:room")),
        [f"{URN}:room"],
        0,
    ),
    "a key that is data": ("PUT", user(**{"ada@example.com": "x"}), [], 1),
    "an unknown URN": ("PUT", user(**{"urn:example:shoes": {"size": 44}}), [], 1),
    "a filter with data": (
        "PATCH",
        patch(replace("x", path='shoes[of eq "ada"].x')),
        [],
        1,
    ),
    "more than twenty": (
        "PUT",
        user(**{f"a{number}": 1 for number in range(23)}),
        [f"a{number}" for number in range(20)],
        3,
    ),
    "nothing": ("PUT", user(title="T", schemas=["urn:example:x"], id="x", meta={}), [], 0),
}


@pytest.mark.parametrize("case", IGNORED.values(), ids=IGNORED)
def test_the_log_and_the_health_name_what_was_ignored(scim, health, newest, case):
    """A wrong mapping is seen, and nothing of what a key may hold."""
    method, body, names, unnamed = case
    path = "/Users" if method == "POST" else f"/Users/{a_user(scim)}"

    assert scim(method, path, body).status in {200, 201}

    assert (newest()["ignored"], newest()["unnamed"]) == (names, unnamed)
    assert [each["name"] for each in health()["ignored"]] == names
    assert health()["unnamed"] == unnamed


GROUPS = {
    "POST": ("POST", {"displayName": "G", "owner": "x"}, ["owner"]),
    "PUT": ("PUT", {"displayName": "G", "owner": "x"}, ["owner"]),
    "PATCH": ("PATCH", patch(replace({"owner": "x"})), ["owner"]),
}


@pytest.mark.parametrize(("method", "body", "names"), GROUPS.values(), ids=GROUPS)
def test_so_they_do_for_groups_and_in_bulk(scim, newest, method, body, names):
    """The mechanism is that of users."""
    path = "/Groups"
    if method != "POST":
        path = f"/Groups/{scim('POST', path, {'displayName': 'H'}).body['id']}"
    scim(method, path, body)
    assert newest()["ignored"] == names

    operation = {"method": method, "path": path, "bulkId": "g", "data": body}
    scim("POST", "/Bulk", {"Operations": [operation]})
    assert newest()["ignored"] == names


def test_an_hour_counts_twenty_names(scim, health):
    """A client that sends data as keys does not make the item of an hour grow."""
    for number in range(6):
        body = user(userName=f"u{number}", **{f"a{number}_{each}": 1 for each in range(5)})
        scim("POST", "/Users", body)

    assert len(health()["ignored"]) == 20
    assert health()["unnamed"] == 10


def test_a_name_is_counted_with_its_requests(scim, health):
    """What is sent most often comes first."""
    for number in range(3):
        a_user(scim, f"u{number}", shoe=44, **({"hat": 1} if number else {}))

    assert health()["ignored"] == [{"name": "shoe", "count": 3}, {"name": "hat", "count": 2}]


def members(scim, count):
    """Create a group with members; return its path."""
    users = [{"value": a_user(scim, f"u{number}")} for number in range(count)]
    created = scim("POST", "/Groups", {"displayName": "G", "members": users})
    return f"/Groups/{created.body['id']}"


WITHOUT_MEMBERS = [
    ("keep", 0, None, 0),
    ("keep", 1, "members_kept", 1),
    ("keep", 3, "members_kept", 3),
    ("clear", 0, None, 0),
    ("clear", 1, None, 0),
    ("clear", 2, "members_cleared", 0),
]


@pytest.mark.parametrize("case", WITHOUT_MEMBERS)
@pytest.mark.parametrize("name", ["G", "H"])
def test_a_put_without_members_is_advised_of(operator, root, scim, health, case, name):
    """Only where another client would have meant the contrary; renamed or not."""
    setting, before, reason, after = case
    operator("PATCH", root, {"settings": {"put_without_members": setting}})
    group = members(scim, before)

    scim("PUT", group, {"displayName": name})

    assert len(scim("GET", group).body["members"]) == after
    assert [each["reason"] for each in health()["advice"]] == ([reason] if reason else [])


ADVICE = [
    ("keep", "`put_without_members` to `clear`"),
    ("clear", "`put_without_members` to `keep`"),
]


@pytest.mark.parametrize(("setting", "text"), ADVICE)
def test_the_advice_names_the_setting_to_change(operator, root, scim, health, setting, text):
    """An admin knows what to do; the log has the same words."""
    operator("PATCH", root, {"settings": {"put_without_members": setting}})
    scim("PUT", members(scim, 2), {"displayName": "H"})

    (advice,) = health()["advice"]

    assert advice["count"] == 1
    assert text in advice["text"]


SAYS_SO = {
    "an empty list": {"displayName": "G", "members": []},
    "null": {"displayName": "G", "members": None},
    "another spelling": {"displayName": "G", "MEMBERS": []},
}


@pytest.mark.parametrize("setting", ["keep", "clear"])
@pytest.mark.parametrize("body", SAYS_SO.values(), ids=SAYS_SO)
def test_a_put_that_names_members_is_not_advised_of(operator, root, scim, health, setting, body):
    """The group is to have none: nobody has to guess."""
    operator("PATCH", root, {"settings": {"put_without_members": setting}})
    group = members(scim, 2)

    assert scim("PUT", group, body).body["members"] == []

    assert health()["advice"] == []


@pytest.mark.parametrize(("name", "status"), [("G", "200"), ("", "400")])
def test_so_it_is_in_bulk_where_it_succeeds(operator, root, scim, health, name, status):
    """An operation that is rejected did nothing to be advised of."""
    operator("PATCH", root, {"settings": {"put_without_members": "keep"}})
    operation = {"method": "PUT", "path": members(scim, 2), "data": {"displayName": name}}

    response = scim("POST", "/Bulk", {"Operations": [operation]}).body["Operations"][0]

    assert response["status"] == status
    assert len(health()["advice"]) == (status == "200")


def test_a_rejected_put_is_not_advised_of(scim, health):
    """Nothing was done."""
    group = members(scim, 2)

    assert scim("PUT", group, {"displayName": "G"}, headers={"If-Match": 'W/"0"'}).status == 412

    assert health()["advice"] == []


CLEARED = [
    replace("", path="active"),
    replace(None, path="active"),
    {"op": "remove", "path": "active"},
]


@pytest.mark.parametrize("operation", CLEARED)
def test_a_cleared_active_is_advised_of(scim, health, newest, operation):
    """The provider may have meant to deactivate."""
    uid = a_user(scim, active=False)

    assert scim("PATCH", f"/Users/{uid}", patch(operation)).body["active"] is False

    assert newest()["ignored"] == ["active"]
    (advice,) = health()["advice"]
    assert (advice["reason"], advice["count"]) == ("active_kept", 1)
    assert advice["text"] in newest()["advice"]


def test_advice_is_written_as_soon_as_it_comes(services, operator, root, context):
    """Another process, and one that ends, has it: it may be about access that somebody keeps."""
    scim = scim_client(build(services), context.connection, context.token)
    operator("PATCH", root, {"settings": {"put_without_members": "keep"}})
    group = members(scim, 3)
    scim("PUT", group, {"displayName": "H"})

    elsewhere = build(replaced(services, pending_counters=PendingCounters()))
    found = api_client(elsewhere, OPERATOR_KEY)("GET", root).body["health"]
    assert found["advice"][0]["reason"] == "members_kept"
