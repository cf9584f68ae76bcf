"""Grants: which items a namespace may read and write, and that it can never gain more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage import grants
from chalicelib.storage import keys as k
from chalicelib.storage.grants import ALL_VERBS, DELETE, READ, Grant
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, OutsideNamespace, Table
from tests.support.clock import ManualClock
from tests.support.doubles import Script

MINE = ConnectionKeys("abcdefghijklmnop")
ORGANISATION = OrganisationKeys("abcdefghij")
UID, GID = "a1" * 16, "b2" * 16
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
FOREIGN = ConnectionKeys("zzzzzzzzzzklmnop")
SISTER = ConnectionKeys("abcdefghijzzzzzz")  # another connection of the same organisation
LONGER = ConnectionKeys("abcdefghijklmnopq")

OWN_ITEMS = {
    "user": MINE.user(UID),
    "group": MINE.group(GID),
    "member": MINE.member(GID, UID),
    "uniqueness item": MINE.user_name("ada"),
    "counter": MINE.counter("U", UID),
    "change": MINE.change("01X", AT),
    "pending change": MINE.pending_change(MINE.pending_change_id("2026", "1")),
}


def foreign_items(keys):
    """Return the key of an item of every class that belongs to another connection."""
    organisation = OrganisationKeys(k.organisation_of(keys.connection))
    return [
        keys.user(UID),
        keys.group(GID),
        keys.member(GID, UID),
        keys.user_name("ada"),
        keys.counter("U", UID),
        keys.pending_change(keys.pending_change_id("2026", "1")),
        keys.local(UID),
        organisation.own_item,
        organisation.connection(keys.connection),
        k.idempotency(organisation.organisation, "operator 1", "key"),
    ]


ELSEWHERE = [
    k.reference("acme"),
    k.verified_domain("example.com"),
    Key("A#ORG", "abcdefghij"),
    Key("V#digest", "#"),
    k.idempotency("operator", "operator 1", "key"),
    k.idempotency("abcdefghij", "operator 1", "key"),
]


def allowed(granted: tuple[Grant, ...], key: Key) -> set[str]:
    """Return which verbs these grants allow on an item."""
    return {verb for verb in ALL_VERBS if any(each.covers(verb, key) for each in granted)}


@pytest.mark.parametrize("key", OWN_ITEMS.values(), ids=OWN_ITEMS)
def test_a_connection_may_do_all_to_its_own_items(key):
    """What serving its identity provider takes."""
    assert allowed(grants.scim(MINE), key) == ALL_VERBS


@pytest.mark.parametrize("key", foreign_items(FOREIGN), ids=str)
def test_a_connection_may_do_nothing_to_another_organisations_items(key):
    """Atlas #175: look-ups that forgot the tenant crossed organisations."""
    assert allowed(grants.scim(MINE), key) == set()


@pytest.mark.parametrize("key", foreign_items(SISTER)[:6], ids=str)
def test_a_connection_may_do_nothing_to_a_sister_connections_items(key):
    """Two identity providers of one organisation do not see each other's users."""
    assert allowed(grants.scim(MINE), key) == set()


@pytest.mark.parametrize("key", ELSEWHERE, ids=str)
def test_a_connection_may_do_nothing_to_items_of_no_tenant(key):
    """Domains, references, sessions and Idempotency-Keys are not SCIM's."""
    assert allowed(grants.scim(MINE), key) == set()


@pytest.mark.parametrize("key", foreign_items(LONGER)[:5], ids=str)
def test_a_prefix_opens_no_longer_one(key):
    """CVE-2026-32726: the scope `/john` opened `/johnathan`."""
    assert allowed(grants.scim(MINE), key) == set()


def test_a_connection_may_read_its_organisations_settings_and_no_more():
    """Authentication reads them; provisioning never changes them."""
    assert allowed(grants.scim(MINE), ORGANISATION.own_item) == {"read"}
    assert allowed(grants.scim(MINE), ORGANISATION.token(MINE.connection, "t")) == {"read"}


