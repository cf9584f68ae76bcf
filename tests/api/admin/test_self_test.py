"""The self-test: each provider's dialogue passes, every obstacle is named, and nothing is left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app import build
from chalicelib.api.admin.self_test import dialogue
from chalicelib.api.rate_limit import Buckets
from chalicelib.auth.secrets import Gone, Secrets
from chalicelib.organisations import self_test
from chalicelib.storage.connection_settings import PRESETS
from chalicelib.storage.expressions import Delete
from chalicelib.storage.table import OutsideNamespace
from chalicelib.sweeper import sweep_due
from tests.support.builders import a_customer, an_admin_context, api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient, client_error, fail, unharmed

PROVIDERS = list(PRESETS)
SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


@pytest.fixture
def context(services):
    """Make a connection with a token."""
    return a_customer(services)


def path_of(context):
    """Write the path of the connection."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}"


def run(operator, context):
    """Run the self-test, and return its response."""
    response = operator("POST", f"{path_of(context)}/test")
    assert response.status == 200
    return response.body


def items(dynamodb, services):
    """List all items except those of the audit."""
    found = dynamodb.scan(TableName=services.table.name)["Items"]
    return sorted(str(item) for item in found if not item["PK"]["S"].endswith("#A"))


def step(body, name):
    """Find a step by its name."""
    return next(each for each in body["steps"] if each["name"] == name)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_providers_dialogue_passes(operator, services, provider):
    """The requests that the provider sends, on a connection with its settings."""
    body = run(operator, a_customer(services, identity_provider=provider))

    assert [each for each in body["steps"] if each["outcome"] != "passed"] == []
    assert body["outcome"] == "passed"
    assert len(body["steps"]) == 6 + len(dialogue(provider))


WRONG_SETTINGS = [
    ("keycloak", "keep", "Read who is a member", "`clear`"),
    ("authentik", "keep", "Read who is a member", "`clear`"),
    ("midpoint", "clear", "Read who is a member", "`keep`"),
]


