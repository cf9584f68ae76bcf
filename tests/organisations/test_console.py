"""Console links and sessions: who may use them, for how long, and how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.auth import sessions
from chalicelib.errors import Conflict, InvalidFields, NotFound, Unauthorized
from chalicelib.organisations import console, organisations
from chalicelib.organisations.console import Opening, Sender
from chalicelib.organisations.inputs import NewConsoleLink, OrganisationChanges
from chalicelib.storage.expressions import EXISTS, Delete, Update
from tests.support.builders import (
    a_customer,
    a_link,
    an_admin_context,
    an_organisation,
    audit_entries,
    exchanged,
)
from tests.support.faults import FaultyClient, first


@pytest.fixture
def admin(services):
    """Make an organisation."""
    return an_organisation(services)


@pytest.fixture
def link(services, admin):
    """Make a link to its console, and give its text."""
    return a_link(services, admin.keys.organisation)


def find(services, text):
    """Look for a session."""
    return sessions.find(services.table, text, services.deadline())


def through(services, client):
    """Use the services by another client of DynamoDB."""
    return replace(services, table=replace(services.table, client=client))


def test_a_link_becomes_a_session_of_its_organisation(services, admin, link):
    """With the name that the operator has given it."""
    session = find(services, exchanged(services, link))

    assert (session.organisation.id, session.stored.name) == (admin.keys.organisation, "Ada")


def test_a_link_works_once(services, link):
    """A link that is found later, in a history or over a shoulder, is useless."""
    exchanged(services, link)

    with pytest.raises(Unauthorized, match="Open the SCIM settings from the SaaS again"):
        exchanged(services, link)


def test_of_two_who_hold_a_link_one_gets_a_session(services, dynamodb, link):
    """The other came between the read and the write."""
    between = FaultyClient(dynamodb)
    between.faults["transact_write_items"] = [first(lambda: exchanged(services, link))]

    with pytest.raises(Unauthorized):
        exchanged(through(services, between), link)


LIVES = [
    ({}, 9, True),
    ({}, 10, False),
    ({}, 60 * 24, False),
    ({"purpose": "setup"}, 7 * 24 * 60 - 1, True),
    ({"purpose": "setup"}, 7 * 24 * 60, False),
    ({"purpose": "setup", "expires_in_days": 1}, 24 * 60, False),
    ({"purpose": "setup", "expires_in_days": 30}, 30 * 24 * 60 - 1, True),
]


@pytest.mark.parametrize(("body", "minutes", "opens"), LIVES)
def test_a_link_ends_when_it_says(services, manual_clock, admin, body, minutes, opens):
    """Whatever of it DynamoDB has not deleted yet."""
    link = a_link(services, admin.keys.organisation, **body)
    manual_clock.advance(minutes=minutes)

    later = an_admin_context(services, admin.keys.organisation)
    assert bool(console.list_links(later)) == opens
    if opens:
        assert exchanged(services, link)
    else:
        with pytest.raises(Unauthorized):
            exchanged(services, link)


def test_a_session_ends_after_eight_hours_of_work(services, manual_clock, link):
    """A working day; then the admin comes from the SaaS again."""
    text = exchanged(services, link)

    for _ in range(23):
        manual_clock.advance(minutes=20)
        assert find(services, text)
    manual_clock.advance(minutes=20)

    assert find(services, text) is None


@pytest.mark.parametrize(("minutes", "lives"), [(29, True), (30, False), (31, False)])
def test_a_session_ends_after_half_an_hour_without_a_request(
    services, manual_clock, link, minutes, lives
):
    """Somebody left the desk."""
    text = exchanged(services, link)
    manual_clock.advance(minutes=29)
    find(services, text)
    manual_clock.advance(minutes=minutes)

    assert (find(services, text) is not None) == lives


def test_the_use_of_a_session_is_written_once_a_minute(services, dynamodb, manual_clock, link):
    """A page that polls would write at every request."""
    text = exchanged(services, link)
    client = FaultyClient(dynamodb)

    for _ in range(7):
        manual_clock.advance(seconds=20)
        find(through(services, client), text)

    assert client.calls.count("update_item") == 2


def test_a_use_that_cannot_be_written_rejects_nobody(services, dynamodb, manual_clock, link):
    """DynamoDB is throttled, or the session was used by another request meanwhile."""
    text = exchanged(services, link)
    manual_clock.advance(minutes=2)
    client = FaultyClient(dynamodb)
    client.faults["update_item"] = [first(lambda: find(services, text))]

    assert find(through(services, client), text)


def end_one(services, admin, session):
    """End it by its id."""
    console.end_session(admin, session.id)


def end_all(services, admin, session):
    """End all of the organisation."""
    console.end_all_sessions(admin)


def end_of_user(services, admin, session):
    """End those of the user."""
    console.end_sessions_of(admin, session.user)


def suspend(services, admin, session):
    """Suspend the organisation."""
    changes = OrganisationChanges(state="suspended")
    organisations.change(admin, changes, services.settings.plans, None)


def suspend_and_reactivate(services, admin, session):
    """Suspend it for a moment."""
    suspend(services, admin, session)
    changes = OrganisationChanges(state="active")
    organisations.change(admin, changes, services.settings.plans, None)


def delete_organisation(services, admin, session):
    """Set its state, as the first step of a purge does."""
    admin.items.commit([Update(admin.keys.own_item, set={"state": "deleting"}, condition=EXISTS)])


def purge_organisation(services, admin, session):
    """Delete the organisation's item, as the last step of a purge does."""
    admin.items.commit([Delete(admin.keys.own_item)])


