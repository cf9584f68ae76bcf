"""Members: added without reading the team, told apart from strangers, never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.directory import deletes, groups, users
from chalicelib.scim.errors import InvalidValue, NotFound, PayloadTooLarge
from dev.invariants import read_all
from tests.directory.builders import (
    NOBODY,
    a_group,
    a_tenant,
    a_user,
    between,
    by,
    change,
    changes,
    group_ids,
    member_ids,
    some_groups,
    some_users,
)
from tests.faults import FaultyClient, cancelled


def fail(error):
    """Make a fault that answers with this error."""

    def fault(request, send):
        raise error

    return fault


def calls(tenant, action):
    """Count the calls that an action makes of DynamoDB."""
    client = FaultyClient(tenant.rows.table.client)
    action(by(tenant, client))
    return client.calls


def test_a_membership_is_seen_from_both_ends(tenant):
    """At once, by every read (I4, I11)."""
    uid, gid = a_user(tenant), a_group(tenant)

    change(tenant, gid, add=[uid])

    assert member_ids(tenant, gid) == [uid]
    assert group_ids(tenant, uid) == [gid]


def test_a_removed_membership_is_gone_from_both_ends(tenant):
    """And may come back."""
    uid = a_user(tenant)
    gid = a_group(tenant, uids=[uid])

    change(tenant, gid, remove=[uid])

    assert member_ids(tenant, gid) == []
    assert group_ids(tenant, uid) == []
    change(tenant, gid, add=[uid])
    assert member_ids(tenant, gid) == [uid]


def test_adding_takes_nobody_away(tenant):
    """Seven servers lost members here: they wrote the list that they had read."""
    uids = some_users(tenant, 3)
    gid = a_group(tenant, uids=uids[:1])

    change(between(tenant, 0, lambda: change(tenant, gid, add=[uids[1]])), gid, add=[uids[2]])

    assert member_ids(tenant, gid) == uids


def test_a_member_is_added_without_reading_the_team(tenant):
    """One transaction, whatever the size."""
    uid, gid = a_user(tenant), a_group(tenant)

    assert calls(tenant, lambda it: change(it, gid, add=[uid])) == ["transact_write_items"]
    assert calls(tenant, lambda it: change(it, gid, remove=[uid])) == ["transact_write_items"]


def test_whoever_is_there_already_changes_nothing(tenant):
    """Entra ID repeats its adds: the version stays and no change is noted."""
    uid = a_user(tenant)
    gid = a_group(tenant, uids=[uid])
    before = read_all(tenant.rows.table)

    change(tenant, gid, add=[uid])
    change(tenant, gid, remove=[NOBODY])

    assert read_all(tenant.rows.table) == before


def test_the_rest_is_added_where_some_are_there_already(tenant):
    """Read by position from the cancelled transaction, and sent without them (fact 6)."""
    uids = some_users(tenant, 4)
    gid = a_group(tenant, uids=uids[:2])

    change(tenant, gid, add=[uids[1], uids[2]], remove=[uids[0], uids[3]])

    assert member_ids(tenant, gid) == uids[1:3]
    assert groups.get(tenant, gid)["meta"]["version"] == 'W/"1.1"'


def test_a_stranger_is_refused_and_nobody_is_added(tenant):
    """400 that names the id; a request holds as a whole."""
    uid, gid = a_user(tenant), a_group(tenant)

    with pytest.raises(InvalidValue, match=NOBODY):
        change(tenant, gid, add=[uid, NOBODY])

    assert member_ids(tenant, gid) == []


def test_throttling_does_not_hide_that_the_team_is_gone(tenant):
    """Its rows say for a while who was in it: "already a member" would be a false success."""
    uid = a_user(tenant)
    gid = a_group(tenant, uids=[uid])
    failed = ["ConditionalCheckFailed"] * 2
    reasons = cancelled("ProvisionedThroughputExceeded", "None", "None", *failed)
    client = FaultyClient(tenant.rows.table.client, 0, fail(reasons))

    def add_again():
        with pytest.raises(NotFound):
            change(by(tenant, client), gid, add=[uid])

    deletes.delete_group(between(tenant, 2, add_again), gid)
    assert client.calls == ["transact_write_items"] * 2


@pytest.mark.parametrize("text", ["", "ada", "A1" * 16, "../" * 10, f"{NOBODY}#x", "x" * 5_000])
def test_what_cannot_be_an_id_is_nobodys(tenant, text):
    """It never becomes part of a key; the answer does not repeat all of it."""
    gid = a_group(tenant)

    with pytest.raises(InvalidValue, match="no user of this connection") as caught:
        change(tenant, gid, add=[text])

    assert len(str(caught.value)) < 200


def test_what_cannot_be_an_id_is_removed_already(tenant):
    """Removing is idempotent (dialects: a member who is not there)."""
    uid = a_user(tenant)
    gid = a_group(tenant, uids=[uid])

    change(tenant, gid, remove=["ada"])

    assert member_ids(tenant, gid) == [uid]


def test_another_connections_user_is_a_stranger(tenant):
    """A membership by any known id would cross tenants."""
    sister = a_tenant(tenant.rows.table, "abcdefghijzzzzzz")
    gid, uid = a_group(tenant), a_user(sister)

    with pytest.raises(InvalidValue, match=uid):
        change(tenant, gid, add=[uid])


def test_a_group_is_no_member(tenant):
    """Nested groups are not offered; their ids are no user's."""
    inner, gid = a_group(tenant, "inner"), a_group(tenant, "outer")

    with pytest.raises(InvalidValue, match=inner):
        change(tenant, gid, add=[inner])


