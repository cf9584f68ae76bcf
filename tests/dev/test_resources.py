"""The table and the operator key are made from one definition, and never made twice."""

from __future__ import annotations

from random import SystemRandom
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.auth.tokens import mint
from chalicelib.storage.records import SCHEMA
from dev.run import resources

KEY, ANOTHER_KEY = (mint("op", SystemRandom()).text for _ in range(2))


@pytest.fixture
def dynamodb():
    """Open an empty account."""
    with mock_aws():
        yield boto3.Session().client("dynamodb", region_name="eu-west-1")


@pytest.fixture
def secrets(dynamodb):
    """Reach the secrets of the same account."""
    return boto3.Session().client("secretsmanager", region_name="eu-west-1")


def test_the_table_is_made_as_it_is_defined(dynamodb, secrets):
    """One table on demand, protected, restorable, with items that can expire."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    table = dynamodb.describe_table(TableName="passerelle-test")["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["PK", "SK"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"]
    assert not table.get("GlobalSecondaryIndexes")


def test_items_expire_by_their_ttl(dynamodb, secrets):
    """Logs, changes and sessions end by themselves: the attribute is the one that items have."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    response = dynamodb.describe_time_to_live(TableName="passerelle-test")
    assert response["TimeToLiveDescription"] == {
        "AttributeName": "ttl",
        "TimeToLiveStatus": "ENABLED",
    }


def test_the_table_can_be_restored_to_a_point_in_time(dynamodb, secrets):
    """A customer's directory is not lost to a bad deployment."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    response = dynamodb.describe_continuous_backups(TableName="passerelle-test")
    backups = response["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert backups["PointInTimeRecoveryStatus"] == "ENABLED"


def test_making_again_keeps_items_and_the_key(dynamodb, secrets):
    """Each `make run` and each deployment repeats it over live data."""
    key = {"PK": {"S": "A#ORG"}, "SK": {"S": "acme"}}
    item = {**key, "sv": {"N": f"{SCHEMA}"}}
    resources.make("test", dynamodb, secrets, lambda: KEY)
    dynamodb.put_item(TableName="passerelle-test", Item=item)

    again = resources.make("test", dynamodb, secrets, lambda: ANOTHER_KEY)

    assert dynamodb.get_item(TableName="passerelle-test", Key=key)["Item"] == item
    assert again == KEY
    assert len(secrets.list_secrets()["SecretList"]) == 1


ANOTHER_RELEASE = {
    "the first, under its name of then": ({"schema": {"N": "1"}}, "schema 1"),
    "an earlier one": ({"sv": {"N": "1"}}, "schema 1"),
    "a later one": ({"sv": {"N": f"{SCHEMA + 1}"}}, f"schema {SCHEMA + 1}"),
}


@pytest.mark.parametrize(("written", "named"), ANOTHER_RELEASE.values(), ids=ANOTHER_RELEASE)
def test_a_table_of_another_release_is_rejected(dynamodb, secrets, written, named):
    """Its names have other keys: nobody would be found, and everybody could come twice."""
    resources.make("test", dynamodb, secrets, lambda: KEY)
    item = {"PK": {"S": "A#ORG"}, "SK": {"S": "acme"}, **written}
    dynamodb.put_item(TableName="passerelle-test", Item=item)

    with pytest.raises(resources.CannotBeMade, match=f"{named}.*FRESH=1"):
        resources.make("test", dynamodb, secrets, lambda: KEY)


def test_making_again_protects_a_table_that_lost_its_protection(dynamodb, secrets):
    """What was switched off by hand comes back with the next deployment."""
    resources.make("test", dynamodb, secrets, lambda: KEY)
    dynamodb.update_table(TableName="passerelle-test", DeletionProtectionEnabled=False)

    resources.make("test", dynamodb, secrets, lambda: KEY)

    table = dynamodb.describe_table(TableName="passerelle-test")["Table"]
    assert table["DeletionProtectionEnabled"]


def test_a_table_with_other_keys_is_rejected_and_left_alone(dynamodb, secrets):
    """Somebody else's table of that name must not be written to."""
    dynamodb.create_table(
        TableName="passerelle-test",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )

    with pytest.raises(resources.CannotBeMade, match="passerelle-test exists with other keys"):
        resources.make("test", dynamodb, secrets, lambda: KEY)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_stages_use_the_names_that_are_made(stage):
    """The function reads TABLE_NAME and STAGE from config.json, the rest is made here."""
    config = resources.read_json("config.json")["stages"][stage]["environment_variables"]

    made = resources.define({"Stage": stage})

    assert made["Table"]["TableName"] == config["TABLE_NAME"]


POLICIES = [f"policy-{name}-{stage}.json" for name in ("api", "sweep") for stage in ("dev", "prod")]


