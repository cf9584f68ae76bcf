"""Which deployment a folder's record is of, and what is rejected if it does not match."""

from __future__ import annotations

import io
import json
from zipfile import ZipFile

import boto3
import pytest
from moto import mock_aws

from dev.release import destroy, stages
from dev.release.account import Account, NoAccess, require_own
from dev.release.deploy import CannotDeploy

REGION, NUMBER = "eu-west-1", "123456789012"
FUNCTION = "passerelle-dev"
RECORD = {"api_handler": {"lambda_arn": f"arn:aws:lambda:{REGION}:{NUMBER}:function:{FUNCTION}"}}


@pytest.fixture
def account():
    """Open an account that is served by a function."""
    with mock_aws():
        account = Account(boto3.Session(region_name=REGION), NUMBER)
        role = account.client("iam").create_role(
            RoleName="anyone", AssumeRolePolicyDocument=json.dumps({"Statement": []})
        )
        archive = io.BytesIO()
        with ZipFile(archive, "w") as file:
            file.writestr("app.py", "")
        account.client("lambda").create_function(
            FunctionName=FUNCTION,
            Role=role["Role"]["Arn"],
            Handler="app.app",
            Runtime="python3.12",
            Code={"ZipFile": archive.getvalue()},
        )
        yield account


@pytest.mark.parametrize(("region", "number"), [("eu-central-1", NUMBER), (REGION, "9" * 12)])
def test_the_record_of_another_account_or_region_is_not_written_over(region, number):
    """Deployed to a second region, the first would get another URL at its next deployment."""
    with pytest.raises(NoAccess, match="would write over it"):
        require_own(RECORD, Account(boto3.Session(region_name=region), number))


def test_a_record_serves_where_it_was_made(account):
    """A new deployment has no record at all."""
    require_own(RECORD, account)
    require_own({}, account)


def test_a_stage_that_runs_is_not_destroyed_without_its_record(account):
    """Chalice deletes what it has recorded: table and secrets would go from under the API."""
    stage = stages.read("dev")

    with pytest.raises(CannotDeploy, match="Nothing was changed"):
        destroy.require_gone({}, stage, account)
    destroy.require_gone(RECORD, stage, account)

    account.client("lambda").delete_function(FunctionName=FUNCTION)
    destroy.require_gone({}, stage, account)
