"""A filter means what RFC 7644 section 3.4.2.2 says, or it is rejected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import InvalidFilter
from chalicelib.scim.filters import COMPARISONS, parse_filter
from chalicelib.scim.matching import (
    OPERATORS,
    compile_filter,
    matches,
    terms,
)
from chalicelib.scim.schema import Attribute, ResourceType, Schema

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
BABS = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
    "id": "2819c223",
    "externalId": "B42",
    "userName": "bjensen@Example.com",
    "name": {"familyName": "O'Malley", "givenName": "Bábs"},
    "title": "Tour Guide",
    "userType": "Employee",
    "active": True,
    "emails": [
        {"value": "Babs@example.com", "type": "work", "primary": True},
        {"value": "babs@jensen.org", "type": "home"},
    ],
    "x509Certificates": [{"value": "TUlJ"}],
    "meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"},
    ENTERPRISE: {"department": "Tours", "manager": {"value": "26118915"}},
}

# The examples of RFC 7644 section 3.4.2.2, and whether Babs is found by them.
RFC_CASES = [
    ('userName eq "bjensen@example.com"', True),
    ('name.familyName co "O\'Malley"', True),
    ('userName sw "B"', True),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "B"', True),
    ("title pr", True),
    ('meta.lastModified gt "2011-05-13T04:42:34Z"', False),
    ('meta.lastModified ge "2011-05-13T04:42:34Z"', True),
    ('meta.lastModified lt "2011-05-13T04:42:34Z"', False),
    ('meta.lastModified le "2011-05-13T04:42:34Z"', True),
    ('title pr and userType eq "Employee"', True),
    ('title pr or userType eq "Intern"', True),
    (f'schemas eq "{ENTERPRISE}"', True),
    ('userType eq "Employee" and (emails co "example.com" or emails.value co "x.org")', True),
    ('userType ne "Employee" and not (emails co "example.com" or emails.value co "x.org")', False),
    ('userType eq "Employee" and (emails.type eq "work")', True),
    ('userType eq "Employee" and emails[type eq "work" and value co "@example.com"]', True),
    ('emails[type eq "home" and value co "@example.com"] or ims[type eq "xmpp"]', False),
]
IDP_CASES = [
    ('userName eq "BJENSEN@EXAMPLE.COM"', True),
    ("USERNAME EQ bjensen@example.com", True),
    ('emails[type eq "work"].value eq "babs@example.com"', True),
    ('emails[type eq "home"].value eq "babs@example.com"', False),
    ('emails[primary eq "True"].value eq "babs@example.com"', True),
    ("id eq 2819c223 and manager eq 26118915", True),
    ("id eq 2819c223 and manager eq 0", False),
    ('active eq true and (meta.lastModified ge "0001-01-03T00:00:00.0000000Z")', True),
    ('active eq "False"', False),
    ("meta.lastModified gt 2011-05-13", True),
    (f'{ENTERPRISE}:department eq "tours"', True),
    (f'{ENTERPRISE}.manager eq "26118915"', True),
    (f"{ENTERPRISE} pr", True),
    ('department eq "tours"', True),
]
TYPE_CASES = [
    # caseExact: ids and external ids are, names are not (RFC 7643 section 2.2).
    ('externalId eq "B42"', True),
    ('externalId eq "b42"', False),
    ('id co "C2"', False),
    ('title ew "GUIDE"', True),
    ('title gt "tour"', True),
    ('title lt "tour"', False),
    # An unquoted number is text where the attribute is.
    ("manager.value eq 26118915", True),
    ("manager.value eq 2611891", False),
    # The composed and the decomposed form are one text.
    ('name.givenName eq "BA\u0301BS"', True),
    ("active ne false", True),
    ('x509Certificates.value eq "tuLj"', False),
    ('x509Certificates.value sw "TU"', True),
]
ABSENT_CASES = [
    ('nickName eq "x"', False),
    ('nickName eq ""', False),
    ('nickName ne "x"', True),
    ('nickName co ""', False),
    ("nickName pr", False),
    ("not (nickName pr)", True),
    ("nickName eq null", True),
    ("nickName ne null", False),
    ("title eq null", False),
    ("title ne null", True),
    ('name.middleName ne "x"', True),
    ('ims.value ne "x"', True),
    ('ims[type eq "xmpp"].value ne "x"', True),
    ('emails[type eq "other"].value ne "x"', True),
    ('emails[type eq "work"].value ne "babs@example.com"', False),
    ('emails[type eq "other"].value eq null', True),
    ('emails[type eq "work"].value eq null', False),
    ('emails[type eq "work"].value ne null', True),
    ('emails[type eq "work"].value pr', True),
    ('emails[type eq "work"].display pr', False),
    ("emails.display pr", False),
    ("emails.primary pr", True),
    ("phoneNumbers pr", False),
    ('emails.type ne "work"', True),
]


@pytest.mark.parametrize(("text", "expected"), [*RFC_CASES, *IDP_CASES, *TYPE_CASES, *ABSENT_CASES])
def test_a_filter_finds_the_resources_it_describes(text, expected):
    """The RFC's examples, what identity providers send, types, and what is not there."""
    assert matches(parse_filter(text), BABS, USER) is expected


