"""Keys: what each row is called, and who may touch which."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage import keys as k
from chalicelib.storage.keys import ALL_VERBS, ConnectionKeys, Grant, Key, OrganisationKeys

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
    "organisation": (ORGANISATION.row, "C#abcdefghij", "#"),
    "connection": (ORGANISATION.connection("c"), "C#abcdefghij", "N#c"),
    "token": (ORGANISATION.token("c", "t"), "C#abcdefghij", "N#c#T#t"),
    "token of a self-test": (ORGANISATION.run("c", "r"), "C#abcdefghij", "N#c#R#r"),
    "user of a self-test": (MINE.shadow("r").user(UID), "S#abcdefghijklmnop!r#U", UID),
    "console link": (k.console("d1"), "V#d1", "#"),
}


@pytest.mark.parametrize(("key", "pk", "sk"), KEYS.values(), ids=KEYS)
def test_a_key_is_as_the_table_of_access_patterns_says(key, pk, sk):
    """Rows of an older release are found only if keys stay as they are."""
    assert key == Key(pk, sk)


HASHED = {
    "userName": MINE.user_name("Ada@Example.com"),
    "externalId": MINE.external_id("ada@example.com", UID),
    "e-mail": MINE.email("ada@example.com", UID),
    "displayName": MINE.group_name("ada@example.com"),
    "group externalId": MINE.group_external_id("ada@example.com", GID),
}


@pytest.mark.parametrize("key", HASHED.values(), ids=HASHED)
def test_no_personal_data_stands_in_a_key(key):
    """A key shows up in logs and metrics of AWS; it takes 2 KB at most."""
    assert "ada" not in key.pk.lower()
    assert len(key.pk.rpartition("#")[2]) == 40


def test_each_kind_of_name_has_keys_of_its_own():
    """A userName must not collide with an e-mail address or with a team's name."""
    assert len({key.pk for key in HASHED.values()}) == len(HASHED)


SAME_NAME = {
    "letter case": ("Ada", "aDA"),
    "sharp s": ("straße", "STRASSE"),
    "composition": ("Jos\u00e9", "Jose\u0301"),
    "kelvin sign": ("\u212a", "k"),
    "final sigma": ("ΟΔΟΣ", "οδος"),
}


@pytest.mark.parametrize(("one", "other"), SAME_NAME.values(), ids=SAME_NAME)
def test_names_that_fold_equal_share_a_lock(one, other):
    """Look-alikes collide closed: of two such users only one exists."""
    assert MINE.user_name(one) == MINE.user_name(other)


def test_an_external_id_is_case_exact():
    """RFC 7643 section 3.1: externalId is caseExact; only its composition is normalised."""
    assert MINE.external_id("a", UID) != MINE.external_id("A", UID)
    assert MINE.external_id("\u00e9", UID) == MINE.external_id("e\u0301", UID)


@given(st.text(), st.text())
def test_a_name_meets_its_own_lock_in_every_letter_case(name, other):
    """Folding is idempotent, so a name that was read finds the lock that it was stored under."""
    assert MINE.user_name(k.fold_name(name)) == MINE.user_name(name)
    assert (MINE.user_name(name) == MINE.user_name(other)) == (
        k.fold_name(name) == k.fold_name(other)
    )


def inside(rows, key):
    """Tell whether a range holds a key."""
    return rows.pk == key.pk and rows.low <= key.sk <= rows.high


def test_the_range_of_a_user_holds_him_and_his_teams_and_nobody_else():
    """One Query reads a user with the ids of his teams."""
    rows = MINE.user_with_groups(UID)

    assert inside(rows, MINE.user(UID))
    assert inside(rows, MINE.reverse(UID, "f" * 32))
    assert not inside(rows, MINE.user("a2" + UID[2:]))


def test_the_range_of_a_team_holds_its_members_and_no_others():
    """The members of a page of teams are one range as well: the teams are neighbours."""
    rows = MINE.members_of(GID)

    assert inside(rows, MINE.member(GID, "0" * 32))
    assert inside(rows, MINE.member(GID, "f" * 32))
    assert not inside(rows, MINE.member("c" * 32, UID))


def test_counters_of_users_and_teams_are_ranges_apart():
    """A total of users must not count teams."""
    assert inside(MINE.counters("U"), MINE.counter("U", "ff"))
    assert not inside(MINE.counters("U"), MINE.counter("G", "00"))


def test_a_ulid_sorts_by_time():
    """The feed reads changes in the order of their keys."""
    later = AT.replace(microsecond=2000)

    assert len(k.ulid(AT, 0)) == 26
    assert k.ulid(AT, 2**80 - 1) < k.ulid(later, 0)


# --- who may touch what -----------------------------------------------------------------------

FOREIGN = ConnectionKeys("zzzzzzzzzzklmnop")
SISTER = ConnectionKeys("abcdefghijzzzzzz")  # another connection of the same organisation
LONGER = ConnectionKeys("abcdefghijklmnopq")

OWN_ROWS = {
    "user": MINE.user(UID),
    "group": MINE.group(GID),
    "member": MINE.member(GID, UID),
    "lock": MINE.user_name("ada"),
    "counter": MINE.counter("U", UID),
    "change": MINE.change("01X", AT),
    "pending change": MINE.pending_change(MINE.pending_change_id("2026", "1")),
}


