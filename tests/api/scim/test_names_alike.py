"""Which names are equal: the same to a POST, a filter, a search and a sign-in."""

from __future__ import annotations

from urllib.parse import quote

import pytest

GROUPS = [
    ("Sales", "Sales "),
    ("Sales ", "  sAles"),
    ("Fam\u200dily", "family"),
    ("\u200cCare\u200d ", "CARE"),
    ("می\u200cخواهم", "میخواهم"),
    ("José", "Jose\u0301\u200d"),
]


def filtered(scim, path, attribute, value):
    """Look resources up by a name; return their ids."""
    text = f'{attribute} eq "{value}"'
    found = scim("GET", f"{path}?filter={quote(text)}").body
    return [each["id"] for each in found["Resources"]]


@pytest.mark.parametrize(("one", "other"), [*GROUPS, *((b, a) for a, b in GROUPS)])
def test_a_group_keeps_its_name_as_sent_and_is_found_by_the_other(scim, one, other):
    """The two are one name: a second group of it is 409."""
    group = scim("POST", "/Groups", {"displayName": one})
    assert (group.status, group.body["displayName"]) == (201, one)

    for name in (one, other):
        assert filtered(scim, "/Groups", "displayName", name) == [group.body["id"]]
        assert scim("POST", "/Groups", {"displayName": name}).status == 409


RENAMES = {
    "PUT": lambda name: {"displayName": name},
    "PATCH": lambda name: {"Operations": [{"op": "replace", "path": "displayName", "value": name}]},
}


@pytest.mark.parametrize("method", RENAMES)
@pytest.mark.parametrize(("one", "other"), GROUPS)
def test_a_group_is_renamed_within_its_own_name(scim, method, one, other):
    """Its uniqueness item stays; another group's name is 409 in every form."""
    group = scim("POST", "/Groups", {"displayName": one}).body
    second = scim("POST", "/Groups", {"displayName": "Other"}).body

    assert scim(method, f"/Groups/{group['id']}", RENAMES[method](other)).status in {200, 204}

    assert scim("GET", f"/Groups/{group['id']}").body["displayName"] == other
    assert scim(method, f"/Groups/{second['id']}", RENAMES[method](one)).status == 409


@pytest.mark.parametrize("name", [" ", "\u200d", " \u200c ", "\u3000"], ids=ascii)
@pytest.mark.parametrize("method", RENAMES)
def test_a_name_of_blanks_and_joiners_alone_is_400(scim, method, name):
    """When a group is created, and when it is renamed."""
    gid = scim("POST", "/Groups", {"displayName": "G"}).body["id"]

    answers = [
        scim("POST", "/Groups", {"displayName": name}),
        scim(method, f"/Groups/{gid}", RENAMES[method](name)),
    ]

    assert [(each.status, each.body["scimType"]) for each in answers] == [(400, "invalidValue")] * 2


FILTERS = [
    ('displayName eq "sales"', True),
    ('displayName ne "SALES "', False),
    ('displayName sw "Sales"', True),
    ('displayName sw "sa\u200dl"', True),
    ('displayName co " "', True),
    ('displayName co "x"', False),
    ('displayName ew "s "', True),
    ('not (displayName eq "Sales")', False),
    ('id pr and displayName eq "Sales"', True),
    ('displayName gt "Sales"', False),
]


@pytest.mark.parametrize(("text", "found"), FILTERS)
@pytest.mark.parametrize("path", ["/Groups", "/Groups/.search", "/.search"])
def test_a_filter_compares_the_name_of_a_group_so(scim, path, text, found):
    """Parts of a name are compared with its blanks."""
    scim("POST", "/Groups", {"displayName": "Sales "})

    if path == "/Groups":
        listed = scim("GET", f"{path}?filter={quote(text)}")
    else:
        listed = scim("POST", path, {"filter": text})

    assert listed.body["totalResults"] == int(found)


def test_the_groups_of_a_user_are_compared_so(scim):
    """`groups.display` is the name of a group."""
    uid = scim.a_user("ada")["id"]
    scim("POST", "/Groups", {"displayName": "Sales ", "members": [{"value": uid}]})

    assert filtered(scim, "/Users", "groups.display", "sales") == [uid]
    assert scim("GET", f"/Users/{uid}").body["groups"][0]["display"] == "Sales "


@pytest.mark.parametrize("search", ["Sales", "sal", "sales ", "sa\u200dles"])
def test_an_admin_finds_the_group_so(scim, operator, context, search):
    """By the beginning of its name."""
    gid = scim("POST", "/Groups", {"displayName": "Sa\u200dles "}).body["id"]
    path = f"/admin/organisations/{context.organisation}/teams?search={quote(search)}"

    assert [each["id"] for each in operator("GET", path).body["items"]] == [gid]


def test_only_groups_are_named_so(scim):
    """A userName with a blank or a joiner is rejected; a displayName of a user is any text."""
    assert scim("POST", "/Users", {"userName": "ada "}).status == 400
    assert scim("POST", "/Users", {"userName": "a\u200dda"}).status == 400
    scim.a_user("ada", displayName="Ada ")
    assert filtered(scim, "/Users", "displayName", "Ada") == []


TWO_USERS = [("straße", "strasse"), ("STRASSE", "straße"), ("weiß@x.example", "weiss@x.example")]


@pytest.mark.parametrize(("one", "other"), TWO_USERS)
def test_names_that_a_filter_tells_apart_are_two_users(scim, operator, context, one, other):
    """For the uniqueness of a name, a filter, `resolve` and the sign-in alike."""
    created = {name: scim("POST", "/Users", {"userName": name}) for name in (one, other)}
    assert [each.status for each in created.values()] == [201, 201]

    for name, user in created.items():
        body = {"user_name": name}
        resolved = operator("POST", f"/admin/organisations/{context.organisation}/resolve", body)
        assert [each["id"] for each in resolved.body["items"]] == [user.body["id"]]
        assert filtered(scim, "/Users", "userName", name) == [user.body["id"]]
        assert scim("POST", "/Users", {"userName": name}).status == 409
