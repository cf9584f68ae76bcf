"""Authentication reads one BatchGetItem and rejects every unknown token with the same text."""

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
from chalicelib.auth.secrets import Secrets, operator_key_name
from chalicelib.auth.tokens import checksum, mint
from chalicelib.errors import Busy, Forbidden, Unauthorized, Unavailable
from chalicelib.organisations import connections, organisations, tokens
from chalicelib.organisations.inputs import ConnectionChanges, OrganisationChanges
from chalicelib.settings import Plan
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.expressions import Delete, Update
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import a_customer, a_link, a_session, scim_namespace
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient, client_error, fail, first


@pytest.fixture
def context(services):
    """Create a connection with a token."""
    return a_customer(services)


@pytest.fixture
def table(services):
    """Return the table's client, which records its calls and can fail."""
    return FaultyClient(services.table.client)


@pytest.fixture
def fresh(services, table, secretsmanager):
    """Return services of a new process, whose cache of digests is empty."""
    client: Any = FaultyClient(secretsmanager)
    own = Secrets(client, services.settings.secrets_prefix)
    return replace(services, table=replace(services.table, client=table), secrets=own)


def authenticate(services, connection, token, plans=None):
    """Authenticate a request that is sent now with this bearer token."""
    return authenticate_connection(
        scim_namespace(services, connection),
        services.secrets,
        replace(services.settings, plans=plans or services.settings.plans),
        connection,
        (f"Bearer {token}",),
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
def test_only_one_well_formed_authorization_header_is_accepted(values, read):
    """A header that two parsers could read differently is rejected."""
    assert bearer(values) == read


def test_a_token_authenticates_its_connection(services, context):
    """The principal has all settings that a SCIM request needs."""
    principal = authenticate(services, context.connection, context.token)

    assert principal.id == context.connection
    assert (principal.token_id, principal.token_name) == (context.token_id, "first")
    assert (principal.default_role, principal.settings.group_patch_answer) == ("reader", "204")


def test_authentication_is_one_read(fresh, table, context):
    """The current state, plan, settings and token, in one BatchGetItem of three items."""
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
# A second read finds out whether the token existed before, for the health only.
READ_AND_SEARCH_ENDED = ["batch_get_item", "get_item"]
WRONG_TOKENS = {
    "nothing": (lambda _: "", READ),
    "not a token": (lambda _: "letmein", READ),
    "mistyped": (lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"), READ),
    "unknown": (lambda _: mint("scim", Random(5)).text, READ_AND_SEARCH_ENDED),  # noqa: S311 - nobody's
    "the right id with another secret": (another_secret, READ),
    "the right secret with another id": (another_id, READ_AND_SEARCH_ENDED),
    "the operator key": (lambda _: OPERATOR_KEY, READ),
}


@pytest.mark.parametrize(("make_wrong", "calls"), WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
def test_every_wrong_token_gets_the_same_response(fresh, table, context, make_wrong, calls):
    """An attacker learns nothing from it; only the connection's health tells them apart."""
    with pytest.raises(Unauthorized) as rejection:
        authenticate(fresh, context.connection, make_wrong(context.token))

    assert rejection.value.detail == Unauthorized.default
    assert table.calls == calls


def test_the_operator_key_is_not_a_token_of_a_connection(services, context):
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
    """Also of the same organisation: a token is valid for its own connection only."""
    other = a_customer(services)

    with pytest.raises(Unauthorized):
        authenticate(services, other.connection, context.token)


def test_a_revoked_token_is_unknown_at_the_next_request(services, context):
    """Also in a process that knows its digest."""
    authenticate(services, context.connection, context.token)

    tokens.revoke(context.admin, services.secrets, context.connection, context.token_id)

    with pytest.raises(Unauthorized) as rejection:
        authenticate(services, context.connection, context.token)
    assert rejection.value.detail == Unauthorized.default


def test_a_token_expires_exactly_at_its_end(services, context, manual_clock):
    """Without leeway: our own clock is the only one."""
    manual_clock.advance(days=365, seconds=-1)
    authenticate(services, context.connection, context.token)

    manual_clock.advance(seconds=1)

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


@pytest.mark.parametrize("state", ["ended", "deleting"])
def test_a_token_of_an_ended_connection_is_unknown(services, context, state):
    """The response is the same as for a connection that never existed."""
    key = context.admin.keys.connection(context.connection)
    context.admin.items.commit([Update(key, {"state": state})])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


def test_an_organisation_that_is_being_deleted_is_unknown(services, context):
    """Its connections are unknown at once, before they are deleted."""
    context.admin.items.commit([Update(context.admin.keys.own_item, {"state": "deleting"})])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


@pytest.mark.parametrize("item", ["organisation", "connection"])
def test_a_missing_item_is_unknown(services, context, item):
    """A token is valid only while its organisation and its connection exist."""
    keys = context.admin.keys
    key = keys.own_item if item == "organisation" else keys.connection(context.connection)
    context.admin.items.commit([Delete(key)])

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, context.token)


MALFORMED = ["", "a", "A" * 16, "a" * 15, "a" * 17, "a" * 15 + "1", "a" * 15 + "#", "a" * 16 + "\n"]


@pytest.mark.parametrize("connection", [*MALFORMED, "aaaaaaaaaa#T#aaa", "٣" * 16, "%61" * 4])
def test_a_malformed_connection_id_is_rejected_before_any_read(fresh, table, context, connection):
    """With the same response; so no text of a path becomes part of a key."""
    with pytest.raises(Unauthorized) as rejection:
        authenticate(fresh, connection, context.token)

    assert rejection.value.detail == Unauthorized.default
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


REJECTING_CHANGES = [
    (suspend, "is suspended.*Ask the SaaS's support to set it to active"),
    (downgrade, "plan `free` does not.*Ask the SaaS's support for a plan that does"),
    (pause, "is paused. An admin of the organisation can set it to active in the SaaS's SCIM set"),
]


@pytest.mark.parametrize(("make_change", "reason"), REJECTING_CHANGES)
def test_a_right_token_is_rejected_with_the_reason(services, context, make_change, reason):
    """403 with the reason, for the provider's log and the admin who reads it (M9)."""
    authenticate(services, context.connection, context.token)

    make_change(services, context)

    with pytest.raises(Forbidden, match=reason) as rejection:
        authenticate(services, context.connection, context.token)
    assert len(rejection.value.detail) <= 200


@pytest.mark.parametrize(("make_change", "_reason"), REJECTING_CHANGES)
def test_a_wrong_token_is_rejected_without_the_reason(services, context, make_change, _reason):
    """Nobody learns the state of a connection without its token."""
    make_change(services, context)

    with pytest.raises(Unauthorized):
        authenticate(services, context.connection, another_secret(context.token))


def test_a_plan_that_is_no_longer_in_the_settings_has_no_scim(services, context):
    """An unknown plan grants nothing; the text has at most 200 characters."""
    named = "x" * 300
    context.admin.items.commit([Update(context.admin.keys.own_item, {"plan": named})])

    with pytest.raises(Forbidden) as rejection:
        authenticate(services, context.connection, context.token, plans={"y": Plan(scim=True)})
    assert len(rejection.value.detail) <= 200


def delete_secret(secretsmanager, context):
    """Delete the secret of a valid token."""
    name = f"passerelle/test/{context.connection}/{context.token_id}"
    secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_missing_secret_of_a_new_token_is_503(fresh, table, context, secretsmanager):
    """A 401 would stop the provider's job until an admin restarts it; so the item is read again."""
    delete_secret(secretsmanager, context)

    with pytest.raises(Unavailable):
        authenticate(fresh, context.connection, context.token)
    assert table.calls == ["batch_get_item", "get_item"]


def test_a_token_that_was_revoked_after_the_moment_of_a_restored_table_is_401(
    fresh, context, secretsmanager, manual_clock
):
    """The table has it as live, and its secret will never be there again; before, 503 for ever."""
    delete_secret(secretsmanager, context)
    manual_clock.advance(minutes=6)

    with pytest.raises(Unauthorized) as raised:
        authenticate(fresh, context.connection, context.token)
    assert raised.value.reason == "revoked"


def test_a_secret_deleted_by_a_revoke_is_401(fresh, services, table, context):
    """The token is revoked between the read of the items and that of the secret."""
    revoke = tokens.revoke, context.admin, services.secrets, context.connection, context.token_id
    fresh.secrets._client.faults["get_secret_value"] = [first(lambda: revoke[0](*revoke[1:]))]

    with pytest.raises(Unauthorized):
        authenticate(fresh, context.connection, context.token)
    assert table.calls == ["batch_get_item", "get_item"]


def test_an_unreadable_secret_is_503(fresh, context):
    """A valid token never gets a 401 because of a failure."""
    fresh.secrets._client.faults["get_secret_value"] = [fail(client_error("AccessDeniedException"))]

    with pytest.raises(Unavailable):
        authenticate(fresh, context.connection, context.token)


def test_a_known_token_works_while_secrets_manager_is_down(services, context):
    """A process caches the digests of the tokens that it has seen."""
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


def authenticate_for_admin_api(services, credential):
    """Authenticate a request to the admin API with this credential."""
    return authenticate_admin(services.table, services.secrets, credential, services.deadline())


def test_the_operator_key_authenticates_the_operator(services):
    """They may read every organisation."""
    principal = authenticate_for_admin_api(services, OPERATOR_KEY)

    assert isinstance(principal, OperatorPrincipal)
    assert principal.sees("b" * 10)


@pytest.mark.parametrize(
    ("make_wrong", "_"), list(WRONG_TOKENS.values())[:-1], ids=list(WRONG_TOKENS)[:-1]
)
def test_a_wrong_operator_key_is_rejected(services, make_wrong, _):
    """Unknown, mistyped and guessed keys get a 401."""
    with pytest.raises(Unauthorized):
        authenticate_for_admin_api(services, make_wrong(OPERATOR_KEY))


def test_a_scim_token_is_rejected_by_the_admin_api(services, context):
    """Each type of credential is valid for one API only."""
    with pytest.raises(Unauthorized):
        authenticate_for_admin_api(services, context.token)


@pytest.fixture
def operator_keys(services, secretsmanager):
    """Make and revoke operator keys as an engineer does."""
    return OperatorKeys(services.table, secretsmanager, "passerelle/test")


def another_key(seed):
    """Make the text of an operator key."""
    return mint("op", Random(seed)).text  # noqa: S311 - nobody's key


def test_each_operator_key_has_a_name_and_scopes(services, operator_keys):
    """The audit shows the one, routes ask for the other."""
    text = another_key(21)
    key = operator_keys.create(text, "sign-in page", ["sign-in"])

    principal = authenticate_for_admin_api(services, text)

    assert (principal.id, principal.name) == (key.id, "sign-in page")
    assert principal.scopes == {"sign-in"}
    assert principal.actor == Actor("operator", key.id, "sign-in page")


def test_a_revoked_operator_key_is_rejected_at_the_next_request(services, operator_keys):
    """Although this process has read its secret; the others go on."""
    text = another_key(22)
    key = operator_keys.create(text, "billing", ["changes"])
    authenticate_for_admin_api(services, text)

    operator_keys.revoke(key.id)

    with pytest.raises(Unauthorized):
        authenticate_for_admin_api(services, text)
    assert authenticate_for_admin_api(services, OPERATOR_KEY)


def through(services, between):
    """Start a process that has read nothing, with a client of Secrets Manager."""
    return replace(services, secrets=Secrets(between, "passerelle/test"))


def test_an_unknown_operator_key_costs_no_secret(services, secretsmanager, operator_keys):
    """Anyone can write one of the right form; a revoked one ends at its item too."""
    revoked = another_key(23)
    operator_keys.revoke(operator_keys.create(revoked, "old", ["admin"]).id)
    between = FaultyClient(secretsmanager)

    for text in (another_key(24), revoked):
        with pytest.raises(Unauthorized):
            authenticate_for_admin_api(through(services, between), text)

    assert between.calls == []


def test_an_operator_key_whose_secret_is_gone_is_401(
    services, secretsmanager, operator_keys, manual_clock
):
    """Its item says that it is valid, as in a restored table; 503 while the secret may appear."""
    text = another_key(25)
    key = operator_keys.create(text, "billing", ["changes"])
    name = operator_key_name("passerelle/test", key.id)
    secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    with pytest.raises(Unavailable):
        authenticate_for_admin_api(through(services, secretsmanager), text)
    manual_clock.advance(minutes=6)
    with pytest.raises(Unauthorized):
        authenticate_for_admin_api(through(services, secretsmanager), text)


def test_a_session_is_valid_for_its_own_organisation_only(services, context):
    """The audit shows the name that the admin link was made for."""
    principal = authenticate_for_admin_api(
        services, a_session(services, context.organisation, name="Ada")
    )

    assert isinstance(principal, AdminPrincipal)
    assert principal.name == "Ada"
    assert principal.sees(context.organisation)
    assert not principal.sees("b" * 10)


def test_a_link_is_not_a_credential_of_the_admin_api(services, context):
    """A URL is easily leaked; a link is first exchanged for a session."""
    link = a_link(services, context.organisation)

    with pytest.raises(Unauthorized):
        authenticate_for_admin_api(services, link)
