"""Idempotency-Key under races and faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import BadRequest, Conflict, InProgress, Unavailable
from chalicelib.organisations import connections, idempotency, organisations, tokens
from chalicelib.organisations.idempotency import IdempotencyKey, Owner
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


def a_key(services, owner="operator", principal="operator 1", body=None) -> IdempotencyKey:
    """Return the Idempotency-Key of a request."""
    nonce = services.table.clock.new_id()
    key = idempotency.parse_header(
        Owner(owner, principal), ("key",), ("route", body or {"a": 1}), nonce
    )
    assert key
    return key


def create_organisation(services, admin, key):
    """Create an organisation with an Idempotency-Key; returns its id."""
    body = NewOrganisation.model_validate(organisation_body())
    return organisations.create(admin, body, services.settings.plans, key).organisation.id


def create_connection(services, admin, key):
    """Create a connection with an Idempotency-Key; returns its id."""
    body = NewConnection.model_validate(connection_body())
    return connections.create(admin, body, services.settings.plans, key).id


def create_token(services, admin, key):
    """Create a token with an Idempotency-Key; returns its id."""
    [connection] = connections.list_connections(admin)
    body = NewToken(name="B")
    return tokens.create(admin, services.secrets, connection.id, body, key).token.id


CREATIONS = [
    (an_admin_context, create_organisation),
    (an_organisation, create_connection),
    (lambda services: a_customer(services).admin, create_token),
]


def once(services, admin, create):
    """Create something once; returns its id, or the id that an equal request has created."""
    is_new = create is create_organisation
    key = a_key(services, "operator" if is_new else admin.keys.organisation)
    return idempotency.create_once(
        admin.items, key, lambda: create(services, admin, key), lambda created: f"again {created}"
    )


@pytest.mark.parametrize(("prepared", "create"), CREATIONS)
@pytest.mark.parametrize("call", [0, 1])
def test_of_two_equal_posts_at_once_only_one_creates(services, prepared, create, call):
    """The other gets what a repetition gets, wherever the first one overtook it."""
    admin = prepared(services)
    client = FaultyClient(services.table.client)
    overtaking = an_admin_context(services, admin.keys.organisation)
    made = []
    client.faults["get_item"] = [first(lambda: made.append(once(services, overtaking, create)))]
    if call:
        client.faults = {"transact_write_items": client.faults["get_item"]}
    raced = replace(services, table=replace(services.table, client=client))

    other = once(raced, an_admin_context(raced, admin.keys.organisation), create)

    assert other == f"again {made[0]}"


def test_an_equal_request_waits_for_the_one_that_has_the_key(services, manual_clock):
    """Five seconds, then 409 with Retry-After."""
    admin = an_admin_context(services)
    assert idempotency.reserve(admin.items, a_key(services)) is None
    before = manual_clock.passed

    with pytest.raises(InProgress) as error:
        idempotency.reserve(admin.items, a_key(services))

    assert 5 <= manual_clock.passed - before < 6
    assert error.value.headers == {"Retry-After": "2"}


def test_a_waiting_request_gets_the_outcome(services, dynamodb):
    """The first one ends while it waits."""
    admin, key = an_admin_context(services), a_key(services)
    idempotency.reserve(admin.items, key)
    client = FaultyClient(dynamodb)

    def finish():
        admin.items.commit([key.created_item("made", admin.now())])

    client.faults["get_item"] = [lambda _, send: send(), first(finish)]
    raced = replace(services, table=replace(services.table, client=client))

    assert idempotency.reserve(an_admin_context(raced).items, a_key(services)) == "made"


def test_a_key_that_a_crash_left_reserved_is_free_after_half_a_minute(services, manual_clock):
    """If the first request still runs after that, it creates nothing."""
    admin, lost = an_admin_context(services), a_key(services)
    idempotency.reserve(admin.items, lost)
    manual_clock.advance(seconds=30)
    later = an_admin_context(services)

    assert idempotency.reserve(later.items, a_key(services)) is None
    canceled = later.items.try_commit([lost.created_item("late", later.now())])
    assert canceled
    assert idempotency.is_lost(canceled, lost)


def test_a_request_that_fails_leaves_its_key_free(services):
    """The 403 or 503 is followed by the same POST, which must be able to succeed."""
    admin = an_admin_context(services)

    def fails():
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        idempotency.create_once(admin.items, a_key(services), fails, str)

    assert idempotency.reserve(admin.items, a_key(services)) is None


def test_what_was_created_stays_with_its_key_although_the_reply_failed(services):
    """The request fails after its transaction: a repetition must find what it has created."""
    admin, key = an_admin_context(services), a_key(services)

    def fails_late():
        admin.items.commit([key.created_item("made", admin.now())])
        raise Unavailable

    with pytest.raises(Unavailable):
        idempotency.create_once(admin.items, key, fails_late, str)

    assert idempotency.reserve(admin.items, a_key(services)) == "made"


def test_a_token_deleted_again_uses_up_no_idempotency_key(services):
    """After the 503 the client sends the same POST again, which must succeed."""
    context = a_customer(services)
    broken = FaultyClient(services.secrets._client)
    broken.faults["create_secret"] = [fail(client_error("LimitExceededException"))]
    services.secrets._client = broken

    with pytest.raises(Unavailable):
        once(services, context.admin, create_token)

    assert not once(services, context.admin, create_token).startswith("again")


def test_each_principal_has_keys_of_their_own(services):
    """One admin cannot get, or guess, what another one has created."""
    admin = an_admin_context(services)
    mine, theirs = a_key(services, principal="admin 1"), a_key(services, principal="admin 2")

    assert idempotency.reserve(admin.items, mine) is None
    assert idempotency.reserve(admin.items, theirs) is None


@pytest.mark.parametrize("is_done", [False, True])
def test_a_key_with_other_content_is_rejected(services, is_done):
    """At once, also while the first request is being processed."""
    admin, key = an_admin_context(services), a_key(services)
    idempotency.reserve(admin.items, key)
    if is_done:
        admin.items.commit([key.created_item("made", admin.now())])

    with pytest.raises(BadRequest, match="used for another request"):
        idempotency.reserve(admin.items, a_key(services, body={"a": 2}))


def test_a_replay_names_the_token_also_where_its_item_is_gone(services):
    """409 with the id; there is no hint any more."""
    context = a_customer(services)
    context.admin.items.commit(
        [Delete(context.admin.keys.token(context.connection, context.token_id))]
    )

    conflict = tokens.replay_conflict(context.admin, context.connection, context.token_id)

    assert conflict.members == {"id": context.token_id, "hint": None}


@pytest.mark.parametrize(("hours", "found"), [(23, "made"), (24, None)])
def test_a_key_is_kept_for_a_day(services, manual_clock, hours, found):
    """DynamoDB deletes it late; until then the time counts."""
    admin, key = an_admin_context(services), a_key(services)
    idempotency.reserve(admin.items, key)
    admin.items.commit([key.created_item("made", admin.now())])
    manual_clock.advance(hours=hours)

    assert idempotency.reserve(an_admin_context(services).items, a_key(services)) == found
