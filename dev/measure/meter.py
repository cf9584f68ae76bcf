"""Compute what calls to DynamoDB cost, by AWS's published rules instead of an engine's reports.

Amazon DynamoDB Local counts 4 write units for a transaction that costs 6, moto counts something
else, so the costs are computed from the sizes of the items:

    item            UTF-8 bytes of every name and value; a number takes a byte for two digits and
                    one more; a list or map 3 bytes, and 1 for each element
    GetItem         1 RCU for each started 4 KB, consistent; an item that does not exist takes 1
    BatchGetItem    the same for each item
    Query           the items of a call together, for each started 4 KB; at least 1
    transactions    2 WCU for each started KB of each item, the larger of before and after; a
                    ConditionCheck counts like a write, and a failed transaction like any other
    BatchWriteItem  1 WCU for each started KB of an item that is deleted; at least 1
    PutItem         1 WCU for each started KB of the item, the larger of before and after
    UpdateItem      the same

All reads of this project are consistent. A call that has no price here, such as a Scan, is an
AttributeError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Wire = Mapping[str, Any]
Keys = tuple[str, str]

READ_BYTES = 4096
WRITE_BYTES = 1024
TRANSACTION = 2  # a transactional write is billed twice
MAX_GETS = 100

# How a table calls them.
SHORT = {
    "GetItem": "Get",
    "BatchGetItem": "BatchGet",
    "Query": "Query",
    "TransactWriteItems": "Transact",
    "BatchWriteItem": "BatchWrite",
    "PutItem": "Put",
    "UpdateItem": "Update",
}


def item_size(item: Wire) -> int:
    """Count the bytes of an item: names and values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Wire) -> int:
    """Count the bytes of one attribute value, as `{"S": "text"}`."""
    ((kind, content),) = value.items()
    return SIZES[kind](content)


def number_size(text: str) -> int:
    """Count the bytes of a number: leading and trailing zeroes are not stored, a sign is."""
    sign, digits, _ = Decimal(text).normalize().as_tuple()
    return ceil(len(digits) / 2) + 1 + sign


SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": number_size,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": lambda values: 3 + sum(1 + value_size(value) for value in values),
    "M": lambda values: 3 + len(values) + item_size(values),
    "SS": lambda texts: sum(len(text.encode()) for text in texts),
    "NS": lambda numbers: sum(map(number_size, numbers)),
    "BS": lambda contents: sum(map(len, contents)),
}


def read_units(size: int) -> int:
    """Return the read units of a consistent read of `size` bytes."""
    return max(1, ceil(size / READ_BYTES))


def write_units(size: int) -> int:
    """Return the write units of an item of `size` bytes, outside of a transaction."""
    return max(1, ceil(size / WRITE_BYTES))


@dataclass(frozen=True, slots=True)
class Cost:
    """The calls, how many of each, and their read and write units."""

    calls: Mapping[str, int]
    rcu: int
    wcu: int

    @property
    def round_trips(self) -> int:
        """The number of calls: this project never sends two at a time."""
        return sum(self.calls.values())

    @property
    def shown(self) -> str:
        """The calls in short, as `1 Get, 1 Query`."""
        return ", ".join(f"{count} {SHORT[call]}" for call, count in self.calls.items())


