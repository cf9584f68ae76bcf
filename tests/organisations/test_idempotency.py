"""Idempotency-Key under races and faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import Busy, Conflict, Unavailable
from chalicelib.organisations import connections, idempotency, organisations, tokens
from chalicelib.organisations.inputs import NewConnection, NewOrganisation, NewToken
from chalicelib.storage.expressions import Delete
from tests.support.builders import (
    a_customer,
    an_admin_context,
    an_organisation,
    connection_body,
    organisation_body,
)
from tests.support.faults import FaultyClient, client_error, fail, first


def attempt(owner):
    """Make an attempt with a key."""
    return idempotency.parse_header(owner, ("key",), "route", {"a": 1})


def create_organisation(services, admin):
    """Create an organisation with a key."""
    body = NewOrganisation.model_validate(organisation_body())
    organisations.create(admin, body, services.settings.plans, attempt("operator"))


def create_connection(services, admin):
    """Create a connection with a key."""
    body = NewConnection.model_validate(connection_body())
    idempotency_key = attempt(admin.keys.organisation)
    connections.create(admin, body, services.settings.plans, idempotency_key)


def create_token(services, admin):
    """Create a token with a key."""
    [connection] = connections.list_connections(admin)
    idempotency_key = attempt(admin.keys.organisation)
    tokens.create(admin, services.secrets, connection.id, NewToken(name="B"), idempotency_key)


CREATIONS = [
    (an_admin_context, create_organisation),
    (an_organisation, create_connection),
    (lambda services: a_customer(services).admin, create_token),
]


@pytest.mark.parametrize(("prepared", "create"), CREATIONS)
def test_of_the_same_post_twice_at_once_one_creates(services, prepared, create):
    """The other is asked to retry, and then finds what was created: nothing is created twice."""
    admin = prepared(services)
    client = FaultyClient(services.table.client)
    overtaking = an_admin_context(services, admin.keys.organisation)
    client.faults["transact_write_items"] = [first(lambda: create(services, overtaking))]
    raced = replace(services, table=replace(services.table, client=client))

    with pytest.raises(Busy):
        create(services, an_admin_context(raced, admin.keys.organisation))
    owner = "operator" if create is create_organisation else admin.keys.organisation
    assert idempotency.find_created(admin.items, attempt(owner))


def test_a_token_deleted_again_uses_up_no_idempotency_key(services):
    """The 503 is followed by the same POST, which must be able to succeed."""
    context = a_customer(services)
    idempotency_key = attempt(context.organisation)
    broken = FaultyClient(services.secrets._client)
    broken.faults["create_secret"] = [fail(client_error("LimitExceededException"))]
    services.secrets._client = broken

    with pytest.raises(Unavailable):
        create_token(services, context.admin)

    assert idempotency.find_created(context.admin.items, idempotency_key) is None
    create_token(services, context.admin)


def test_a_replay_names_the_token_also_where_its_item_is_gone(services):
    """409 with the id; there is no hint any more."""
    context = a_customer(services)
    context.admin.items.commit(
        [Delete(context.admin.keys.token(context.connection, context.token_id))]
    )

    conflict = tokens.replay_conflict(context.admin, context.connection, context.token_id)

    assert isinstance(conflict, Conflict)
    assert conflict.members == {"id": context.token_id, "hint": None}


def test_an_expired_key_that_somebody_else_renews_stays_his(services, manual_clock):
    """Its item is deleted as it was read, never as it is by now."""
    admin = an_admin_context(services)
    idempotency_key = attempt("operator")
    assert idempotency_key
    admin.items.commit([idempotency_key.created_item("old", admin.now())])
    manual_clock.advance(hours=24)
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [first(lambda: renew(services, idempotency_key))]
    raced = replace(services, table=replace(services.table, client=client))

    idempotency.find_created(an_admin_context(raced).items, idempotency_key)

    assert idempotency.find_created(an_admin_context(services).items, idempotency_key) == "new"


def renew(services, idempotency_key):
    """Take an expired key for something new."""
    admin = an_admin_context(services)
    assert idempotency.find_created(admin.items, idempotency_key) is None
    admin.items.commit([idempotency_key.created_item("new", admin.now())])
