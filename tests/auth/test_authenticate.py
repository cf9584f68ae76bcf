"""Authentication is one BatchGetItem, and there is one text for everything unknown."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from chalicelib.auth.authenticate import (
    AdminPrincipal,
    OperatorPrincipal,
    authenticate_admin,
    authenticate_connection,
    bearer,
)
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import checksum, mint
from chalicelib.errors import Busy, Forbidden, Unauthorized, Unavailable
from chalicelib.organisations import connections, organisations, tokens
from chalicelib.organisations.inputs import ConnectionChanges, OrganisationChanges
from chalicelib.settings import Plan
from chalicelib.storage.expressions import Delete, Update
from tests.support.builders import a_customer, a_link, a_session, scim_namespace
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient, client_error, fail, first


@pytest.fixture
def context(services):
    """Make a connection with a token."""
    return a_customer(services)


@pytest.fixture
def table(services):
    """Stand before the table's client."""
    return FaultyClient(services.table.client)


@pytest.fixture
def fresh(services, table, secretsmanager):
    """Serve from a process that has used no token yet, and count its calls."""
    client: Any = FaultyClient(secretsmanager)
    own = Secrets(client, services.settings.secrets_prefix)
    return replace(services, table=replace(services.table, client=table), secrets=own)


def authenticate(services, connection, token, plans=None):
    """Authenticate as a request of this moment with this bearer token."""
    return authenticate_connection(
        scim_namespace(services, connection),
        services.secrets,
        plans or services.settings.plans,
        connection,
        (f"Bearer {token}",),
        services.table.clock.now(),
    )


BEARERS = {
    ("Bearer abc",): "abc",
    ("bEARER abc==",): "abc==",
    (): None,
    ("",): None,
    ("Bearer ",): None,
    ("Bearer  abc",): None,
    ("Bearer\tabc",): None,
    (" Bearer abc",): None,
    ("Bearer abc ",): None,
    ("Bearer abc\n",): None,
    ("Bearer abc, Bearer abd",): None,
    ("Bearer a,b",): None,
    ("Bearer a=b",): None,
    ("Basic abc",): None,
    ("abc",): None,
    ("Bearer abc", "Bearer abc"): None,
}


@pytest.mark.parametrize(("values", "read"), BEARERS.items(), ids=map(repr, BEARERS))
def test_one_authorization_of_the_exact_form_is_read(values, read):
    """What two readers could read differently is read by neither."""
    assert bearer(values) == read


def test_a_token_says_which_connection_calls(services, context):
    """The principal carries all that serving SCIM asks of the settings."""
    principal = authenticate(services, context.connection, context.token)

    assert principal.id == context.connection
    assert (principal.token_id, principal.token_name) == (context.token_id, "first")
    assert (principal.default_role, principal.settings.group_patch_answer) == ("reader", "204")


def test_authentication_is_one_read(fresh, table, context):
    """State, plan, settings and token of this very moment, in one BatchGetItem of three items."""
    authenticate(fresh, context.connection, context.token)
    authenticate(fresh, context.connection, context.token)

    assert table.calls == ["batch_get_item", "batch_get_item"]


def another_secret(token):
    """Keep the id of a token, and guess its secret."""
    body = token.rpartition("_")[0]
    guessed = body[:-1] + ("0" if body[-1] != "0" else "1")
    return f"{guessed}_{checksum(guessed)}"


def another_id(token):
    """Keep the secret of a token, under an id of our choice."""
    prefix, _, secret, _ = token.rsplit("_", 3)
    body = f"{prefix}_{'0' * 12}_{secret}"
    return f"{body}_{checksum(body)}"


