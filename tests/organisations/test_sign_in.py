"""What the login page must do next, and that nobody can find out who is a user."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.organisations import local_users, settings, sign_in
from chalicelib.organisations.sign_in import FIRST_PASSWORD, INACTIVE, NextStep
from chalicelib.storage.expressions import Put, Update
from chalicelib.storage.records import to_item
from chalicelib.storage.settings_items import Connection
from tests.support.builders import a_customer
from tests.support.directory import a_user, connection_context, edit
from tests.support.faults import FaultyClient

DOMAIN = "example.com"
REDIRECT = "https://sso.example.com/start"
PASSWORD = NextStep("password", reset_required=False)
SSO = NextStep("sso", redirect_url=REDIRECT)


@pytest.fixture
def context(services):
    """Make an organisation that has verified its domain."""
    made = a_customer(services)
    settings.put_domain(made.admin, DOMAIN)
    return made


def ask(services, email):
    """Ask what the login page must do."""
    return sign_in.next_step(services.table, email, services.deadline())


def calls_of(services, email):
    """Tell which calls a question makes, in order."""
    client = FaultyClient(services.table.client)
    ask(replace(services, table=replace(services.table, client=client)), email)
    return client.calls


def force_sso(admin, *, forced=True):
    """Set the organisation's SSO."""
    sso = {"provider": "entra", "redirect_url": REDIRECT, "forced": forced}
    admin.items.commit([Update(admin.keys.own_item, set={"sso": sso})])


def another_connection(services, context, **changes):
    """Make another connection of the organisation; bind it as its identity provider does."""
    connection = context.connection[:-1] + ("a" if context.connection[-1] != "a" else "b")
    now = "2027-01-31T12:00:00.000Z"
    made = Connection(connection, "Okta", "active", "main", "reader", "okta", now, now)
    item = to_item(replace(made, **changes))
    context.admin.items.commit([Put(context.admin.keys.connection(connection), item)])
    return connection_context(services.table, connection)


# --- the three ways ---------------------------------------------------------------------------


def test_a_provisioned_user_sets_a_password_first(services, scim):
    """The user never had one here."""
    a_user(scim)

    assert ask(services, "ada@example.com") == FIRST_PASSWORD


def test_who_has_set_a_password_signs_in_with_it(services, context, scim):
    """The SaaS has said so."""
    local_users.password_was_set(context.admin, a_user(scim))

    assert ask(services, "ada@example.com") == PASSWORD


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_where_sso_is_forced_everybody_goes_there(services, context, scim, email):
    """The identity provider knows who is there."""
    a_user(scim)
    force_sso(context.admin)

    assert ask(services, email) == SSO


def test_sso_that_is_not_forced_leaves_the_password(services, context, scim):
    """Who wants it clicks on it."""
    a_user(scim)
    force_sso(context.admin, forced=False)

    assert ask(services, "ada@example.com") == FIRST_PASSWORD


@pytest.mark.parametrize("forced", [False, True])
def test_a_deactivated_user_is_inactive(services, context, scim, forced):
    """The user has left, so no way to sign in applies."""
    a_user(scim, active=False)
    force_sso(context.admin, forced=forced)

    assert ask(services, "ada@example.com") == INACTIVE


def test_a_connection_that_ended_with_deactivate_leaves_nobody_active(services, context, scim):
    """Whatever the items of its users say."""
    a_user(scim)
    ended = {"state": "ended", "after_end": "deactivate"}
    context.admin.items.commit(
        [Update(context.admin.keys.connection(context.connection), set=ended)]
    )

    assert ask(services, "ada@example.com") == INACTIVE


def test_a_connection_that_ended_with_keep_leaves_them_as_they_are(services, context, scim):
    """The identity provider was taken away, not the people."""
    a_user(scim)
    ended = {"state": "ended", "after_end": "keep"}
    context.admin.items.commit(
        [Update(context.admin.keys.connection(context.connection), set=ended)]
    )

    assert ask(services, "ada@example.com") == FIRST_PASSWORD