def test_a_connection_may_only_delete_the_local_item_of_a_user():
    """The local item goes with its user; provisioning never reads or sets a role."""
    assert allowed(grants.scim(MINE), MINE.local(UID)) == {"delete"}


def test_a_pending_change_belongs_to_the_connection_its_sort_key_names():
    """The partition of pending changes is shared by all; the id must match as a whole."""
    assert allowed(grants.scim(MINE), Key("O#1", "2026#abcdefghijklmnopq#1")) == set()
    assert allowed(grants.scim(MINE), Key("O#1", "2026#xabcdefghijklmnop#1")) == set()


def test_administration_may_only_read_its_connections_users():
    """A condition on a user's item is a read; users are their identity provider's."""
    assert allowed(grants.administration(ORGANISATION), MINE.user(UID)) == {"read"}
    assert allowed(grants.administration(ORGANISATION), MINE.local(UID)) == ALL_VERBS
    assert allowed(grants.administration(ORGANISATION), ORGANISATION.own_item) == ALL_VERBS


@pytest.mark.parametrize("key", [*foreign_items(FOREIGN), Key("A#ORG", "abcdefghij")], ids=str)
def test_administration_may_do_nothing_to_another_organisations_items(key):
    """The grants of an admin end at their organisation; the list of all is for the operator."""
    assert allowed(grants.administration(ORGANISATION), key) == set()


def test_the_operator_may_list_organisations():
    """Besides what an admin may do: the list, and the operator's Idempotency-Keys."""
    granted = grants.operator(ORGANISATION)

    assert allowed(granted, ORGANISATION.list_item()) == ALL_VERBS
    assert allowed(granted, k.idempotency("operator", "operator 1", "key")) == ALL_VERBS
    assert allowed(granted, FOREIGN.user(UID)) == set()


@pytest.mark.parametrize("key", foreign_items(MINE)[:6], ids=str)
def test_a_self_test_and_its_connection_do_nothing_to_one_another(key):
    """A run makes and deletes users; none of them may be the connection's."""
    shadow = MINE.self_test("r")

    assert allowed(grants.scim(shadow), key) == set()
    assert allowed(grants.scim(MINE), shadow.user(UID)) == set()


def test_a_console_link_grants_its_own_item_alone():
    """Before a link is exchanged, nothing of any organisation can be read."""
    assert allowed(grants.console_reference("d1"), k.console("d1")) == READ
    assert allowed(grants.console_reference("d1"), k.console("d12")) == set()
    assert allowed(grants.console_reference("d1"), ORGANISATION.own_item) == set()


def test_authenticating_a_session_reads_it_and_writes_that_it_is_used():
    """It changes no setting, and sees nothing of another organisation."""
    may = grants.console_session(ORGANISATION)

    assert allowed(may, ORGANISATION.console_session("1")) == {"read", "update"}
    assert allowed(may, ORGANISATION.own_item) == READ
    assert allowed(may, ORGANISATION.role("1")) == READ
    assert allowed(may, k.OrganisationKeys("klmnopqrst").console_session("1")) == set()


# --- narrowing --------------------------------------------------------------------------------

SETTINGS = Grant("C#abcdefghij", READ)
OWN = Grant("S#abcdefghijklmnop", ALL_VERBS)
OF_ORGANISATION = Grant("S#abcdefghij", ALL_VERBS, whole=False)
PENDING = Grant("O", ALL_VERBS, sort_key_part="#abcdefghij")


def a_namespace(*granted: Grant) -> Namespace:
    """Make a namespace of these grants, of a table that nothing is sent to."""
    client: Any = Script([])
    clock = ManualClock().clock()
    return Table(client, "table", clock).namespace(granted, Deadline.after(9, clock))


