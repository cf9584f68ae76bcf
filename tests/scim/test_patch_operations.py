"""Normalise PATCH operations as providers send them; `test_patch` tests their effect."""

import pytest

from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from chalicelib.scim.filters import AttrPath, Path, parse_path
from chalicelib.scim.ignored import Ignored, reject_ignored
from chalicelib.scim.messages import RawOperation
from chalicelib.scim.patch_operations import Operation, normalise

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"


def raw_operation(path, value, op="replace"):
    """Return an operation as `parse_patch` reads it."""
    return RawOperation(op, path, value, has_value=True)


def paths(operations, resource_type=USER):
    """Normalise operations; return their paths and values."""
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
def test_a_path_is_spelled_as_in_the_schemas(sent, canonical):
    """The letter case is corrected, and a missing URN or a dot after a URN."""
    assert paths([raw_operation(sent, "x")]) == [(canonical, "x")]


def test_a_sub_attribute_is_a_field_of_its_own():
    """In `name.familyName` as in `emails[...].value`."""
    ((operation,), _) = normalise([raw_operation("name.familyName", "J")], USER)

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

    assert paths([raw_operation(None, value)]) == [
        ("title", "Boss"),
        ("name.givenName", "B"),
        (f"{ENTERPRISE}:department", "Tours"),
        (f"{ENTERPRISE}:manager.value", "m1"),
        ('emails[type eq "work"].value', "b@x.y"),
    ]


READ_ONLY = ["id", "meta", "schemas", "groups", "meta.created", "manager.displayName"]


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_read_only_attribute_in_a_value_is_ignored(name):
    """RFC 7644 section 3.5.2; Okta sends the id of a group along with its name."""
    assert paths([raw_operation(None, {name: "x", "title": "Boss"})]) == [("title", "Boss")]


ECHOES = [
    raw_operation("id", "u1"),
    raw_operation("ID", "u1", "add"),
    raw_operation("schemas", ["urn:x"]),
    raw_operation("meta", {"version": "old"}),
    raw_operation("meta.lastModified", "2011-05-13T04:42:34Z"),
    raw_operation("meta", None, "remove"),
    raw_operation("manager.displayName", "John"),
    raw_operation(f"{ENTERPRISE}:manager.displayName", "John"),
    raw_operation("groups.display", "Sales"),
]


@pytest.mark.parametrize("echo", ECHOES)
def test_a_read_only_value_sent_back_changes_nothing(echo):
    """The rest of the request takes effect."""
    operations, ignored = normalise([echo, raw_operation("title", "Boss")], USER, "u1")

    assert [(str(one.path), one.index) for one in operations] == [("title", 1)]
    assert ignored == ()


CHANGED = [
    raw_operation("id", "u2"),
    raw_operation("id", None, "remove"),
    raw_operation("id", ""),
    raw_operation("groups", []),
    raw_operation("groups", None, "remove"),
    raw_operation('groups[value eq "x"].display', "x"),
]


@pytest.mark.parametrize("operation", CHANGED)
def test_a_read_only_attribute_cannot_be_changed(operation):
    """Another id would be another user; memberships are changed at the group."""
    with pytest.raises(Mutability, match=r"^Operations\[0\]: (id|groups)"):
        normalise([operation], USER, "u1")


ACTIVE_CLEARED = [
    raw_operation("active", ""),
    raw_operation("active", None, "remove"),
    raw_operation("ACTIVE", None),
    raw_operation("active", []),
    raw_operation("active", [""]),
    raw_operation("active", {"value": None}),
    raw_operation(f"{CORE}:active", "", "add"),
    raw_operation(None, {"active": None}),
    raw_operation(None, {CORE: {"active": ""}}),
    raw_operation(CORE, {"active": []}),
]


@pytest.mark.parametrize("operation", ACTIVE_CLEARED)
def test_active_is_never_cleared(operation):
    """A user without `active` would be neither active nor deactivated."""
    operations, ignored = normalise([raw_operation("title", "x"), operation], USER)

    assert [str(one.path) for one in operations] == ["title"]
    assert ignored == (Ignored("active", "always_set", 1),)


UNKNOWN_SUB_ATTRIBUTES = [
    ("roles", [{"id": "1"}], "roles.id"),
    ("roles", {"id": "1"}, "roles.id"),
    ("name", {"first": "A"}, "name.first"),
    ("manager", {"id": "1"}, f"{ENTERPRISE}:manager.id"),
    ("emails", {"emails": [{"address": "a"}]}, "emails.address"),
    ('emails[type eq "work"]', {"address": "a"}, "emails.address"),
]


