"""A directory in memory to measure on: a table of moto, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from chalicelib.directory.context import ConnectionContext
from chalicelib.storage import grants
from chalicelib.storage.clock import Clock
from chalicelib.storage.expressions import to_wire
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import MAX_BATCH_WRITES, MAX_GETS, Table, chunks
from dev.measure.in_process import InProcessClient
from dev.run import resources

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECONDS = 3600.0
NOBODY = boto3.Session("none", "none", region_name="eu-west-1")
CONNECTION = "abcdefghijklmnop"


def clock() -> Clock:
    """Return a clock that stands still and makes the same ids in every run."""
    return Clock(now=lambda: NOON, random=Random(1))  # noqa: S311 - a run must be repeatable


@contextmanager
def memory() -> Iterator[Table]:
    """Provide an empty table, as `.chalice/resources.json` defines it, while the block runs."""
    defined = resources.define({"Stage": "memory"})["Table"]
    with mock_aws():
        client = NOBODY.client("dynamodb")
        resources.make_table(client, defined)
        in_process = cast("DynamoDBClient", InProcessClient(client))
        quick = cast("DynamoDBClient", QuickTransactions(in_process))
        yield Table(quick, defined["TableName"], clock())


def context(table: Table) -> ConnectionContext:
    """Return the context of a connection, for everything in the scene."""
    keys = ConnectionKeys(CONNECTION)
    return ConnectionContext(
        items=table.namespace(grants.scim(keys), Deadline.after(SECONDS, table.clock)),
        keys=keys,
        base_url=f"https://scim.example.com/scim/v2/{CONNECTION}",
        default_role="member",
        token_id="0123456789ab",  # noqa: S106 - an id
        request_id="12345678-1234-1234-1234-123456789012",
    )


# action of a transaction -> the call that does the same alone
SINGLE_CALLS = {
    "Put": "put_item",
    "Update": "update_item",
    "Delete": "delete_item",
    "ConditionCheck": "delete_item",  # and the item is put back
}
MAX_ACTIONS = 100
CONDITION_FAILED = "ConditionalCheckFailed"


class QuickTransactions:
    """A client of moto whose transactions touch only the items that they name.

    moto copies the whole table for each action, so that a transaction on a directory of some size
    takes seconds. Here the actions are sent one by one, and what they wrote is put back when a
    condition fails: the same outcome, as long as one thread uses the table.
    """

    def __init__(self, client: DynamoDBClient) -> None:
        """Wrap the client that sends the calls."""
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Pass every other call to the client."""
        return getattr(self._client, name)

    def transact_write_items(
        self,
        *,
        TransactItems: Sequence[Mapping[str, Any]],  # noqa: N803 - boto3's name
        ClientRequestToken: str,  # noqa: ARG002, N803 - as above; moto ignores it as well
    ) -> Mapping[str, Any]:
        """Do all of these actions or none.

        Raises:
            ClientError: as DynamoDB: TransactionCanceledException with its reasons, or
                ValidationException for too many actions or two on one item.
        """
        actions = [part for entry in TransactItems for part in entry.items()]
        before = self._items([request for _, request in actions])
        reasons = [self._reason(word, request, before) for word, request in actions]
        if any(reason["Code"] == CONDITION_FAILED for reason in reasons):
            self._put_back(actions[0][1]["TableName"], before)
            raise _error("TransactionCanceledException", CancellationReasons=reasons)
        return {}

    def _items(self, requests: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Any]:
        """Read the items that a transaction names; None for one that does not exist."""
        keys = {_pair(key): key for key in map(_key, requests)}
        if len(keys) < len(requests) or len(requests) > MAX_ACTIONS:
            raise _error("ValidationException")
        table = requests[0]["TableName"]
        asked: Any = {table: {"Keys": list(keys.values()), "ConsistentRead": True}}
        found = self._client.batch_get_item(RequestItems=asked)["Responses"][table]
        return dict.fromkeys(keys) | {_pair(item): item for item in found}

    def _reason(
        self, word: str, request: Mapping[str, Any], before: Mapping[tuple[str, str], Any]
    ) -> Mapping[str, Any]:
        """Send one action; return its cancellation reason, as DynamoDB would."""
        item = before[_pair(_key(request))]
        try:
            getattr(self._client, SINGLE_CALLS[word])(**request)
        except self._client.exceptions.ConditionalCheckFailedException:
            shown = item if "ReturnValuesOnConditionCheckFailure" in request else None
            return {"Code": CONDITION_FAILED} | ({"Item": shown} if shown else {})
        if word == "ConditionCheck":
            self._put_back(request["TableName"], {_pair(_key(request)): item})
        return {"Code": "None"}

    def _put_back(self, table: str, items: Mapping[tuple[str, str], Any]) -> None:
        for (pk, sk), item in items.items():
            if item is None:
                key: Any = {"PK": {"S": pk}, "SK": {"S": sk}}
                self._client.delete_item(TableName=table, Key=key)
            else:
                self._client.put_item(TableName=table, Item=item)


class QuickQueries(QuickTransactions):
    """As above, and a query reads its own partition only: moto sorts the whole table for each.

    It knows ranges of sort keys, the only queries of this project, with pages of any size.
    """

    def query(
        self,
        *,
        TableName: str,  # noqa: N803 - boto3's name
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803 - as above
        ScanIndexForward: bool = True,  # noqa: N803 - as above
        Limit: int | None = None,  # noqa: N803 - as above
        ExclusiveStartKey: Mapping[str, Any] | None = None,  # noqa: N803 - as above
        **_: Any,
    ) -> Mapping[str, Any]:
        """Read the items of a range in order, after ExclusiveStartKey where that is given."""
        pk, low, high = (value["S"] for value in ExpressionAttributeValues.values())
        found = [sk for sk in self._sort_keys(TableName, pk) if low <= sk <= high]
        found.sort(reverse=not ScanIndexForward)
        if ExclusiveStartKey is not None:
            start = ExclusiveStartKey["SK"]["S"]
            found = [sk for sk in found if (sk > start if ScanIndexForward else sk < start)]
        page = [{"PK": {"S": pk}, "SK": {"S": sk}} for sk in found[:Limit]]
        items = [item for part in chunks(page, MAX_GETS) for item in self._read(TableName, part)]
        more = {"LastEvaluatedKey": page[-1]} if len(page) < len(found) else {}
        return {"Items": items, **more}

    def _sort_keys(self, table: str, pk: str) -> Iterator[str]:
        """List the sort keys of a partition from moto's own memory."""
        backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][self._client.meta.region_name]
        return (
            str(key.value) for key in backend.tables[table].items.get(DynamoType({"S": pk}), ())
        )

    def _read(self, table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Read items in the order of their keys."""
        found = self._items([{"TableName": table, "Key": key} for key in keys])
        return (found[_pair(key)] for key in keys)


def _key(request: Mapping[str, Any]) -> Mapping[str, Any]:
    key = request.get("Key") or request["Item"]
    return {"PK": key["PK"], "SK": key["SK"]}


def _pair(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


def _error(code: str, **fields: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        **fields,
    }
    return ClientError(response, "TransactWriteItems")


def write(table: Table, items: Sequence[Mapping[str, Any]]) -> None:
    """Write items as they are, 25 per call."""
    for chunk in chunks(items, MAX_BATCH_WRITES):
        puts: Any = [{"PutRequest": {"Item": to_wire(item)}} for item in chunk]
        table.client.batch_write_item(RequestItems={table.name: puts})
