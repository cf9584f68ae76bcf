"""The keys of items: how they are built and parsed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.comparison import fold
from chalicelib.storage import keys as k
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys

CONNECTION = ConnectionKeys("abcdefghijklmnop")
ORGANISATION = OrganisationKeys("abcdefghij")
UID, GID = "a1" * 16, "b2" * 16
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)

KEYS = {
    "user": (CONNECTION.user(UID), "S#abcdefghijklmnop#U", UID),
    "reverse membership": (CONNECTION.reverse(UID, GID), "S#abcdefghijklmnop#U", f"{UID}#{GID}"),
    "group": (CONNECTION.group(GID), "S#abcdefghijklmnop#G", GID),
    "member": (CONNECTION.member(GID, UID), "S#abcdefghijklmnop#M", f"{GID}#{UID}"),
    "counter": (CONNECTION.counter("U", UID), "S#abcdefghijklmnop#CNT", "U#a1"),
    "change": (CONNECTION.change("01X", AT), "S#abcdefghijklmnop#F#2026-01-31", "01X"),
    "local": (CONNECTION.local(UID), "L#abcdefghij", UID),
    "organisation": (ORGANISATION.own_item, "C#abcdefghij", "#"),
    "connection": (ORGANISATION.connection("c"), "C#abcdefghij", "N#c"),
    "past connection": (ORGANISATION.past_connection("c"), "C#abcdefghij#PN", "N#c"),
    "token": (ORGANISATION.token("c", "t"), "C#abcdefghij#T", "N#c#T#t"),
    "past token": (ORGANISATION.past_token("c", "t"), "C#abcdefghij#PT", "N#c#T#t"),
    "token of a self-test": (ORGANISATION.self_test_token("c", "r"), "C#abcdefghij#T", "N#c#R#r"),
    "schema": (ORGANISATION.schema("c", "urn:A"), "C#abcdefghij#S", "N#c#S#urn:a"),
    "user of a self-test": (CONNECTION.self_test("r").user(UID), "S#abcdefghijklmnop!r#U", UID),
    "setup link": (k.console("d1"), "V#d1", "#"),
}


@pytest.mark.parametrize(("key", "pk", "sk"), KEYS.values(), ids=KEYS)
def test_each_item_has_its_documented_key(key, pk, sk):
    """Keys must never change, or the items of an older release are no longer found."""
    assert key == Key(pk, sk)


HASHED = {
    "userName": CONNECTION.user_name("Ada@Example.com"),
    "externalId": CONNECTION.external_id("ada@example.com", UID),
    "e-mail": CONNECTION.email("ada@example.com", UID),
    "displayName": CONNECTION.group_name("ada@example.com"),
    "group externalId": CONNECTION.group_external_id("ada@example.com", GID),
}


@pytest.mark.parametrize("key", HASHED.values(), ids=HASHED)
def test_a_key_contains_no_personal_data(key):
    """Keys appear in logs and metrics of AWS, and DynamoDB allows at most 2 KB."""
    assert "ada" not in key.pk.lower()
    assert len(key.pk.rpartition("#")[2]) == 40


def test_each_unique_attribute_has_keys_of_its_own():
    """A userName must not collide with an e-mail address or with a group's name."""
    assert len({key.pk for key in HASHED.values()}) == len(HASHED)


SAME_NAME = {
    "letter case": ("Ada", "aDA"),
    "sharp s": ("straße", "STRAẞE"),
    "composition": ("Jos\u00e9", "Jose\u0301"),
    "kelvin sign": ("\u212a", "k"),
    "final sigma": ("ΟΔΟΣ", "οδος"),
}
OTHER_NAME = {
    "sharp s and ss": ("straße", "strasse"),
    "ligature": ("ﬁona", "fiona"),
    "dotted I": ("İlker", "ilker"),
    "a blank behind it": ("ada", "ada "),
    "a joiner": ("ada", "a\u200dda"),
    "an accent": ("josé", "jose"),
}


@pytest.mark.parametrize(("one", "other"), SAME_NAME.values(), ids=SAME_NAME)
def test_names_that_fold_equal_share_a_uniqueness_item(one, other):
    """Two that a filter finds equal cannot both be in use."""
    assert CONNECTION.user_name(one) == CONNECTION.user_name(other)
    assert CONNECTION.email(one, UID) == CONNECTION.email(other, UID)
    assert CONNECTION.group_name(one) == CONNECTION.group_name(other)


@pytest.mark.parametrize(("one", "other"), OTHER_NAME.values(), ids=OTHER_NAME)
def test_other_names_have_uniqueness_items_of_their_own(one, other):
    """What a filter tells apart can both be in use, or a POST is 409 and the look-up finds none."""
    assert CONNECTION.user_name(one) != CONNECTION.user_name(other)
    assert CONNECTION.email(one, UID) != CONNECTION.email(other, UID)


