"""`make destroy STAGE=dev`: remove a stage from an AWS account; its data only with DATA=delete.

Asks for the name of the stage first, unless CONFIRM=<stage> is set. Deletes the functions, the API,
the queue and the alarms; table, secrets and logs stay, so that `make deploy` brings the service
back with all its data. DATA=delete deletes them too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dev.release import alarms, roles, source, stages
from dev.release.account import Account, Record, deployed, find_account, require_own
from dev.release.deploy import CannotDeploy
from dev.release.stages import Stage
from dev.run import resources

DELETE = "delete"


def main(arguments: Sequence[str], ask: Callable[[str], str] = input) -> int:
    """Remove a stage; 0 when it is gone, 1 when that was not confirmed.

    Raises:
        WrongSettings: .chalice/config.json has no such stage.
        NoAccess: there are no valid credentials.
        CannotDeploy, ClientError: as `destroy`.
    """
    stage = stages.read(arguments[0] if arguments else "dev")
    account = find_account()
    with_data = os.environ.get("DATA") == DELETE
    if not _confirmed(stage, account, with_data=with_data, ask=ask):
        print("Nothing was changed.")
        return 1
    destroy(stage, account, with_data=with_data)
    return 0


def _confirmed(
    stage: Stage, account: Account, *, with_data: bool, ask: Callable[[str], str]
) -> bool:
    data = "WITH all users, groups and tokens" if with_data else "its table and secrets stay"
    print(
        f"Stage {stage.name} in account {account.number}, region {account.region}: "
        f"functions, API, queue and alarms will be deleted; {data}."
    )
    given = os.environ.get("CONFIRM") or ask(f"Type {stage.name} to go on: ")
    return given.strip() == stage.name


def destroy(stage: Stage, account: Account, *, with_data: bool) -> None:
    """Delete a stage; it can be repeated.

    Raises:
        CannotDeploy: Chalice has no record of the functions.
        CannotRun: Chalice failed.
        NoAccess: it was deployed from this folder to another account or region.
        ClientError: AWS rejects a call.
    """
    record = deployed(stage)
    require_own(record, account)
    require_gone(record, stage, account)
    source.run_chalice("delete", "--stage", stage.name, project=source.ROOT)
    roles.delete(stage, account)
    defined = stage.define()
    alarms.delete(account.client("cloudwatch"), stage)
    _delete_queue(account.client("sqs"), defined["DeadLetters"]["QueueName"])
    if not with_data:
        print(f"Gone. Kept: {', '.join(_kept(stage, defined))}; `make deploy` uses them again.")
        return
    _delete_table(account.client("dynamodb"), defined["Table"]["TableName"])
    _delete_secrets(account.client("secretsmanager"), f"passerelle/{stage.name}/")
    _delete_logs(account.client("logs"), _log_groups(defined))
    print("Gone, with all data.")


def require_gone(record: Record, stage: Stage, account: Account) -> None:
    """Reject a removal if Chalice has no record of existing functions: it would leave them.

    They would go on without their queue, and with DATA=delete without their data.

    Raises:
        CannotDeploy: the stage's function exists, and its record does not.
    """
    if record:
        return
    functions = account.client("lambda")
    with suppress(functions.exceptions.ResourceNotFoundException):
        functions.get_function_configuration(FunctionName=stage.function)
        raise CannotDeploy(
            f"{stage.function} exists, but this folder has no .chalice/deployed/{stage.name}.json, "
            "without which Chalice deletes nothing. Nothing was changed. Copy the record from "
            "where it was deployed last; delete what a CloudFormation stack has created with: "
            "aws cloudformation delete-stack"
        )


def _kept(stage: Stage, defined: Mapping[str, resources.Properties]) -> Iterator[str]:
    yield defined["Table"]["TableName"]
    yield f"passerelle/{stage.name}/*"
    yield from _log_groups(defined)


def _log_groups(defined: Mapping[str, resources.Properties]) -> list[str]:
    return [each["LogGroupName"] for each in defined.values() if "LogGroupName" in each]


def _delete_queue(sqs: Any, name: str) -> None:
    with suppress(sqs.exceptions.QueueDoesNotExist):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _delete_table(dynamodb: Any, name: str) -> None:
    with suppress(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=name)
        dynamodb.delete_table(TableName=name)


def _delete_secrets(secretsmanager: Any, prefix: str) -> None:
    pages = secretsmanager.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )
    names = [each["Name"] for page in pages for each in page["SecretList"]]
    for name in names:
        if name.startswith(prefix):
            secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _delete_logs(logs: Any, names: list[str]) -> None:
    for name in names:
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=name)
