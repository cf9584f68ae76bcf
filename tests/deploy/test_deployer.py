"""The deployer's policy: all commands of the guide run with it, and nothing in it is unused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dev.release import roles, stages
from dev.release.account import Account
from tests.deploy.cloud import DEPLOYER, REGION, Cloud, Project

pytestmark = pytest.mark.deploy

# What the emulator does not enforce, or what a first deployment does not need.
NOT_SEEN = {
    "iam:PassRole": "giving a function its role",
    "lambda:GetAccountSettings": "the account's quota",
    "lambda:RemovePermission": "an API that Chalice replaces",
    "dynamodb:UpdateItem": "revoking an operator key",
    "logs:CreateLogDelivery": "the access log of a stage: API Gateway asks for all that follow",
    "logs:DescribeLogGroups": "the access log",
    "logs:DescribeResourcePolicies": "the access log",
    "logs:GetLogDelivery": "the access log",
    "logs:ListLogDeliveries": "the access log",
    "logs:PutResourcePolicy": "the access log",
    "logs:UpdateLogDelivery": "the access log",
}


def test_every_action_of_the_policy_is_used(
    cloud: Cloud, erased: str, packaged: Path, project: Project
):
    """Every command of these tests is run by a user who has this policy alone."""
    statements = json.loads(DEPLOYER.read_text(encoding="utf-8"))["Statement"]
    allowed = {action for each in statements for action in each["Action"]}

    used = set(cloud.grant()[cloud.engineer[0]])

    assert allowed - used <= NOT_SEEN.keys()
    assert used <= allowed


def test_the_policy_does_not_reach_other_things_of_the_account(cloud: Cloud, first: str):
    """An engineer of this service has no business with other tables and roles."""
    key, secret = cloud.engineer
    session = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    for service, call, arguments in (
        ("dynamodb", "describe_table", {"TableName": "billing"}),
        ("iam", "get_role", {"RoleName": "admin"}),
        ("lambda", "get_function", {"FunctionName": "billing"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "billing"}),
    ):
        client = cloud.client(service, **session)
        with pytest.raises(client.exceptions.ClientError, match=r"AccessDenied|not authorized"):
            getattr(client, call)(**arguments)


def account_in(cloud: Cloud) -> Account:
    """Reach the account as a verb does."""
    session: Any = SimpleNamespace(region_name=cloud.region, client=cloud.client)
    return Account(cast("Any", session), "000000000000")


def test_roles_of_two_regions_do_not_meet(cloud: Cloud, first: str):
    """D8: what one region deletes, the other does not use."""
    stage = stages.read("dev")
    one, other = account_in(cloud), account_in(replace(cloud, region="us-east-1"))
    iam = cloud.client("iam")

    made = roles.make(stage, other)
    kept = [roles.name_of(stage, REGION, function) for function in made]
    policies = [iam.get_role_policy(RoleName=n, PolicyName=n)["PolicyDocument"] for n in kept]
    roles.delete(stage, other)
    roles.delete(stage, other)

    names = {each["RoleName"] for each in iam.list_roles(MaxItems=100)["Roles"]}
    assert names & {roles.name_of(stage, other.region, function) for function in made} == set()
    assert set(kept) <= names
    after = [iam.get_role_policy(RoleName=n, PolicyName=n)["PolicyDocument"] for n in kept]
    assert after == policies
    assert one.region == REGION
