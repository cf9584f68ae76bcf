"""The deployer's policy: all commands of the guide run with it, and nothing in it is unused."""

from __future__ import annotations

import re

import pytest

from tests.deploy import stack_calls
from tests.deploy.cloud import DEPLOYER, Cloud, allowed_to_deployers

pytestmark = pytest.mark.deploy

# What the emulator does not enforce, or what a first deployment does not need.
NOT_SEEN = {
    "cloudformation:CreateStack": "Terraform, which makes no change set",
    "cloudformation:GetTemplate": "Terraform",
    "cloudformation:UpdateStack": "Terraform",
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


def test_every_action_of_the_policy_is_used(cloud: Cloud, erased: str, without_stack: str):
    """Every command of these tests is run by a user who has this policy alone."""
    allowed = allowed_to_deployers()

    used = set(cloud.grant()[cloud.engineer[0]])

    assert allowed - used <= NOT_SEEN.keys() | stack_calls.of_all_types()
    assert used <= allowed


def test_the_policy_is_short_enough_to_be_one_of_iam():
    """A managed policy has at most 6,144 characters that are no white space."""
    text = DEPLOYER.read_text(encoding="utf-8")

    assert len(re.sub(r"\s", "", text)) <= 6_144


def test_the_policy_does_not_reach_other_things_of_the_account(cloud: Cloud, first: str):
    """An engineer of this service has no business with other tables and roles."""
    for service, call, arguments in (
        ("dynamodb", "describe_table", {"TableName": "billing"}),
        ("iam", "get_role", {"RoleName": "admin"}),
        ("lambda", "get_function", {"FunctionName": "billing"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "billing"}),
    ):
        client = cloud.client_of_engineer(service)
        with pytest.raises(client.exceptions.ClientError, match=r"AccessDenied|not authorized"):
            getattr(client, call)(**arguments)
