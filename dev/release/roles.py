"""The roles of a stage's functions in IAM; one each, and each of one region.

IAM has no regions, and Chalice names its roles without one: a stage in a second region would write
over the policies of the first, and with it would go the roles of both.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from dev.release import source
from dev.release.account import Account
from dev.release.stages import FUNCTIONS, Stage

LAMBDA = "lambda.amazonaws.com"


def trust(service: str) -> str:
    """Return the policy by which a service of AWS may take a role."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def name_of(stage: Stage, region: str, function: str) -> str:
    """Return the name of a function's role."""
    return f"{stage.function}-{region}-{function}"


def make(stage: Stage, account: Account) -> dict[str, str]:
    """Create the roles or bring their policies up to date; return function -> ARN."""
    iam = account.client("iam")
    return {function: _make(iam, stage, account.region, function) for function in FUNCTIONS}


def _make(iam: Any, stage: Stage, region: str, function: str) -> str:
    name = name_of(stage, region, function)
    document = json.dumps(source.policy(stage, function))
    try:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(LAMBDA))
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=name)
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=document)
    return str(role["Role"]["Arn"])


def delete(stage: Stage, account: Account) -> None:
    """Delete the roles of this region; one that is gone is no fault."""
    iam = account.client("iam")
    for function in FUNCTIONS:
        name = name_of(stage, account.region, function)
        with suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role_policy(RoleName=name, PolicyName=name)
        with suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role(RoleName=name)
