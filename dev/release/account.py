"""The AWS account of the credentials, and what a deployed stage has in it. Reads only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.storage.operator_keys import SCOPES
from chalicelib.storage.table import Table
from dev.errors import VerbError
from dev.release.stages import Stage
from dev.run import resources
from dev.run.operator_keys import OperatorKeys


class NoAccess(VerbError):
    """There are no credentials or no region, or the stage is not deployed; says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and a region in it."""

    session: boto3.Session
    number: str

    @property
    def region(self) -> str:
        """Its region."""
        return str(self.session.region_name)

    def client(self, service: str) -> Any:
        """Create a client of a service in this region."""
        return self.session.client(service)


def find_account() -> Account:
    """Return the account of the credentials.

    Raises:
        NoAccess: no region is set, or there are no valid credentials.
    """
    try:
        session = boto3.Session()
        if not session.region_name:
            raise NoAccess("No region is set: export AWS_DEFAULT_REGION=eu-central-1")
        number = str(session.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise NoAccess(
            f"No access to AWS: {error} Log in (`aws sso login`, AWS_PROFILE=...) until "
            "`aws sts get-caller-identity` succeeds; docs/deploy.md lists what is needed."
        ) from None
    return Account(session, number)


Record = Mapping[str, Mapping[str, Any]]


def deployed(stage: Stage) -> Record:
    """Return Chalice's record of what it deployed: name -> resource; empty without a record."""
    record = _record(stage)
    if not record.exists():
        return {}
    found = json.loads(record.read_text(encoding="utf-8"))["resources"]
    return {each["name"]: each for each in found}


def forget(stage: Stage, name: str) -> None:
    """Take a resource that is gone out of Chalice's record, so that Chalice makes it anew."""
    record = _record(stage)
    found = json.loads(record.read_text(encoding="utf-8"))
    found["resources"] = [each for each in found["resources"] if each["name"] != name]
    record.write_text(json.dumps(found, indent=2), encoding="utf-8")


def _record(stage: Stage) -> Path:
    return resources.CHALICE / "deployed" / f"{stage.name}.json"


def require_own(record: Record, account: Account) -> None:
    """Reject the record of another account or region: Chalice would overwrite it.

    Raises:
        NoAccess: the record names functions of another account or region.
    """
    arns = [str(each["lambda_arn"]) for each in record.values() if "lambda_arn" in each]
    foreign = [arn for arn in arns if arn.split(":")[3:5] != [account.region, account.number]]
    if foreign:
        raise NoAccess(
            f".chalice/deployed records {foreign[0]}, and these credentials lead to account "
            f"{account.number}, region {account.region}. Choose the recorded ones; or keep the "
            "record somewhere else, since Chalice would write over it."
        )


def api_of(stage: Stage) -> str:
    """Return the id of a deployed stage's API.

    Raises:
        NoAccess: the stage is not deployed from this folder.
    """
    record = deployed(stage)
    if "rest_api" not in record:
        raise NoAccess(f"stage {stage.name} is not deployed from this folder: make deploy")
    return str(record["rest_api"]["rest_api_id"])


def url_of(stage: Stage, account: Account) -> str:
    """Return the URL of a stage at API Gateway, or at an emulator.

    Raises:
        NoAccess: the stage is not deployed from this folder.
    """
    api = api_of(stage)
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    if emulator:
        return f"{emulator}/_aws/execute-api/{api}/{stage.api_stage}"
    suffix = "amazonaws.com.cn" if account.region.startswith("cn-") else "amazonaws.com"
    return f"https://{api}.execute-api.{account.region}.{suffix}/{stage.api_stage}"


def operator_keys(stage: Stage, account: Account) -> OperatorKeys:
    """Reach the operator keys of a stage."""
    table = Table(account.client("dynamodb"), stage.table)
    return OperatorKeys(table, account.client("secretsmanager"), f"passerelle/{stage.name}")


def operator_key(stage: Stage, account: Account) -> str:
    """Read the text of an operator key that may do everything.

    Raises:
        NoAccess: there is no such key.
        ClientError: it may not be read.
    """
    text = next(operator_keys(stage, account).with_all_scopes(), None)
    if text is None:
        raise NoAccess(
            f"Stage {stage.name} has no operator key with all scopes: "
            f"make operator-key STAGE={stage.name} NAME=first SCOPES={','.join(SCOPES)}"
        )
    return text
