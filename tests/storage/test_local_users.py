"""The item of what an organisation says about a user, written and read."""

from __future__ import annotations

import pytest

from chalicelib.storage.expressions import NEW, Put, Update, equals, from_wire, to_wire
from chalicelib.storage.keys import Key
from chalicelib.storage.local_users import Assignment, LocalUser, local_user_of, written

UID = "1" * 32
KEY = Key("L#abcdefghij", UID)

LOCALS = [
    LocalUser(UID, 1),
    LocalUser(UID, 2, roles=()),
    LocalUser(UID, 3, roles=(Assignment("reader"), Assignment("editor", "lab"))),
    LocalUser(UID, 4, account="4711", password_set_at="2027-01-31T12:00:00.000Z"),
]


@pytest.mark.parametrize("local", LOCALS)
def test_what_is_written_is_read_back(local):
    """No roles and an explicit none are two things."""
    assert local_user_of(UID, from_wire(to_wire(local.row()))) == local


def test_no_row_says_nothing():
    """Nobody has decided anything yet."""
    assert local_user_of(UID, None) == LocalUser(UID)


def test_the_first_write_finds_no_row_and_the_next_the_one_that_was_read():
    """So of two at the same time one starts over."""
    first = written(KEY, LocalUser(UID), LocalUser(UID, 1, account="4711"))
    second = written(KEY, LocalUser(UID, 1, account="4711"), LocalUser(UID, 2))

    assert isinstance(first, Put)
    assert first.condition == NEW
    assert isinstance(second, Update)
    assert second.condition == equals("v", 1)


def test_what_is_taken_away_is_gone_from_the_row():
    """An account that was linked wrongly leaves no trace in the item."""
    action = written(KEY, LocalUser(UID, 1, account="4711"), LocalUser(UID, 2))

    assert isinstance(action, Update)
    assert "account" in action.remove