def statements(policy: str) -> list[dict[str, Any]]:
    """Read what a policy allows."""
    return list(resources.read_json(policy)["Statement"])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_names_its_own_stage_only(policy):
    """A function of one stage can neither read the data nor the keys of another."""
    stage = policy.removesuffix(".json").rpartition("-")[2]

    for statement in statements(policy):
        between = "/" if ":secret:" in statement["Resource"] else "-"
        assert f"passerelle{between}{stage}" in statement["Resource"]


@pytest.mark.parametrize("name", ["api", "sweep"])
def test_stages_differ_in_names_only(name):
    """A permission that dev has and prod lacks is found out on the day of the release."""
    dev, prod = (
        resources.CHALICE.joinpath(f"policy-{name}-{stage}.json").read_text(encoding="utf-8")
        for stage in ("dev", "prod")
    )

    assert dev.replace("passerelle-dev", "passerelle-prod").replace("e/dev/", "e/prod/") == prod


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_grants_everything(policy):
    """Least privilege: every action and every resource is named."""
    for statement in statements(policy):
        assert "*" not in "".join(statement["Action"])
        assert statement["Resource"] != "*"


@pytest.mark.parametrize("policy", POLICIES)
def test_no_function_can_drop_the_operator_key(policy):
    """Secrets of tokens come and go at run time; the operator key is nobody's to delete."""
    stage = policy.removesuffix(".json").rpartition("-")[2]
    deleting = [
        each for each in statements(policy) if "secretsmanager:DeleteSecret" in each["Action"]
    ]

    assert [each["Resource"] for each in deleting] == [
        f"arn:aws:secretsmanager:*:*:secret:passerelle/{stage}/*/*"
    ]


@pytest.fixture
def sqs(dynamodb):
    """Reach the queues of the same account."""
    return boto3.Session().client("sqs", region_name="eu-west-1")


def test_the_queue_is_made_as_it_is_defined_and_made_once(sqs):
    """What failed waits for two weeks; deploying again does not empty it."""
    defined = resources.define({"Stage": "test"})["DeadLetters"]
    resources.make_queue(sqs, defined)

    resources.make_queue(sqs, defined)

    (url,) = sqs.list_queues()["QueueUrls"]
    settings = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert url.endswith("/passerelle-test-dead-letters")
    assert settings["MessageRetentionPeriod"] == str(14 * 24 * 60 * 60)


def test_a_log_group_that_a_function_made_gets_its_end(dynamodb):
    """Lambda makes one that keeps everything for ever where it finds none."""
    logs = boto3.Session().client("logs", region_name="eu-west-1")
    defined = resources.define({"Stage": "test"})["ApiLog"]
    logs.create_log_group(logGroupName=defined["LogGroupName"])

    resources.make_log_group(logs, defined)

    (group,) = logs.describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/lambda/passerelle-test", 30)


def test_a_restored_table_gets_the_settings_that_a_restore_leaves_out(dynamodb, secrets):
    """D9: AWS restores neither TTL nor protection nor recovery, and under another name only."""
    made = resources.define({"Stage": "test"})["Table"]
    bare = {name: made[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
    dynamodb.create_table(TableName="passerelle-test-restored", **bare)

    resources.make("test", dynamodb, secrets, lambda: KEY, "passerelle-test-restored")

    name = {"TableName": "passerelle-test-restored"}
    backups = dynamodb.describe_continuous_backups(**name)["ContinuousBackupsDescription"]
    lifetime = dynamodb.describe_time_to_live(**name)["TimeToLiveDescription"]
    assert dynamodb.describe_table(**name)["Table"]["DeletionProtectionEnabled"]
    assert lifetime["TimeToLiveStatus"] == "ENABLED"
    recovery = backups["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.list_tables()["TableNames"] == ["passerelle-test-restored"]


def test_a_restored_table_that_does_not_exist_is_not_made(dynamodb, secrets):
    """D9: an empty table in its place would look as if all data were lost."""
    with pytest.raises(resources.CannotBeMade, match="There is no table passerelle-test-restored"):
        resources.make("test", dynamodb, secrets, lambda: KEY, "passerelle-test-restored")

    assert dynamodb.list_tables()["TableNames"] == []


def test_the_stream_is_switched_on_once(dynamodb, secrets):
    """A stage that was deployed without gets one; a second one would have another ARN."""
    resources.make("test", dynamodb, secrets, lambda: KEY)
    defined = resources.define({"Stage": "test"})["Table"]

    made = resources.make_stream(dynamodb, defined)

    table = dynamodb.describe_table(TableName="passerelle-test")["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert made == table["LatestStreamArn"] == resources.make_stream(dynamodb, defined)


def test_a_stream_of_another_kind_is_left_as_it_is(dynamodb, secrets):
    """Somebody reads it; without both images there is no telling what has changed."""
    resources.make("test", dynamodb, secrets, lambda: KEY)
    keys = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    dynamodb.update_table(TableName="passerelle-test", StreamSpecification=keys)

    with pytest.raises(resources.CannotBeMade, match="It is left as it is"):
        resources.make_stream(dynamodb, resources.define({"Stage": "test"})["Table"])
