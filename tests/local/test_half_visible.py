"""What AWS's isolation allows: half of a committed transaction is not visible yet.

Reads of a group with its members are of one version all the same, and what a request was told
stays true when it meets another between two of its attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.directory import deletes, groups, recovery
from chalicelib.errors import Busy
from chalicelib.storage.expressions import Delete
from chalicelib.storage.table import Table
from dev.repair.soundness import unsound
from tests.support.clock import ManualClock
from tests.support.directory import (
    a_group,
    a_user,
    by,
    change,
    connection_context,
    find_groups,
    group_ids,
    member_ids,
    some_groups,
    some_users,
)
from tests.support.faults import Fault, FaultyClient, first, hide
from tests.support.invariants import read_all


@pytest.fixture
def context(table: Table):
    """Give the context of a connection whose client has no faults."""
    return connection_context(table)


def faulty(context, **faults: list[Fault]):
    """Return a context whose next calls meet these faults, by method."""
    client = FaultyClient(context.items.table.client, faults=faults, remembers_tokens=False)
    return by(context, client)


# --- reads of members -------------------------------------------------------------------------


def listed(text: str | None) -> Callable[..., list[str]]:
    """Read the members of the only group from a list."""

    def read(context, _gid):
        (group,) = find_groups(context, text).resources
        return [each["value"] for each in group["members"]]

    return read


READS: dict[str, Callable[..., list[str]]] = {
    "GET": member_ids,
    "list": listed(None),
    "list by filter": listed('displayName eq "Tour"'),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("times", [1, 2])
def test_an_acknowledged_member_is_in_every_read(context, read, times):
    """An item of the membership is not visible at first: the members are read again."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids)
    hidden = faulty(context, query=[hide(f"{gid}#{uids[1]}")] * times)

    assert READS[read](hidden, gid) == uids


def test_a_replacement_of_one_member_by_another_is_read_as_a_whole(context):
    """The number is right in between, and the members are not: their sum tells."""
    ada, bob = some_users(context, 2)
    gid = a_group(context, "Tour", [ada])
    swap = first(lambda: change(context, gid, add=[bob], remove=[ada]))

    found = groups.get(faulty(context, query=[swap]), gid)

    assert [each["value"] for each in found["members"]] == [bob]
    assert found["meta"] == groups.get(context, gid)["meta"]


def test_a_put_does_not_remove_whom_it_could_not_see(context):
    """The members that it compares with are those of the version that it replaces."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids)

    change(faulty(context, query=[hide(f"{gid}#{uids[0]}")]), gid, replace_by=uids[:2])

    assert member_ids(context, gid) == uids[:2]
    assert unsound(read_all(context.items.table)) == []


@pytest.fixture
def damaged(context):
    """Damage a group as a restore may: one of its three members has no item."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids)
    context.items.commit([Delete(context.keys.member(gid, uids[0]))])
    return gid, uids[1:]


def test_a_damaged_group_is_read_as_it_is_and_not_replaced(context, damaged):
    """A GET returns what is there, a PUT of the members is told to come again."""
    gid, left = damaged
    began = context.clock.monotonic()

    assert member_ids(context, gid) == left
    assert [each["value"] for each in find_groups(context).resources[0]["members"]] == left
    with pytest.raises(Busy):
        change(context, gid, replace_by=left[:1])
    assert context.clock.monotonic() - began < 5


def test_a_damaged_group_is_repaired_by_the_sweeper(context, damaged, manual_clock: ManualClock):
    """Queued once, however often it is read; counted again when it has been quiet for minutes."""
    gid, left = damaged
    for _ in range(3):
        member_ids(context, gid)
    (queued,) = [
        item for key, item in read_all(context.items.table).items() if key.pk.startswith("O#")
    ]

    with pytest.raises(Busy):
        recovery.finish(context, queued["change_type"], queued["SK"], queued["target"])
    manual_clock.advance(minutes=6)
    later = connection_context(context.items.table)
    recovery.finish(later, queued["change_type"], queued["SK"], queued["target"])

    change(later, gid, replace_by=left[:1])
    assert member_ids(later, gid) == left[:1]
    assert not any(key.pk.startswith("O#") for key in read_all(context.items.table))


# --- deletes ----------------------------------------------------------------------------------


def swept(context, manual_clock: ManualClock):
    """Finish, two minutes later, what is pending; return a context of then."""
    manual_clock.advance(minutes=2)
    later = connection_context(context.items.table)
    for key, item in read_all(context.items.table).items():
        if key.pk.startswith("O#"):
            recovery.finish(later, item["change_type"], item["SK"], item["target"])
    return later


