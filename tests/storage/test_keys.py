"""Keys: what each item is called."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage import keys as k
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys

MINE = ConnectionKeys("abcdefghijklmnop")
ORGANISATION = OrganisationKeys("abcdefghij")
UID, GID = "a1" * 16, "b2" * 16
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)

KEYS = {
    "user": (MINE.user(UID), "S#abcdefghijklmnop#U", UID),
    "reverse": (MINE.reverse(UID, GID), "S#abcdefghijklmnop#U", f"{UID}#{GID}"),
    "group": (MINE.group(GID), "S#abcdefghijklmnop#G", GID),
    "member": (MINE.member(GID, UID), "S#abcdefghijklmnop#M", f"{GID}#{UID}"),
    "counter": (MINE.counter("U", UID), "S#abcdefghijklmnop#CNT", "U#a1"),
    "change": (MINE.change("01X", AT), "S#abcdefghijklmnop#F#2026-01-31", "01X"),
    "local": (MINE.local(UID), "L#abcdefghij", UID),
    "organisation": (ORGANISATION.own_item, "C#abcdefghij", "#"),
    "connection": (ORGANISATION.connection("c"), "C#abcdefghij", "N#c"),
    "token": (ORGANISATION.token("c", "t"), "C#abcdefghij", "N#c#T#t"),
    "token of a self-test": (ORGANISATION.self_test_token("c", "r"), "C#abcdefghij", "N#c#R#r"),
    "user of a self-test": (MINE.self_test("r").user(UID), "S#abcdefghijklmnop!r#U", UID),
    "console link": (k.console("d1"), "V#d1", "#"),
}


@pytest.mark.parametrize(("key", "pk", "sk"), KEYS.values(), ids=KEYS)
def test_each_item_has_its_documented_key(key, pk, sk):
    """Items of an older release are found only if keys stay as they are."""
    assert key == Key(pk, sk)


HASHED = {
    "userName": MINE.user_name("Ada@Example.com"),
    "externalId": MINE.external_id("ada@example.com", UID),
    "e-mail": MINE.email("ada@example.com", UID),
    "displayName": MINE.group_name("ada@example.com"),
    "group externalId": MINE.group_external_id("ada@example.com", GID),
}


@pytest.mark.parametrize("key", HASHED.values(), ids=HASHED)
def test_a_key_contains_no_personal_data(key):
    """A key shows up in logs and metrics of AWS; it takes 2 KB at most."""
    assert "ada" not in key.pk.lower()
    assert len(key.pk.rpartition("#")[2]) == 40


def test_each_unique_attribute_has_keys_of_its_own():
    """A userName must not collide with an e-mail address or with a group's name."""
    assert len({key.pk for key in HASHED.values()}) == len(HASHED)


SAME_NAME = {
    "letter case": ("Ada", "aDA"),
    "sharp s": ("straße", "STRASSE"),
    "composition": ("Jos\u00e9", "Jose\u0301"),
    "kelvin sign": ("\u212a", "k"),
    "final sigma": ("ΟΔΟΣ", "οδος"),
}


@pytest.mark.parametrize(("one", "other"), SAME_NAME.values(), ids=SAME_NAME)
def test_names_that_fold_equal_share_a_uniqueness_item(one, other):
    """Look-alikes collide closed: of two such users only one exists."""
    assert MINE.user_name(one) == MINE.user_name(other)


def test_an_external_id_is_case_exact():
    """RFC 7643 section 3.1: externalId is caseExact; only its composition is normalised."""
    assert MINE.external_id("a", UID) != MINE.external_id("A", UID)
    assert MINE.external_id("\u00e9", UID) == MINE.external_id("e\u0301", UID)


@given(st.text(), st.text())
def test_a_name_has_one_uniqueness_item_in_every_letter_case(name, other):
    """Folding is idempotent, so a stored name finds the uniqueness item written for it."""
    assert MINE.user_name(k.fold_name(name)) == MINE.user_name(name)
    assert (MINE.user_name(name) == MINE.user_name(other)) == (
        k.fold_name(name) == k.fold_name(other)
    )


def inside(items, key):
    """Return whether a range contains a key."""
    return items.pk == key.pk and items.low <= key.sk <= items.high


