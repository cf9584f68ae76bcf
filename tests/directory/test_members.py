"""Members: added without reading the group, unknown ones rejected, none ever lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.directory import deletes, groups, users
from chalicelib.errors import Busy, NotFound, PayloadTooLarge
from chalicelib.scim.errors import InvalidValue
from tests.support.directory import (
    NOBODY,
    a_group,
    a_user,
    between,
    by,
    change,
    changes,
    connection_context,
    group_ids,
    member_ids,
    rename,
    some_groups,
    some_users,
)
from tests.support.faults import CRASHES, Crash, FaultyClient, canceled
from tests.support.invariants import read_all


def fail(error):
    """Return a fault that raises this error."""

    def fault(request, send):
        raise error

    return fault


def calls(context, action):
    """Count the calls that an action makes of DynamoDB."""
    client = FaultyClient(context.items.table.client)
    action(by(context, client))
    return client.calls


def test_a_membership_is_seen_from_both_ends(context):
    """At once, by every read."""
    uid, gid = a_user(context), a_group(context)

    change(context, gid, add=[uid])

    assert member_ids(context, gid) == [uid]
    assert group_ids(context, uid) == [gid]


def test_a_removed_membership_is_gone_from_both_ends(context):
    """The user can be added again."""
    uid = a_user(context)
    gid = a_group(context, uids=[uid])

    change(context, gid, remove=[uid])

    assert member_ids(context, gid) == []
    assert group_ids(context, uid) == []
    change(context, gid, add=[uid])
    assert member_ids(context, gid) == [uid]


def test_adding_a_member_removes_no_other(context):
    """Seven servers lost members here: they wrote the list that they had read."""
    uids = some_users(context, 3)
    gid = a_group(context, uids=uids[:1])

    change(between(context, 0, lambda: change(context, gid, add=[uids[1]])), gid, add=[uids[2]])

    assert member_ids(context, gid) == uids


def test_a_member_is_added_without_reading_the_group(context):
    """One transaction, whatever the size."""
    uid, gid = a_user(context), a_group(context)

    assert calls(context, lambda it: change(it, gid, add=[uid])) == ["transact_write_items"]
    assert calls(context, lambda it: change(it, gid, remove=[uid])) == ["transact_write_items"]


def test_adding_a_member_again_changes_nothing(context):
    """Entra ID repeats its adds: the version stays and there is no change item."""
    uid = a_user(context)
    gid = a_group(context, uids=[uid])
    before = read_all(context.items.table)

    change(context, gid, add=[uid])
    change(context, gid, remove=[NOBODY])

    assert read_all(context.items.table) == before


def test_only_new_members_are_added_if_some_are_members_already(context):
    """Read by position from the cancelled transaction, and sent without them."""
    uids = some_users(context, 4)
    gid = a_group(context, uids=uids[:2])

    change(context, gid, add=[uids[1], uids[2]], remove=[uids[0], uids[3]])

    assert member_ids(context, gid) == uids[1:3]
    assert groups.get(context, gid)["meta"]["version"] == 'W/"1.1"'


def test_an_unknown_id_is_rejected_and_nobody_is_added(context):
    """400 that names the id; a request holds as a whole."""
    uid, gid = a_user(context), a_group(context)

    with pytest.raises(InvalidValue, match=NOBODY):
        change(context, gid, add=[uid, NOBODY])

    assert member_ids(context, gid) == []


def test_throttling_does_not_hide_that_the_group_is_gone(context):
    """Its member items remain for a while: "already a member" would be a false success."""
    uid = a_user(context)
    gid = a_group(context, uids=[uid])
    failed = ["ConditionalCheckFailed"] * 2
    reasons = canceled("ProvisionedThroughputExceeded", "None", "None", *failed)
    client = FaultyClient(context.items.table.client, 0, fail(reasons))

    def add_again():
        with pytest.raises(NotFound):
            change(by(context, client), gid, add=[uid])

    deletes.delete_group(between(context, 2, add_again), gid)
    assert client.calls == ["transact_write_items"] * 2


def test_a_condition_that_a_conflict_left_open_proves_nothing(context):
    """Nobody leaves a group that does not exist: 404, though only the member was judged."""
    uid = a_user(context)
    reasons = canceled("None", "None", "ConditionalCheckFailed", "TransactionConflict")
    client = FaultyClient(context.items.table.client, 0, fail(reasons))

    with pytest.raises(NotFound):
        change(by(context, client), NOBODY, remove=[uid])


@pytest.mark.parametrize("text", ["", "ada", "A1" * 16, "../" * 10, f"{NOBODY}#x", "x" * 5_000])
def test_a_malformed_id_is_an_unknown_user(context, text):
    """It never becomes part of a key; the error does not repeat all of it."""
    gid = a_group(context)

    with pytest.raises(InvalidValue, match="no user of this connection") as caught:
        change(context, gid, add=[text])

    assert len(str(caught.value)) < 200


def test_removing_a_malformed_id_changes_nothing(context):
    """Removing is idempotent (dialects: a member who is not there)."""
    uid = a_user(context)
    gid = a_group(context, uids=[uid])

    change(context, gid, remove=["ada"])

    assert member_ids(context, gid) == [uid]


def test_another_connections_user_cannot_be_a_member(context):
    """A membership by any known id would cross tenants."""
    sister = connection_context(context.items.table, "abcdefghijzzzzzz")
    gid, uid = a_group(context), a_user(sister)

    with pytest.raises(InvalidValue, match=uid):
        change(context, gid, add=[uid])


def test_a_group_cannot_be_a_member(context):
    """Nested groups are not offered; their ids are no user's."""
    inner, gid = a_group(context, "inner"), a_group(context, "outer")

    with pytest.raises(InvalidValue, match=inner):
        change(context, gid, add=[inner])


