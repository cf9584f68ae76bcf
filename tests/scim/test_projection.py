"""Which attributes are sent: RFC 7644 section 3.9 and the `returned` of RFC 7643 section 2.2."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, USER
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Attribute, ResourceType, ReturnedRule, Schema

ENTERPRISE = ENTERPRISE_USER.id
EVERYTHING = Projection.parse(None, None, USER)

ANA = {
    "meta": {"resourceType": "User", "version": 'W/"1"'},
    "emails": [{"value": "a@example.com", "type": "work"}, {"value": "b@example.com"}],
    "name": {"givenName": "Ana", "familyName": "Silva"},
    "userName": "ana",
    "active": False,
    ENTERPRISE: {"department": "Sales", "manager": {"value": "m1", "displayName": "Eva"}},
    "externalId": "7",
    "id": "u1",
}
SALES = {
    "id": "g1",
    "displayName": "Sales",
    "members": [{"value": "u1", "type": "User", "display": "Ana"}],
}


def shown(attributes=None, excluded=None, resource=ANA, kind=USER):
    """Project, and leave out what is always there."""
    sent = project(resource, kind, Projection.parse(attributes, excluded, kind))
    return {name: value for name, value in sent.items() if name not in ("schemas", "id")}


def test_everything_is_sent_in_the_order_of_the_schemas():
    """Stable bodies are easier to read and to compare; nothing is lost on the way."""
    sent = project(ANA, USER, EVERYTHING)

    assert list(sent) == [
        *("schemas", "id", "externalId", "userName", "name", "active", "emails"),
        *(ENTERPRISE, "meta"),
    ]
    assert {**sent, "schemas": None} == {**ANA, "schemas": None}


def test_schemas_name_what_is_sent():
    """RFC 7643 section 3.1: the schemas of the attributes that are in this document."""
    whole = project(ANA, USER, EVERYTHING)
    part = project(ANA, USER, Projection.parse("userName", None, USER))

    assert whole["schemas"] == [USER.schema.id, ENTERPRISE]
    assert part["schemas"] == [USER.schema.id]


# attributes=, and what is sent beside schemas and id
ASKED = [
    ("userName", {"userName": "ana"}),
    ("USERNAME , externalid", {"userName": "ana", "externalId": "7"}),
    ("name.givenName", {"name": {"givenName": "Ana"}}),
    ("name,name.givenName", {"name": ANA["name"]}),
    ("emails.type", {"emails": [{"type": "work"}]}),
    ('emails[type eq "work"]', {"emails": ANA["emails"]}),
    (
        'emails[type eq "a,b]" and value pr].value,userName',
        {"userName": "ana", "emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]},
    ),
    (f"{USER.schema.id}:active", {"active": False}),
    (f"{ENTERPRISE}:department", {ENTERPRISE: {"department": "Sales"}}),
    (f"{ENTERPRISE}.department", {ENTERPRISE: {"department": "Sales"}}),
    (f"{ENTERPRISE}:manager.value", {ENTERPRISE: {"manager": {"value": "m1"}}}),
    ("manager.value", {ENTERPRISE: {"manager": {"value": "m1"}}}),
    (ENTERPRISE, {ENTERPRISE: ANA[ENTERPRISE]}),
    (f"{ENTERPRISE},{ENTERPRISE}:manager.value", {ENTERPRISE: ANA[ENTERPRISE]}),
    ("meta", {"meta": ANA["meta"]}),
    ("password", {}),
    ("nosuch", {}),
    ("nosuch,userName,,", {"userName": "ana"}),
]


@pytest.mark.parametrize(("attributes", "expected"), ASKED)
def test_only_what_was_asked_for_is_sent(attributes, expected):
    """RFC 7644 section 3.9; unknown names and brackets are ignored (row 23)."""
    assert shown(attributes) == expected


# excludedAttributes=, and what is missing then
EXCLUDED = [
    ("emails", ["emails"]),
    ("Emails,META", ["emails", "meta"]),
    (ENTERPRISE, [ENTERPRISE]),
    ("id,schemas", []),
    ("nosuch", []),
]


@pytest.mark.parametrize(("excluded", "missing"), EXCLUDED)
def test_what_was_excluded_is_not_sent(excluded, missing):
    """Except what is always returned: `id` and `schemas` cannot be excluded."""
    assert set(shown()) - set(shown(None, excluded)) == set(missing)
    assert project(ANA, USER, Projection.parse(None, excluded, USER))["id"] == "u1"


def test_a_sub_attribute_can_be_excluded():
    """RFC 7644 section 3.10 gives sub-attributes the same notation."""
    sent = shown(None, f"name.givenName,emails.value,{ENTERPRISE}:manager.displayName")

    assert sent["name"] == {"familyName": "Silva"}
    assert sent["emails"] == [{"type": "work"}]
    assert sent[ENTERPRISE] == {"department": "Sales", "manager": {"value": "m1"}}


def test_asking_and_excluding_at_once_is_rejected():
    """RFC 7644 section 3.9 has the one exclude the other."""
    with pytest.raises(InvalidValue, match="expected one of them"):
        Projection.parse("userName", "emails", USER)


def test_empty_parameters_count_as_missing():
    """Some clients write `attributes=` and mean nothing by it."""
    assert Projection.parse("", "", USER) == EVERYTHING


def test_a_password_is_never_sent():
    """Not even if one were stored: `returned` is never."""
    assert "password" not in project(ANA | {"password": "x"}, USER, EVERYTHING)


def test_nothing_is_sent_that_no_schema_knows_or_that_is_empty():
    """A schema may have been taken away since; nulls break strict clients."""
    more = ANA | {"colour": "red", "urn:gone": {"a": 1}, "title": None, "roles": [], "ims": [{}]}

    assert project(more, USER, EVERYTHING) == project(ANA, USER, EVERYTHING)


def test_an_extension_without_values_is_not_named():
    """An empty object would tell a client that there is something."""
    sent = project(ANA | {ENTERPRISE: {}}, USER, EVERYTHING)

    assert sent["schemas"] == [USER.schema.id]
    assert ENTERPRISE not in sent


@pytest.mark.parametrize(
    ("attributes", "member"),
    [
        (None, {"value": "u1", "type": "User"}),
        ("members", {"value": "u1", "type": "User"}),
        ("members.display", {"display": "Ana"}),
        ("members,members.display", {"value": "u1", "type": "User", "display": "Ana"}),
    ],
)
def test_display_of_members_is_sent_on_request(attributes, member):
    """Each would cost a read; only its own name asks for it."""
    assert shown(attributes, None, SALES, GROUP)["members"] == [member]


WANTED = [
    (None, None, True),
    ("members", None, True),
    ("members.value", None, True),
    ("displayName", None, False),
    (None, "members", False),
    (None, "MEMBERS", False),
    (None, "members.value", True),
    (None, "displayName", True),
]


@pytest.mark.parametrize(("attributes", "excluded", "wanted"), WANTED)
def test_a_request_says_whether_members_are_wanted(attributes, excluded, wanted):
    """Entra ID excludes members, so that nobody reads 100,000 of them for nothing."""
    assert Projection.parse(attributes, excluded, GROUP).wants("members") is wanted


@pytest.mark.parametrize(
    ("attributes", "asked"),
    [(None, False), ("members", False), ("members.value", False), ("Members.Display", True)],
)
def test_a_request_says_whether_display_is_wanted(attributes, asked):
    """Only then are the members' names read."""
    assert Projection.parse(attributes, None, GROUP).asks("members", "display") is asked


