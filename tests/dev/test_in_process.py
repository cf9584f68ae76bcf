"""Without HTTP, moto's DynamoDB returns and raises what it does with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from dev.measure.in_process import InProcessClient
from dev.measure.scene import NOBODY, memory

KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}
NOT_THERE = {"PK": {"S": "a"}, "SK": {"S": "z"}}
ITEM = {
    **KEY,
    "doc": {"M": {"list": {"L": [{"N": "1"}, {"B": b"ab"}, {"BOOL": True}, {"NULL": True}]}}},
    "empty": {"S": ""},
    "none": {"M": {}},
    "words": {"SS": ["a", "b"]},
    "bytes": {"BS": [b"x"]},
    "n": {"N": "2"},
}
RANGE = {
    "KeyConditionExpression": "PK = :pk AND SK BETWEEN :low AND :high",
    "ExpressionAttributeValues": {":pk": {"S": "a"}, ":low": {"S": "a"}, ":high": {"S": "z"}},
}
ADD = {"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
TAKEN = {"ConditionExpression": "attribute_not_exists(PK)"}

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "get": ("get_item", {"Key": KEY, "ConsistentRead": True}),
    "get nothing": ("get_item", {"Key": NOT_THERE}),
    "get, with its cost": ("get_item", {"Key": KEY, "ReturnConsumedCapacity": "TOTAL"}),
    "query": ("query", RANGE),
    "query a page": ("query", {**RANGE, "Limit": 1, "ScanIndexForward": False}),
    "scan": ("scan", {}),
    "put": ("put_item", {"Item": {**NOT_THERE, "n": {"N": "1"}}}),
    "put, returning the old": ("put_item", {"Item": KEY, "ReturnValues": "ALL_OLD"}),
    "update": ("update_item", {"Key": KEY, **ADD}),
    "update, returning the new": ("update_item", {"Key": KEY, **ADD, "ReturnValues": "ALL_NEW"}),
    "delete": ("delete_item", {"Key": KEY}),
    "delete nothing": ("delete_item", {"Key": NOT_THERE}),
    "a condition fails": ("put_item", {"Item": KEY, **TAKEN}),
    "a condition fails, and the item is shown": (
        "put_item",
        {"Item": KEY, **TAKEN, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
    ),
    "an update adds to a text": (
        "update_item",
        {"Key": KEY, **ADD, "UpdateExpression": "ADD doc :n"},
    ),
    "an empty key": ("get_item", {"Key": {**KEY, "SK": {"S": ""}}}),
    "no key": ("get_item", {}),
    "another type": ("get_item", {"Key": "a"}),
    "an unknown parameter": ("get_item", {"Key": KEY, "Colour": "red"}),
}
BATCHES = {
    "batch get": ("batch_get_item", {"Keys": [KEY, NOT_THERE], "ConsistentRead": True}),
    "batch write": (
        "batch_write_item",
        [{"DeleteRequest": {"Key": KEY}}, {"PutRequest": {"Item": NOT_THERE}}],
    ),
}


def outcome(make: Callable[[Any], Any], name: str, request: Any) -> tuple[Any, Any]:
    """Send a request to a table with one item; what came of it, and the table afterwards."""
    with memory() as table:
        client = NOBODY.client("dynamodb")
        client.put_item(TableName=table.name, Item=ITEM)
        batch = {"RequestItems": {table.name: request}}
        sent = batch if "batch" in name else {"TableName": table.name, **request}
        try:
            told = getattr(make(client), name)(**sent)
        except (ClientError, BotoCoreError) as error:
            told = {"error": type(error), "text": str(error), **getattr(error, "response", {})}
        told.pop("ResponseMetadata", None)
        return told, client.scan(TableName=table.name)["Items"]


@pytest.mark.parametrize("case", [*REQUESTS.values(), *BATCHES.values()], ids=[*REQUESTS, *BATCHES])
def test_each_call_ends_as_with_http(case):
    """The same result or error, and the same items afterwards."""
    assert outcome(InProcessClient, *case) == outcome(lambda client: client, *case)


def test_what_a_client_gets_is_its_own():
    """A change of it must not reach the table."""
    with memory() as table:
        client: Any = InProcessClient(NOBODY.client("dynamodb"))
        sent: dict[str, Any] = {**KEY, "list": {"L": [{"S": "x"}]}}
        client.put_item(TableName=table.name, Item=sent)
        sent["list"]["L"].clear()
        client.get_item(TableName=table.name, Key=KEY)["Item"]["list"]["L"].clear()

        assert client.get_item(TableName=table.name, Key=KEY)["Item"]["list"]["L"] == [{"S": "x"}]
