"""The table and the operator key are made from one definition, and never made twice."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from dev import resources

KEY = "psl_op_" + "a" * 12 + "_" + "b" * 43 + "_" + "c" * 6


@pytest.fixture
def dynamodb():
    """Open an empty account."""
    with mock_aws():
        yield boto3.client("dynamodb", region_name="eu-west-1")


@pytest.fixture
def secrets(dynamodb):
    """Reach the secrets of the same account."""
    return boto3.client("secretsmanager", region_name="eu-west-1")


def test_the_table_is_made_as_it_is_defined(dynamodb, secrets):
    """Data-model.md B0: one table on demand, protected, restorable, with rows that can expire."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    table = dynamodb.describe_table(TableName="passerelle-test")["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["PK", "SK"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"]
    assert not table.get("GlobalSecondaryIndexes")


def test_rows_expire_by_their_ttl(dynamodb, secrets):
    """Logs, changes and sessions end by themselves: the attribute is the one that rows carry."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    answer = dynamodb.describe_time_to_live(TableName="passerelle-test")
    assert answer["TimeToLiveDescription"] == {
        "AttributeName": "ttl",
        "TimeToLiveStatus": "ENABLED",
    }


def test_the_table_can_be_restored_to_a_point_in_time(dynamodb, secrets):
    """A customer's directory is not lost to a bad deployment."""
    resources.make("test", dynamodb, secrets, lambda: KEY)

    answer = dynamodb.describe_continuous_backups(TableName="passerelle-test")
    backups = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert backups["PointInTimeRecoveryStatus"] == "ENABLED"


def test_making_again_keeps_rows_and_the_key(dynamodb, secrets):
    """Each `make run` and each deployment repeats it over live data."""
    row = {"PK": {"S": "A#ORG"}, "SK": {"S": "acme"}}
    resources.make("test", dynamodb, secrets, lambda: KEY)
    dynamodb.put_item(TableName="passerelle-test", Item=row)

    resources.make("test", dynamodb, secrets, lambda: "another key")

    assert dynamodb.get_item(TableName="passerelle-test", Key=row)["Item"] == row
    answer = secrets.get_secret_value(SecretId="passerelle/test/operator-key")
    assert answer["SecretString"] == KEY


def test_making_again_protects_a_table_that_lost_its_protection(dynamodb, secrets):
    """What was switched off by hand comes back with the next deployment."""
    resources.make("test", dynamodb, secrets, lambda: KEY)
    dynamodb.update_table(TableName="passerelle-test", DeletionProtectionEnabled=False)

    resources.make("test", dynamodb, secrets, lambda: KEY)

    table = dynamodb.describe_table(TableName="passerelle-test")["Table"]
    assert table["DeletionProtectionEnabled"]


def test_a_table_with_other_keys_is_refused_and_left_alone(dynamodb, secrets):
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

    made = resources.define({"Stage": stage, "OperatorKey": KEY})

    assert made["Table"]["TableName"] == config["TABLE_NAME"]
    assert made["OperatorKeySecret"]["Name"] == f"passerelle/{config['STAGE']}/operator-key"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_policy_names_its_own_stage_only(stage):
    """A function of one stage can neither read the data nor the keys of another."""
    statements = resources.read_json(f"policy-{stage}.json")["Statement"]

    for statement in statements:
        assert (
            f"passerelle{'/' if 'secret' in statement['Resource'] else '-'}{stage}"
            in (statement["Resource"])
        )


def test_stages_differ_in_names_only():
    """A permission that dev has and prod lacks is found out on the day of the release."""
    dev = resources.CHALICE.joinpath("policy-dev.json").read_text(encoding="utf-8")
    prod = resources.CHALICE.joinpath("policy-prod.json").read_text(encoding="utf-8")

    assert dev.replace("passerelle-dev", "passerelle-prod").replace("e/dev/", "e/prod/") == prod


def test_no_policy_grants_everything():
    """Least privilege: every action and every resource is named."""
    for stage in ("dev", "prod"):
        for statement in resources.read_json(f"policy-{stage}.json")["Statement"]:
            assert "*" not in "".join(statement["Action"])
            assert statement["Resource"] != "*"


def test_the_function_cannot_drop_the_operator_key():
    """Secrets of tokens come and go at run time; the operator key is nobody's to delete."""
    statements = resources.read_json("policy-prod.json")["Statement"]

    deleting = [one for one in statements if "secretsmanager:DeleteSecret" in one["Action"]]

    assert [one["Resource"] for one in deleting] == [
        "arn:aws:secretsmanager:*:*:secret:passerelle/prod/*/*"
    ]