def a_kind(*attributes: Attribute) -> ResourceType:
    """Make a user with one more extension of these attributes."""
    return ResourceType("User", "/Users", "", USER.schema, (Schema("urn:x", "X", "", attributes),))


@pytest.mark.parametrize(
    ("attributes", "sent"),
    [
        (None, {"always": 1, "default": 3}),
        ("urn:x", {"always": 1, "default": 3}),
        ("urn:x:request", {"always": 1, "request": 4}),
        ("urn:x:never", {"always": 1}),
        ("userName", {"always": 1}),
    ],
)
def test_a_custom_attribute_is_sent_by_its_returned_rule(attributes, sent):
    """RFC 7643 section 2.2 knows four rules; the built-in schemas use three of them."""
    rules: tuple[ReturnedRule, ...] = ("always", "never", "default", "request")
    kind = a_kind(*(Attribute(rule, "integer", returned=rule) for rule in rules))
    resource = {"id": "u1", "urn:x": {rule: n for n, rule in enumerate(rules, 1)}}

    assert shown(attributes, None, resource, kind)["urn:x"] == sent


def test_a_complex_value_that_is_always_sent_is_sent_whole():
    """It was not asked for by name, so no part of it was left out by name."""
    subs = (Attribute("value"), Attribute("level"))
    kind = a_kind(Attribute("badge", "complex", returned="always", sub_attributes=subs))
    resource = {"id": "u1", "urn:x": {"badge": {"value": "7", "level": "2"}}}

    assert shown("userName", None, resource, kind) == {"urn:x": resource["urn:x"]}