ENDINGS = [
    end_one,
    end_all,
    end_of_user,
    suspend,
    suspend_and_reactivate,
    delete_organisation,
    purge_organisation,
]


@pytest.mark.parametrize("end", ENDINGS)
def test_a_session_that_was_ended_is_gone_at_once(services, admin, end):
    """The next request is rejected, and another organisation's session goes on."""
    text = exchanged(services, a_link(services, admin.keys.organisation, user="u-1"))
    other = exchanged(services, a_link(services, an_organisation(services).keys.organisation))

    end(services, admin, find(services, text).stored)

    assert find(services, text) is None
    assert find(services, other)


ALL_AT_ONCE = [end_all, suspend, delete_organisation, purge_organisation]


@pytest.mark.parametrize("end", ALL_AT_ONCE)
def test_a_link_ends_with_all_sessions(services, admin, link, end):
    """It would open a new one otherwise."""
    end(services, admin, None)

    with pytest.raises(Unauthorized):
        exchanged(services, link)


def test_sessions_of_one_user_end_and_others_go_on(services, admin):
    """By the SaaS's own id: two people may have one name."""
    one, two, nobody = (
        exchanged(services, a_link(services, admin.keys.organisation, user=user))
        for user in ("u-1", "u-2", None)
    )

    console.end_sessions_of(admin, "u-1")

    assert find(services, one) is None
    assert find(services, two)
    assert find(services, nobody)


def test_a_session_that_ends_while_its_use_is_written_stays_ended(services, dynamodb, admin, link):
    """The write has a condition: it brings nothing back."""
    text = exchanged(services, link)
    session = find(services, text).stored
    services.table.clock.sleep(120)
    later = an_admin_context(services, admin.keys.organisation)
    client = FaultyClient(dynamodb)
    client.faults["update_item"] = [first(lambda: console.end_session(later, session.id))]

    find(through(services, client), text)

    assert find(services, text) is None
    assert console.list_sessions(later) == []


@pytest.mark.parametrize("session", ["0" * 12, "no such", "S#1", ""])
def test_a_session_that_is_not_there_cannot_be_ended(admin, session):
    """Nor one that has been ended before."""
    with pytest.raises(NotFound):
        console.end_session(admin, session)


def test_the_list_has_the_sessions_that_go_on(services, manual_clock, admin):
    """The newest first; ended, idle and expired ones are not in it."""
    texts = []
    for name in ("Ada", "Bob", "Cid"):
        manual_clock.advance(minutes=16)
        texts.append(exchanged(services, a_link(services, admin.keys.organisation, name=name)))
    later = an_admin_context(services, admin.keys.organisation)
    console.end_session(later, find(services, texts[2]).stored.id)

    assert [each.name for each in console.list_sessions(later)] == ["Bob"]
    assert find(services, texts[0]) is None


def test_a_revoked_link_opens_nothing(services, admin, link):
    """It is in the list until then, and cannot be revoked twice."""
    [listed] = console.list_links(admin)

    console.revoke_link(admin, listed.id)

    assert console.list_links(admin) == []
    with pytest.raises(Unauthorized):
        exchanged(services, link)
    with pytest.raises(NotFound):
        console.revoke_link(admin, listed.id)


