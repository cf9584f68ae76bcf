"""Documents of users and groups: equal or not, and by what they are indexed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import (
    canonical,
    group_index_keys,
    index_keys,
)
from chalicelib.storage.keys import ConnectionKeys

KEYS = ConnectionKeys("abcdefghijklmnop")
NOW = "2026-01-31T12:00:00.000Z"
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
UID = "a1" * 16


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
    """A transaction may not name an item twice."""
    assert index_keys(KEYS, UID, document) == set(keys)


def test_a_group_is_indexed_by_external_id():
    """Okta looks groups up by it."""
    assert group_index_keys(KEYS, UID, {}) == set()
    assert group_index_keys(KEYS, UID, {"externalId": "x"}) == {KEYS.group_external_id("x", UID)}


def test_moments_sort_as_text():
    """Milliseconds always have three digits."""
    assert timestamp(AT) == NOW
    assert timestamp(AT.replace(microsecond=7000)) == "2026-01-31T12:00:00.007Z"
