"""The deployer's policy: all commands of the guide run with it, and nothing in it is unused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deploy.cloud import DEPLOYER, Cloud, Project

pytestmark = pytest.mark.deploy

# What the emulator does not enforce, or what a first deployment does not need.
NOT_SEEN = {
    "sns:ListSubscriptionsByTopic": "make doctor, where the stage has an alarm_topic",
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
