"""Create what `.chalice/resources.json` defines: one definition for tests, `make run` and AWS.

Reads the CloudFormation form and calls the boto3 clients that it gets, which may reach moto, an
emulator or AWS. Repeating it changes nothing and never replaces data.

The table and an operator key are created everywhere; the stream where events are wanted, the queue
and the log groups where functions run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage import grants
from chalicelib.storage.keys import organisations
from chalicelib.storage.records import SCHEMA, schema_of
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from dev.errors import VerbError
from dev.patience import Patience
from dev.run.operator_keys import OperatorKeys

CHALICE = Path(__file__).parents[2] / ".chalice"
DEFINITIONS = "resources.json"

# The properties that go into CreateTable as they are; the others have calls of their own.
CREATE_TABLE = (
    "TableName",
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "DeletionProtectionEnabled",
)

# How long the table may take to say what is in it, in seconds.
PATIENCE = 20.0

# Each a minute on AWS, and some more.
NEW_BACKUPS = Patience(
    90, "the backups of the new table", {"ContinuousBackupsUnavailableException"}
)
FREE_QUEUE_NAME = Patience(
    90,
    "the name of the queue: AWS keeps that of a deleted queue for a minute",
    {"AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"},
)
CHANGEABLE = Patience(
    120, "the table: AWS makes one change after another", {"ResourceInUseException"}
)
# What is asked of a table every so often while it comes or goes.
WAITING = {"Delay": 1, "MaxAttempts": 120}

Properties = Mapping[str, Any]


class CannotBeMade(VerbError):
    """What exists contradicts the definition; the text says what, and what to do."""


def make(
    stage: str,
    dynamodb: Any,
    secretsmanager: Any,
    mint: Callable[[], str],
    table_name: str | None = None,
) -> str:
    """Create the stage's table and first operator key where they are missing; return the key.

    `mint` returns the text of a new operator key; an existing one that may do everything is kept.
    `table_name` is that of a table that was restored from a backup.

    Raises:
        CannotBeMade: a table of that name has other keys, items of another release, or cannot be
            restored; or the restored one does not exist.
        ClientError: AWS rejects a call, most often because a permission is missing.
    """
    defined = define({"Stage": stage})["Table"]
    if table_name in {None, defined["TableName"]}:
        make_table(dynamodb, defined)
    else:
        defined = {**defined, "TableName": table_name}
        keep_table(dynamodb, defined)
    table = Table(dynamodb, defined["TableName"])
    require_schema(table)
    return OperatorKeys(table, secretsmanager, f"passerelle/{stage}").provide(mint)


def require_schema(table: Table) -> None:
    """Check that this release can read a table, by its first organisation: 1 RCU.

    Here and not in the service, which would read it at every cold start.

    Raises:
        CannotBeMade: another release wrote it.
    """
    items = table.namespace(grants.organisation_list(), Deadline.after(PATIENCE, table.clock))
    first = next(iter(items.query(organisations(), page=1)), None)
    if first is not None and schema_of(first) != SCHEMA:
        message = (
            f"The table {table.name} was written by another release (schema {schema_of(first)}; "
            f"this one reads {SCHEMA}), so this one cannot serve it: start make run with FRESH=1, "
            "which deletes what is in LOCAL_DIR, or deploy another stage."
        )
        raise CannotBeMade(message)


def define(parameters: Mapping[str, str]) -> dict[str, Properties]:
    """Return the definitions: logical id -> properties, with the parameters filled in.

    Raises:
        KeyError: the file refers to a parameter that `parameters` lacks.
    """
    return {
        name: _resolve(resource["Properties"], parameters)
        for name, resource in read_json(DEFINITIONS)["Resources"].items()
    }


def read_json(name: str) -> Any:
    """Read one file of `.chalice`."""
    return json.loads((CHALICE / name).read_text(encoding="utf-8"))


def _resolve(value: Any, parameters: Mapping[str, str]) -> Any:
    match value:
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{(\w+)\}", lambda found: parameters[found[1]], text)
        case dict():
            return {key: _resolve(inner, parameters) for key, inner in value.items()}
        case list():
            return [_resolve(inner, parameters) for inner in value]
    return value


def make_table(dynamodb: Any, defined: Properties) -> None:
    """Create the table, or bring the settings of the existing one to the definition.

    Raises:
        CannotBeMade: the existing table has other keys; it is left as it is.
    """
    name = defined["TableName"]
    wanted = {key: defined[key] for key in CREATE_TABLE}
    try:
        dynamodb.create_table(**wanted)
    except dynamodb.exceptions.ResourceInUseException:
        if dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] != "DELETING":
            keep_table(dynamodb, defined)
            return
        print(f"  Waiting for the deleted table {name} to be gone ...", flush=True)
        dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig=WAITING)
        dynamodb.create_table(**wanted)
    _make_settings(dynamodb, defined)


def _make_settings(dynamodb: Any, defined: Properties) -> None:
    name = defined["TableName"]
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=WAITING)
    _make_time_to_live(dynamodb, name, defined["TimeToLiveSpecification"])
    _make_recovery(dynamodb, name, defined["PointInTimeRecoverySpecification"])


def keep_table(dynamodb: Any, defined: Properties) -> None:
    """Bring the settings of an existing table to the definition: a restored one has none of them.

    Raises:
        CannotBeMade: it does not exist, or has other keys; it is left as it is.
    """
    name = defined["TableName"]
    try:
        present = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise CannotBeMade(
            f"There is no table {name}, which TABLE_NAME of .chalice/config.json names. A table "
            "that does not exist yet has the name of its stage; any other must have been restored."
        ) from None
    if present["KeySchema"] != defined["KeySchema"]:
        raise CannotBeMade(
            f"A table {name} exists with other keys than {DEFINITIONS} defines. It is left "
            "as it is: deploy under another stage name, or move the old table away."
        )
    protected = defined["DeletionProtectionEnabled"]
    if present.get("DeletionProtectionEnabled", False) != protected:
        CHANGEABLE.repeat(
            lambda: dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)
        )
    _make_settings(dynamodb, defined)


def _make_time_to_live(dynamodb: Any, table: str, defined: Properties) -> None:
    # Read first: AWS rejects enabling what is enabled.
    present = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if present["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=defined)


def _make_recovery(dynamodb: Any, table: str, defined: Properties) -> None:
    """Switch on the restoring to a point in time, and read that it is on."""

    def enable() -> None:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification=defined
        )

    try:
        NEW_BACKUPS.repeat(enable)
    except ClientError as error:
        # Amazon DynamoDB Local has no backups and returns this code; AWS never does.
        if error.response["Error"]["Code"] == "UnknownOperationException":
            return
        raise
    found = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    status = found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    if status != "ENABLED":
        raise CannotBeMade(
            f"Point-in-time recovery of the table {table} is {status} after it was switched on, "
            "so the table could not be restored. Deploy again; if it stays so, ask AWS."
        )


def make_stream(dynamodb: Any, defined: Properties) -> str:
    """Switch on the stream of an existing table where it is off; return its ARN.

    Raises:
        CannotBeMade: its stream shows something else; it is left as it is.
    """
    name, wanted = defined["TableName"], {"StreamEnabled": True, **defined["StreamSpecification"]}
    found = dynamodb.describe_table(TableName=name)["Table"]
    if not found.get("StreamSpecification", {}).get("StreamEnabled"):
        CHANGEABLE.repeat(lambda: dynamodb.update_table(TableName=name, StreamSpecification=wanted))
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=WAITING)
        found = dynamodb.describe_table(TableName=name)["Table"]
    if found["StreamSpecification"] != wanted:
        raise CannotBeMade(
            f"The table {name} has a stream that shows {found['StreamSpecification']}, and events "
            f"need {wanted}. It is left as it is: switch it off where nobody else reads it."
        )
    return str(found["LatestStreamArn"])


def make_queue(sqs: Any, defined: Properties) -> None:
    """Create the queue, or bring the settings of the existing one to the definition."""
    name = defined["QueueName"]
    url = FREE_QUEUE_NAME.repeat(lambda: sqs.create_queue(QueueName=name))["QueueUrl"]
    settings = {name: value for name, value in defined.items() if name != "QueueName"}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={name: json.dumps(value) for name, value in settings.items()}
    )


def make_log_group(logs: Any, defined: Properties) -> None:
    """Create the log group, or bring the retention of the existing one to the definition."""
    name = defined["LogGroupName"]
    # Created before, or by a function that had none yet.
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=defined["RetentionInDays"])
