"""Users, groups and changes as items."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import (
    Change,
    Group,
    Lease,
    User,
    canonical,
    group_index_keys,
    group_of,
    index_keys,
    user_of,
)
from chalicelib.storage.expressions import from_wire, to_wire
from chalicelib.storage.keys import ConnectionKeys

KEYS = ConnectionKeys("abcdefghijklmnop")
NOW = "2026-01-31T12:00:00.000Z"
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
UID = "a1" * 16
HELD = Lease("2026-01-31T12:00:30.000Z#abcdefghijklmnop#1", "2026-01-31T12:00:30.000Z")

USER = User(UID, 3, 2, {"userName": "Ada ☂"}, "reader", NOW, NOW)
GROUP = Group(UID, 3, 2, 7, {"displayName": "Tour"}, NOW, NOW)


def stored(key, row):
    """Write an item and read it back."""
    return from_wire(to_wire({"PK": key.pk, "SK": key.sk, **row}))


@pytest.mark.parametrize("user", [USER, replace(USER, lease=HELD)], ids=["free", "held"])
def test_a_user_is_read_as_he_was_written(user):
    """The document is kept as the identity provider sent it, byte for byte."""
    row = user.row() | ({"lease": user.lease.attribute()} if user.lease else {})

    assert user_of(stored(KEYS.user(UID), row)) == user


@pytest.mark.parametrize("group", [GROUP, replace(GROUP, lease=HELD)], ids=["free", "held"])
def test_a_group_is_read_as_it_was_written(group):
    """Its size and versions are counted in the item, not in the document."""
    row = group.row() | ({"lease": group.lease.attribute()} if group.lease else {})

    assert group_of(stored(KEYS.group(UID), row)) == group


@pytest.mark.parametrize("row", [USER.row(), GROUP.row()], ids=["user", "group"])
def test_a_row_carries_its_shape(row):
    """The next release reads the items of this one and recognises them by it."""
    assert row["shape"] == 1


@given(st.dictionaries(st.text(), st.text() | st.booleans() | st.integers()))
def test_equal_documents_are_equal_text(document):
    """Whether a PATCH changes anything is told by comparing the text."""
    turned = dict(reversed(document.items()))

    assert canonical(document) == canonical(turned)


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": True}, {"a": 1}), ({"a": 1}, {"a": "1"}), ({"a": None}, {}), ({"a": []}, {"a": {}})],
    ids=str,
)
def test_different_documents_are_different_text(one, other):
    """In Python True equals 1; in JSON it does not."""
    assert canonical(one) != canonical(other)


INDEXED = {
    "nothing": ({}, []),
    "externalId": ({"externalId": "x"}, [KEYS.external_id("x", UID)]),
    "e-mails": (
        {"emails": [{"value": "a@x"}, {"value": "b@x"}]},
        [KEYS.email("a@x", UID), KEYS.email("b@x", UID)],
    ),
    "the same address twice": (
        {"emails": [{"value": "a@x"}, {"value": "A@X"}]},
        [KEYS.email("a@x", UID)],
    ),
    "an address without a value": ({"emails": [{"type": "work"}]}, []),
    "externalId like an address": (
        {"externalId": "a@x", "emails": [{"value": "a@x"}]},
        [KEYS.external_id("a@x", UID), KEYS.email("a@x", UID)],
    ),
}


@pytest.mark.parametrize(("document", "keys"), INDEXED.values(), ids=INDEXED)
def test_a_user_is_indexed_by_external_id_and_each_address_once(document, keys):
    """A transaction may not name an item twice (fact 5)."""
    assert index_keys(KEYS, UID, document) == set(keys)


def test_a_group_is_indexed_by_external_id():
    """Okta looks groups up by it."""
    assert group_index_keys(KEYS, UID, {}) == set()
    assert group_index_keys(KEYS, UID, {"externalId": "x"}) == {KEYS.group_external_id("x", UID)}


def a_change(**fields):
    """Write a change item."""
    change = Change("membership", UID, **fields)
    return change.put(KEYS, AT, 0, request_id="r", token_id="t")


def test_a_change_says_what_happened_and_on_whose_behalf():
    """The feed tells ids and names of attributes; values are read from the resource."""
    row = a_change(version=2, attributes=["title"]).item

    assert (row["kind"], row["id"], row["version"]) == ("membership", UID, 2)
    assert row["attributes"] == ["title"]
    assert (row["request_id"], row["token"]) == ("r", "t")


def test_a_change_names_members_in_sixteen_bytes_each():
    """As text 32 of them would bill another KB."""
    row = a_change(added=["b2" * 16, "a1" * 16], removed=["c3" * 16]).item

    assert row["added"] == bytes.fromhex("a1" * 16 + "b2" * 16)
    assert row["removed"] == bytes.fromhex("c3" * 16)


def test_a_change_leaves_out_what_it_does_not_say():
    """An empty attribute is paid for."""
    row = to_wire(a_change().item)

    assert not row.keys() & {"version", "attributes", "added", "removed"}


def test_a_change_ends_after_ninety_days():
    """Its key's partition is its day."""
    put = a_change()

    assert put.item["ttl"] == int((AT + timedelta(days=90)).timestamp())
    assert put.key.pk.endswith("#F#2026-01-31")


def test_moments_sort_as_text():
    """Milliseconds always have three digits."""
    assert timestamp(AT) == NOW
    assert timestamp(AT.replace(microsecond=7000)) == "2026-01-31T12:00:00.007Z"