@pytest.mark.parametrize(("provider", "setting", "name", "fix"), WRONG_SETTINGS)
def test_a_setting_that_does_not_fit_a_provider_is_found(
    operator, services, provider, setting, name, fix
):
    """Those who leave last would keep their access, or a rename would empty the group."""
    settings = {"put_without_members": setting}
    context = a_customer(services, identity_provider=provider, settings=settings)

    failed = step(run(operator, context), name)

    assert failed["outcome"] == "failed"
    assert f"`put_without_members` to {fix}" in failed["fix"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_step_says_what_it_is_good_for(provider):
    """An admin reads its name, not its request."""
    names = [each.name for each in dialogue(provider)]

    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_is_left_of_a_run(
    operator, services, dynamodb, secretsmanager, manual_clock, provider
):
    """Not an item, not a secret; so it shows in no list, count, feed, log or health.

    A deleted user's memberships are looked for once more by the sweeper, after a minute.
    """
    context = a_customer(services, identity_provider=provider)
    before = items(dynamodb, services)

    run(operator, context)
    manual_clock.advance(minutes=2)
    sweep_due(services)

    assert items(dynamodb, services) == before
    names = [each["Name"] for each in secretsmanager.list_secrets()["SecretList"]]
    assert len(names) == 2


def test_a_run_does_not_count_against_the_connection(operator, services):
    """Five tokens may live, and a run needs none of them; no bucket of the provider is emptied."""
    context = a_customer(services)
    for number in range(4):
        operator("POST", f"{path_of(context)}/tokens", {"name": f"{number}"})

    assert run(operator, context)["outcome"] == "passed"
    assert len(operator("GET", f"{path_of(context)}/tokens").body["items"]) == 5


@pytest.mark.parametrize("accepted", ["client_secret", "federated"])
def test_a_connection_without_tokens_is_tested_too(operator, context, accepted):
    """The run has a token of its own, whatever the provider signs in with."""
    operator("PATCH", path_of(context), {"authentication": [accepted]})
    before = run(operator, context)
    body = {"type": "client_secret", "name": "Entra ID"}
    operator("POST", f"{path_of(context)}/credentials", body)
    after = run(operator, context)

    assert step(before, "Test connection")["outcome"] == "passed"
    assert step(before, "Credential")["outcome"] == "failed"
    expected = "passed" if accepted == "client_secret" else "failed"
    assert step(after, "Credential")["outcome"] == expected


# --- what stands in the way -------------------------------------------------------------------


def is_on_a_plan_without_scim(operator, context):
    """Change the plan."""
    operator("PATCH", path_of(context).partition("/connections")[0], {"plan": "free"})


def is_suspended(operator, context):
    """Suspend the organisation."""
    operator("PATCH", path_of(context).partition("/connections")[0], {"state": "suspended"})


def is_paused(operator, context):
    """Pause the connection."""
    operator("PATCH", path_of(context), {"state": "paused"})


def has_no_token(operator, context):
    """Revoke the only token."""
    operator("DELETE", f"{path_of(context)}/tokens/{context.token_id}")


def has_no_workspace(operator, context):
    """Take the workspace away, past the rule that forbids it."""
    context.admin.items.commit([Delete(context.admin.keys.workspace("main"))])


def has_no_role(operator, context):
    """Take the default role away, past the rule that forbids it."""
    context.admin.items.commit([Delete(context.admin.keys.role("reader"))])


OBSTACLES = [
    (is_on_a_plan_without_scim, "Plan", "skipped", "does not include SCIM"),
    (is_suspended, "Organisation", "skipped", "to active again"),
    (is_paused, "Connection", "skipped", "Set a paused connection to active"),
    (has_no_token, "Credential", "passed", "Create a new credential"),
    (has_no_workspace, "Workspace", "passed", "Choose another one"),
    (has_no_role, "Default role", "passed", "Choose another one"),
]


@pytest.mark.parametrize(("happens", "name", "then", "fix"), OBSTACLES)
def test_every_obstacle_is_named_with_its_fix(operator, context, happens, name, then, fix):
    """Settings come first: where every request would be rejected, the dialogue is not tried."""
    happens(operator, context)

    body = run(operator, context)

    assert body["outcome"] == "failed"
    assert step(body, name)["outcome"] == "failed"
    assert fix in step(body, name)["fix"]
    assert step(body, "Test connection")["outcome"] == then


@pytest.mark.parametrize(
    ("provider", "name"), [("entra", "Create a group"), ("google", "Create a user")]
)
def test_a_setting_that_rejects_a_providers_requests_is_found(operator, services, provider, name):
    """Entra ID and Google send legacy schemas, which a strict connection does not take."""
    strict = a_customer(
        services, identity_provider=provider, settings={"unknown_attributes": "strict"}
    )

    failed = step(run(operator, strict), name)

    assert failed["outcome"] == "failed"
    assert "`lenient`" in failed["fix"]


def test_a_step_that_fails_says_what_came_and_what_to_do(services, dynamodb, context):
    """The steps behind it rest on it, and are skipped."""
    between = FaultyClient(dynamodb)
    # The first transaction begins the run.
    denied = [unharmed, fail(client_error("AccessDeniedException"))]
    between.faults["transact_write_items"] = denied
    other = replace(services, table=replace(services.table, client=between))

    body = run(api_client(build(other), OPERATOR_KEY), context)

    assert body["outcome"] == "failed"
    failed = step(body, "Create a user")
    assert failed["request"] == "POST /Users"
    assert failed["detail"].startswith("status 500 instead of 201")
    assert "support" in failed["fix"]
    assert step(body, "Disable a user") == {
        "name": "Disable a user",
        "request": "PATCH /Users/${user}",
        "outcome": "skipped",
        "detail": "Not tried: it depends on the step that failed before it.",
        "fix": None,
    }


def test_a_run_without_a_secret_leaves_nothing(services, dynamodb, secretsmanager, context):
    """Secrets Manager is down: 503, and the pending change is withdrawn."""
    client: Any = FaultyClient(secretsmanager)
    client.faults["create_secret"] = [fail(client_error("AccessDeniedException"))]
    other = replace(services, secrets=Secrets(client, services.settings.secrets_prefix))
    before = items(dynamodb, services)

    response = api_client(build(other), OPERATOR_KEY)("POST", f"{path_of(context)}/test")

    assert response.status == 503
    assert items(dynamodb, services) == before


# --- the run's token --------------------------------------------------------------------------


@pytest.fixture
def begun(services, context):
    """Begin a run, and leave it as a crash would."""
    return self_test.begin(context.admin, services.table, services.secrets, context.connection)


def users(operator, context, token):
    """List the users that a token opens."""
    return operator.with_credential(token)("GET", f"/scim/v2/{context.connection}/Users")


def test_a_runs_token_opens_its_shadow_alone(operator, context, begun):
    """What it makes is not there for the provider, and the other way round."""
    body = {"userName": "ada@example.com"}
    path = f"/scim/v2/{context.connection}/Users"
    operator.with_credential(begun.text)("POST", path, body)

    assert users(operator, context, begun.text).body["totalResults"] == 1
    assert users(operator, context, context.token).body["totalResults"] == 0
    assert operator.with_credential(context.token)("POST", path, body).status == 201


def test_a_runs_token_opens_no_other_connection(operator, services, begun):
    """It belongs to the connection that is tested."""
    assert users(operator, a_customer(services), begun.text).status == 401


def test_a_runs_token_ends_after_five_minutes(operator, context, manual_clock, begun):
    """Longer than any run takes."""
    manual_clock.advance(minutes=4, seconds=59)
    assert users(operator, context, begun.text).status == 200

    manual_clock.advance(seconds=1)
    assert users(operator, context, begun.text).status == 401


def test_what_a_crash_leaves_of_a_run_is_swept(operator, services, manual_clock, context, begun):
    """Items after five minutes, the secret a minute later; the provider's users stay."""
    path = f"/scim/v2/{context.connection}/Users"
    for token in (begun.text, context.token):
        operator.with_credential(token)("POST", path, {"userName": "ada@example.com"})
    manual_clock.advance(minutes=7)

    sweep_due(services)

    assert not [item for item in items(services.table.client, services) if begun.token.id in item]
    assert users(operator, context, context.token).body["totalResults"] == 1
    with pytest.raises(Gone):
        Secrets(services.secrets._client, services.settings.secrets_prefix).digest_of(
            context.connection, begun.token.id, services.deadline()
        )


# --- advice -----------------------------------------------------------------------------------


def test_sso_that_is_not_forced_is_advice(operator, context):
    """Recommended before SCIM: else users reset a password first, and keep it when they leave."""
    organisation = path_of(context).partition("/connections")[0]

    assert [each for each in run(operator, context)["advice"] if "SSO is not forced" in each]
    operator("PATCH", organisation, {"sso": SSO})
    assert run(operator, context)["advice"] == []


def test_a_silent_provider_is_advice(operator, context, manual_clock):
    """It sends requests every 40 minutes or so; after three hours it has stopped."""
    operator("PATCH", path_of(context).partition("/connections")[0], {"sso": SSO})
    users(operator, context, context.token)
    manual_clock.advance(hours=2, minutes=59)
    assert run(operator, context)["advice"] == []

    manual_clock.advance(minutes=1)
    assert "has not sent a request since 2027-01-31T12:00" in run(operator, context)["advice"][0]


def test_a_provider_without_a_request_is_advice(operator, context, manual_clock):
    """Somebody has stopped half way."""
    manual_clock.advance(hours=4)

    assert [
        each for each in run(operator, context)["advice"] if "has not sent a request yet" in each
    ]


def test_a_token_that_ends_soon_is_advice(operator, context, manual_clock):
    """Entra ID stops for good after a month of errors that nobody reads."""
    manual_clock.advance(days=340)

    advice = run(operator, context)["advice"]

    assert [each for each in advice if "The last credential expires at 2028-01-31T12:00" in each]


# --- who may ----------------------------------------------------------------------------------


def test_an_unknown_connection_is_not_found(operator, services, context):
    """Also one of another organisation."""
    other = a_customer(services)
    path = f"/admin/organisations/{context.organisation}/connections/{other.connection}/test"

    assert operator("POST", path).status == 404


def test_tests_are_not_run_without_end(services, context):
    """Each makes a secret and hundreds of writes; here no time passes between them."""
    operator = api_client(build(replace(services, buckets=Buckets(lambda: 0.0))), OPERATOR_KEY)

    responses = [operator("POST", f"{path_of(context)}/test") for _ in range(7)]

    assert [response.status for response in responses][-2:] == [200, 429]
    assert int(responses[-1].headers["retry-after"]) > 0


def test_another_organisation_cannot_be_tested(services, context):
    """The condition of the write comes after the check of the route."""
    with pytest.raises(OutsideNamespace):
        self_test.begin(
            an_admin_context(services), services.table, services.secrets, context.connection
        )