def test_sub_attributes_have_returned_rules_too():
    """RFC 7643 section 7 gives a sub-attribute every characteristic but sub-attributes."""
    always, never = Attribute("kind", returned="always"), Attribute("pin", returned="never")
    badge = Attribute("badge", "complex", sub_attributes=(always, never, Attribute("value")))
    resource = {"id": "u1", "urn:x": {"badge": {"kind": "card", "pin": "0000", "value": "7"}}}

    sent = shown("urn:x:badge.pin,urn:x:badge.value", None, resource, a_kind(badge))
    rest = shown(None, "urn:x:badge.kind,urn:x:badge.value", resource, a_kind(badge))

    assert sent == {"urn:x": {"badge": {"kind": "card", "value": "7"}}}
    assert rest == {"urn:x": {"badge": {"kind": "card"}}}


# --- properties -------------------------------------------------------------------------------

SECRET = "zq9-never-to-be-shown"
URN = "urn:example:params:scim:schemas:extension:vault:2.0:User"
HIDDEN = Attribute("pin", returned="never")
VAULT = Schema(
    URN,
    "Vault",
    "With attributes that are never returned, at every place where one can be",
    (
        HIDDEN,
        Attribute("key", "complex", returned="always", sub_attributes=(HIDDEN, Attribute("slot"))),
        Attribute("keys", "complex", multi_valued=True, sub_attributes=(HIDDEN, Attribute("slot"))),
    ),
)
GUARDED = USER.extended([VAULT])
KEY = {"pin": SECRET, "slot": "1"}
STORED = ANA | {"password": SECRET, URN: {"pin": SECRET, "key": KEY, "keys": [KEY]}}
PLACES = (
    *("password", "userName", "name.givenName", "emails", "meta", "id", "x", "", "PASSWORD"),
    *(URN, f"{URN}:pin", f"{URN}:key", f"{URN}:key.pin", f"{URN}:keys.pin", "keys", "key.pin"),
    *('keys[slot eq "1"]', 'keys[slot eq "1"].pin', f"{USER.schema.id}:password", ENTERPRISE),
)
LISTS = st.lists(st.sampled_from(PLACES), max_size=5).map(",".join)


@given(LISTS, st.booleans())
def test_whatever_is_asked_for_what_is_never_returned_is_not(text, asking):
    """RFC 7643 section 7: by no parameter, at no place, and no list of names shows it."""
    asked, excluded = (text, None) if asking else (None, text)

    sent = project(STORED, GUARDED, Projection.parse(asked, excluded, GUARDED))

    assert SECRET not in json.dumps(sent)
    assert (sent["id"], sent[URN]["key"]) == ("u1", {"slot": "1"})