def test_a_change_names_who_came_and_went(tenant):
    """The feed tells the SaaS whose rights to compute anew (I14)."""
    uids = some_users(tenant, 2)
    gid = a_group(tenant, uids=uids[:1])

    change(tenant, gid, add=uids[1:], remove=uids[:1])

    (last,) = changes(tenant, "membership")
    assert last["id"] == gid
    assert last["added"] == bytes.fromhex(uids[1])
    assert last["removed"] == bytes.fromhex(uids[0])


def test_a_deleted_user_leaves_his_teams(tenant):
    """And only he does."""
    uids = some_users(tenant, 2)
    gids = some_groups(tenant, 3, uids)

    deletes.delete_user(tenant, uids[0])

    assert [member_ids(tenant, gid) for gid in gids] == [uids[1:]] * 3


def test_an_add_to_a_group_that_went_is_not_found(tenant):
    """Whichever comes second learns of the first."""
    uid, gid = a_user(tenant), a_group(tenant)
    racing = between(tenant, 0, lambda: deletes.delete_group(tenant, gid))

    with pytest.raises(NotFound):
        change(racing, gid, add=[uid])

    assert "groups" not in users.get(tenant, uid)


def test_an_add_of_a_user_who_went_is_refused(tenant):
    """No member row of nobody is left (I5)."""
    uid, gid = a_user(tenant), a_group(tenant)
    racing = between(tenant, 0, lambda: deletes.delete_user(tenant, uid))

    with pytest.raises(InvalidValue, match=uid):
        change(racing, gid, add=[uid])


def test_a_replacement_that_another_change_passed_is_computed_again(tenant):
    """Members as read are the condition: nobody is there whom the request does not name."""
    uids = some_users(tenant, 3)
    gid = a_group(tenant, uids=uids[:1])
    racing = between(tenant, 2, lambda: change(tenant, gid, add=[uids[2]]))

    change(racing, gid, replace_by=[uids[1]])

    assert member_ids(tenant, gid) == [uids[1]]


# --- how many in one transaction --------------------------------------------------------------

ONE_TRANSACTION = {
    "32 to add": (32, 0, True),
    "33 to add": (33, 0, False),
    "49 to remove": (0, 49, True),
    "50 to remove": (0, 50, False),
    "20 and 19": (20, 19, True),
    "21 and 18": (21, 18, False),
}


@pytest.mark.parametrize("case", ONE_TRANSACTION.values(), ids=ONE_TRANSACTION)
def test_what_fits_one_transaction_is_one(tenant, case):
    """2 + 3 an add + 2 a removal, at most 100; above it is declared first."""
    adds, removals, fits = case
    uids = some_users(tenant, adds + removals)
    gid = a_group(tenant, uids=uids[adds:])

    made = calls(tenant, lambda it: change(it, gid, add=uids[:adds], remove=uids[adds:]))

    assert (made == ["transact_write_items"]) == fits
    assert member_ids(tenant, gid) == uids[:adds]


@pytest.mark.parametrize(("count", "fits"), [(32, True), (33, False)])
def test_a_group_is_created_with_members_in_one_transaction(tenant, count, fits):
    """4 + 3 a member, at most 100; an externalId takes one more."""
    uids = some_users(tenant, count)

    made = calls(tenant, lambda it: groups.create(it, {"displayName": "Tour"}, frozenset(uids)))

    assert (made == ["transact_write_items"]) == fits


@pytest.mark.parametrize(("adds", "removals"), [(3, 0), (0, 3), (2, 1)])
def test_more_members_than_the_plan_takes_are_refused(tenant, adds, removals):
    """413 that names the limit; nothing is read or written."""
    uids, gid = some_users(tenant, adds + removals), a_group(tenant)
    small = replace(tenant, most_members=2)

    with pytest.raises(PayloadTooLarge, match="takes 2 in one request"):
        change(small, gid, add=uids[:adds], remove=uids[adds:])

    assert member_ids(tenant, gid) == []
