"""The end of a connection: what becomes of tokens at once, and of users by a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib import sweeper
from chalicelib.auth.authenticate import authenticate_connection
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import BadRequest, Conflict, NotFound, PreconditionFailed, Unauthorized
from chalicelib.organisations import connections, disconnect, organisations, tokens
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection, NewToken, Rotation
from chalicelib.scim.preconditions import entity_tags
from chalicelib.storage.keys import ConnectionKeys
from tests.support.builders import an_admin_context, connection_body, scim_namespace
from tests.support.directory import a_group, a_user
from tests.support.faults import FaultyClient, client_error, fail, first
from tests.support.invariants import read_all


@pytest.fixture
def secrets(services):
    """Keep secrets."""
    return services.secrets


@pytest.fixture
def settled(context, manual_clock):
    """Let a minute pass: the secret of its token can no longer be in the making."""
    manual_clock.advance(minutes=1)
    items = context.admin.items
    deadline = replace(items.deadline, at=items.deadline.clock.monotonic() + 25)
    return replace(context, admin=replace(context.admin, items=items.with_deadline(deadline)))


def end(context, secrets, users="keep", precondition=None):
    """End the connection."""
    return disconnect.end(context.admin, secrets, context.connection, users, precondition)


def create_token(context, secrets):
    """Make a token of the connection."""
    return tokens.create(context.admin, secrets, context.connection, NewToken(name="next"), None)


def of_users(services, context):
    """Read the items of the connection's users and groups."""
    prefix = ConnectionKeys(context.connection).prefix + "#"
    items = read_all(services.table)
    return {key: item for key, item in items.items() if key.pk.startswith(prefix)}


def declared(services):
    """List the pending changes, as (change type, when)."""
    items = read_all(services.table)
    return {
        (items[key]["change_type"], key.sk.partition("#")[0])
        for key in items
        if key.pk.startswith("O#")
    }


def kept(secretsmanager):
    """List the token secrets there are."""
    found = secretsmanager.list_secrets()["SecretList"]
    names = {each["Name"].rpartition("/")[2] for each in found}
    return {name for name in names if not name.startswith("operator-key-")}


@pytest.mark.parametrize(("users", "inactive"), [("keep", False), ("deactivate", True)])
def test_an_ended_connection_keeps_its_users_and_says_how_they_are_read(
    services, settled, scim, secrets, users, inactive
):
    """Not one of their items is written, however many they are."""
    a_group(scim, "Tour", [a_user(scim)])
    before = of_users(services, settled)

    ended = end(settled, secrets, users)

    assert (ended.state, ended.users_are_inactive) == ("ended", inactive)
    assert connections.get(settled.admin, settled.connection) == ended
    assert of_users(services, settled) == before


@pytest.mark.parametrize("users", ["keep", "deactivate"])
def test_the_tokens_of_an_ended_connection_are_gone(
    services, settled, secrets, secretsmanager, users
):
    """Their items, their secrets and their pending changes."""
    create_token(settled, secrets)
    tokens.revoke(settled.admin, secrets, settled.connection, settled.token_id)

    end(settled, secrets, users)

    assert tokens.list_tokens(settled.admin, settled.connection).items == ()
    assert kept(secretsmanager) == set()
    assert declared(services) == {("secret", "2027-01-31T12:02:00.000Z")}


@pytest.mark.parametrize("users", ["keep", "deactivate", "delete"])
def test_the_next_request_of_the_identity_provider_is_rejected(services, settled, secrets, users):
    """As with any unknown token."""
    end(settled, secrets, users)

    with pytest.raises(Unauthorized):
        authenticate_connection(
            scim_namespace(services, settled.connection),
            secrets,
            services.settings,
            settled.connection,
            (f"Bearer {settled.token}",),
        )


def test_a_deleted_connection_is_left_to_the_purge(services, settled, secrets, secretsmanager):
    """In the same transaction; its token's secret goes at once."""
    ended = end(settled, secrets, "delete")

    assert ended.state == "deleting"
    assert kept(secretsmanager) == set()
    assert declared(services) == {("purge", "2027-01-31T12:02:00.000Z")}


def test_an_ended_connection_makes_room_for_another_one(services, context, secrets):
    """It serves nobody, so it does not count against the plan."""
    end(context, secrets)

    asked = NewConnection.model_validate(connection_body())
    connections.create(context.admin, asked, services.settings.plans, None)


