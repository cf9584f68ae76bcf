"""Which terms of a filter can be looked up by key."""

from __future__ import annotations

import pytest

from chalicelib.directory.search_plan import equalities, terms_of
from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.filters import parse_filter

URN = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# Must hold for the filter to hold, so its value is a key.
LOOKED_UP = {
    'userName eq "a"': {"userName": "a"},
    'USERNAME EQ "a"': {"userName": "a"},
    f'{URN}:userName eq "a"': {"userName": "a"},
    'externalId eq "a"': {"externalId": "a"},
    'id eq "a"': {"id": "a"},
    'emails.value eq "a"': {"emails.value": "a"},
    'emails eq "a"': {"emails.value": "a"},
    'emails[value eq "a"]': {"emails.value": "a"},
    'emails[type eq "work" and value eq "a"]': {"emails.type": "work", "emails.value": "a"},
    'emails[type eq "work"].value eq "a"': {"emails.value": "a"},
    'userName eq "a" and externalId eq "b"': {"userName": "a", "externalId": "b"},
    'userName eq "a" and (externalId eq "b" and title pr)': {"userName": "a", "externalId": "b"},
    'userName eq "a" and userName eq "b"': {"userName": "a"},
    'userName eq "a" and not (externalId eq "b")': {"userName": "a"},
    'userName eq "a" and (externalId eq "b" or externalId eq "c")': {"userName": "a"},
    # holds without it, or is not a text
    'userName eq "a" or externalId eq "b"': {},
    'not (userName eq "a")': {},
    'userName ne "a"': {},
    'userName sw "a"': {},
    "userName pr": {},
    "active eq true": {},
    'emails[value eq "a" or type eq "work"]': {},
    'emails[not (value eq "a")]': {},
    'emails[value sw "a"].type eq "work"': {"emails.type": "work"},
    'emails[value eq "a"].type eq "work"': {"emails.type": "work"},
}


@pytest.mark.parametrize(("text", "expected"), LOOKED_UP.items(), ids=LOOKED_UP)
def test_terms_that_must_hold_can_be_looked_up(text, expected):
    """A key is used only where no match could be missed by it."""
    assert equalities(parse_filter(text), USER) == expected


GROUPS = {
    'displayName eq "a"': {"displayName": "a"},
    'members eq "u"': {"members.value": "u"},
    'members[value eq "u"]': {"members.value": "u"},
    'id eq "g" and members eq "u"': {"id": "g", "members.value": "u"},
}


@pytest.mark.parametrize(("text", "expected"), GROUPS.items(), ids=GROUPS)
def test_groups_are_looked_up_by_name_and_by_member(text, expected):
    """Entra ID asks `id eq "g" and members eq "u"`."""
    assert equalities(parse_filter(text), GROUP) == expected


USES = {
    'members eq "u"': [("members.value", "eq")],
    'not (members.value eq "u")': [("members.value", "eq")],
    'members[display co "u"]': [("members.display", "co")],
    "members pr or displayName pr": [("members.value", "pr"), ("displayName", "pr")],
    'members[value eq "u"].display eq "x"': [("members.display", "eq"), ("members.value", "eq")],
    'nobody eq "x"': [("", "eq")],
}


@pytest.mark.parametrize(("text", "expected"), USES.items(), ids=USES)
def test_every_comparison_of_a_filter_is_found(text, expected):
    """Within brackets and negations too: members are not part of the group's item."""
    found = terms_of(parse_filter(text), GROUP)

    assert [(term.path, term.op) for term in found] == expected


def test_an_extension_attribute_is_not_taken_for_a_core_one():
    """An extension's attribute is never taken for a core one of that name."""
    assert "userName" not in equalities(parse_filter(f'{ENTERPRISE}:userName eq "a"'), USER)
