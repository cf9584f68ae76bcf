"""The net change of a group's members: RFC 7644 section 3.5.2, without reading the members."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.catalog import GROUP
from chalicelib.scim.filters import AttrPath, parse_path
from chalicelib.scim.member_changes import MemberChange, split_members
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
    """So a rename costs no reading of members."""
    operations = (Operation("replace", parse_path("displayName"), "New"),)

    rest, change = split_members(operations, GROUP)

    assert (rest, change) == (operations, MemberChange())


def test_an_operation_has_a_canonical_path():
    """The path that `members` recognises is the schema's spelling."""
    (operation,) = normalise(
        parse_patch({"Operations": [{"op": "ADD", "path": "MEMBERS", "value": []}]}), GROUP
    )

    assert operation.path.attr == AttrPath(None, "members")