ATTEMPTS = [
    create_token,
    lambda at, _: connections.change(at.admin, at.connection, ConnectionChanges(name="B"), None),
    lambda at, _: connections.change(
        at.admin, at.connection, ConnectionChanges(state="active"), None
    ),
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("users", ["keep", "delete"])
def test_an_ended_connection_is_ended_for_good(context, secrets, users, attempt):
    """409: to continue, create another one."""
    end(context, secrets, users)

    with pytest.raises(Conflict, match="ended"):
        attempt(context, secrets)


def test_its_tokens_are_not_rotated(context, secrets):
    """None exists any more."""
    end(context, secrets)

    with pytest.raises(NotFound):
        tokens.rotate(
            context.admin, secrets, context.connection, context.token_id, Rotation(), None
        )


def test_disconnecting_again_succeeds_and_changes_nothing(services, settled, secrets):
    """A call whose response is lost is repeated."""
    once = end(settled, secrets)
    items = read_all(services.table)

    assert end(settled, secrets) == once
    assert read_all(services.table) == items


def test_an_ending_that_was_cut_off_leaves_a_pending_change(
    services, settled, secretsmanager, manual_clock
):
    """The tokens have ended with the connection; the sweeper deletes their secrets."""
    between: Any = FaultyClient(secretsmanager)
    between.faults["delete_secret"] = [fail(KeyboardInterrupt())]
    with pytest.raises(KeyboardInterrupt):
        end(settled, Secrets(between, services.settings.secrets_prefix))

    assert tokens.list_tokens(settled.admin, settled.connection).items == ()
    manual_clock.advance(seconds=1)
    assert sweeper.sweep_due(services) == 1
    assert kept(secretsmanager) == set()
    assert declared(services) == set()


def test_another_choice_may_follow(context, secrets):
    """Up to the one that leaves nothing to choose."""
    states = [end(context, secrets, users) for users in ("keep", "deactivate", "keep", "delete")]

    assert [(each.state, each.after_end) for each in states] == [
        ("ended", "keep"),
        ("ended", "deactivate"),
        ("ended", "keep"),
        ("deleting", "keep"),
    ]
    assert [each.version for each in states] == [2, 3, 4, 5]
    with pytest.raises(Conflict, match="being deleted"):
        end(context, secrets, "keep")


def overtaken(services, context, action):
    """Bind the connection so that `action` comes before its next transaction."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [first(action)]
    raced = replace(services, table=replace(services.table, client=client))
    return replace(context, admin=an_admin_context(raced, context.organisation))


def test_a_token_that_comes_first_ends_too(services, context, secrets, secretsmanager):
    """The count of tokens has changed, so they are read again."""
    raced = overtaken(services, context, lambda: create_token(context, secrets))

    end(raced, secrets)

    assert tokens.list_tokens(context.admin, context.connection).items == ()
    assert kept(secretsmanager) == set()


def test_the_second_of_two_tokens_is_rejected(services, context, secrets):
    """It counted before the end, which has changed the count."""
    raced = overtaken(services, context, lambda: end(context, secrets))

    with pytest.raises(Conflict, match="ended"):
        create_token(raced, secrets)


def test_a_token_whose_secret_is_in_the_making_is_never_shown(services, context, secretsmanager):
    """It is disconnected between item and secret: neither is left, and a change is pending."""
    between: Any = FaultyClient(secretsmanager)
    secrets = Secrets(between, services.settings.secrets_prefix)
    between.faults["create_secret"] = [first(lambda: end(context, services.secrets))]

    with pytest.raises(Conflict, match="revoked"):
        create_token(context, secrets)

    assert kept(secretsmanager) == set()
    assert declared(services) == {("secret", "2027-01-31T12:01:00.000Z")}


def test_a_secret_that_cannot_be_removed_now_is_removed_later(services, settled, secretsmanager):
    """The items say that it ended; the secret's removal stays pending."""
    between: Any = FaultyClient(secretsmanager)
    between.faults["delete_secret"] = [fail(client_error("AccessDeniedException"))]

    end(settled, Secrets(between, services.settings.secrets_prefix))

    assert declared(services) == {("secret", "2027-01-31T12:01:00.000Z")}


def test_if_match_names_the_version_that_may_be_ended(context, secrets):
    """412 where somebody else changed it."""
    with pytest.raises(PreconditionFailed):
        end(context, secrets, precondition=entity_tags(('W/"9"',)))

    end(context, secrets, precondition=entity_tags(('W/"1"',)))


@pytest.mark.parametrize("users", ["", "forget", "KEEP"])
def test_an_unknown_choice_is_rejected(context, secrets, users):
    """A mistyped word must not end anything by default."""
    with pytest.raises(BadRequest, match="keep, deactivate, delete"):
        end(context, secrets, users)
    with pytest.raises(BadRequest):
        disconnect.preview(context.admin, context.connection, users)


def test_nothing_ends_in_an_organisation_that_is_being_deleted(context, secrets):
    """All of it goes."""
    organisations.delete(context.admin, None)

    with pytest.raises(Conflict, match="organisation is being deleted"):
        end(context, secrets)


PREVIEWS = [("keep", "ended"), ("deactivate", "ended"), ("delete", "deleting")]


@pytest.mark.parametrize(("users", "state"), PREVIEWS)
def test_a_preview_counts_and_changes_nothing(services, context, scim, users, state):
    """What the admin reads before they decide."""
    uids = [a_user(scim, name) for name in ("ada", "bob", "cleo")]
    a_group(scim, "Tour", uids)
    a_group(scim, "Choir", uids[:1])
    before = read_all(services.table)

    seen = disconnect.preview(context.admin, context.connection, users)

    assert seen.pop("effect")
    assert seen == {
        "connection": context.connection,
        "state": state,
        "users": 3,
        "teams": 2,
        "members": 4,
        "tokens": 1,
    }
    assert read_all(services.table) == before
