"""Each action of a policy is needed: without it something fails on the running service.

One deployment; an action is removed from the role's policy, a scenario is played, the policy is
put back. An action that nothing misses would be one too many. What the emulator does not
enforce stands in `NOT_ENFORCED`, with the call that needs it on AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest

from chalicelib.auth.secrets import Secrets
from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.organisations import erasure, purge
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import Clock, timestamp
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import OrganisationKeys, WebhookKeys, pending_changes_due
from chalicelib.storage.records import to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import (
    DELETING,
    Organisation,
    new_connection_id,
    new_organisation_id,
)
from chalicelib.storage.table import Table
from chalicelib.storage.webhook_items import SigningSecret, Webhook
from tests.deploy.cloud import IAM_TAKES, REGION, WAITS, AdminPrincipal, Cloud, connect
from tests.deploy.page import PAGE
from tests.support import directory
from tests.support.faults import Crash, FaultyClient, Request, Send

pytestmark = pytest.mark.deploy

API = f"passerelle-dev-{REGION}-api_handler"
SWEEPER = f"passerelle-dev-{REGION}-sweep"
STREAM = f"passerelle-dev-{REGION}-stream"
SENDER = f"passerelle-dev-{REGION}-send"
CHALICE = Path(__file__).parents[2] / ".chalice"

NOT_ENFORCED = {
    "logs:CreateLogStream": "Lambda's, when a new container writes its first line",
    "logs:PutLogEvents": "Lambda's, for every line after it",
    "sqs:SendMessage": "Lambda's, when a sweep has failed three times",
    "dynamodb:DescribeStream": "Lambda's, which reads the stream for the function",
    "dynamodb:GetRecords": "Lambda's, for every record",
    "dynamodb:GetShardIterator": "Lambda's, at the beginning of a shard",
    "dynamodb:ListStreams": "Lambda's, when the mapping is made",
}
# What the sender needs where a receiver accepts something: here it can reach none.
OF_A_RECEIVER = {"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "lambda:InvokeFunction"}
# What the stream's function needs to raise the alert that many users have lost access.
OF_MANY_LEAVERS = {"dynamodb:BatchGetItem"}
WAKES = "lambda:InvokeFunction"

# Members of so many groups are released before they are deleted: one transaction takes 33.
MANY_GROUPS = 34
# Members of a change that takes more than one transaction.
MANY_USERS = 34
# How often to look for what does not come.
LITTLE = 20


def actions(policy: str) -> list[str]:
    """List the actions of a policy that the emulator enforces."""
    document = json.loads((CHALICE / policy).read_text(encoding="utf-8"))
    found = [action for each in document["Statement"] for action in each["Action"]]
    return [action for action in found if action not in NOT_ENFORCED]


@contextmanager
def without(action: str, cloud: Cloud, role: str) -> Iterator[None]:
    """Take an action out of a role's policy while the block runs."""
    iam = cloud.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = json.loads(json.dumps(whole))
    for each in less["Statement"]:
        each["Action"] = [one for one in each["Action"] if one != action]
    less["Statement"] = [each for each in less["Statement"] if each["Action"]]
    assert less != whole
    put = {"RoleName": role, "PolicyName": name}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(less))
    time.sleep(IAM_TAKES)
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(whole))
        time.sleep(IAM_TAKES)


# --- the function behind the API ----------------------------------------------------------------


def play(admin: AdminPrincipal, cloud: Cloud) -> None:
    """Do once whatever needs a permission.

    Raises:
        AssertionError: a response was another one, or the secret of a revoked token is kept.
    """
    made = connect(admin)
    scim = made.principal
    user = scim.need(201, "POST", "/Users", {"userName": "ada"})["id"]
    scim.need(200, "GET", "/Users?filter=userName%20eq%20%22ada%22")
    groups = [_group(scim, f"Group {number}", user) for number in range(MANY_GROUPS)]
    change = {"Operations": [{"op": "replace", "path": "displayName", "value": "Renamed"}]}
    scim.need(204, "PATCH", f"/Groups/{groups[0]}", change)
    scim.need(204, "DELETE", f"/Groups/{_group(scim, 'Deleted', user)}")
    organisation = made.path.partition("/connections")[0]
    admin.need(200, "PUT", f"{organisation}/users/{user}/roles/reader")
    scim.need(204, "DELETE", f"/Users/{user}")
    admin.need(204, "DELETE", f"{made.path}/tokens/{made.token_id}")
    secrets = cloud.client("secretsmanager").list_secrets()["SecretList"]
    assert not [each for each in secrets if each["Name"].endswith(made.token_id)]


def _group(scim: AdminPrincipal, name: str, member: str) -> str:
    body = {"displayName": name, "members": [{"value": member}]}
    return str(scim.need(201, "POST", "/Groups", body)["id"])


def test_the_scenario_succeeds_with_the_whole_policy(admin: AdminPrincipal, cloud: Cloud):
    """Otherwise it would prove nothing when it fails."""
    play(admin, cloud)


