"""Groups: create, read, rename, replace; a version of the document and one of the members."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.directory import groups
from chalicelib.directory.groups import GroupChange
from chalicelib.errors import NotFound, PayloadTooLarge, PreconditionFailed
from chalicelib.scim.errors import InvalidValue, Uniqueness
from chalicelib.scim.member_changes import MemberChange
from tests.support.directory import (
    NOBODY,
    a_group,
    a_user,
    change,
    find_groups,
    ids,
    member_ids,
    rename,
    some_users,
)
from tests.support.invariants import read_all


def version(context, gid):
    """Return a group's ETag."""
    return groups.get(context, gid, with_members=False)["meta"]["version"]


def test_a_created_group_is_read_as_it_was_sent(context):
    """With its members in the order of their ids; display is not kept."""
    uids = some_users(context, 3)

    created = groups.create(context, {"displayName": "Tour"}, frozenset(uids))

    assert created["displayName"] == "Tour"
    assert created["meta"]["version"] == 'W/"1.0"'
    assert created["members"] == [
        {"value": uid, "$ref": f"{context.base_url}/Users/{uid}", "type": "User"} for uid in uids
    ]
    assert groups.get(context, created["id"]) == created


def test_a_group_without_members_says_that_it_has_none(context):
    """RFC 7643 section 2.5: an empty array is an absent attribute, and clients need to see it."""
    group = groups.create(context, {"displayName": "Tour"}, frozenset())

    assert group["members"] == groups.get(context, group["id"])["members"] == []
    assert "members" not in groups.get(context, group["id"], with_members=False)


@pytest.mark.parametrize("name", ["Tour", "TOUR", "tour"])
def test_a_group_name_is_unique_in_any_letter_case(context, name):
    """Entra ID matches groups by name and expects 409."""
    a_group(context, "Tour")

    with pytest.raises(Uniqueness, match="displayName"):
        groups.create(context, {"displayName": name}, frozenset())


def test_a_group_and_a_user_may_have_the_same_name(context):
    """Names of users and of groups are unique apart from each other."""
    a_user(context, userName="tour")

    assert groups.create(context, {"displayName": "tour"}, frozenset())["displayName"] == "tour"


def test_a_group_with_an_unknown_member_is_rejected(context):
    """400 that names the id; nothing is created."""
    uid = a_user(context)
    before = read_all(context.items.table)

    with pytest.raises(InvalidValue, match=NOBODY):
        groups.create(context, {"displayName": "Tour"}, frozenset({uid, NOBODY}))

    assert read_all(context.items.table) == before


def test_an_unknown_member_is_reported_before_a_name_in_use(context):
    """Both are true; one text can be returned."""
    a_group(context, "Tour")

    with pytest.raises(InvalidValue, match=NOBODY):
        groups.create(context, {"displayName": "Tour"}, frozenset({NOBODY}))


def test_a_group_too_large_for_a_response_is_not_created(context):
    """Rejected afterwards, it would exist, and the repetition would be a 409."""
    uids = some_users(context, 6)
    before = read_all(context.items.table)
    # A megabyte for each member: a response holds five.
    verbose = replace(context, base_url="https://id.example.com/" + "x" * 1_000_000)

    with pytest.raises(PayloadTooLarge, match="has 6"):
        a_group(verbose, uids=uids)

    assert read_all(context.items.table) == before


def test_a_renamed_group_frees_its_old_name(context):
    """The group keeps its members."""
    uid = a_user(context)
    gid = a_group(context, "Tour", [uid])

    rename(context, gid, "Giro")

    assert ids(find_groups(context, 'displayName eq "giro"')) == [gid]
    assert find_groups(context, 'displayName eq "Tour"').total == 0
    assert member_ids(context, gid) == [uid]
    assert version(context, gid) == 'W/"2.0"'


def test_a_rename_of_letter_case_alone_is_a_change(context):
    """Both names fold to one key, which a transaction may not name twice."""
    gid = a_group(context, "Tour")

    rename(context, gid, "TOUR")

    assert groups.get(context, gid)["displayName"] == "TOUR"


def test_a_rename_to_a_name_in_use_is_rejected(context):
    """409, and both stay as they were."""
    a_group(context, "Giro")
    gid = a_group(context, "Tour")
    before = read_all(context.items.table)

    with pytest.raises(Uniqueness, match="displayName"):
        rename(context, gid, "giro")

    assert read_all(context.items.table) == before


def test_a_rename_to_the_same_name_keeps_everything(context):
    """No write, no version."""
    gid = a_group(context, "Tour")
    before = read_all(context.items.table)

    rename(context, gid, "Tour")

    assert read_all(context.items.table) == before


