"""What providers send becomes operations of the RFC; `test_patch` tests their effect."""

import pytest

from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from chalicelib.scim.filters import AttrPath, Path, parse_path
from chalicelib.scim.ignored import Ignored, reject_ignored
from chalicelib.scim.messages import RawOperation
from chalicelib.scim.patch_operations import Operation, normalise

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"


def at(path, value, op="replace"):
    """An operation as the envelope holds it."""
    return RawOperation(op, path, value, has_value=True)


def paths(operations, resource_type=USER):
    """The paths that operations have afterwards, with their values."""
    return [(str(one.path), one.value) for one in normalise(operations, resource_type).operations]


CANONICAL = [
    ("DISPLAYNAME", "displayName"),
    (" title ", "title"),
    ("Name.FamilyName", "name.familyName"),
    (f"{CORE}:title", "title"),
    (f"{CORE}.name.familyName", "name.familyName"),
    ("department", f"{ENTERPRISE}:department"),
    (f"{ENTERPRISE}.Manager", f"{ENTERPRISE}:manager"),
    (f"{ENTERPRISE}.manager.VALUE", f"{ENTERPRISE}:manager.value"),
    (ENTERPRISE.upper() + ":Department", f"{ENTERPRISE}:department"),
    ("Emails[Type eq work].Value", 'emails[Type eq "work"].value'),
]


@pytest.mark.parametrize(("sent", "canonical"), CANONICAL)
def test_a_path_is_spelled_as_the_schemas_do(sent, canonical):
    """What comes after need not know of cases, missing URNs and dots in their place."""
    assert paths([at(sent, "x")]) == [(canonical, "x")]


def test_a_sub_attribute_stands_apart_from_its_attribute():
    """One place to look, with or without a choice of elements."""
    ((operation,), _) = normalise([at("name.familyName", "J")], USER)

    path = Path(AttrPath(None, "name"), None, "familyName")
    assert operation == Operation("replace", path, "J")


def test_a_value_without_a_path_becomes_an_operation_for_each_attribute():
    """RFC 7644 section 3.5.2.1, in the order in which they were sent."""
    value = {
        "title": "Boss",
        "name.givenName": "B",
        ENTERPRISE: {"department": "Tours", "manager.value": "m1"},
        'emails[type eq "work"].value': "b@x.y",
    }

    assert paths([at(None, value)]) == [
        ("title", "Boss"),
        ("name.givenName", "B"),
        (f"{ENTERPRISE}:department", "Tours"),
        (f"{ENTERPRISE}:manager.value", "m1"),
        ('emails[type eq "work"].value', "b@x.y"),
    ]


READ_ONLY = ["id", "meta", "schemas", "groups", "meta.created", "manager.displayName"]


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_clients_do_not_write_is_ignored_in_a_value(name):
    """RFC 7644 section 3.5.2; Okta sends the id of a group along with its name."""
    assert paths([at(None, {name: "x", "title": "Boss"})]) == [("title", "Boss")]


ECHOES = [
    at("id", "u1"),
    at("ID", "u1", "add"),
    at("schemas", ["urn:x"]),
    at("meta", {"version": "old"}),
    at("meta.lastModified", "2011-05-13T04:42:34Z"),
    at("meta", None, "remove"),
    at("manager.displayName", "John"),
    at(f"{ENTERPRISE}:manager.displayName", "John"),
    at("groups.display", "Sales"),
]


@pytest.mark.parametrize("echo", ECHOES)
def test_what_a_client_has_read_and_sends_back_changes_nothing(echo):
    """The rest of the request takes effect."""
    operations, ignored = normalise([echo, at("title", "Boss")], USER, "u1")

    assert [(str(one.path), one.index) for one in operations] == [("title", 1)]
    assert ignored == ()


CHANGED = [
    at("id", "u2"),
    at("id", None, "remove"),
    at("id", ""),
    at("groups", []),
    at("groups", None, "remove"),
    at('groups[value eq "x"].display', "x"),
]


@pytest.mark.parametrize("operation", CHANGED)
def test_what_is_read_only_cannot_be_changed(operation):
    """Another id would be another user; memberships are changed at the group."""
    with pytest.raises(Mutability, match=r"^Operations\[0\]: (id|groups)"):
        normalise([operation], USER, "u1")


ACTIVE_CLEARED = [
    at("active", ""),
    at("active", None, "remove"),
    at("ACTIVE", None),
    at("active", []),
    at("active", [""]),
    at("active", {"value": None}),
    at(f"{CORE}:active", "", "add"),
    at(None, {"active": None}),
    at(None, {CORE: {"active": ""}}),
    at(CORE, {"active": []}),
]


