"""The first hour of an account: what AWS says there, and what `make deploy` makes of it.

First that the emulator says it, then what comes of it. The account is that of all tests here.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from dev.release.stages import THROTTLE
from dev.run import resources
from tests.deploy.cloud import AdminPrincipal, Cloud, Connected, Project

pytestmark = pytest.mark.deploy


def code_of(call: Callable[[], Any]) -> str:
    """Return the code of the rejection that a call meets."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


# --- the emulator says what AWS says --------------------------------------------------------------


def test_a_new_table_has_no_backups_yet_and_a_deleted_one_is_still_there(cloud: Cloud):
    """D1, D10: AWS takes 20 s for each."""
    dynamodb = cloud.client("dynamodb")
    key = {"AttributeName": "PK", "KeyType": "HASH"}
    table: dict[str, Any] = {
        "TableName": "young",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [key],
        "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    }
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.create_table(**table)

    early = code_of(
        lambda: dynamodb.update_continuous_backups(
            TableName="young", PointInTimeRecoverySpecification=on
        )
    )
    dynamodb.delete_table(TableName="young")

    assert early == "ContinuousBackupsUnavailableException"
    assert dynamodb.describe_table(TableName="young")["Table"]["TableStatus"] == "DELETING"
    assert code_of(lambda: dynamodb.create_table(**table)) == "ResourceInUseException"


def test_a_name_is_not_free_at_once(cloud: Cloud):
    """D10: a queue's for a minute, a secret's for some seconds."""
    sqs, secrets = cloud.client("sqs"), cloud.client("secretsmanager")
    secrets.create_secret(Name="young", SecretString="0")

    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName="young")["QueueUrl"])
    queue = code_of(lambda: sqs.create_queue(QueueName="young"))
    secrets.delete_secret(SecretId="young", ForceDeleteWithoutRecovery=True)
    secret = code_of(lambda: secrets.create_secret(Name="young", SecretString="0"))

    assert queue == "AWS.SimpleQueueService.QueueDeletedRecently"
    assert secret == "InvalidRequestException"


def test_a_new_role_is_not_seen_at_once(cloud: Cloud):
    """D5: neither by API Gateway, which can be told once in 20 s, nor by Lambda."""
    iam, gateway, functions = (cloud.client(n) for n in ("iam", "apigateway", "lambda"))

    def role(name: str) -> str:
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        return str(made["Role"]["Arn"])

    def make_function() -> None:
        call = {"FunctionName": "young", "Code": {"ZipFile": b""}, "Handler": "a.b"}
        functions.create_function(**call, Role=role("young"), Runtime="python3.13")

    def tell_gateway() -> None:
        change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role("younger")}
        gateway.update_account(patchOperations=[change])

    codes = [code_of(make_function), code_of(tell_gateway)]

    assert codes == ["InvalidParameterValueException", "BadRequestException"]


@pytest.fixture
def bare_api(cloud: Cloud) -> Iterator[str]:
    """Make an API that has no route for any path but one; gives its URL."""
    gateway = cloud.client("apigateway")
    api = gateway.create_rest_api(name="bare")["id"]
    gateway.create_deployment(restApiId=api, stageName="dev")
    yield f"{cloud.url}/_aws/execute-api/{api}/dev"
    gateway.delete_rest_api(restApiId=api)


def test_a_gateway_speaks_of_signatures_to_a_bearer(bare_api: str):
    """D7: what a wrong tenant URL gives where an app has no route for every path."""
    with_token = AdminPrincipal(bare_api, "a token")("GET", "/Users")
    without = AdminPrincipal(bare_api)("GET", "/Users")

    assert (with_token.status, without.status) == (403, 403)
    assert with_token.body["message"].startswith("Invalid key=value pair (missing equal-sign)")
    assert without.body["message"] == "Missing Authentication Token"


# --- what comes of it -----------------------------------------------------------------------------


def test_what_was_just_deleted_is_made_again(cloud: Cloud, capsys: pytest.CaptureFixture[str]):
    """D10: `make deploy` right after `make destroy` waits for the names to be free."""
    region = replace(cloud, region="eu-north-1")
    dynamodb, sqs = region.client("dynamodb"), region.client("sqs")
    defined = resources.define({"Stage": "brief"})
    table, queue = ({**defined[name]} for name in ("Table", "DeadLetters"))
    table["DeletionProtectionEnabled"] = False
    resources.make_table(dynamodb, table)
    resources.make_queue(sqs, queue)

    dynamodb.delete_table(TableName=table["TableName"])
    resources.make_table(dynamodb, table)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=queue["QueueName"])["QueueUrl"])
    resources.make_queue(sqs, queue)

    said = capsys.readouterr().out
    assert f"Waiting for the deleted table {table['TableName']} to be gone ..." in said
    assert "Waiting for the name of the queue: AWS keeps that of a deleted queue" in said
    assert table["TableName"] in dynamodb.list_tables()["TableNames"]


def test_deploy_waits_and_says_for_what(first: str):
    """D1, D5: it took the engineer's first try before."""
    assert "Waiting for the backups of the new table ..." in first
    assert "Waiting for API Gateway to see its new role ..." in first