def test_the_external_id_moves_with_the_document(context):
    """Okta looks groups up by it; it is not unique."""
    a_group(context, "Giro", externalId="2")
    gid = a_group(context, "Tour", externalId="1")

    wanted = GroupChange(lambda now: now | {"externalId": "2"}, MemberChange())
    groups.change(context, gid, wanted)

    assert find_groups(context, 'externalId eq "1"').total == 0
    assert find_groups(context, 'externalId eq "2"').total == 2


def test_members_change_the_second_half_of_the_version(context, manual_clock):
    """ETag W/"<document>.<members>", lastModified with both."""
    uid, gid = a_user(context), a_group(context)
    manual_clock.advance(seconds=5)

    change(context, gid, add=[uid])

    assert version(context, gid) == 'W/"1.1"'
    modified = groups.get(context, gid)["meta"]["lastModified"]
    assert modified == "2027-01-31T12:00:05.000Z"


def test_document_and_members_change_in_one_request(context):
    """One PATCH of Okta names both: either all of it holds or nothing."""
    uid, gid = a_user(context), a_group(context, "Tour")

    members = MemberChange(add=frozenset({uid}))
    groups.change(context, gid, GroupChange(lambda now: now | {"displayName": "Giro"}, members))

    assert groups.get(context, gid)["displayName"] == "Giro"
    assert member_ids(context, gid) == [uid]
    assert version(context, gid) == 'W/"2.1"'


def test_a_rejected_name_rejects_the_members_too(context):
    """All or nothing."""
    uid, gid = a_user(context), a_group(context, "Tour")
    a_group(context, "Giro")
    members = MemberChange(add=frozenset({uid}))

    with pytest.raises(Uniqueness):
        groups.change(context, gid, GroupChange(lambda now: now | {"displayName": "Giro"}, members))

    assert member_ids(context, gid) == []


REPLACEMENTS = {
    "all others": ([0, 1], [2, 3]),
    "some others": ([0, 1, 2], [2, 3]),
    "fewer": ([0, 1, 2], [1]),
    "more": ([0], [0, 1, 2]),
    "the same": ([0, 1], [0, 1]),
    "none": ([0, 1], []),
    "first ones": ([], [0, 1]),
}


@pytest.mark.parametrize(("before", "after"), REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_replaced_members_are_those_and_no_others(context, before, after):
    """PUT, and PATCH with replace: the difference is written."""
    uids = some_users(context, 4)
    gid = a_group(context, uids=[uids[i] for i in before])

    change(context, gid, replace_by=[uids[i] for i in after])

    assert member_ids(context, gid) == [uids[i] for i in after]
    assert version(context, gid) == ('W/"1.0"' if before == after else 'W/"1.1"')


@pytest.mark.parametrize("match", ['W/"1.0"', '"1.0"', "*"])
def test_a_change_with_the_current_version_is_made(context, match):
    """RFC 7644 section 3.14."""
    uid, gid = a_user(context), a_group(context)

    change(context, gid, add=[uid], match=match)

    assert member_ids(context, gid) == [uid]


def test_a_change_with_another_version_is_rejected(context):
    """412 whether the document or the members have changed, and for both sorts of change."""
    uid, gid = a_user(context), a_group(context)
    change(context, gid, add=[uid])

    with pytest.raises(PreconditionFailed):
        change(context, gid, remove=[uid], match='W/"1.0"')
    with pytest.raises(PreconditionFailed):
        rename(context, gid, "Giro", match='W/"1.0"')

    assert member_ids(context, gid) == [uid]


NOT_THERE = {
    "read": lambda context: groups.get(context, NOBODY),
    "rename": lambda context: rename(context, NOBODY, "Tour"),
    "add": lambda context: change(context, NOBODY, add=[a_user(context)]),
    "remove": lambda context: change(context, NOBODY, remove=[NOBODY]),
    "replace": lambda context: change(context, NOBODY, replace_by=[]),
    "nothing": lambda context: change(context, NOBODY),
}


@pytest.mark.parametrize("call", NOT_THERE.values(), ids=NOT_THERE)
def test_a_change_of_an_unknown_group_is_not_found(context, call):
    """Also where the request would change nothing."""
    with pytest.raises(NotFound):
        call(context)


@pytest.mark.parametrize(("size", "shown"), [(0, True), (2, True), (3, False)])
def test_a_small_group_is_returned_whole(context, size, shown):
    """The response to a PATCH never has some of the members: above the limit it has no body."""
    gid = a_group(context, uids=some_users(context, size))

    found = groups.find_small(context, gid, 2)

    assert (found is not None) == shown
    if found is not None:
        assert len(found.get("members", ())) == size


def test_a_deleted_group_is_not_returned_as_a_small_one(context):
    """It was deleted between the PATCH and its response."""
    assert groups.find_small(context, NOBODY, 100) is None