SAME_GROUP = {
    "a blank behind it": ("Sales", "Sales "),
    "blanks before and behind": ("Sales", "  sales\u00a0\u3000"),
    "a joiner": ("Sales", "Sa\u200dles"),
    "joiners and blanks": ("Sales", "\u200dSALES \u200c "),
    "an accent behind a joiner": ("Jos\u00e9", "Jose\u200d\u0301"),
}


@pytest.mark.parametrize(("one", "other"), SAME_GROUP.values(), ids=SAME_GROUP)
def test_groups_are_told_apart_by_what_is_seen(one, other):
    """Blanks within a name count."""
    assert CONNECTION.group_name(one) == CONNECTION.group_name(other)
    assert CONNECTION.group_name(one) != CONNECTION.group_name("Sal es")


def test_an_external_id_is_case_exact():
    """RFC 7643 section 3.1: externalId is caseExact; only its composition is normalised."""
    assert CONNECTION.external_id("a", UID) != CONNECTION.external_id("A", UID)
    assert CONNECTION.external_id("\u00e9", UID) == CONNECTION.external_id("e\u0301", UID)


@given(st.text(), st.text())
def test_a_name_has_one_uniqueness_item_in_every_letter_case(name, other):
    """Folding is idempotent, so a stored name finds the uniqueness item written for it."""
    assert CONNECTION.user_name(fold(name)) == CONNECTION.user_name(name)
    assert (CONNECTION.user_name(name) == CONNECTION.user_name(other)) == (
        fold(name) == fold(other)
    )


def inside(items, key):
    """Return whether a range contains a key."""
    return items.pk == key.pk and items.low <= key.sk <= items.high


def test_the_range_of_a_user_contains_the_user_and_their_groups_alone():
    """One Query reads a user with the ids of their groups."""
    items = CONNECTION.user_with_groups(UID)

    assert inside(items, CONNECTION.user(UID))
    assert inside(items, CONNECTION.reverse(UID, "f" * 32))
    assert not inside(items, CONNECTION.user("a2" + UID[2:]))


def test_the_range_of_a_group_contains_its_members_alone():
    """Not those of the group before or after."""
    items = CONNECTION.members_of(GID)

    assert inside(items, CONNECTION.member(GID, "0" * 32))
    assert inside(items, CONNECTION.member(GID, "f" * 32))
    assert not inside(items, CONNECTION.member("c" * 32, UID))


def test_counters_of_users_and_of_groups_are_separate_ranges():
    """A total of users must not count groups."""
    assert inside(CONNECTION.counters("U"), CONNECTION.counter("U", "ff"))
    assert not inside(CONNECTION.counters("U"), CONNECTION.counter("G", "00"))


def test_a_ulid_sorts_by_time():
    """The feed reads changes in the order of their keys."""
    later = AT.replace(microsecond=2000)

    assert len(k.ulid(AT, 0)) == 26
    assert k.ulid(AT, 2**80 - 1) < k.ulid(later, 0)


PARSED = {
    "a user": (k.user_and_group, CONNECTION.user(UID), (UID, None)),
    "a reverse item": (k.user_and_group, CONNECTION.reverse(UID, GID), (UID, GID)),
    "a member": (k.member_of, CONNECTION.member(GID, UID), (GID, UID)),
    "a counter": (k.counted_from, CONNECTION.counter("U", UID), UID[:2]),
    "the owner of a pending change": (
        k.pending_change_owner,
        CONNECTION.pending_change(CONNECTION.pending_change_id("2026", "1")),
        CONNECTION.connection,
    ),
    "the owner of a self-test's pending change": (
        k.pending_change_owner,
        ORGANISATION.pending_change("2026", CONNECTION.self_test("r").connection, "1"),
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


PARSES_A_KEY = re.compile(
    r"""(partition|split|count|removeprefix|removesuffix|startswith|endswith)\(\s*f?["']"""
    r"""([A-Z]{1,3})?\#|["']\#["']\s(not\s)?in\b|\[["'][PS]K["']\]\[|\b[ps]k\[""",
    re.VERBOSE,
)


def test_no_other_file_parses_a_key():
    """Only `storage/keys.py` knows how a key is built."""
    package = Path(k.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path != Path(k.__file__)
        for line in path.read_text().splitlines()
        if PARSES_A_KEY.search(line)
    ]

    assert found == []


def test_pending_changes_are_spread_over_all_partitions_and_found_in_each():
    """One partition takes 250 large changes a second of all tenants together; there are four."""
    made = [CONNECTION.pending_change_id("2026-01-31", f"{n:032x}") for n in range(200)]
    used = {CONNECTION.pending_change(each).pk for each in made}

    assert used == {items.pk for items in k.pending_changes_due("2026-02-01")}
    assert len(used) == 4
