"""`make deploy STAGE=dev`: create or update a stage in an AWS account; can be repeated.

    1 check the settings and the credentials
    2 create or update what .chalice/resources.json defines, and switch on the table's stream; data
      is never replaced
    3 `chalice deploy`, with byte code in the archive
    4 set what Chalice does not: gateway responses, access log, throttle, dead-letter queue, which
      records of the stream become events, alarms
    5 run a smoke test on the live URL, publish what passes it as a version, to which
      `make rollback` can return, and print what to do next

Afterwards a plain `chalice deploy` leaves a working service too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import SystemRandom
from typing import Any

from chalicelib.auth.tokens import mint
from dev.errors import VerbError
from dev.release import (
    account_setup,
    alarms,
    bytecode,
    event_source,
    front,
    releases,
    restored,
    roles,
    smoke,
    source,
    stages,
)
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

EXECUTE_API = re.compile(r"execute-api:[^:]+:\d+:(\w+)/")


class CannotDeploy(VerbError):
    """Deployment would do harm, or failed; says why and what to do."""


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
        CannotDeploy: the smoke test failed.
        CannotRun: Chalice failed.
        CannotBeMade: a table of that name has other keys.
        NoAccess: it was deployed from this folder to another account or region.
        ClientError: AWS rejects a call.
    """
    _require_record(stage, account)
    functions = account.client("lambda")
    releases.publish_first(functions, stage)
    made = _make_resources(stage, account)
    stage = replace(stage, stream_arn=_make_stream(account, made))
    stage = _with_unbroken_feed(functions, stage)
    event_source.release_others(functions, stage)
    _deploy_functions(stage, account)
    _make_the_rest(stage, account, made)
    _require_works(stage, account)
    releases.publish(functions, stage)
    print(_next(stage, url_of(stage, account)))
    account_setup.warn_of_quota(account)


# --- the steps --------------------------------------------------------------------------------


def _require_record(stage: Stage, account: Account) -> None:
    """Reject a deployment with which Chalice would create a second API beside the live one."""
    record = deployed(stage)
    require_own(record, account)
    apis = [] if record else sorted(_apis_of(account, stage.function))
    if apis:
        raise CannotDeploy(
            f"{stage.function} belongs to API {' and '.join(apis)}, but this folder has no "
            f".chalice/deployed/{stage.name}.json. Without this record Chalice creates another "
            "API with another URL. Copy the record from where it was deployed last; or, after a "
            "first deployment that failed and whose URL nobody was given, remove that API: "
            f"aws apigateway delete-rest-api --rest-api-id {apis[0]}"
        )


def _apis_of(account: Account, function: str) -> set[str]:
    """Return the existing APIs that have permission to invoke a function."""
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
        stage.table,
    )
    defined = stage.define()
    resources.make_queue(account.client("sqs"), defined["DeadLetters"])
    for each in defined.values():
        if "LogGroupName" in each:
            resources.make_log_group(account.client("logs"), each)
    return defined


def _with_unbroken_feed(functions: Any, stage: Stage) -> Stage:
    """Let cursors from before be rejected where the functions get another table."""
    there = restored.environment(functions, stage)
    since = restored.unbroken_since(stage, there, datetime.now(UTC))
    if since != there.get(restored.NAME, ""):
        print(f"The feed is unbroken since {since}: consumers with older cursors compare anew.")
    return replace(stage, feed_unbroken_since=since)


def _make_stream(account: Account, made: Mapping[str, resources.Properties]) -> str:
    return resources.make_stream(account.client("dynamodb"), made["Table"])


def _deploy_functions(stage: Stage, account: Account) -> None:
    # Chalice keeps built archives and uses them again while nothing has changed: so the byte code
    # that is added after the first run is deployed by the second.
    source.copy(account_setup.within_quota(stage, account), roles.make(stage, account))
    source.run_chalice("package", "--stage", stage.name, str(source.BUILD / "archive"))
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for archive in (source.SOURCE / ".chalice" / "deployments").glob(f"*-{runtime}*.zip"):
        if bytecode.missing(archive) or bytecode.unreadable(archive):
            bytecode.add(archive)
    source.run_chalice("deploy", "--stage", stage.name)


def _make_the_rest(
    stage: Stage, account: Account, made: Mapping[str, resources.Properties]
) -> None:
    print(
        "Gateway responses, access log, throttle, dead-letter queue, events, alarms ...", flush=True
    )
    queue, log = made["DeadLetters"]["QueueName"], made["AccessLog"]["LogGroupName"]
    here = f"{account.region}:{account.number}"
    queue_arn, functions = f"arn:aws:sqs:{here}:{queue}", account.client("lambda")
    functions.update_function_configuration(
        FunctionName=stage.sweep, DeadLetterConfig={"TargetArn": queue_arn}
    )
    event_source.configure(functions, stage, queue_arn)
    account_setup.allow_access_log(account)
    gateway = account.client("apigateway")
    front.put(gateway, api_of(stage), stage, f"arn:aws:logs:{here}:log-group:{log}")
    alarms.put(account.client("cloudwatch"), stage, account.region)


def _require_works(stage: Stage, account: Account) -> None:
    functions = account.client("lambda")
    wrong = smoke.faults(
        url_of(stage, account),
        operator_key(stage, account),
        lambda: event_source.faults(functions, stage),
    )
    if wrong:
        raise CannotDeploy(
            "\n  ".join(
                [
                    "It is deployed, but the smoke test fails:",
                    *wrong,
                    f"What ran before is put back by: make rollback STAGE={stage.name}",
                ]
            )
        )


def _next(stage: Stage, url: str) -> str:
    return "\n".join(_lines(stage, url))


def _lines(stage: Stage, url: str) -> Iterator[str]:
    yield f"\nStage {stage.name} works at {url}"
    if not stage.public_url:
        yield (
            "\nBefore the first customer connects: give it a domain and set PUBLIC_URL "
            "(docs/deploy.md).\nCustomers paste it into their providers, and the URL above "
            "is gone when the API is."
        )
    elif stage.public_url != url:
        yield f"The URL for customers is {stage.public_url}"
    yield (
        "\nWhat to do next, as the SaaS's back end:\n\n"
        f'  eval "$(make --silent access STAGE={stage.name})"\n'
        '  curl -H "Authorization: Bearer $KEY" "$URL/admin/organisations"\n\n'
        "then an organisation, a connection and a token: docs/deploy.md, 'Connect a tenant'."
    )