# --- who is meant -----------------------------------------------------------------------------

SPELLINGS = ["ADA@EXAMPLE.COM", "ada@Example.com", "work@example.com"]


@pytest.mark.parametrize("email", SPELLINGS)
def test_userName_and_every_address_of_a_user_lead_to_him(services, context, scim, email):  # noqa: N802
    """In whatever letter case."""
    addresses = [{"value": "ada@example.com"}, {"value": "Work@example.com"}]
    local_users.password_was_set(context.admin, a_user(scim, emails=addresses))

    assert ask(services, email) == PASSWORD


def test_a_look_alike_leads_to_nobody(services, context, scim):
    """It is another address: `ß` is not `ss`."""
    local_users.password_was_set(context.admin, a_user(scim, "strasse"))

    assert ask(services, "straße@example.com") == FIRST_PASSWORD


def test_active_comes_before_inactive(services, context, scim):
    """Somebody who moved from one connection to another is not locked out."""
    a_user(scim, active=False)
    local_users.password_was_set(context.admin, a_user(another_connection(services, context)))

    assert ask(services, "ada@example.com") == PASSWORD


def test_of_several_the_oldest_decides(services, context, scim, manual_clock):
    """Who comes later with the same address takes nothing over."""
    local_users.password_was_set(context.admin, a_user(scim))
    manual_clock.advance(seconds=1)
    a_user(another_connection(services, context))

    assert ask(services, "ada@example.com") == PASSWORD


def test_another_organisations_domain_leads_to_nobody_here(services, scim, context):
    """An address in a foreign domain is looked up where the domain is, and only there."""
    settings.put_domain(a_customer(services).admin, "rival.example")
    local_users.password_was_set(
        context.admin, a_user(scim, emails=[{"value": "boss@rival.example"}])
    )

    assert ask(services, "boss@rival.example") == FIRST_PASSWORD


UNKNOWN = ["ada@nowhere.example", "ada@sub.example.com", "ada@example.com@nowhere.example"]


@pytest.mark.parametrize("email", UNKNOWN)
def test_a_domain_that_nobody_has_verified_tells_nothing(services, scim, email):
    """Only what stands behind the last @ is the domain, and all of it."""
    a_user(scim, active=False)

    assert ask(services, email) == FIRST_PASSWORD


def test_an_organisation_that_is_being_deleted_has_nobody(services, context, scim):
    """Its items may still be there for a while."""
    a_user(scim, active=False)
    context.admin.items.commit([Update(context.admin.keys.own_item, set={"state": "deleting"})])

    assert ask(services, "ada@example.com") == FIRST_PASSWORD


def test_a_changed_address_does_not_bring_a_password_back(services, context, scim):
    """An e-mail address that provisioning changes resets nothing: the password is the user's."""
    uid = a_user(scim)
    local_users.password_was_set(context.admin, uid)
    edit(scim, uid, userName="lovelace@example.com", emails=[])

    assert ask(services, "lovelace@example.com") == PASSWORD
    assert ask(services, "ada@example.com") == FIRST_PASSWORD


# --- nobody can ask who is there --------------------------------------------------------------


@pytest.mark.parametrize("others", [0, 1])
def test_an_unknown_address_costs_the_calls_of_a_user_without_password(
    services, context, scim, others
):
    """Otherwise the time would tell: the same calls in the same order, and the same response."""
    a_user(scim)
    for _ in range(others):
        another_connection(services, context)

    known, unknown = "ada@example.com", "bob@example.com"

    assert calls_of(services, known) == calls_of(services, unknown)
    assert ask(services, known) == ask(services, unknown)


def test_an_organisation_without_users_makes_the_same_calls_for_every_address(services, context):
    """One for the domain, one for the settings, two a connection, one for the users."""
    calls = calls_of(services, "ada@example.com")

    assert calls == ["get_item", "query", "get_item", "query", "batch_get_item"]