@pytest.mark.parametrize("action", actions("policy-api-dev.json"))
def test_the_api_misses_each_action_of_its_policy(admin: AdminPrincipal, cloud: Cloud, action: str):
    """Least privilege: what nobody misses goes."""
    with (
        without(action, cloud, API),
        pytest.raises(AssertionError),
    ):
        play(admin, cloud)


# --- the scheduled function ---------------------------------------------------------------------


def crash_when_declared(request: Request, send: Send) -> Any:
    """The process ends when it has declared a pending change."""
    response = send()
    puts = [each["Put"] for each in request.get("TransactItems", ()) if "Put" in each]
    if any(put["Item"]["PK"]["S"].startswith("O#") for put in puts):
        raise Crash
    return response


def crashing(context: ConnectionContext) -> ConnectionContext:
    """Bind the same connection for a process that ends when it has declared an operation."""
    return directory.by(
        context, FaultyClient(context.items.table.client, every=crash_when_declared)
    )


def leave_work(cloud: Cloud) -> tuple[str, ...]:
    """Leave what crashes leave, two hours ago: each type of pending change; return whose.

    Of a new connection, and of an organisation that is being deleted.
    """
    clock = Clock(now=lambda: datetime.now(UTC) - timedelta(hours=2))
    table = Table(cloud.client("dynamodb"), "passerelle-dev", clock)
    connection = new_connection_id("abcdefghij", SystemRandom())
    context = directory.connection_context(table, connection)
    users = directory.some_users(context, MANY_USERS)
    group = directory.a_group(context, "Large")
    deleted = directory.a_group(context, "Deleted", users[:2])
    directory.some_groups(context, MANY_GROUPS, users[:1])
    with pytest.raises(Crash):
        directory.change(crashing(context), group, add=users[1:])
    with pytest.raises(Crash):
        deletes.delete_group(crashing(context), deleted)
    with pytest.raises(Crash):
        deletes.delete_user(crashing(context), users[0])
    leave_secret(cloud, connection, timestamp(clock.now()))
    return connection, leave_deletion(cloud, table)


def leave_deletion(cloud: Cloud, table: Table) -> str:
    """Leave an organisation that somebody has ordered to be deleted."""
    keys, now = OrganisationKeys(new_organisation_id(SystemRandom())), timestamp(table.clock.now())
    items = table.namespace(grants.operator(keys), Deadline.after(25, table.clock))
    admin = AdminContext(items, keys, Actor("operator", "1", "support"))
    organisation = Organisation(keys.organisation, "Gone", "enterprise", DELETING, now, now)
    erasure.ensure_key(admin, Secrets(cloud.client("secretsmanager"), "passerelle/dev"))
    items.commit(
        [
            Put(keys.own_item, to_item(organisation)),
            erasure.ordered_organisation(admin, organisation),
            purge.scheduled_purge(admin, keys.organisation),
        ]
    )
    return keys.organisation


def leave_secret(cloud: Cloud, connection: str, when: str) -> None:
    """Leave the secret of a token that was revoked."""
    name = {"SecretId": f"passerelle/dev/{connection}/token0000001"}
    cloud.client("secretsmanager").create_secret(Name=name["SecretId"], SecretString="0" * 64)
    row = {
        "PK": "O#0",
        "SK": f"{when}#{connection}#1",
        "change_type": "secret",
        "target": "token0000001",
    }
    item = {key: {"S": value} for key, value in row.items()}
    cloud.client("dynamodb").put_item(TableName="passerelle-dev", Item=item)


def due(cloud: Cloud, owners: tuple[str, ...]) -> list[str]:
    """List the types of pending changes of a connection and an organisation."""
    clock = Clock()
    table = Table(cloud.client("dynamodb"), "passerelle-dev", clock)
    rows = table.namespace(grants.pending_changes(), Deadline.after(25, clock))
    found = chain(*map(rows.query, pending_changes_due(timestamp(clock.now()))))
    return sorted(row["change_type"] for row in found if row["SK"].split("#")[1] in owners)


SCHEDULED = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2027-01-31T12:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {},
}


def sweep(cloud: Cloud, kind: str = "RequestResponse") -> None:
    """Let the scheduled function run once; EventBridge's `kind` is `Event`."""
    cloud.client("lambda").invoke(
        FunctionName="passerelle-dev-sweep",
        InvocationType=kind,
        Payload=json.dumps(SCHEDULED).encode(),
    )


def test_the_sweeper_finishes_what_crashes_have_left(cloud: Cloud, first: str):
    """Deployed, it does what the tests of the directory say; else the rest proves nothing."""
    owners = leave_work(cloud)
    assert due(cloud, owners) == ["group delete", "members", "purge", "secret", "user delete"]

    sweep(cloud)

    assert due(cloud, owners) == []


