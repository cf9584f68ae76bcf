"""The checker of the whole table finds what is wrong with it: a test of the tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chalicelib.storage.expressions import Delete, Put, Update
from chalicelib.storage.keys import ConnectionKeys
from dev.repair.soundness import INVARIANTS
from tests.support.directory import NOBODY, a_group, a_user, connection_context
from tests.support.invariants import violations


@pytest.fixture
def context(services):
    """Return a connection whose items a test may break."""
    return connection_context(services.table)


def broken(context, action):
    """Break an item; returns what the checker finds, by its name."""
    context.items.commit([action])
    return {each.partition(":")[0] for each in violations(context.items.table)}


@dataclass(frozen=True, slots=True)
class Made:
    """A user and one of their groups, and the keys of both."""

    keys: ConnectionKeys
    uid: str
    gid: str


def one(context):
    """Create a user and a group with the user as a member."""
    uid = a_user(context, "ada")
    return Made(context.keys, uid, a_group(context, "Tour", [uid], externalId="1"))


def test_a_sound_table_is_sound(context):
    """The checker does not cry wolf."""
    one(context)

    assert violations(context.items.table) == []


OPERATION = "2026#abcdefghijklmnop#1"

BREAKS = {
    "an operation is left": (
        "I0",
        lambda made: Put(made.keys.pending_change(OPERATION), {"change_type": "group delete"}),
    ),
    "a user is held": (
        "I0",
        lambda made: Update(
            made.keys.user(made.uid), set={"lease": {"change_id": "x", "expires_at": "y"}}
        ),
    ),
    "a lock is gone": ("I1", lambda made: Delete(made.keys.user_name("ada@example.com"))),
    "a lock is another's": (
        "I1",
        lambda made: Put(made.keys.user_name("ada@example.com"), {"uid": NOBODY}),
    ),
    "a lock is left": ("I1", lambda made: Put(made.keys.user_name("bob"), {"uid": made.uid})),
    "an index item is gone": (
        "I1",
        lambda made: Delete(made.keys.email("ada@example.com", made.uid)),
    ),
    "an index item is left": ("I1", lambda made: Put(made.keys.external_id("x", made.uid))),
    "a user is not counted": (
        "I2",
        lambda made: Update(made.keys.counter("U", made.uid), add={"n": -1}),
    ),
    "a user is counted elsewhere": (
        "I2",
        lambda made: Update(made.keys.counter("U", "zz"), add={"n": 1}),
    ),
    "a team is counted twice": (
        "I3",
        lambda made: Update(made.keys.counter("G", made.gid), add={"n": 1}),
    ),
    "a member item is gone": ("I4", lambda made: Delete(made.keys.member(made.gid, made.uid))),
    "a reverse item is gone": ("I4", lambda made: Delete(made.keys.reverse(made.uid, made.gid))),
    "a member is nobody": ("I5", lambda made: Put(made.keys.member(made.gid, NOBODY))),
    "a team is nowhere": ("I5", lambda made: Put(made.keys.reverse(made.uid, NOBODY))),
    "a size is wrong": ("I6", lambda made: Update(made.keys.group(made.gid), add={"n": 1})),
    "a team's lock is gone": ("I7", lambda made: Delete(made.keys.group_name("tour"))),
    "a team's index item is gone": (
        "I7",
        lambda made: Delete(made.keys.group_external_id("1", made.gid)),
    ),
}


@pytest.mark.parametrize(("name", "action"), BREAKS.values(), ids=BREAKS)
def test_a_broken_item_is_found(context, name, action):
    """Each invariant by an item that breaks it."""
    found = broken(context, action(one(context)))

    assert name in {each.partition(" ")[0] for each in found}


def test_a_local_item_without_its_user_is_found(context, services):
    """A role that a later user would inherit."""
    item = {"PK": {"S": "L#abcdefghij"}, "SK": {"S": NOBODY}}
    one(context)
    services.table.client.put_item(TableName=services.table.name, Item=item)

    assert violations(services.table) == [f"I12 a local item has a user: {NOBODY}"]


def test_a_key_without_a_class_is_found(services):
    """Nobody could say who may touch it."""
    item = {"PK": {"S": "users"}, "SK": {"S": "1"}}
    services.table.client.put_item(TableName=services.table.name, Item=item)

    assert violations(services.table)[0].startswith("I8")


def test_every_invariant_is_broken_once():
    """A check that never fails checks nothing."""
    broken_here = {name for name, _ in BREAKS.values()}

    assert {name.partition(" ")[0] for name in INVARIANTS} == broken_here
