"""The net change of a group's members: RFC 7644 section 3.5.2, without reading the members."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import BadRequest
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.filters import AttrPath, parse_path
from chalicelib.scim.member_changes import MemberChange, member_ids, split_members
from chalicelib.scim.messages import parse_patch
from chalicelib.scim.patch_operations import Operation, normalise


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "replace"]), st.sets(st.sampled_from("abcd"))),
        max_size=6,
    ),
    st.frozensets(st.sampled_from("abcd")),
)
def test_the_net_change_is_what_one_after_another_would_have_done(steps, before):
    """The members are never read: the change must be right for any group."""
    expected = set(before)
    for op, ids in steps:
        expected = {"add": expected | ids, "remove": expected - ids, "replace": ids}[op]
    operations = [Operation(op, parse_path("members"), sorted(ids)) for op, ids in steps]

    _, change = split_members(operations, GROUP)

    whole = before if change.replace is None else change.replace
    assert (whole | change.add) - change.remove == expected
    assert not change.add & change.remove


def test_a_request_on_other_attributes_asks_nothing_of_the_members():
    """A rename does not read the members."""
    operations = (Operation("replace", parse_path("displayName"), "New"),)

    rest, change = split_members(operations, GROUP)

    assert (rest, change) == (operations, MemberChange())


def test_an_operation_has_a_canonical_path():
    """The path that `members` recognises is the schema's spelling."""
    ((operation,), _) = normalise(
        parse_patch({"Operations": [{"op": "ADD", "path": "MEMBERS", "value": []}]}), GROUP
    )

    assert operation.path.attr == AttrPath(None, "members")


# Filters on members, and whom they remove.
REMOVED = [
    ('value eq "a"', "a"),
    ('value eq "a" and type eq "User"', "a"),
    ('type eq "User" and value eq "a"', "a"),
    ('TYPE eq "user" and (VALUE eq "a")', "a"),
    ('value eq "a" or value eq "b"', "ab"),
    ('(value eq "a" or value eq "b") and type eq "User"', "ab"),
    ('value eq "a" and type eq "User" or value eq "b"', "ab"),
    ('value eq "a" and type eq "Group"', ""),
    ('value eq "a" and type eq "Group" or value eq "b" and type eq "User"', "b"),
]


@pytest.mark.parametrize(("value_filter", "ids"), REMOVED)
def test_members_are_removed_by_id_and_type(value_filter, ids):
    """All members are users, so another type finds nobody."""
    operations = [Operation("remove", parse_path(f"members[{value_filter}]"))]

    assert split_members(operations, GROUP)[1] == MemberChange(remove=frozenset(ids))


REJECTED = [
    'display eq "Babs"',
    'type eq "User"',
    'value sw "a"',
    'value ne "a"',
    'not (value eq "a")',
    "value pr",
    'value eq "a" and value eq "b"',
    'value eq "a" and display eq "Babs"',
    'value eq "a" and type ne "Group"',
    'value eq "a" or type eq "User"',
]


@pytest.mark.parametrize("value_filter", REJECTED)
def test_members_are_never_read_to_find_them(value_filter):
    """The error names the operation and what is supported."""
    operations = [Operation("remove", parse_path(f"members[{value_filter}]"), index=3)]

    with pytest.raises(BadRequest, match=r"^Operations\[3\]: members can be selected"):
        split_members(operations, GROUP)


@pytest.mark.parametrize(
    "value", [{"members": [{"value": "a"}]}, {"Members": "a"}, {"members": {"value": "a"}}, ["a"]]
)
def test_a_value_wrapped_in_members_is_unwrapped(value):
    """Salesforce removes members so."""
    assert member_ids(value) == {"a"}