def test_a_change_item_names_added_and_removed_members(context):
    """The SaaS reads in the feed for whom to compute permissions again."""
    uids = some_users(context, 2)
    gid = a_group(context, uids=uids[:1])

    change(context, gid, add=uids[1:], remove=uids[:1])

    (last,) = changes(context, "membership")
    assert last["id"] == gid
    assert last["added"] == bytes.fromhex(uids[1])
    assert last["removed"] == bytes.fromhex(uids[0])


def test_a_deleted_user_leaves_their_groups(context):
    """The other members stay."""
    uids = some_users(context, 2)
    gids = some_groups(context, 3, uids)

    deletes.delete_user(context, uids[0])

    assert [member_ids(context, gid) for gid in gids] == [uids[1:]] * 3


def test_an_add_to_a_group_deleted_meanwhile_is_not_found(context):
    """Whichever comes second learns of the first."""
    uid, gid = a_user(context), a_group(context)
    racing = between(context, 0, lambda: deletes.delete_group(context, gid))

    with pytest.raises(NotFound):
        change(racing, gid, add=[uid])

    assert "groups" not in users.get(context, uid)


def test_an_add_of_a_user_deleted_meanwhile_is_rejected(context):
    """No member item without its user is left."""
    uid, gid = a_user(context), a_group(context)
    racing = between(context, 0, lambda: deletes.delete_user(context, uid))

    with pytest.raises(InvalidValue, match=uid):
        change(racing, gid, add=[uid])


def test_a_replacement_is_computed_again_after_another_change(context):
    """The members as read are the condition: the request names all who are members after it."""
    uids = some_users(context, 3)
    gid = a_group(context, uids=uids[:1])
    racing = between(context, 2, lambda: change(context, gid, add=[uids[2]]))

    change(racing, gid, replace_by=[uids[1]])

    assert member_ids(context, gid) == [uids[1]]


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
def test_a_change_that_fits_is_one_transaction(context, case):
    """2 + 3 an add + 2 a removal, at most 100; above that it is a pending change."""
    adds, removals, fits = case
    uids = some_users(context, adds + removals)
    gid = a_group(context, uids=uids[adds:])

    made = calls(context, lambda it: change(it, gid, add=uids[:adds], remove=uids[adds:]))

    assert (made == ["transact_write_items"]) == fits
    assert member_ids(context, gid) == uids[:adds]


@pytest.mark.parametrize(("count", "fits"), [(32, True), (33, False)])
def test_a_group_is_created_with_members_in_one_transaction(context, count, fits):
    """4 + 3 a member, at most 100; an externalId takes one more."""
    uids = some_users(context, count)

    made = calls(context, lambda it: groups.create(it, {"displayName": "Tour"}, frozenset(uids)))

    assert (made == ["transact_write_items"]) == fits


@pytest.mark.parametrize(("adds", "removals"), [(3, 0), (0, 3), (2, 1)])
def test_more_members_than_the_plan_allows_are_rejected(context, adds, removals):
    """413 that names the limit; nothing is read or written."""
    uids, gid = some_users(context, adds + removals), a_group(context)
    small = replace(context, max_members_per_request=2)

    with pytest.raises(PayloadTooLarge, match="at most 2 members on your plan"):
        change(small, gid, add=uids[:adds], remove=uids[adds:])

    assert member_ids(context, gid) == []


def test_the_feed_names_who_began_a_large_change_not_who_completes_it(context, manual_clock):
    """Another process goes on when the lease has expired, as the sweeper does."""
    uids, gid = some_users(context, 33), a_group(context)
    client = FaultyClient(context.items.table.client, 4, CRASHES["crash before"])
    with pytest.raises(Crash):
        change(by(context, client), gid, add=uids)
    manual_clock.advance(seconds=60)

    later = connection_context(context.items.table)
    rename(replace(later, request_id="request-2", token_id="token2"), gid, "Renamed")

    told = {(each["request_id"], each["token"]) for each in changes(later, "membership")}
    assert (told, len(member_ids(later, gid))) == ({("request-1", "token1")}, 33)


def test_a_step_that_comes_when_its_lease_is_lost_has_no_effect(context, manual_clock):
    """Meanwhile another process has completed the change, and another request has undone it."""
    uids, gid = some_users(context, 33), a_group(context)

    def late(request, send):
        manual_clock.advance(seconds=60)
        change(connection_context(context.items.table), gid, remove=uids)
        return send()

    with pytest.raises(Busy):
        change(by(context, FaultyClient(context.items.table.client, 6, late)), gid, add=uids)

    assert member_ids(connection_context(context.items.table), gid) == []