READ = ["batch_get_item"]
# It may be a token that has ended: only the health says so.
READ_PAST_TOO = ["batch_get_item", "get_item"]
GARBAGE = {
    "nothing": (lambda _: "", READ),
    "no token": (lambda _: "letmein", READ),
    "mistyped": (lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"), READ),
    "unknown": (lambda _: mint("scim", Random(5)).text, READ_PAST_TOO),  # noqa: S311 - nobody's
    "the right id with another secret": (another_secret, READ),
    "the right secret with another id": (another_id, READ_PAST_TOO),
    "the operator key": (lambda _: OPERATOR_KEY, READ),
}


@pytest.mark.parametrize(("garble", "calls"), GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_costs_a_read_or_two_and_says_the_same(fresh, table, context, garble, calls):
    """So that the connection's health can tell, and a guesser cannot."""
    with pytest.raises(Unauthorized) as refusal:
        authenticate(fresh, context.connection, garble(context.token))

    assert refusal.value.detail == Unauthorized.default
    assert table.calls == calls


def test_the_operator_key_opens_no_connection_by_its_id(services, context):
    """Token types are separate even if a connection's token item has the operator key's id."""
    key = OPERATOR_KEY.split("_")[2]
    item = context.admin.items.get(context.admin.keys.token(context.connection, context.token_id))
    attributes = {name: value for name, value in item.items() if name not in {"PK", "SK"}}
    context.admin.items.commit(
        [Update(context.admin.keys.token(context.connection, key), attributes)]
    )

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, OPERATOR_KEY)


def test_a_token_of_another_connection_is_unknown(services, context):
    """Both of one organisation or not: a token opens the connection that it was made for."""
    other = a_customer(services)

    with pytest.raises(Unauthorized):
        authenticate(services, other.connection, context.token)


def test_a_revoked_token_is_unknown_at_the_next_request(services, context):
    """Also in a process that knows its digest (invariant I15)."""
    authenticate(services, context.connection, context.token)

    tokens.revoke(context.admin, services.secrets, context.connection, context.token_id)

    with pytest.raises(Unauthorized) as refusal:
        authenticate(services, context.connection, context.token)
    assert refusal.value.detail == Unauthorized.default


def test_a_token_ends_at_its_moment(services, context, manual_clock):
    """One clock judges, without leeway."""
    manual_clock.advance(days=365, seconds=-1)
    authenticate(services, context.connection, context.token)

    manual_clock.advance(seconds=1)

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


@pytest.mark.parametrize("state", ["ended", "deleting"])
def test_a_connection_at_its_end_is_unknown(services, context, state):
    """Its identity provider learns no more than of one that never was."""
    key = context.admin.keys.connection(context.connection)
    context.admin.items.commit([Update(key, {"state": state})])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


def test_an_organisation_that_is_being_deleted_is_unknown(services, context):
    """As its connections are."""
    context.admin.items.commit([Update(context.admin.keys.own_item, {"state": "deleting"})])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


@pytest.mark.parametrize("item", ["organisation", "connection"])
def test_a_missing_item_is_unknown(services, context, item):
    """A token alone is not enough."""
    keys = context.admin.keys
    key = keys.own_item if item == "organisation" else keys.connection(context.connection)
    context.admin.items.commit([Delete(key)])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


MALFORMED = ["", "a", "A" * 16, "a" * 15, "a" * 17, "a" * 15 + "1", "a" * 15 + "#", "a" * 16 + "\n"]


@pytest.mark.parametrize("connection", [*MALFORMED, "aaaaaaaaaa#T#aaa", "٣" * 16, "%61" * 4])
def test_what_cannot_be_a_connection_is_unknown_before_it_makes_a_key(
    fresh, table, context, connection
):
    """The same response, and the text of a path never becomes part of a key."""
    with pytest.raises(Unauthorized) as refusal:
        authenticate(fresh, connection, context.token)

    assert refusal.value.detail == Unauthorized.default
    assert table.calls == []


def suspend(services, context):
    """Suspend the organisation."""
    body = OrganisationChanges(state="suspended")
    organisations.change(context.admin, body, services.settings.plans, None)


def downgrade(services, context):
    """Give the organisation a plan without SCIM."""
    body = OrganisationChanges(plan="free")
    organisations.change(context.admin, body, services.settings.plans, None)


def pause(_, context):
    """Pause the connection."""
    connections.change(context.admin, context.connection, ConnectionChanges(state="paused"), None)


GATES = [
    (suspend, "is suspended.*Ask the SaaS's support to set it to active"),
    (downgrade, "plan `free` does not.*Ask the SaaS's support for a plan that does"),
    (pause, "is paused. An admin of the organisation can set it to active in the SaaS's SCIM set"),
]


@pytest.mark.parametrize(("shut", "reason"), GATES)
def test_a_right_token_is_rejected_with_the_reason(services, context, shut, reason):
    """403 with the reason, for the provider's log and the admin who reads it (M9)."""
    authenticate(services, context.connection, context.token)

    shut(services, context)

    with pytest.raises(Forbidden, match=reason) as refusal:
        authenticate(services, context.connection, context.token)
    assert len(refusal.value.detail) <= 200


@pytest.mark.parametrize(("shut", "_reason"), GATES)
def test_a_wrong_token_is_rejected_without_the_reason(services, context, shut, _reason):
    """Nobody learns the state of a connection without its token."""
    shut(services, context)

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, another_secret(context.token))