@pytest.mark.parametrize(("path", "value", "name"), UNKNOWN_SUB_ATTRIBUTES)
def test_a_value_with_only_unknown_sub_attributes_is_ignored(path, value, name):
    """The attribute keeps its value, and the rest of the request takes effect."""
    operations, ignored = normalise(
        [raw_operation("active", "False"), raw_operation(path, value)], USER
    )

    assert [str(one.path) for one in operations] == ["active"]
    assert ignored == (Ignored(name, "not_understood", 1),)


STRICT = [
    (raw_operation("shoeSize", "44"), InvalidPath, "shoeSize"),
    (raw_operation(None, {"shoeSize": "44"}), InvalidPath, "shoeSize"),
    (raw_operation("emails", [{"value": "a", "address": "b"}]), InvalidPath, "emails.address"),
    (raw_operation("roles", [{"id": "1"}]), InvalidValue, "roles.id"),
]


@pytest.mark.parametrize(("operation", "error", "name"), STRICT)
def test_a_strict_connection_rejects_what_a_lenient_one_ignores(operation, error, name):
    """The error names the operation and the attribute."""
    _, ignored = normalise([raw_operation("title", "x"), operation], USER)

    with pytest.raises(error, match=rf"^Operations\[1\]: {name}: "):
        reject_ignored(ignored, USER)


def test_a_strict_connection_accepts_a_cleared_active():
    """It is ignored, but it is not an error of the mapping."""
    _, ignored = normalise([raw_operation("active", ""), raw_operation("title", "x")], USER)

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
def test_an_unknown_attribute_is_ignored(name):
    """A mapping with one attribute too many must not stop the others."""
    assert (
        paths(
            [
                raw_operation(name, "x"),
                raw_operation(None, {name: "x"}),
                raw_operation(name, None, "remove"),
            ]
        )
        == []
    )


@pytest.mark.parametrize("key", ["__class__", "__proto__", "", "a b", "x" * 5000, "é", "{0.real}"])
def test_a_key_that_is_not_a_path_names_no_attribute(key):
    """It never reaches an attribute of a Python object (scim-patch CVE-2026-48170)."""
    assert (
        paths([raw_operation(None, {key: "x"}), raw_operation(None, {ENTERPRISE: {key: "x"}})])
        == []
    )


REJECTED = [
    (RawOperation("add", "title", None, has_value=False), InvalidValue, "`value` is missing"),
    (RawOperation("remove", None, None, has_value=False), NoTarget, "`path` is missing"),
    (raw_operation(None, "x"), InvalidValue, "an object"),
    (raw_operation("", [{"title": "x"}]), InvalidValue, "an object"),
    (raw_operation(ENTERPRISE, "x"), InvalidValue, "an object"),
    (raw_operation(CORE, None), Mutability, CORE),
    (raw_operation("__class__", "x"), InvalidPath, "character 1"),
    (raw_operation("emails[type", "x"), InvalidPath, "operator"),
    (raw_operation(None, {"emails[type": "x"}), InvalidPath, "operator"),
    (raw_operation('title[value eq "x"]', "x"), InvalidPath, "title"),
    (raw_operation('groups[value eq "x"]', "x"), Mutability, "groups"),
]


@pytest.mark.parametrize(("operation", "error", "named"), REJECTED)
def test_a_malformed_operation_is_rejected(operation, error, named):
    """With the scimType of RFC 7644 table 9 and a text that names the error."""
    with pytest.raises(error, match=named):
        normalise([operation], USER)


def test_an_extension_is_removed_by_its_urn():
    """By `remove`, or by a null or empty value."""
    whole = Operation("remove", parse_path(ENTERPRISE))
    sent = [
        raw_operation(ENTERPRISE, None, "remove"),
        raw_operation(ENTERPRISE.upper(), None),
        raw_operation(None, {ENTERPRISE: ""}),
    ]

    assert normalise(sent, USER).operations == (whole, whole, whole)


def test_the_value_of_a_remove_is_kept():
    """Entra ID names the members to remove in the value; without it all would be removed."""
    operation = raw_operation("members", [{"value": "u1"}], "remove")

    assert paths([operation], GROUP) == [("members", [{"value": "u1"}])]
