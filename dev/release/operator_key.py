"""`make operator-key STAGE=dev NAME=... SCOPES=...`: make an operator key; list and revoke them.

    make operator-key STAGE=dev NAME=sign-in-page SCOPES=sign-in      print a new key, once
    make operator-keys STAGE=dev                                      list them all
    make revoke-operator-key STAGE=dev ID=...                         reject it from now on

STAGE=local is the server that `make run` has started in LOCAL_DIR. A key of a deployed stage can be
read again where its secret may be: `passerelle/<stage>/operator-key-<id>`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom

import boto3

from chalicelib.auth.tokens import mint
from chalicelib.storage.table import Table
from dev.release import account, stages
from dev.run import resources
from dev.run.operator_keys import OperatorKeys, WrongKey, lines
from dev.run.serve import ENGINE_FILE, STAGE


def main(arguments: Sequence[str]) -> int:
    """Create, list or revoke: the first argument says which, the second one is the stage.

    Raises:
        WrongKey: the name, a scope or the id is not one, or no server runs in LOCAL_DIR.
        WrongSettings: there is no such stage.
        NoAccess: there are no credentials.
        ClientError: AWS rejects a call.
    """
    action, stage = arguments
    keys = _keys_of(stage, os.environ)
    if action == "create":
        scopes = re.split(r"[\s,]+", os.environ.get("SCOPES", "").strip(" ,"))
        text = mint("op", SystemRandom()).text
        key = keys.create(text, os.environ.get("NAME", ""), [each for each in scopes if each])
        print(f"The key `{key.name}` ({key.id}) with {', '.join(key.scopes)}:\n\n  {text}\n")
    elif action == "list":
        print("\n".join(lines(keys.list())))
    else:
        keys.revoke(os.environ.get("ID", ""))
        print("It is rejected from now on.")
    return 0


def _keys_of(stage: str, environment: Mapping[str, str]) -> OperatorKeys:
    if stage != STAGE:
        return account.operator_keys(stages.read(stage), account.find_account())
    file = Path(environment.get("LOCAL_DIR") or ".local") / ENGINE_FILE
    if not file.exists():
        raise WrongKey(f"There is no {file}. Start the server first: make run")
    urls = json.loads(file.read_text(encoding="utf-8"))
    session = boto3.Session("local", "local", region_name=urls["region"])
    table = resources.define({"Stage": stage})["Table"]["TableName"]
    dynamodb = session.client("dynamodb", endpoint_url=urls["dynamodb"])
    secrets = session.client("secretsmanager", endpoint_url=urls["secretsmanager"])
    return OperatorKeys(Table(dynamodb, table), secrets, f"passerelle/{stage}")