@pytest.mark.parametrize("action", [a for a in actions("policy-sweep-dev.json") if a != WAKES])
def test_the_sweeper_misses_each_action_of_its_policy(cloud: Cloud, first: str, action: str):
    """Least privilege: without any one of them something stays undone."""
    with without(action, cloud, SWEEPER):
        owners = leave_work(cloud)
        sweep(cloud)

        assert due(cloud, owners)


# --- the functions of events ------------------------------------------------------------------


def a_webhook(cloud: Cloud, cursor: str) -> WebhookKeys:
    """Make a webhook that gets what is after a cursor; no function may reach its URL."""
    table = Table(cloud.client("dynamodb"), "passerelle-dev")
    items = table.namespace(grants.webhook_management(), Deadline.after(25, table.clock))
    name = table.clock.new_id()
    made = Webhook(
        name,
        "https://127.0.0.1/",
        "active",
        timestamp(table.clock.now()),
        cursor,
        (SigningSecret(name),),
    )
    secret = {
        "Name": f"passerelle/dev/webhooks/{name}",
        "SecretString": "whsec_MDAwMDAwMDAwMDAwMDAwMA==",
    }
    cloud.client("secretsmanager").create_secret(**secret)
    items.commit([Put(WebhookKeys(name).own_item, to_item(made))])
    return WebhookKeys(name)


def is_tried(cloud: Cloud, webhook: WebhookKeys, waits: int) -> bool:
    """Wait until the sender has noted an attempt; tells whether it has."""
    table = Table(cloud.client("dynamodb"), "passerelle-dev")
    items = table.namespace(grants.sender(webhook), Deadline.after(600, table.clock))
    for _ in range(waits):
        if next(iter(items.query(webhook.deliveries())), None):
            return True
        time.sleep(0.2)
    return False


def change_is_sent(admin: AdminPrincipal, cloud: Cloud, waits: int) -> bool:
    """Create a user, and tell whether a webhook's receiver is sent that."""
    after = admin.need(200, "GET", "/admin/changes?after=now")["next"]
    webhook = a_webhook(cloud, after)
    connect(admin).principal.need(201, "POST", "/Users", {"userName": "ada"})
    return is_tried(cloud, webhook, waits)


def sweep_sends(cloud: Cloud, waits: int) -> bool:
    """Tell whether the sweeper has a webhook's receiver sent what it has missed."""
    webhook = a_webhook(cloud, "0.0.0")
    sweep(cloud)
    return is_tried(cloud, webhook, waits)


def test_a_change_is_sent_and_so_is_what_was_missed(admin: AdminPrincipal, cloud: Cloud):
    """With the whole policies; else the rest proves nothing."""
    assert change_is_sent(admin, cloud, WAITS)
    assert sweep_sends(cloud, WAITS)


@pytest.fixture
def unswept(cloud: Cloud, first: str) -> Iterator[None]:
    """Keep the sweeper from coming in its minute: it sends what the stream's function could not."""
    events = cloud.client("events")
    events.disable_rule(Name="passerelle-dev-sweep-event")
    yield
    events.enable_rule(Name="passerelle-dev-sweep-event")


@pytest.mark.usefixtures("unswept")
@pytest.mark.parametrize(
    ("role", "action"),
    [
        *((STREAM, a) for a in actions("policy-stream-dev.json") if a not in OF_MANY_LEAVERS),
        *((SENDER, each) for each in actions("policy-send-dev.json") if each not in OF_A_RECEIVER),
    ],
)
def test_the_functions_of_events_miss_each_action_of_their_policies(
    admin: AdminPrincipal, cloud: Cloud, role: str, action: str
):
    """Least privilege: without any one of them nothing is sent."""
    with without(action, cloud, role):
        assert not change_is_sent(admin, cloud, LITTLE)


def test_the_sweeper_cannot_wake_a_sender_without_its_permission(cloud: Cloud, first: str):
    """Least privilege: what a failed receiver has missed would wait for the next change.

    The stream's function may not either, as it may have records of the tests before to append.
    """
    with without(WAKES, cloud, STREAM), without(WAKES, cloud, SWEEPER):
        assert not sweep_sends(cloud, LITTLE)


def test_a_sweep_that_fails_is_put_aside(cloud: Cloud, first: str):
    """Lambda tries it three times; then it waits in the queue until somebody has looked."""
    queue = cloud.client("sqs")
    url = queue.get_queue_url(QueueName="passerelle-dev-dead-letters")["QueueUrl"]

    with without("dynamodb:Query", cloud, SWEEPER):
        sweep(cloud, "Event")
        found = queue.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]

    assert "Scheduled Event" in found[0]["Body"]


def test_what_the_emulator_does_not_enforce_stands_in_the_guide():
    """A reviewer of a policy finds the reason for each action that no test can miss."""
    guide = PAGE.read_text(encoding="utf-8")

    listed = {*NOT_ENFORCED, *OF_A_RECEIVER, *OF_MANY_LEAVERS}
    assert [each for each in listed if f"`{each}`" not in guide] == []
