"""Console links and sessions: once, for a while, and nothing in the table to open them with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.auth import sessions
from chalicelib.errors import Unauthorized
from chalicelib.storage.expressions import EXISTS, Delete, Update
from tests.support.builders import an_organisation
from tests.support.faults import FaultyClient, first


@pytest.fixture
def admin(services):
    """Make an organisation."""
    return an_organisation(services)


@pytest.fixture
def link(services, admin):
    """Make a link to its console, and give its text."""
    return a_link(services, admin)


def a_link(services, admin):
    """Make a link for Ada."""
    made = sessions.make_link(services.table, admin.keys.organisation, "Ada", services.deadline())
    return made.text


def exchange(services, text):
    """Exchange a link."""
    return sessions.exchange(services.table, text, services.deadline())


def find(services, text):
    """Look for a session."""
    return sessions.find(services.table, text, services.deadline())


def test_a_link_becomes_a_session_of_its_organisation(services, admin, link):
    """With the name that the operator has given it."""
    session = find(services, exchange(services, link).text)

    assert (session.organisation.id, session.name) == (admin.keys.organisation, "Ada")


def test_a_link_works_once(services, link):
    """A link that is found later, in a history or over a shoulder, is useless."""
    exchange(services, link)

    with pytest.raises(Unauthorized, match="Open the SCIM settings from the SaaS again"):
        exchange(services, link)


def test_of_two_who_hold_a_link_one_gets_a_session(services, dynamodb, link):
    """The other came between the read and the write."""
    between = FaultyClient(dynamodb)
    between.faults["transact_write_items"] = [first(lambda: exchange(services, link))]
    other = replace(services, table=replace(services.table, client=between))

    with pytest.raises(Unauthorized):
        exchange(other, link)


@pytest.mark.parametrize(("minutes", "opens"), [(9, True), (10, False), (60 * 24, False)])
def test_a_link_ends_after_ten_minutes(services, manual_clock, link, minutes, opens):
    """Whatever of it DynamoDB has not deleted yet."""
    manual_clock.advance(minutes=minutes)

    if opens:
        assert exchange(services, link).text
    else:
        with pytest.raises(Unauthorized):
            exchange(services, link)


@pytest.mark.parametrize(("minutes", "lives"), [(8 * 60 - 1, True), (8 * 60, False)])
def test_a_session_ends_after_eight_hours(services, manual_clock, link, minutes, lives):
    """A working day; then the admin comes from the SaaS again."""
    text = exchange(services, link).text
    manual_clock.advance(minutes=minutes)

    assert (find(services, text) is not None) == lives


def test_an_ended_session_is_gone_at_once(services, link):
    """Ending it twice is no fault."""
    text = exchange(services, link).text
    digest = find(services, text).digest

    sessions.end(services.table, digest, services.deadline())
    sessions.end(services.table, digest, services.deadline())

    assert find(services, text) is None


def test_a_link_is_not_a_session_and_a_session_is_not_a_link(services, link):
    """The type is part of what is digested, so neither is valid as the other."""
    text = exchange(services, link).text

    assert find(services, link) is None
    with pytest.raises(Unauthorized):
        exchange(services, text)


@pytest.mark.parametrize("garbage", ["", "{0[:-1]}", "letmein", "{0}{0}"])
def test_garbage_costs_no_read(services, dynamodb, link, garbage):
    """The checksum is looked at first; the entrance is open to anyone."""
    between = FaultyClient(dynamodb)
    other = replace(services, table=replace(services.table, client=between))

    with pytest.raises(Unauthorized):
        exchange(other, garbage.replace("{0[:-1]}", link[:-1]).replace("{0}", link))

    assert not between.calls


def test_the_table_holds_nothing_to_open_a_console_with(services, dynamodb, admin, link):
    """A link, once made, and a session stand there by their digests alone."""
    text = exchange(services, link).text
    kept = str(dynamodb.scan(TableName=services.table.name)["Items"])

    assert "V#" in kept
    assert not [each for each in (link, text, text.split("_")[3]) if each in kept]


def test_items_go_by_themselves(services, dynamodb, admin, link):
    """DynamoDB deletes them once their end has passed."""
    issued = exchange(services, link)
    items = dynamodb.scan(TableName=services.table.name)["Items"]

    ends = [int(item["ttl"]["N"]) for item in items if item["PK"]["S"].startswith("V#")]

    assert ends == [int(datetime.fromisoformat(issued.expires).timestamp())]


def is_deleted(admin):
    """Delete the organisation's item, as the last step of a purge does."""
    admin.items.commit([Delete(admin.keys.own_item)])


def is_being_deleted(admin):
    """Set its state, as the first step of a purge does."""
    admin.items.commit([Update(admin.keys.own_item, set={"state": "deleting"}, condition=EXISTS)])


@pytest.mark.parametrize("happens", [is_deleted, is_being_deleted])
def test_a_session_ends_with_its_organisation(services, admin, link, happens):
    """And no link opens it any more."""
    text, other = exchange(services, link).text, a_link(services, admin)

    happens(admin)

    assert find(services, text) is None
    with pytest.raises(Unauthorized):
        exchange(services, other)
