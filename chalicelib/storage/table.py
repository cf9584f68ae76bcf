"""A namespace of the table: its reads and writes, each checked against its grants.

Only a `Table` makes a namespace of any grants; a namespace itself can be narrowed and never
widened. It is made once for each request; functions that take it need no tenant's id.

All reads are consistent: a look-up right after a create sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from chalicelib.storage.clock import Clock
from chalicelib.storage.expressions import (
    VERBS,
    Action,
    Item,
    Put,
    Update,
    Wire,
    from_wire,
    key_of,
    key_on_wire,
    projection,
    render,
    wire_key,
)
from chalicelib.storage.grants import Grant, Verb
from chalicelib.storage.keys import Key, Range, class_of
from chalicelib.storage.retries import Deadline, was_rejected
from chalicelib.storage.transactions import TransactionCanceled, transact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

# DynamoDB's limits of keys in one BatchGetItem and of requests in one BatchWriteItem.
MAX_GETS = 100
MAX_BATCH_WRITES = 25

RANGE = "PK = :pk AND SK BETWEEN :low AND :high"


class OutsideNamespace(Exception):
    """A programming error: the namespace has no grant for this. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table and how to reach it; `client` makes no retries of its own."""

    client: DynamoDBClient
    name: str
    clock: Clock = field(default_factory=Clock)

    def namespace(self, grants: Sequence[Grant], deadline: Deadline) -> Namespace:
        """Return a namespace of these grants, whose calls end at the deadline."""
        return Namespace(self, tuple(grants), deadline)


class Namespace:
    """The items that one request may read and write. Every call raises Busy at the deadline.

    An item that was read ahead is what the first `get` of it returns. A write forgets all of them:
    what is read after it is read from the table.
    """

    __slots__ = ("_ahead", "_grants", "deadline", "table")

    def __init__(
        self,
        table: Table,
        grants: tuple[Grant, ...],
        deadline: Deadline,
        ahead: dict[Key, Wire | None] | None = None,
    ) -> None:
        """Take the grants as they are; only `Table.namespace` and this class call this."""
        self.table = table
        self.deadline = deadline
        self._grants = grants
        self._ahead = {} if ahead is None else ahead

    def narrowed(self, grants: Sequence[Grant]) -> Namespace:
        """Return a namespace of fewer items or verbs, with the same deadline.

        Raises:
            OutsideNamespace: no single grant of this namespace includes one of `grants`.
        """
        for grant in grants:
            if not any(own.includes(grant) for own in self._grants):
                message = f"no grant includes {grant}"
                raise OutsideNamespace(message)
        return Namespace(self.table, tuple(grants), self.deadline)

    def with_deadline(self, deadline: Deadline) -> Namespace:
        """Return the same namespace with another deadline."""
        return Namespace(self.table, self._grants, deadline, self._ahead)

    def was_read_ahead(self, key: Key) -> bool:
        """Return whether the next `get` of an item needs no call."""
        return key in self._ahead

    def get(self, key: Key) -> Item | None:
        """Read one item: 1 RCU for each started 4 KB; none for one that was read ahead."""
        self._guard("read", key)
        if key in self._ahead:
            item = self._ahead.pop(key)
            return None if item is None else from_wire(item)
        response = self._repeat(
            lambda: self.table.client.get_item(
                TableName=self.table.name, Key=wire_key(key), ConsistentRead=True
            )
        )
        return from_wire(response["Item"]) if "Item" in response else None

    def batch_get(self, keys: Iterable[Key], attributes: Sequence[str] = ()) -> dict[Key, Item]:
        """Read items by key, 100 a call; those that do not exist are left out.

        With `attributes` only those and the key come back, for the same RCU. A throttled key
        comes back unprocessed. That is never absence: it is asked for again.
        """
        wanted = list(dict.fromkeys(keys))
        for key in wanted:
            self._guard("read", key)
        found: dict[Key, Item] = {}
        for chunk in chunks(wanted, MAX_GETS):
            for item in self._batch_get(chunk, attributes):
                found[key_of(item)] = item
        return found

    def batch_get_with_ahead(self, keys: Iterable[Key], ahead: Iterable[Key]) -> dict[Key, Item]:
        """Read items as `batch_get`, at most 100, and in the same call what will be needed later.

        What is read ahead stays as DynamoDB has sent it until a `get` asks for it. It is never
        waited for: where keys come back unprocessed, only the others are asked for again.
        """
        wanted, later = list(keys), list(ahead)
        for key in (*wanted, *later):
            self._guard("read", key)
        request: Any = {"Keys": list(map(wire_key, [*wanted, *later])), "ConsistentRead": True}
        response = self._repeat(
            lambda: self.table.client.batch_get_item(RequestItems={self.table.name: request})
        )
        if response.get("UnprocessedKeys"):
            return self.batch_get(wanted)
        found = {key_on_wire(item): item for item in response["Responses"][self.table.name]}
        self._ahead |= {key: found.get(key) for key in later}
        return {key: from_wire(found[key]) for key in wanted if key in found}

    def _batch_get(self, keys: Sequence[Key], attributes: Sequence[str]) -> Iterator[Item]:
        pending: Any = {
            "Keys": [wire_key(key) for key in keys],
            "ConsistentRead": True,
            **projection(attributes),
        }
        for _ in self.deadline.attempts():
            request = {self.table.name: pending}
            response = self._repeat(lambda: self.table.client.batch_get_item(RequestItems=request))  # noqa: B023
            yield from map(from_wire, response["Responses"].get(self.table.name, []))
            pending = response.get("UnprocessedKeys", {}).get(self.table.name)
            if not pending:
                return

    def query(
        self, items: Range, *, page: int | None = None, descending: bool = False
    ) -> Iterator[Item]:
        """Read the items of a range in order, lazily: a call is made when its items are needed.

        `page` is how many items the first call reads; each further call reads twice as many,
        so that a guess too low costs few round trips. None: as many as DynamoDB gives (1 MB).
        """
        self._guard("read", Key(items.pk, items.low))
        request: dict[str, Any] = {
            "TableName": self.table.name,
            "KeyConditionExpression": RANGE,
            "ExpressionAttributeValues": {
                ":pk": {"S": items.pk},
                ":low": {"S": items.low},
                ":high": {"S": items.high},
            },
            "ConsistentRead": True,
            "ScanIndexForward": not descending,
        }
        limit = page
        while True:
            asked = request | ({"Limit": limit} if limit else {})
            response = self._repeat(lambda: self.table.client.query(**asked))  # noqa: B023
            yield from map(from_wire, response["Items"])
            if "LastEvaluatedKey" not in response:
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]
            limit = limit * 2 if limit else None

    def try_commit(self, actions: Sequence[Action]) -> TransactionCanceled | None:
        """Write all of these actions once, or none; return which conditions did not hold."""
        try:
            self.commit(actions)
        except TransactionCanceled as canceled:
            return canceled
        return None

    def commit(self, actions: Sequence[Action], extra: Put | None = None) -> bool:
        """Write all of these actions once, or none; see `transact`.

        Returns whether `extra` was written with them.

        Raises:
            TransactionCanceled: a condition did not hold; names the items.
        """
        for action in (*actions, *([extra] if extra else [])):
            self._guard(VERBS[type(action)], action.key)
        return transact(self.table.client, self.table.name, actions, self.deadline, extra)

    def try_once(self, action: Put | Update, left: float = 0.0) -> bool | None:
        """Write one item, best effort: one call, and whether it succeeded; None: nobody knows.

        Outside of a transaction, so 1 WCU a started KB. Never repeated: what an Update adds
        would be added twice. Not even begun where fewer than `left` seconds are left.
        """
        self._guard(VERBS[type(action)], action.key)
        if self.deadline.at - self.deadline.clock.monotonic() < left:
            return False
        ((word, request),) = render(action, self.table.name).items()
        client: Any = self.table.client
        try:
            (client.put_item if word == "Put" else client.update_item)(**request)
        except ClientError as error:
            return False if was_rejected(error) else None
        except (HTTPClientError, ConnectionError):
            return None
        return True

    def try_add(self, action: Update) -> Item | None:
        """Add to numbers of an item, best effort: one call; return the attributes that it changed.

        None: the call failed. Never repeated, as in `try_once`.
        """
        self._guard("update", action.key)
        ((_, request),) = render(action, self.table.name).items()
        client: Any = self.table.client
        try:
            return from_wire(
                client.update_item(**request, ReturnValues="UPDATED_NEW")["Attributes"]
            )
        except (ClientError, HTTPClientError, ConnectionError):
            return None

    def batch_delete(self, keys: Iterable[Key]) -> None:
        """Delete items without condition, 25 a call: for items that nobody reads any more."""
        for chunk in chunks(list(keys), MAX_BATCH_WRITES):
            for key in chunk:
                self._guard("delete", key)
            self._batch_delete(chunk)

    def _batch_delete(self, keys: Sequence[Key]) -> None:
        pending: Any = [{"DeleteRequest": {"Key": wire_key(key)}} for key in keys]
        for _ in self.deadline.attempts():
            request = {self.table.name: pending}
            response = self._repeat(
                lambda: self.table.client.batch_write_item(RequestItems=request)  # noqa: B023
            )
            pending = response.get("UnprocessedItems", {}).get(self.table.name)
            if not pending:
                return

    def _repeat(self, call: Any) -> Mapping[str, Any]:
        response: Mapping[str, Any] = self.deadline.repeat(call)
        return response

    def _guard(self, verb: Verb, key: Key) -> None:
        if verb != "read":
            self._ahead.clear()
        if not any(grant.covers(verb, key) for grant in self._grants):
            message = f"no grant to {verb} an item of class {class_of(key)}"
            raise OutsideNamespace(message)


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))
