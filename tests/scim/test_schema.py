"""Where attribute paths point: RFC 7644 section 3.10, and what identity providers make of it."""

import pytest

from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, USER
from chalicelib.scim.schema import Attribute, ResourceType, Schema

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = ENTERPRISE_USER.id

# path, URN of the extension or None, attribute, sub-attribute
PLACES = [
    ("userName", None, "userName", None),
    ("USERNAME", None, "userName", None),
    ("name.givenName", None, "name", "givenName"),
    ("emails.Value", None, "emails", "value"),
    ("externalId", None, "externalId", None),
    ("meta.lastModified", None, "meta", "lastModified"),
    (f"{CORE}:userName", None, "userName", None),
    (f"{CORE}:id", None, "id", None),
    (f"{CORE.upper()}:name.familyName", None, "name", "familyName"),
    (f"{ENTERPRISE}:department", ENTERPRISE, "department", None),
    (f"{ENTERPRISE}.department", ENTERPRISE, "department", None),
    (f"{ENTERPRISE}:manager.displayName", ENTERPRISE, "manager", "displayName"),
    (f"{ENTERPRISE}.manager.value", ENTERPRISE, "manager", "value"),
    ("manager", ENTERPRISE, "manager", None),
    ("manager.value", ENTERPRISE, "manager", "value"),
    (ENTERPRISE, ENTERPRISE, None, None),
    (ENTERPRISE.lower(), ENTERPRISE, None, None),
]

NOWHERE = [
    "",
    ".",
    "nosuch",
    "userName.value",
    "name.nosuch",
    CORE,
    f"{CORE}:department",
    f"{ENTERPRISE}:userName",
    f"{ENTERPRISE}:nosuch",
    f"{ENTERPRISE}Plus:department",
    "urn:ietf:params:scim:schemas:extension:legacy:1.0:User:department",
]


def placed(path, kind=USER):
    """Say where a path points, by names."""
    target = kind.locate(path)
    if target is None:
        return None
    names = [part.name if part else None for part in (target.attribute, target.sub_attribute)]
    return target.extension.id if target.extension else None, *names


@pytest.mark.parametrize(("path", "extension", "attribute", "sub"), PLACES)
def test_a_path_points_to_its_attribute_in_any_spelling(path, extension, attribute, sub):
    """Names and URNs are compared without case (RFC 7643 section 2.1); rows 6 to 8."""
    assert placed(path) == (extension, attribute, sub)


@pytest.mark.parametrize("path", NOWHERE)
def test_a_path_that_no_schema_knows_points_nowhere(path):
    """A sub-attribute belongs to its own attribute, an attribute to its own schema."""
    assert placed(path) is None


def test_a_resource_type_without_extensions_does_not_know_the_enterprise_user():
    """The Enterprise User extends users only (RFC 7643 section 4.3)."""
    assert placed(f"{ENTERPRISE}:department", GROUP) is None


def test_of_two_urns_with_the_same_beginning_the_right_one_is_found():
    """A customer may name an extension after another one, with letters added."""
    longer = Schema(f"{ENTERPRISE}Plus", "Plus", "", (Attribute("badge"),))
    kind = ResourceType("User", "/Users", "", USER.schema, (ENTERPRISE_USER, longer))

    assert placed(f"{ENTERPRISE}Plus:badge", kind) == (longer.id, "badge", None)


# urn, name, sub as a path grammar splits them: the dot of "2.0" may have parted the URN
PARTS = [
    ((None, "manager", None), "manager"),
    ((ENTERPRISE, "manager", None), "manager"),
    ((ENTERPRISE.removesuffix(":User"), "User", "manager"), "manager"),
    ((CORE.removesuffix(":User"), "User", "title"), "title"),
]


@pytest.mark.parametrize(("parts", "name"), PARTS)
def test_parts_of_a_path_are_put_together_again(parts, name):
    """`urn:...:2.0:User.manager` looks like attribute `User` and sub-attribute (row 7)."""
    target = USER.resolve(*parts)

    assert target is not None
    assert target.attribute is not None
    assert target.attribute.name == name


def test_an_extension_wins_no_name_that_the_core_has():
    """A bare name is looked for in the core first: `displayName` is the user's own."""
    assert placed("displayName") == (None, "displayName", None)