@dataclass(slots=True)
class Meter:
    """A DynamoDB client that wraps another one and counts.

    It reads items by the wrapped client, uncounted, to know the size of what a write replaces.
    """

    client: DynamoDBClient
    calls: Counter[str] = field(default_factory=Counter)
    rcu: int = 0
    wcu: int = 0

    def take(self) -> Cost:
        """Return the cost since the last `take`, and start again from zero."""
        cost = Cost(dict(self.calls), self.rcu, self.wcu)
        self.calls, self.rcu, self.wcu = Counter(), 0, 0
        return cost

    def get_item(self, **request: Any) -> Any:
        """Count a GetItem."""
        response = self.client.get_item(**request)
        self._count("GetItem", rcu=read_units(item_size(response.get("Item", {}))))
        return response

    def batch_get_item(self, **request: Any) -> Any:
        """Count a BatchGetItem; what is unprocessed is not billed, what is not sent back is."""
        response = self.client.batch_get_item(**request)
        billed = response
        if any("ProjectionExpression" in part for part in request["RequestItems"].values()):
            whole = {name: _whole(part) for name, part in request["RequestItems"].items()}
            billed = self.client.batch_get_item(RequestItems=whole)
        asked = sum(len(part["Keys"]) for part in request["RequestItems"].values())
        left = sum(len(part["Keys"]) for part in response.get("UnprocessedKeys", {}).values())
        found = [item for items in billed["Responses"].values() for item in items]
        missing = asked - left - len(found)
        self._count("BatchGetItem", rcu=missing + sum(read_units(item_size(i)) for i in found))
        return response

    def query(self, **request: Any) -> Any:
        """Count a Query; it reads what it returns, because ours have no FilterExpression."""
        response = self.client.query(**request)
        self._count("Query", rcu=read_units(sum(map(item_size, response["Items"]))))
        return response

    def transact_write_items(self, **request: Any) -> Any:
        """Count a TransactWriteItems, whether it succeeds or fails."""
        parts = [part for entry in request["TransactItems"] for part in entry.values()]
        sizes = [self._sizes(parts)]
        try:
            return self.client.transact_write_items(**request)
        finally:
            sizes.append(self._sizes(parts))
            sizes.append([item_size(part.get("Item", {})) for part in parts])
            largest = map(max, *sizes)
            self._count("TransactWriteItems", wcu=TRANSACTION * sum(map(write_units, largest)))

    def batch_write_item(self, **request: Any) -> Any:
        """Count a BatchWriteItem that deletes."""
        ((table, entries),) = request["RequestItems"].items()
        parts = [entry["DeleteRequest"] | {"TableName": table} for entry in entries]
        self._count("BatchWriteItem", wcu=sum(map(write_units, self._sizes(parts))))
        return self.client.batch_write_item(**request)

    def put_item(self, **request: Any) -> Any:
        """Count a PutItem."""
        return self._write("PutItem", self.client.put_item, request)

    def update_item(self, **request: Any) -> Any:
        """Count an UpdateItem."""
        return self._write("UpdateItem", self.client.update_item, request)

    def _write(self, call: str, send: Callable[..., Any], request: Wire) -> Any:
        before = self._sizes([request])
        response = send(**request)
        self._count(call, wcu=write_units(max(before + self._sizes([request]))))
        return response

    def _count(self, call: str, *, rcu: int = 0, wcu: int = 0) -> None:
        self.calls[call] += 1
        self.rcu += rcu
        self.wcu += wcu

    def _sizes(self, parts: Sequence[Wire]) -> list[int]:
        """Read how large items are at this moment, 0 for one that does not exist."""
        keys = [_key(part) for part in parts]
        tables = {part["TableName"] for part in parts}
        found = {
            _pair(item): item_size(item) for name in tables for item in self._items(name, keys)
        }
        return [found.get(_pair(key), 0) for key in keys]

    def _items(self, table: str, keys: Sequence[Wire]) -> Iterable[Wire]:
        for start in range(0, len(keys), MAX_GETS):
            chunk: Any = {"Keys": keys[start : start + MAX_GETS], "ConsistentRead": True}
            yield from self.client.batch_get_item(RequestItems={table: chunk})["Responses"][table]


def _whole(part: Wire) -> Any:
    """Return a part of a BatchGetItem that reads whole items: those are what is billed."""
    return {name: part[name] for name in ("Keys", "ConsistentRead")}


def _key(part: Wire) -> Wire:
    key = part.get("Key") or part["Item"]
    return {"PK": key["PK"], "SK": key["SK"]}


def _pair(item: Wire) -> Keys:
    return item["PK"]["S"], item["SK"]["S"]