def test_a_plan_that_the_settings_no_longer_know_has_no_scim(services, context):
    """Nothing missing grants access; a long name stays within 200 characters."""
    named = "x" * 300
    context.admin.items.commit([Update(context.admin.keys.own_item, {"plan": named})])

    with pytest.raises(Forbidden) as refusal:
        authenticate(services, context.connection, context.token, plans={"y": Plan(scim=True)})
    assert len(refusal.value.detail) <= 200


def delete_secret(secretsmanager, context):
    """Lose the secret of a token that lives."""
    name = f"passerelle/test/{context.connection}/{context.token_id}"
    secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_lost_secret_is_503_where_the_token_lives(fresh, table, context, secretsmanager):
    """A 401 would stop the provider's job until an admin restarts it; the item is read once."""
    delete_secret(secretsmanager, context)

    with pytest.raises(Unavailable):
        authenticate(fresh, context.connection, context.token)
    assert table.calls == ["batch_get_item", "get_item"]


def test_a_secret_that_went_with_a_revoke_is_401(fresh, services, table, context):
    """The revoke came between the items and the secret."""
    revoke = tokens.revoke, context.admin, services.secrets, context.connection, context.token_id
    fresh.secrets._client.faults["get_secret_value"] = [first(lambda: revoke[0](*revoke[1:]))]

    with pytest.raises(Unauthorized):
        authenticate(fresh, context.connection, context.token)
    assert table.calls == ["batch_get_item", "get_item"]


def test_an_unreadable_secret_is_503(fresh, context):
    """Whatever the cause, a right token is never called wrong."""
    fresh.secrets._client.faults["get_secret_value"] = [fail(client_error("AccessDeniedException"))]

    with pytest.raises(Unavailable):
        authenticate(fresh, context.connection, context.token)


def test_a_known_token_works_while_secrets_manager_is_down(services, context):
    """Tokens in a container's memory go on."""
    authenticate(services, context.connection, context.token)
    services.secrets._client = None

    assert authenticate(services, context.connection, context.token).id == context.connection


def test_a_throttled_item_is_never_taken_for_a_missing_one(fresh, table, context):
    """BatchGetItem returns a throttled key as unprocessed: 503, not a false 401."""
    name = fresh.table.name
    unprocessed = {"Responses": {name: []}, "UnprocessedKeys": {name: {"Keys": [{}]}}}
    table.faults["batch_get_item"] = [lambda *_: unprocessed] * 1000

    with pytest.raises(Busy):
        authenticate(fresh, context.connection, context.token)


def open_admin(services, credential):
    """Knock at the administrators' entrance with this credential."""
    return authenticate_admin(services.table, services.secrets, credential, services.deadline())


def test_the_operator_key_opens_the_operators_entrance(services):
    """The operator sees every organisation."""
    principal = open_admin(services, OPERATOR_KEY)

    assert isinstance(principal, OperatorPrincipal)
    assert principal.sees("b" * 10)


@pytest.mark.parametrize(("garble", "_"), list(GARBAGE.values())[:-1], ids=list(GARBAGE)[:-1])
def test_no_other_key_opens_it(services, garble, _):
    """Unknown, mistyped, guessed: 401."""
    with pytest.raises(Unauthorized):
        open_admin(services, garble(OPERATOR_KEY))


def test_a_connections_token_does_not_open_it(services, context):
    """A token of one type never opens another type's entrance."""
    with pytest.raises(Unauthorized):
        open_admin(services, context.token)


def test_a_replaced_operator_key_goes_on_until_the_next(services, secretsmanager):
    """Then the one before the last is 401."""
    services = replace(
        services, secrets=Secrets(secretsmanager, "passerelle/test", operator_key_seconds=0)
    )
    for seed in (21, 22):
        text = mint("op", Random(seed)).text  # noqa: S311 - nobody's key
        open_admin(services, OPERATOR_KEY)
        secretsmanager.put_secret_value(SecretId="passerelle/test/operator-key", SecretString=text)
        open_admin(services, text)

    with pytest.raises(Unauthorized):
        open_admin(services, OPERATOR_KEY)


def test_a_session_opens_its_own_organisation_alone(services, context):
    """Any other is not there for its admin; the audit shows the name of their link."""
    principal = open_admin(services, a_session(services, context.organisation, name="Ada"))

    assert isinstance(principal, AdminPrincipal)
    assert principal.name == "Ada"
    assert principal.sees(context.organisation)
    assert not principal.sees("b" * 10)


def test_a_console_link_opens_nothing_before_it_is_exchanged(services, context):
    """It travels in an address; what it opens must be taken by who was meant."""
    link = a_link(services, context.organisation)

    with pytest.raises(Unauthorized):
        open_admin(services, link)