NARROWER = {
    "the same": (OWN, OWN),
    "fewer verbs": (OWN, Grant(OWN.prefix, READ)),
    "a class of its items": (OWN, Grant(f"{OWN.prefix}#U", ALL_VERBS)),
    "one connection of the organisation": (OF_ORGANISATION, OWN),
    "one connection's pending changes": (
        PENDING,
        Grant("O", ALL_VERBS, sort_key_part="#abcdefghijklmnop#"),
    ),
}


@pytest.mark.parametrize(("granted", "wanted"), NARROWER.values(), ids=NARROWER)
def test_a_namespace_can_be_narrowed(granted, wanted):
    """The purge of one connection cannot delete an item of another one."""
    assert isinstance(a_namespace(granted).narrowed([wanted]), Namespace)


WIDER = {
    "another connection": (OWN, Grant("S#abcdefghijzzzzzz", READ)),
    "a longer id": (OWN, Grant("S#abcdefghijklmnopq", READ)),
    "a shorter id": (OWN, Grant("S#abcdefghijklmno", READ)),
    "the same id without its end": (OWN, Grant(OWN.prefix, READ, whole=False)),
    "the whole organisation": (OWN, OF_ORGANISATION),
    "a self-test of the connection": (OWN, Grant("S#abcdefghijklmnop!r", ALL_VERBS)),
    "another verb": (SETTINGS, Grant(SETTINGS.prefix, ALL_VERBS)),
    "a verb instead of another": (SETTINGS, Grant(SETTINGS.prefix, DELETE)),
    "another class": (SETTINGS, Grant("L#abcdefghij", READ)),
    "everything": (OWN, Grant("", READ, whole=False)),
    "all pending changes": (PENDING, Grant("O", READ)),
    "another organisation's pending changes": (
        PENDING,
        Grant("O", READ, sort_key_part="#zzzzzzzzzz"),
    ),
    "part of an id": (PENDING, Grant("O", READ, sort_key_part="#abc")),
}


@pytest.mark.parametrize(("granted", "wanted"), WIDER.values(), ids=WIDER)
def test_a_namespace_cannot_be_widened(granted, wanted):
    """Not even where another of the wanted grants is one that it has."""
    with pytest.raises(OutsideNamespace):
        a_namespace(granted).narrowed([granted, wanted])


def test_two_grants_do_not_add_up_to_a_third():
    """What is wanted must be included by one grant, or its verbs could be collected."""
    granted = a_namespace(Grant(OWN.prefix, READ), Grant(OWN.prefix, DELETE))

    with pytest.raises(OutsideNamespace):
        granted.narrowed([Grant(OWN.prefix, READ | DELETE)])


def test_a_namespace_of_nothing_stays_one():
    """It has no grant that could include one."""
    with pytest.raises(OutsideNamespace):
        a_namespace().narrowed([SETTINGS])


A_GRANT = st.builds(
    Grant,
    st.sampled_from(["", "S", "S#", "S#a", "S#ab", "S#a#U", "S#ab#U", "O#"]),
    st.sampled_from([READ, DELETE, ALL_VERBS]),
    st.sampled_from(["", "#a", "#ab", "#ab#"]),
    st.booleans(),
)
PARTITIONS = ("S", "S#a", "S#ab", "S#abc", "S#a#U", "S#ab#U", "S#ab#UX", "O#", "C#a")
SORT_KEYS = ("1", "1#a#1", "1#ab#1", "1#abc#1")


@given(A_GRANT, A_GRANT)
def test_a_grant_that_includes_another_covers_all_that_it_covers(one, other):
    """On every item of a small world."""
    keys = [Key(pk, sk) for pk in PARTITIONS for sk in SORT_KEYS]

    if one.includes(other):
        assert all(allowed((other,), key) <= allowed((one,), key) for key in keys)


def test_no_namespace_is_a_way_to_the_whole_table():
    """A namespace of other grants is made by who was given the table, never by way of another."""
    package = Path(grants.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"(items|namespace|scope|context|admin)\.table\.namespace\(", line)
    ]

    assert found == []