@pytest.mark.parametrize("operation", ACTIVE_CLEARED)
def test_active_is_never_cleared(operation):
    """A user without `active` would be neither active nor deactivated."""
    operations, ignored = normalise([at("title", "x"), operation], USER)

    assert [str(one.path) for one in operations] == ["title"]
    assert ignored == (Ignored("active", "always_set", 1),)


NOT_UNDERSTOOD = [
    ("roles", [{"id": "1"}], "roles.id"),
    ("roles", {"id": "1"}, "roles.id"),
    ("name", {"first": "A"}, "name.first"),
    ("manager", {"id": "1"}, f"{ENTERPRISE}:manager.id"),
    ("emails", {"emails": [{"address": "a"}]}, "emails.address"),
    ('emails[type eq "work"]', {"address": "a"}, "emails.address"),
]


@pytest.mark.parametrize(("path", "value", "name"), NOT_UNDERSTOOD)
def test_a_value_of_which_nothing_is_understood_is_ignored(path, value, name):
    """The attribute keeps what it had, and the rest of the request takes effect."""
    operations, ignored = normalise([at("active", "False"), at(path, value)], USER)

    assert [str(one.path) for one in operations] == ["active"]
    assert ignored == (Ignored(name, "not_understood", 1),)


STRICT = [
    (at("shoeSize", "44"), InvalidPath, "shoeSize"),
    (at(None, {"shoeSize": "44"}), InvalidPath, "shoeSize"),
    (at("emails", [{"value": "a", "address": "b"}]), InvalidPath, "emails.address"),
    (at("roles", [{"id": "1"}]), InvalidValue, "roles.id"),
]


@pytest.mark.parametrize(("operation", "error", "name"), STRICT)
def test_a_strict_connection_rejects_what_a_lenient_one_ignores(operation, error, name):
    """The error names the operation and the attribute."""
    _, ignored = normalise([at("title", "x"), operation], USER)

    with pytest.raises(error, match=rf"^Operations\[1\]: {name}: "):
        reject_ignored(ignored, USER)


def test_a_strict_connection_accepts_what_is_not_a_wrong_mapping():
    """`active` is kept where a client clears it, and nothing else is ignored."""
    _, ignored = normalise([at("active", ""), at("title", "x")], USER)

    reject_ignored(ignored, USER)


UNKNOWN = [
    "shoeSize",
    "name.shoeSize",
    "title.shoeSize",
    "constructor",
    "urn:x:2.0:User:title",
    "urn:scim:schemas:core:1.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
    f"{ENTERPRISE}:shoeSize",
    "password",
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_schemas_do_not_keep_is_ignored(name):
    """A mapping with one attribute too many must not stop the others."""
    assert paths([at(name, "x"), at(None, {name: "x"}), at(name, None, "remove")]) == []


@pytest.mark.parametrize("key", ["__class__", "__proto__", "", "a b", "x" * 5000, "é", "{0.real}"])
def test_a_key_that_is_not_a_path_names_no_attribute(key):
    """Nor is it ever used to reach into an object (scim-patch CVE-2026-48170)."""
    assert paths([at(None, {key: "x"}), at(None, {ENTERPRISE: {key: "x"}})]) == []


REJECTED = [
    (RawOperation("add", "title", None, has_value=False), InvalidValue, "`value` is missing"),
    (RawOperation("remove", None, None, has_value=False), NoTarget, "`path` is missing"),
    (at(None, "x"), InvalidValue, "an object"),
    (at("", [{"title": "x"}]), InvalidValue, "an object"),
    (at(ENTERPRISE, "x"), InvalidValue, "an object"),
    (at(CORE, None), Mutability, CORE),
    (at("__class__", "x"), InvalidPath, "character 1"),
    (at("emails[type", "x"), InvalidPath, "operator"),
    (at(None, {"emails[type": "x"}), InvalidPath, "operator"),
    (at('title[value eq "x"]', "x"), InvalidPath, "title"),
    (at('groups[value eq "x"]', "x"), Mutability, "groups"),
]


@pytest.mark.parametrize(("operation", "error", "named"), REJECTED)
def test_what_has_no_meaning_is_rejected(operation, error, named):
    """RFC 7644 table 9 tells which scimType; the text names what is at fault."""
    with pytest.raises(error, match=named):
        normalise([operation], USER)


def test_an_extension_is_removed_by_its_urn():
    """By `remove`, or by null in its place."""
    whole = Operation("remove", parse_path(ENTERPRISE))
    sent = [
        at(ENTERPRISE, None, "remove"),
        at(ENTERPRISE.upper(), None),
        at(None, {ENTERPRISE: ""}),
    ]

    assert normalise(sent, USER).operations == (whole, whole, whole)


def test_the_value_of_a_remove_is_kept():
    """Entra ID names the members to remove in the value; none would mean all of them."""
    operation = at("members", [{"value": "u1"}], "remove")

    assert paths([operation], GROUP) == [("members", [{"value": "u1"}])]