def test_the_range_of_a_user_contains_the_user_and_their_groups_alone():
    """One Query reads a user with the ids of their groups."""
    items = MINE.user_with_groups(UID)

    assert inside(items, MINE.user(UID))
    assert inside(items, MINE.reverse(UID, "f" * 32))
    assert not inside(items, MINE.user("a2" + UID[2:]))


def test_the_range_of_a_group_contains_its_members_alone():
    """The members of a page of groups are one range as well: the groups are neighbours."""
    items = MINE.members_of(GID)

    assert inside(items, MINE.member(GID, "0" * 32))
    assert inside(items, MINE.member(GID, "f" * 32))
    assert not inside(items, MINE.member("c" * 32, UID))


def test_counters_of_users_and_of_groups_are_separate_ranges():
    """A total of users must not count groups."""
    assert inside(MINE.counters("U"), MINE.counter("U", "ff"))
    assert not inside(MINE.counters("U"), MINE.counter("G", "00"))


def test_a_ulid_sorts_by_time():
    """The feed reads changes in the order of their keys."""
    later = AT.replace(microsecond=2000)

    assert len(k.ulid(AT, 0)) == 26
    assert k.ulid(AT, 2**80 - 1) < k.ulid(later, 0)


PARSED = {
    "a user": (k.user_and_group, MINE.user(UID), (UID, None)),
    "a reverse item": (k.user_and_group, MINE.reverse(UID, GID), (UID, GID)),
    "a member": (k.member_of, MINE.member(GID, UID), (GID, UID)),
    "a counter": (k.counted_from, MINE.counter("U", UID), UID[:2]),
    "the owner of a pending change": (
        k.pending_change_owner,
        MINE.pending_change(MINE.pending_change_id("2026", "1")),
        MINE.connection,
    ),
    "the owner of a self-test's": (
        k.pending_change_owner,
        ORGANISATION.pending_change("2026", MINE.self_test("r").connection, "1"),
        "abcdefghijklmnop!r",
    ),
    "the organisation": (
        k.setting_of,
        ORGANISATION.own_item,
        ("organisation", "abcdefghij", None),
    ),
    "a workspace": (k.setting_of, ORGANISATION.workspace("w"), ("workspace", "w", None)),
    "a role": (k.setting_of, ORGANISATION.role("r"), ("role", "r", None)),
    "a domain": (k.setting_of, ORGANISATION.domain("a.example"), ("domain", "a.example", None)),
    "a connection": (k.setting_of, ORGANISATION.connection("c"), ("connection", "c", None)),
    "a token": (k.setting_of, ORGANISATION.token("c", "t"), ("token", "t", "c")),
    "a self-test's token": (
        k.setting_of,
        ORGANISATION.self_test_token("c", "r"),
        ("self-test token", "r", "c"),
    ),
    "a schema": (
        k.setting_of,
        ORGANISATION.schema("c", "urn:x:Y#Z"),
        ("schema", "urn:x:y#z", "c"),
    ),
}


@pytest.mark.parametrize(("parse", "key", "expected"), PARSED.values(), ids=PARSED)
def test_a_key_is_parsed_into_what_it_was_built_from(parse, key, expected):
    """Both directions are in one file, so neither changes without the other."""
    assert parse(key) == expected


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("abcdefghijklmnop!r", ("abcdefghijklmnop", "r")), ("abcdefghijklmnop", None)],
)
def test_the_id_of_a_self_test_names_its_connection_and_run(owner, expected):
    """The id of a connection is not a self-test's."""
    assert k.self_test_of(owner) == expected


TAKES_A_KEY_APART = re.compile(
    r"""(partition|split|count|removeprefix|removesuffix|startswith|endswith)\(\s*f?["']"""
    r"""([A-Z]{1,3})?\#|["']\#["']\s(not\s)?in\b|\[["'][PS]K["']\]\[|\b[ps]k\[""",
    re.VERBOSE,
)


def test_no_other_file_parses_a_key():
    """What a key consists of is known to this module alone."""
    package = Path(k.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path != Path(k.__file__)
        for line in path.read_text().splitlines()
        if TAKES_A_KEY_APART.search(line)
    ]

    assert found == []
