"""Where a deployment keeps its data: a stage in AWS, or the local server of `make run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from chalicelib.storage.table import Table
from dev.errors import VerbError
from dev.release import account, stages
from dev.run import resources
from dev.run.operator_keys import OperatorKeys
from dev.run.serve import ENGINE_FILE, STAGE


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment's table and secrets; `secretsmanager` is a client of boto3."""

    table: Table
    secretsmanager: Any
    prefix: str

    @property
    def operator_keys(self) -> OperatorKeys:
        """The operator keys."""
        return OperatorKeys(self.table, self.secretsmanager, self.prefix)


def find(stage: str, environment: Mapping[str, str]) -> Deployment:
    """Reach the deployment of a stage; `local` is the server that runs in LOCAL_DIR.

    Raises:
        VerbError: no server runs in LOCAL_DIR, or there is no such stage.
        NoAccess: there are no credentials.
    """
    prefix = f"passerelle/{stage}"
    if stage != STAGE:
        found, own = stages.read(stage), account.find_account()
        table = Table(own.client("dynamodb"), found.table)
        return Deployment(table, own.client("secretsmanager"), prefix)
    file = Path(environment.get("LOCAL_DIR") or ".local") / ENGINE_FILE
    if not file.exists():
        raise VerbError(f"There is no {file}. Start the server first: make run")
    urls = json.loads(file.read_text(encoding="utf-8"))
    session = boto3.Session("local", "local", region_name=urls["region"])
    name = resources.define({"Stage": stage})["Table"]["TableName"]
    dynamodb = session.client("dynamodb", endpoint_url=urls["dynamodb"])
    secrets = session.client("secretsmanager", endpoint_url=urls["secretsmanager"])
    return Deployment(Table(dynamodb, name), secrets, prefix)
