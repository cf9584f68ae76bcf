"""Tables that a restore has left with one item of a set missing: no request waits for ever.

What the remaining items say is healed; everything else stays as it is.
"""

from __future__ import annotations

import pytest

from chalicelib.directory import deletes
from chalicelib.scim.errors import Uniqueness
from chalicelib.storage.expressions import EXISTS, Delete, Update
from chalicelib.storage.keys import Key
from chalicelib.storage.table import Table
from dev.repair.soundness import unsound
from tests.support.clock import ManualClock
from tests.support.directory import (
    a_group,
    a_user,
    change,
    connection_context,
    edit,
    find_groups,
    find_users,
    ids,
    member_ids,
    rename,
    some_users,
)
from tests.support.invariants import read_all

LONGEST = 5


@pytest.fixture
def context(table: Table, manual_clock: ManualClock):
    """Give a connection's context; nothing may take longer than a few seconds."""
    yield connection_context(table)
    assert manual_clock.passed < LONGEST


def damage(context, *keys: Key) -> None:
    """Remove items, as a restore of another moment does."""
    for key in keys:
        context.items.commit([Delete(key, EXISTS)])


ADA = "ada@example.com"


def test_the_name_of_a_user_who_is_gone_is_free(context):
    """A look-up finds nobody, and a create succeeds; before, 503 and 409 for ever."""
    uid = a_user(context, "ada", externalId=None, emails=None)
    damage(context, context.keys.user(uid), context.keys.counter("U", uid))

    assert ids(find_users(context, f'userName eq "{ADA}"')) == []
    again = a_user(context, "ada")

    assert ids(find_users(context, f'userName eq "{ADA}"')) == [again]
    assert unsound(read_all(context.items.table)) == []


@pytest.mark.parametrize("way", ["create", "rename"])
def test_a_name_is_freed_by_who_needs_it(context, way):
    """Without a look-up before."""
    uid = a_user(context, "ada", externalId=None, emails=None)
    damage(context, context.keys.user(uid), context.keys.counter("U", uid))

    if way == "create":
        a_user(context, "ADA")
    else:
        edit(context, a_user(context, "bob"), userName=ADA)

    assert unsound(read_all(context.items.table)) == []


def test_the_name_that_its_owner_has_given_up_is_free(context):
    """The uniqueness item of before a rename was restored."""
    uid = a_user(context, "ada")
    old = context.items.get(context.keys.user_name(ADA))
    edit(context, uid, userName="lovelace@example.com")
    context.items.commit([Update(context.keys.user_name(ADA), set={"uid": old["uid"]})])

    other = a_user(context, "ADA", emails=None, externalId="other")

    assert ids(find_users(context, f'userName eq "{ADA}"')) == [other]
    assert unsound(read_all(context.items.table)) == []


def test_a_name_in_use_stays_in_use(context):
    """Its owner has it: 409, and nothing is freed."""
    a_user(context, "ada")
    before = read_all(context.items.table)

    with pytest.raises(Uniqueness):
        a_user(context, "ADA")

    assert read_all(context.items.table) == before


@pytest.mark.parametrize("way", ["create", "rename"])
def test_the_name_of_a_group_that_is_gone_is_free(context, way):
    """As a user's."""
    gid = a_group(context, "Tour")
    damage(context, context.keys.group(gid), context.keys.counter("G", gid))

    assert ids(find_groups(context, 'displayName eq "tour"')) == []
    if way == "create":
        a_group(context, "TOUR")
    else:
        rename(context, a_group(context, "Other"), "tour")

    assert unsound(read_all(context.items.table)) == []


@pytest.mark.parametrize("way", ["rename", "delete"])
def test_a_user_without_a_uniqueness_item_can_be_renamed_and_deleted(context, way):
    """Before, both were 503 for ever."""
    uid = a_user(context, "ada")
    damage(context, context.keys.user_name(ADA))

    if way == "rename":
        edit(context, uid, userName="lovelace@example.com")
    else:
        deletes.delete_user(context, uid)

    assert unsound(read_all(context.items.table)) == []


@pytest.mark.parametrize("way", ["rename", "delete"])
def test_a_group_without_a_uniqueness_item_can_be_renamed_and_deleted(context, way):
    """As a user."""
    gid = a_group(context, "Tour", some_users(context, 2))
    damage(context, context.keys.group_name("Tour"))

    if way == "rename":
        rename(context, gid, "Other")
    else:
        deletes.delete_group(context, gid)

    assert unsound(read_all(context.items.table)) == []


def test_a_group_whose_pending_change_is_missing_can_be_changed(context):
    """It names one in its lease, which has expired: abandoned at once; before, 503 for ever."""
    ada, bob = some_users(context, 2)
    gid = a_group(context, "Tour", [ada])
    lease = {"change_id": f"2027-01-30#{context.keys.connection}#x", "expires_at": "2027-01-30"}
    context.items.commit([Update(context.keys.group(gid), set={"lease": lease})])

    change(context, gid, add=[bob])
    rename(context, gid, "Other")

    assert member_ids(context, gid) == [ada, bob]
    assert unsound(read_all(context.items.table)) == []


@pytest.mark.parametrize("others", [0, 50])
@pytest.mark.parametrize("missing", ["member", "reverse"])
@pytest.mark.parametrize("way", ["add", "remove"])
def test_half_a_membership_does_not_outlive_a_change(context, missing, way, others):
    """In one transaction and, with many others, in several. Before, 200 and nothing changed."""
    uid, *more = [a_user(context, f"user{number}") for number in range(1 + others)]
    gid = a_group(context, "Tour", [uid])
    items = {"member": context.keys.member(gid, uid), "reverse": context.keys.reverse(uid, gid)}
    damage(context, items[missing])

    wanted = [uid, *more]
    change(context, gid, add=wanted if way == "add" else [], remove=[] if way == "add" else wanted)

    assert len(context.items.batch_get(items.values())) == (2 if way == "add" else 0)


def test_a_user_with_half_a_membership_can_be_deleted(context):
    """Before, 503 at the deadline, for ever."""
    (uid,) = some_users(context, 1)
    gid = a_group(context, "Tour", [uid])
    damage(context, context.keys.member(gid, uid))

    deletes.delete_user(context, uid)

    assert context.items.get(context.keys.reverse(uid, gid)) is None
    assert ids(find_users(context)) == []


@pytest.mark.parametrize("way", ["rename", "delete"])
def test_a_user_whose_name_is_another_s_can_be_renamed_and_deleted(context, way):
    """The other one keeps the name; before, 503 at the deadline, for ever."""
    uid, other = a_user(context, "ada"), a_user(context, "bob", emails=None, externalId="b")
    context.items.commit([Update(context.keys.user_name(ADA), set={"uid": other})])

    if way == "rename":
        edit(context, uid, userName="lovelace@example.com")
    else:
        deletes.delete_user(context, uid)

    assert context.items.get(context.keys.user_name(ADA))["uid"] == other


@pytest.mark.parametrize("way", ["rename", "delete"])
def test_a_group_whose_name_is_another_s_can_be_renamed_and_deleted(context, way):
    """As a user."""
    gid, other = a_group(context, "Tour"), a_group(context, "Other")
    context.items.commit([Update(context.keys.group_name("Tour"), set={"gid": other})])

    if way == "rename":
        rename(context, gid, "New")
    else:
        deletes.delete_group(context, gid)

    assert context.items.get(context.keys.group_name("Tour"))["gid"] == other