def test_a_new_setup_link_revokes_the_one_before(services):
    """One for a connection: an old mail opens nothing."""
    customer = a_customer(services)
    setup = {"purpose": "setup", "connection": customer.connection}
    old = a_link(services, customer.organisation, **setup)

    new = a_link(services, customer.organisation, **setup)

    with pytest.raises(Unauthorized):
        exchanged(services, old)
    assert find(services, exchanged(services, new)).stored.connection == customer.connection


WRONG = {
    "an unknown connection": {"purpose": "setup", "connection": "a" * 16},
    "no connection's id": {"purpose": "setup", "connection": "C#x"},
    "an origin that is not allowed": {"return_url": "https://evil.example/back"},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_link_leads_only_where_it_may(services, admin, body):
    """The field is named."""
    with pytest.raises(InvalidFields):
        a_link(services, admin.keys.organisation, **body)


@pytest.mark.parametrize("end", [".example", ".example:8443", ".example.evil", ""])
def test_a_return_url_has_exactly_an_allowed_origin(services, admin, end):
    """Compared as a whole, never by how it begins."""
    body = NewConsoleLink(name="Ada", return_url=f"https://app{end}/back")
    allowed = ["https://app.example"]

    if end == ".example":
        assert console.create_link(services.table, admin, body, allowed).link.return_url
    else:
        with pytest.raises(InvalidFields, match="RETURN_ORIGINS"):
            console.create_link(services.table, admin, body, allowed)


def test_a_link_is_no_session_and_a_session_no_link(services, link):
    """The type is part of what is digested, so neither is valid as the other."""
    text = exchanged(services, link)

    assert find(services, link) is None
    with pytest.raises(Unauthorized):
        exchanged(services, text)


@pytest.mark.parametrize("garbage", ["", "{0[:-1]}", "letmein", "{0}{0}"])
def test_garbage_costs_no_read(services, dynamodb, link, garbage):
    """The checksum is looked at first; the entrance is open to anyone."""
    client = FaultyClient(dynamodb)

    with pytest.raises(Unauthorized):
        exchanged(
            through(services, client), garbage.replace("{0[:-1]}", link[:-1]).replace("{0}", link)
        )

    assert not client.calls


def test_the_table_holds_nothing_to_open_a_console_with(services, dynamodb, link):
    """A link, once made, and a session stand there by their digests alone."""
    text = exchanged(services, link)
    kept = str(dynamodb.scan(TableName=services.table.name)["Items"])

    assert "V#" in kept
    assert not [each for each in (link, text, text.split("_")[3]) if each in kept]


def test_items_go_by_themselves(services, dynamodb, link):
    """DynamoDB deletes them once their end has passed."""
    session = find(services, exchanged(services, link)).stored
    items = dynamodb.scan(TableName=services.table.name)["Items"]

    ends = [int(item["ttl"]["N"]) for item in items if session.id in str(item) and "ttl" in item]

    expires = int(datetime.fromisoformat(session.expires).timestamp())
    assert ends.count(expires) == 2


def test_an_organisation_that_is_being_deleted_has_no_new_links(services, admin):
    """The purge may have counted already."""
    delete_organisation(services, admin, None)

    with pytest.raises(Conflict, match="being deleted"):
        a_link(services, admin.keys.organisation)


def test_the_audit_tells_the_life_of_a_link_and_its_session(services, admin):
    """Who made it, from where it was used, and who ended what."""
    link = a_link(services, admin.keys.organisation, user="u-1")
    sender = Sender("request-1", "192.0.2.7", "curl/8")
    session = console.exchange(services.table, Opening(link), sender, services.deadline()).session
    console.end_session(an_admin_context(services, admin.keys.organisation), session.id)

    found = {each.action: each for each in audit_entries(admin).items}
    created = found["session.created"]
    assert {"console_link.created", "session.ended"} < found.keys()
    assert (created.actor.type, created.actor.id, created.actor.session) == (
        "admin",
        "u-1",
        session.id,
    )
    assert (created.request_id, created.address, created.user_agent) == (
        "request-1",
        "192.0.2.7",
        "curl/8",
    )