# A filter, and what the error names.
REJECTED = [
    ("active gt true", "gt"),
    ('active co "r"', "co"),
    ("active eq 1", "true or false"),
    ('active eq "yes"', "true or false"),
    ('x509Certificates.value gt "a"', "gt"),
    ('meta.created co "2011"', "co"),
    ('meta.created gt "yesterday"', "a date-time such as"),
    ("meta.created gt 5", "a date-time such as"),
    ("nickName eq true", "text"),
    ("userName gt null", "gt"),
    ('name eq "x"', "complex"),
    (f'{ENTERPRISE} eq "x"', "complex"),
    ('shoeSize eq "44"', "shoeSize"),
    ('name.shoeSize eq "44"', "name.shoeSize"),
    ('emails[kind eq "work"]', "kind"),
    ('emails[emails.type eq "work"]', "emails.type"),
    ('emails[urn:x:type eq "work"]', "…: not a sub-attribute of emails"),
    ('emails[type.value eq "work"]', "type.value"),
    ('emails[type eq "work"].kind eq "x"', "kind"),
    ('urn:x:2.0:User:userName eq "x"', "…: not an attribute of User"),
    ('__class__ eq "x"', "character 1"),
]


@pytest.mark.parametrize(("text", "named"), REJECTED)
def test_what_cannot_be_compared_is_rejected_before_anything_is_read(text, named):
    """Invalid is not empty: an empty list makes Entra ID create a second user."""
    with pytest.raises(InvalidFilter) as error:
        compile_filter(parse_filter(text), USER)

    assert named in error.value.detail


@pytest.mark.parametrize("text", ["password pr", 'password sw "a"', "not (password pr)"])
def test_what_is_never_returned_is_never_filtered(text):
    """A filter would tell, letter by letter, what a read does not (Keycloak #50991)."""
    with pytest.raises(InvalidFilter, match="never returned"):
        compile_filter(parse_filter(text), USER)


def test_an_error_does_not_repeat_long_names():
    """What strangers send is cut before it is sent back."""
    with pytest.raises(InvalidFilter) as error:
        compile_filter(parse_filter(f"{'x' * 3000} pr"), USER)

    assert len(error.value.detail) < 150


def test_a_group_is_filtered_by_its_own_schema():
    """The same name means what the resource type makes of it."""
    team = {"displayName": "Team A", "members": [{"value": "u1"}]}

    assert matches(parse_filter('displayName eq "TEAM a"'), team, GROUP)
    assert matches(parse_filter('members eq "u1" and members.value eq u1'), team, GROUP)
    with pytest.raises(InvalidFilter, match="userName"):
        compile_filter(parse_filter("userName pr"), GROUP)


def test_each_operator_of_the_grammar_has_a_meaning():
    """A missing entry would be an internal error at the first use."""
    assert set(OPERATORS) == set(COMPARISONS)


def test_terms_that_must_all_hold_are_parted():
    """The planner looks one of them up and leaves the others to `compile_filter`."""
    both = parse_filter('id eq "a" and (x pr or y pr)')
    either = parse_filter("x pr or y pr")

    assert list(map(str, terms(both))) == ['id eq "a"', "x pr or y pr"]
    assert terms(either) == (either,)


# --- numbers and plain values, which the catalogue lacks --------------------------------------

BADGE = ResourceType(
    name="Badge",
    endpoint="/Badges",
    description="",
    schema=Schema(
        id="urn:example:Badge",
        name="Badge",
        description="",
        attributes=(
            Attribute("size", "integer"),
            Attribute("weight", "decimal"),
            Attribute("tags", multi_valued=True),
        ),
    ),
)
BADGE_CASES = [
    ("size eq 1", True),
    ('size eq "1"', True),
    ("size lt 1.5", True),
    ("weight gt 1.50", True),
    ("weight eq 2e0", True),
    (f"size lt {'9' * 400}", True),
    ("tags eq A", True),
    ('tags[value sw "a"]', True),
    ('tags[VALUE eq "b"]', True),
    ('tags[value eq "c"]', False),
    ("tags pr", True),
]


@pytest.mark.parametrize(("text", "expected"), BADGE_CASES)
def test_numbers_and_plain_values_are_compared(text, expected):
    """RFC 7643 sections 2.3.3 and 2.3.4; an element without sub-attributes is its own `value`."""
    badge = {"size": 1, "weight": 2.0, "tags": ["a", "b"]}

    assert matches(parse_filter(text), badge, BADGE) is expected


@pytest.mark.parametrize("text", ["size eq true", "size eq x", 'size co "1"', "weight eq nan"])
def test_a_value_that_is_not_a_number_is_not_compared_with_one(text):
    """True is 1 to Python, but not to SCIM."""
    with pytest.raises(InvalidFilter):
        compile_filter(parse_filter(text), BADGE)


@given(st.sampled_from([text for text, _ in [*RFC_CASES, *IDP_CASES, *ABSENT_CASES]]))
def test_a_compiled_filter_may_be_used_on_any_resource(text):
    """Compiled once, used on thousands: it keeps nothing of the resources it has seen."""
    found = compile_filter(parse_filter(text), USER)

    first, empty, again = found(BABS), found({}), found(BABS)

    assert first == again
    assert compile_filter(parse_filter(f"not ({text})"), USER)({}) is not empty
