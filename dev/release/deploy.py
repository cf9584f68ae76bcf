"""`make deploy STAGE=dev`: from an AWS account to a service that answers, as often as wanted.

    1 settings and credentials are checked, in words that help
    2 what .chalice/resources.json defines is made or brought up to date; data is never replaced
    3 `chalice deploy`, with byte code in the archive
    4 what Chalice does not make: refusals, access log, dead-letter queue
    5 a smoke test of the live URL, and what to do next

After it a plain `chalice deploy` leaves a working service too. Knows the order of the steps;
what each of them makes stands in `resources`, `front`, `bytecode` and `smoke`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from chalicelib.auth.tokens import mint
from dev.errors import VerbError
from dev.release import bytecode, front, smoke, stages
from dev.release.account import (
    Account,
    api_of,
    deployed,
    find_account,
    operator_key,
    require_own,
    url_of,
)
from dev.release.stages import Stage
from dev.run import resources

ROOT = Path(__file__).parents[2]
LOGS_ROLE = "passerelle-api-gateway-logs"
LOGS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
EXECUTE_API = re.compile(r"execute-api:[^:]+:\d+:(\w+)/")
ROLE_SECONDS = 30.0  # a new role is known to other services after some seconds


class CannotDeploy(VerbError):
    """Deployment would do harm, or did not come to its end; says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Check a stage's settings and the credentials, then deploy it.

    Raises:
        WrongSettings: .chalice/config.json has no such stage, or wrong settings for it.
        NoAccess: there are no valid credentials.
        CannotDeploy, CannotBeMade, ClientError: as `deploy`.
    """
    stage = stages.read(arguments[0] if arguments else "dev")
    account = find_account()
    print(f"Deploying stage {stage.name} to account {account.number}, region {account.region}.")
    deploy(stage, account)
    return 0


def deploy(stage: Stage, account: Account) -> None:
    """Deploy a checked stage.

    Raises:
        CannotDeploy: Chalice failed, or what was deployed does not answer as it should.
        CannotBeMade: a table of that name has other keys.
        NoAccess: it was deployed from this folder to another account or region.
        ClientError: AWS refuses a call.
    """
    _require_record(stage, account)
    made = _make_resources(stage, account)
    _deploy_functions(stage)
    _make_the_rest(stage, account, made)
    url = url_of(stage, account)
    wrong = smoke.faults(url, operator_key(stage, account))
    if wrong:
        raise CannotDeploy("\n  ".join(["It is deployed, but does not answer well:", *wrong]))
    print(_next(stage, url))


def run_chalice(*arguments: str) -> None:
    """Run Chalice on this project; its own words go to the terminal.

    Raises:
        CannotDeploy: it failed.
    """
    chalice = str(Path(sys.executable).with_name("chalice"))
    done = subprocess.run(
        [chalice, "--project-dir", str(ROOT), *arguments],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    if done.returncode:
        raise CannotDeploy(f"chalice {arguments[0]} failed, see above.")


# --- the steps --------------------------------------------------------------------------------


def _require_record(stage: Stage, account: Account) -> None:
    """Refuse where Chalice would make a second API beside the one that customers call."""
    record = deployed(stage)
    require_own(record, account)
    apis = [] if record else sorted(_callers(account, stage.function))
    if apis:
        raise CannotDeploy(
            f"{stage.function} is called by API {' and '.join(apis)}, but here is no "
            f".chalice/deployed/{stage.name}.json. Without this record Chalice makes another "
            "API with another URL. Copy the record from where it was deployed last; or, after a "
            "first deployment that failed and whose URL nobody was given, remove that API: "
            f"aws apigateway delete-rest-api --rest-api-id {apis[0]}"
        )


def _callers(account: Account, function: str) -> set[str]:
    """Tell which of the APIs that may call a function are there."""
    functions = account.client("lambda")
    try:
        policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        return set()
    pages = account.client("apigateway").get_paginator("get_rest_apis").paginate()
    there = {each["id"] for page in pages for each in page["items"]}
    return set(EXECUTE_API.findall(json.dumps(policy))) & there


def _make_resources(stage: Stage, account: Account) -> dict[str, resources.Properties]:
    print("Table, operator key, queue and logs ...", flush=True)
    resources.make(
        stage.name,
        account.client("dynamodb"),
        account.client("secretsmanager"),
        lambda: mint("op", SystemRandom()).text,
    )
    defined = resources.define({"Stage": stage.name, "OperatorKey": ""})
    resources.make_queue(account.client("sqs"), defined["DeadLetters"])
    for each in ("ApiLog", "SweepLog", "AccessLog"):
        resources.make_log_group(account.client("logs"), defined[each])
    return defined


def _deploy_functions(stage: Stage) -> None:
    # Chalice keeps built archives and takes one again while nothing has changed: so the byte
    # code of the first run goes out with the second. What Python leaves in chalicelib by itself
    # would make it another archive.
    for cache in (ROOT / "chalicelib").rglob("__pycache__"):
        shutil.rmtree(cache)
    run_chalice("package", "--stage", stage.name, str(ROOT / "build" / "archive"))
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for archive in (resources.CHALICE / "deployments").glob(f"*-{runtime}*.zip"):
        if bytecode.missing(archive):
            bytecode.add(archive)
    run_chalice("deploy", "--stage", stage.name)


def _make_the_rest(
    stage: Stage, account: Account, made: Mapping[str, resources.Properties]
) -> None:
    print("Refusals, access log, dead-letter queue ...", flush=True)
    queue, log = made["DeadLetters"]["QueueName"], made["AccessLog"]["LogGroupName"]
    here = f"{account.region}:{account.number}"
    account.client("lambda").update_function_configuration(
        FunctionName=stage.sweep,
        DeadLetterConfig={"TargetArn": f"arn:aws:sqs:{here}:{queue}"},
    )
    _allow_access_log(account)
    gateway = account.client("apigateway")
    front.put(gateway, api_of(stage), stage.api_stage, f"arn:aws:logs:{here}:log-group:{log}")


def _allow_access_log(account: Account) -> None:
    """Let API Gateway write logs: a setting of the account and region, made if there is none."""
    gateway, iam = account.client("apigateway"), account.client("iam")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "apigateway.amazonaws.com"},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    try:
        role = iam.create_role(RoleName=LOGS_ROLE, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=LOGS_ROLE)
    iam.attach_role_policy(RoleName=LOGS_ROLE, PolicyArn=LOGS_POLICY)
    _set_logs_role(gateway, role["Role"]["Arn"])
    print(f"  API Gateway in {account.region} now writes its logs as {LOGS_ROLE}.")


def _set_logs_role(gateway: Any, arn: str) -> None:
    change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]
    end = time.monotonic() + ROLE_SECONDS
    while True:
        try:
            gateway.update_account(patchOperations=change)
        except gateway.exceptions.BadRequestException:
            if time.monotonic() > end:
                raise
            time.sleep(3)
        else:
            return


def _next(stage: Stage, url: str) -> str:
    return "\n".join(_lines(stage, url))


def _lines(stage: Stage, url: str) -> Iterator[str]:
    yield f"\nStage {stage.name} answers as it should at {url}"
    if not stage.public_url:
        yield (
            "\nBefore the first customer connects: give it a domain and set PUBLIC_URL "
            "(docs/deploy.md).\nEach customer pastes this URL into his identity provider once, "
            "and the one above ends with the API."
        )
    elif stage.public_url != url:
        yield f"Customers are given {stage.public_url}"
    yield (
        "\nWhat to do next, as the SaaS's back end:\n\n"
        f'  eval "$(make --silent access STAGE={stage.name})"\n'
        '  curl -H "Authorization: Bearer $KEY" "$URL/admin/organisations"\n\n'
        "then an organisation, a connection and a token: docs/deploy.md, 'Connect a tenant'."
    )