def foreign_rows(keys):
    """Name a row of every class that belongs to somebody else."""
    organisation = OrganisationKeys(k.organisation_of(keys.connection))
    return [
        keys.user(UID),
        keys.group(GID),
        keys.member(GID, UID),
        keys.user_name("ada"),
        keys.counter("U", UID),
        keys.pending_change(keys.pending_change_id("2026", "1")),
        keys.local(UID),
        organisation.row,
        organisation.connection(keys.connection),
        k.idempotency(organisation.organisation, "key"),
    ]


ELSEWHERE = [
    k.reference("acme"),
    k.verified_domain("example.com"),
    Key("A#ORG", "abcdefghij"),
    Key("V#digest", "#"),
    k.idempotency("operator", "key"),
    k.idempotency("abcdefghij", "key"),
]


def allowed(grants: tuple[Grant, ...], key: Key) -> set[str]:
    """Tell which verbs these grants allow on a row."""
    return {verb for verb in ALL_VERBS if any(each.covers(verb, *key) for each in grants)}


@pytest.mark.parametrize("key", OWN_ROWS.values(), ids=OWN_ROWS)
def test_a_connection_may_do_all_to_its_own_rows(key):
    """What serving its identity provider takes."""
    assert allowed(MINE.grants(), key) == ALL_VERBS


@pytest.mark.parametrize("key", foreign_rows(FOREIGN), ids=str)
def test_a_connection_may_do_nothing_to_another_organisations_rows(key):
    """Atlas #175: look-ups that forgot the tenant crossed organisations."""
    assert allowed(MINE.grants(), key) == set()


@pytest.mark.parametrize("key", foreign_rows(SISTER)[:6], ids=str)
def test_a_connection_may_do_nothing_to_a_sister_connections_rows(key):
    """Two identity providers of one organisation do not see each other's users."""
    assert allowed(MINE.grants(), key) == set()


@pytest.mark.parametrize("key", ELSEWHERE, ids=str)
def test_a_connection_may_do_nothing_to_rows_of_no_tenant(key):
    """Domains, references, sessions and Idempotency-Keys are not SCIM's."""
    assert allowed(MINE.grants(), key) == set()


@pytest.mark.parametrize("key", foreign_rows(LONGER)[:5], ids=str)
def test_a_prefix_opens_no_longer_one(key):
    """CVE-2026-32726: the scope `/john` opened `/johnathan`."""
    assert allowed(MINE.grants(), key) == set()


def test_a_connection_may_read_its_organisations_settings_and_no_more():
    """Authentication reads them; provisioning never changes them."""
    assert allowed(MINE.grants(), ORGANISATION.row) == {"read"}
    assert allowed(MINE.grants(), ORGANISATION.token(MINE.connection, "t")) == {"read"}


def test_a_connection_may_only_delete_what_the_organisation_noted_about_a_user():
    """With the user goes his local row; provisioning grants no role and reads none."""
    assert allowed(MINE.grants(), MINE.local(UID)) == {"delete"}


def test_a_pending_change_belongs_to_the_connection_its_sort_key_names():
    """The partition of operations is shared; the name must be whole and in its place."""
    assert allowed(MINE.grants(), Key("O#", "2026#abcdefghijklmnopq#1")) == set()
    assert allowed(MINE.grants(), Key("O#", "2026#xabcdefghijklmnop#1")) == set()


def test_administration_may_only_read_its_connections_users():
    """A condition on a user's row is a read; users are their identity provider's."""
    assert allowed(ORGANISATION.grants(), MINE.user(UID)) == {"read"}
    assert allowed(ORGANISATION.grants(), MINE.local(UID)) == ALL_VERBS
    assert allowed(ORGANISATION.grants(), ORGANISATION.row) == ALL_VERBS


@pytest.mark.parametrize("key", [*foreign_rows(FOREIGN), Key("A#ORG", "abcdefghij")], ids=str)
def test_administration_may_do_nothing_to_another_organisations_rows(key):
    """An admin's key opens his own organisation only; the list of all is the operator's."""
    assert allowed(ORGANISATION.grants(), key) == set()


def test_the_operator_may_list_organisations():
    """Beside what administration may: the list, and his own Idempotency-Keys."""
    grants = ORGANISATION.operator_grants()

    assert allowed(grants, ORGANISATION.listed()) == ALL_VERBS
    assert allowed(grants, k.idempotency("operator", "key")) == ALL_VERBS
    assert allowed(grants, FOREIGN.user(UID)) == set()


@pytest.mark.parametrize("key", foreign_rows(MINE)[:6], ids=str)
def test_a_self_test_and_its_connection_do_nothing_to_one_another(key):
    """A run makes and deletes users; none of them may be the connection's."""
    shadow = MINE.shadow("r")

    assert allowed(shadow.grants(), key) == set()
    assert allowed(MINE.grants(), shadow.user(UID)) == set()


def test_who_holds_a_console_link_may_touch_its_row_alone():
    """Whoever presents a text is bound to its digest, and to no organisation yet."""
    assert allowed(k.console_grants("d1"), k.console("d1")) == ALL_VERBS
    assert allowed(k.console_grants("d1"), k.console("d12")) == set()
    assert allowed(k.console_grants("d1"), ORGANISATION.row) == set()