@pytest.mark.parametrize("groups_joined", [1, 40])
@pytest.mark.parametrize("reads", [1, 2])
def test_a_membership_that_is_hidden_for_a_moment_is_deleted_with_its_user(
    context, reads, groups_joined
):
    """They are read again before the delete: no group lists a user who is gone."""
    uid = a_user(context)
    gids = some_groups(context, groups_joined, [uid])

    deletes.delete_user(faulty(context, query=[hide(f"{uid}#{gids[0]}")] * reads), uid)

    assert not any(member_ids(context, gid) for gid in gids)
    assert unsound(read_all(context.items.table)) == []


def test_a_user_who_left_a_group_long_ago_is_deleted_at_once(context, manual_clock):
    """They joined more often than they have groups, but nothing can be invisible any more."""
    uid = a_user(context)
    gid = a_group(context, "Tour", [uid])
    change(context, gid, remove=[uid])
    manual_clock.advance(minutes=2)
    before = manual_clock.passed

    deletes.delete_user(connection_context(context.items.table), uid)

    assert manual_clock.passed == before
    assert not any(key.pk.startswith("O#") for key in read_all(context.items.table))


@pytest.mark.parametrize("groups_joined", [1, 3, 40])
def test_a_deleted_user_leaves_the_groups_that_were_not_visible(
    context, manual_clock, groups_joined
):
    """However often it was hidden: the user's item counts them, and the sweeper finds the rest."""
    uid = a_user(context)
    gids = some_groups(context, groups_joined, [uid])
    hidden = hide(f"{uid}#{gids[0]}")

    deletes.delete_user(faulty(context, query=[hidden] * 9), uid)

    assert member_ids(context, gids[0]) == [uid]
    later = swept(context, manual_clock)
    assert not any(member_ids(later, gid) for gid in gids)
    assert unsound(read_all(context.items.table)) == []


def test_a_user_who_left_a_group_before_is_deleted_for_good(context, manual_clock):
    """The item counts who joined, not who left: one more look, and nothing is there."""
    uid = a_user(context)
    gid = a_group(context, "Tour", [uid])
    change(context, gid, remove=[uid])

    deletes.delete_user(context, uid)
    swept(context, manual_clock)

    assert unsound(read_all(context.items.table)) == []


def test_a_deleted_group_loses_the_members_that_were_not_visible(context, manual_clock):
    """The group's item counts them; what the request cannot see, the sweeper deletes."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids)

    deletes.delete_group(faulty(context, query=[hide(f"{gid}#{uids[2]}")]), gid)
    later = swept(context, manual_clock)

    assert not any(group_ids(later, uid) for uid in uids)
    assert unsound(read_all(context.items.table)) == []


# --- a retried PATCH --------------------------------------------------------------------------


def conflict_then(action: Callable[[], object]) -> Fault:
    """Let the transaction be judged, and something else happen before the next attempt."""

    def fault(request, send):
        try:
            return send()
        finally:
            action()

    return fault


MOVES: Any = {
    "add, whom another removes": (["a"], {"add": "ab"}, {"remove": "ab"}, [set("ab"), set()]),
    "add, one of them removed": (["a"], {"add": "ab"}, {"remove": "a"}, [set("ab"), set("b")]),
    "remove, whom another adds": (["b"], {"remove": "ab"}, {"add": "ab"}, [set(), set("ab")]),
    "both, and another the contrary": (
        ["a"],
        {"add": "a", "remove": "b"},
        {"add": "b", "remove": "a"},
        [set("a"), set("b")],
    ),
    "add three": (["a", "b"], {"add": "abc"}, {"remove": "bc"}, [set("abc"), set("a")]),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_retried_patch_has_its_whole_effect_or_another_one_came_after(context, name):
    """What the first attempt found settled is undone before the second one is sent."""
    before, mine, theirs, allowed = MOVES[name]
    ids = {letter: a_user(context, letter) for letter in "abc"}
    names = {uid: letter for letter, uid in ids.items()}
    gid = a_group(context, "Tour", [ids[each] for each in before])

    def send(to, wanted):
        chosen: Any = {verb: [ids[each] for each in who] for verb, who in wanted.items()}
        change(to, gid, **chosen)

    meeting = conflict_then(lambda: send(context, theirs))
    send(faulty(context, transact_write_items=[meeting]), mine)

    assert {names[uid] for uid in member_ids(context, gid)} in allowed
    assert unsound(read_all(context.items.table)) == []