def test_deploy_says_what_a_new_accounts_quota_means(first: str):
    """D13: ten requests of all customers together, and none can be reserved."""
    assert "runs at most 10 functions at once" in first
    assert "--quota-code L-B99A9384" in first
    assert "50 concurrent executions are not reserved: the account may run 10" in first


def send(principal: AdminPrincipal, method: str, target: str, body: bytes) -> tuple[int, Any]:
    """Send bytes as they are."""
    parts = urlsplit(principal.url)
    headers = {"Authorization": f"Bearer {principal.credential}"}
    headers["Content-Type"] = "application/scim+json"
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request(method, parts.path + target, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


NOT_UTF_8 = [b'{"userName": "J\xf6rg"}', b'{"userName": "\xed\xa0\x80"}', b'{"userName": "a"}\xff']


@pytest.mark.parametrize("body", NOT_UTF_8)
def test_a_body_that_is_not_utf_8_is_rejected(connected: Connected, body: bytes):
    """D11: it arrives with U+FFFD in it, and would be stored so."""
    status, error = send(connected.principal, "POST", "/Users", body)

    assert (status, error["scimType"]) == (400, "invalidSyntax")
    assert "not UTF-8" in error["detail"]


def test_an_admins_body_that_is_not_utf_8_is_rejected(admin: AdminPrincipal, first: str):
    """D11: the same on the admin routes."""
    status, problem = send(admin, "POST", "/admin/organisations", b'{"name": "J\xf6rg"}')

    assert (status, "UTF-8" in problem["detail"]) == (400, True)


def test_braces_arrive_where_they_are_encoded(connected: Connected):
    """API Gateway drops them where they are not."""
    connected.principal.need(201, "POST", "/Users", {"userName": "{braces}"})

    encoded = connected.principal.need(
        200, "GET", "/Users?filter=userName%20eq%20%22%7Bbraces%7D%22"
    )
    bare = connected.principal.need(200, "GET", "/Users?filter=userName%20eq%20%22{braces}%22")

    assert (encoded["totalResults"], bare["totalResults"]) == (1, 0)


def test_a_throttled_function_is_to_be_tried_again(cloud: Cloud, connected: Connected):
    """D12: API Gateway says 500 without Retry-After, and a provider counts it as an error."""
    functions = cloud.client("lambda")
    functions.put_function_concurrency(
        FunctionName="passerelle-dev", ReservedConcurrentExecutions=0
    )
    try:
        response = connected.principal("GET", "/Users?count=0")
    finally:
        functions.delete_function_concurrency(FunctionName="passerelle-dev")

    assert (response.status, response.headers["retry-after"]) == (503, "5")
    assert response.body["status"] == "503"


def test_more_requests_than_the_stage_allows_are_to_be_tried_again(
    cloud: Cloud, project: Project, connected: Connected
):
    """The throttle is that of all paths and methods; a provider repeats a 503, here as there."""
    gateway, api = cloud.client("apigateway"), project.record()["rest_api"]["rest_api_id"]

    def throttle(per_second: float, burst: int) -> None:
        settings = {"rateLimit": per_second, "burstLimit": burst}
        changes = [
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": f"{value}"}
            for name, value in settings.items()
        ]
        gateway.update_stage(restApiId=api, stageName="dev", patchOperations=changes)

    throttle(0.01, 1)
    try:
        responses = [connected.principal("GET", "/Users?count=0") for _ in range(3)]
    finally:
        throttle(THROTTLE.per_second, THROTTLE.burst)

    rejected = responses[-1]
    assert (rejected.status, rejected.headers["retry-after"]) == (503, "2")
    assert "too many requests" in rejected.body["detail"]


# What an admin pastes wrong, and a word of what they read; `{c}` is the connection.
WRONG_TENANT_URLS = [
    ("/scim/v2", "incomplete"),
    ("/v2/{c}", "begins differently"),
    ("/SCIM/v2/{C}", "other letters"),
    ("/scim/v2/{c}/Users", "too long"),
    ("/{c}", "begins differently"),
]


@pytest.mark.parametrize(("path", "words"), WRONG_TENANT_URLS)
def test_a_wrong_tenant_url_is_named_to_the_admin(
    admin: AdminPrincipal, connected: Connected, path: str, words: str
):
    """Entra ID's first request: the text names the mistake, and the health counts it."""
    connection = connected.principal.url.rpartition("/")[2]
    url = admin.url + path.format(c=connection, C=connection.upper())
    before = wrong_urls(admin, connected)

    response = AdminPrincipal(url, connected.principal.credential)("GET", f"/Users?{ENTRAS_FIRST}")

    assert (response.status, words in response.body["detail"]) == (404, True), response.body
    assert wrong_urls(admin, connected) - before == (1 if "{c}" in path.lower() else 0)


ENTRAS_FIRST = "filter=userName%20eq%20%224b8a1b5d-2a1c-4a3e-9f0e-6a2f0d9c7b11%22"


def wrong_urls(admin: AdminPrincipal, connected: Connected) -> int:
    """Count the requests to a wrong URL in the health of the connection."""
    health = admin.need(200, "GET", connected.path)["health"]
    return sum(each["count"] for each in health["refusals"] if each["reason"] == "url")
