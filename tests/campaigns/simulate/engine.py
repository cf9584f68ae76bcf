"""A table with DynamoDB's semantics in memory: what each call does, without time and faults.

`Engine` serves the calls that chalicelib makes, with the errors that AWS gives. The one call that
takes time in AWS is in three parts: `prepare` checks a transaction and locks its items, `apply`
writes one of them, `finish` unlocks all. `network` puts time and faults between them; the
differential suite runs them at once and compares with Amazon DynamoDB Local.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from dev.measure.meter import item_size
from tests.campaigns.simulate.evaluate import (
    UnknownExpression,
    Wire,
    condition,
    parse_update,
    projected,
    updated,
)

Request = Mapping[str, Any]
Pair = tuple[str, str]

RANGE = "PK = :pk AND SK BETWEEN :low AND :high"
MAX_ACTIONS = 100
MAX_GETS = 100
MAX_BATCH_WRITES = 25
MAX_ITEM = 400 * 1024
MAX_TRANSACTION = 4 * 1024 * 1024
PAGE_BYTES = 1024 * 1024
BATCH_BYTES = 16 * 1024 * 1024
NO_REASON: Mapping[str, Any] = {"Code": "None"}


def failure(code: str, message: str = "", status: int = 400, **fields: Any) -> ClientError:
    """Make the error that boto3 raises when AWS responds with `code`."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return ClientError(response, "Simulated")


def invalid(message: str) -> ClientError:
    """Make the error of a call that AWS would not accept whatever is in the table."""
    return failure("ValidationException", message)


def canceled(reasons: Sequence[Mapping[str, Any]]) -> ClientError:
    """Make the error of a cancelled transaction, with a reason for each action."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    return failure(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=[dict(reason) for reason in reasons],
    )


def pair_of(part: Request) -> Pair:
    """Return the key of an item, or of an action."""
    key = part.get("Key") or part.get("Item") or part
    return key["PK"]["S"], key["SK"]["S"]


@dataclass(slots=True)
class Action:
    """One action of a transaction, or a write alone: how it is called and what it says."""

    verb: str
    part: Request
    pair: Pair = field(init=False)

    def __post_init__(self) -> None:
        """Read the key once."""
        self.pair = pair_of(self.part)

    def holds(self, before: Wire | None) -> bool:
        """Tell whether the condition holds of the item as it is."""
        text = self.part.get("ConditionExpression")
        if text is None:
            return True
        names = self.part.get("ExpressionAttributeNames", {})
        return condition(text)(before or {}, names, self.part.get("ExpressionAttributeValues", {}))

    def after(self, before: Wire | None) -> Wire | None:
        """Return the item as this action leaves it."""
        if self.verb == "Put":
            return dict(self.part["Item"])
        if self.verb == "Update":
            names = self.part.get("ExpressionAttributeNames", {})
            values = self.part.get("ExpressionAttributeValues", {})
            base = before or dict(self.part["Key"])
            return updated(base, self.part["UpdateExpression"], names, values)
        return before if self.verb == "ConditionCheck" else None

    def reason(self, before: Wire | None) -> Mapping[str, Any]:
        """Return the reason of a failed condition, with the item where that was asked for."""
        old = self.part.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before
        return {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            **({"Item": dict(before)} if old and before else {}),
        }


@dataclass(slots=True)
class Transaction:
    """A transaction whose conditions hold and whose items are locked, and what it writes."""

    token: str
    images: dict[Pair, Wire | None]


@dataclass(slots=True)
class Engine:
    """The items of one table, and the transactions in progress."""

    items: dict[str, dict[str, Wire]] = field(default_factory=lambda: defaultdict(dict))
    order: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    locked: dict[Pair, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    in_progress: set[str] = field(default_factory=set)

    def read(self, pair: Pair) -> Wire | None:
        """Return an item as it is now."""
        return self.items[pair[0]].get(pair[1])

    def write(self, pair: Pair, image: Wire | None) -> None:
        """Put or delete an item."""
        partition, order = self.items[pair[0]], self.order[pair[0]]
        if image is None:
            if partition.pop(pair[1], None) is not None:
                del order[bisect_left(order, pair[1])]
            return
        if pair[1] not in partition:
            insort(order, pair[1])
        partition[pair[1]] = image

    # --- reads ------------------------------------------------------------------------------

    def get_item(self, **request: Any) -> Any:
        """GetItem."""
        found = self.read(pair_of(request))
        return {} if found is None else {"Item": dict(found)}

    def batch_get_item(self, **request: Any) -> Any:
        """BatchGetItem: what does not fit 16 MB comes back unprocessed."""
        ((table, asked),) = request["RequestItems"].items()
        pairs = [pair_of(key) for key in asked["Keys"]]
        if not pairs or len(pairs) > MAX_GETS or len(set(pairs)) < len(pairs):
            raise invalid("keys of a batch: 1 to 100, each once")
        names = asked.get("ExpressionAttributeNames", {})
        found, size, left = [], 0, []
        for pair, key in zip(pairs, asked["Keys"], strict=True):
            item = self.read(pair)
            if item is None:
                continue
            size += item_size(item)
            if size > BATCH_BYTES:
                left.append(key)
            else:
                found.append(projected(item, asked.get("ProjectionExpression"), names))
        unprocessed = {table: {**asked, "Keys": left}} if left else {}
        return {"Responses": {table: found}, "UnprocessedKeys": unprocessed}

    def query(self, **request: Any) -> Any:
        """Query a range of one partition: a page of at most 1 MB and `Limit` items."""
        keys = self.range_of(request)
        return self.page(request, ((key, self.items[_pk(request)][key]) for key in keys))

    def range_of(self, request: Request) -> list[str]:
        """Return the sort keys that a Query reads, in its order, from where it starts."""
        if request["KeyConditionExpression"] != RANGE or "FilterExpression" in request:
            raise UnknownExpression(request["KeyConditionExpression"])
        values = request["ExpressionAttributeValues"]
        low, high = values[":low"]["S"], values[":high"]["S"]
        if low > high:
            raise invalid("the range of BETWEEN ends before it begins")
        order = self.order[_pk(request)]
        found = order[bisect_left(order, low) : bisect_right(order, high)]
        start = request.get("ExclusiveStartKey", {}).get("SK", {}).get("S")
        if request.get("ScanIndexForward", True):
            return found if start is None else found[bisect_right(found, start) :]
        return (found if start is None else found[: bisect_left(found, start)])[::-1]

    def page(self, request: Request, found: Iterator[tuple[str, Wire]]) -> Any:
        """Cut a page of what a Query has found.

        A page that is full ends with a key to go on from, even if nothing follows; not where its
        last item has the last key of the range.
        """
        ascending = request.get("ScanIndexForward", True)
        end = request["ExpressionAttributeValues"][":high" if ascending else ":low"]
        items: list[Wire] = []
        size, limit = 0, request.get("Limit")
        for _, item in found:
            items.append(dict(item))
            size += item_size(item)
            if (size > PAGE_BYTES or len(items) == limit) and item["SK"] != end:
                last = {name: items[-1][name] for name in ("PK", "SK")}
                return {"Items": items, "Count": len(items), "LastEvaluatedKey": last}
        return {"Items": items, "Count": len(items)}

    def scan(self, **_: Any) -> Any:
        """Scan: the whole table in one page, for the judge."""
        return {"Items": [dict(i) for part in self.items.values() for i in part.values()]}

    # --- writes -----------------------------------------------------------------------------

    def put_item(self, **request: Any) -> Any:
        """PutItem."""
        return self._write_alone(Action("Put", request))

    def update_item(self, **request: Any) -> Any:
        """UpdateItem."""
        return self._write_alone(Action("Update", request))

    def _write_alone(self, action: Action) -> Any:
        before = self.read(action.pair)
        image = _image(action, before)
        if action.pair in self.locked:
            raise failure("TransactionConflictException")
        if not action.holds(before):
            raise failure("ConditionalCheckFailedException")
        self.write(action.pair, image)
        return {}

    def batch_write_item(self, **request: Any) -> Any:
        """BatchWriteItem: what a transaction has locked comes back unprocessed."""
        ((table, entries),) = request["RequestItems"].items()
        parts = [part for entry in entries for part in entry.values()]
        pairs = [pair_of(part) for part in parts]
        if not pairs or len(pairs) > MAX_BATCH_WRITES or len(set(pairs)) < len(pairs):
            raise invalid("requests of a batch: 1 to 25, each key once")
        left = []
        for pair, entry, part in zip(pairs, entries, parts, strict=True):
            if pair in self.locked:
                left.append(entry)
            else:
                self.write(pair, part.get("Item"))
        return {"UnprocessedItems": {table: left} if left else {}}

    # --- transactions -----------------------------------------------------------------------

    def transact_write_items(self, **request: Any) -> Any:
        """TransactWriteItems in one moment."""
        transaction = self.prepare(request)
        if transaction is not None:
            for pair in transaction.images:
                self.apply(transaction, pair)
            self.finish(transaction)
        return {}

    def prepare(
        self, request: Request, judged: Callable[[], bool] = lambda: True
    ) -> Transaction | None:
        """Check a transaction and lock its items; None if its token's was done before.

        `judged` says, where another transaction has locked an item, whether the condition of
        another action is evaluated all the same.

        Raises:
            ClientError: cancelled, in progress, or not valid.
        """
        actions = _actions(request)
        token, content = request.get("ClientRequestToken", ""), ""
        if token:
            content = json.dumps(request["TransactItems"], sort_keys=True, default=repr)
            if self._is_known(token, content):
                return None
        images = self._images(actions, judged)
        if token:
            self.tokens[token] = content
            self.in_progress.add(token)
        for pair in images:
            self.locked[pair] = token
        return Transaction(token, images)

    def _is_known(self, token: str, content: str) -> bool:
        known = self.tokens.get(token)
        if known is not None and known != content:
            raise failure("IdempotentParameterMismatchException")
        if token in self.in_progress:
            raise failure("TransactionInProgressException")
        return known is not None

    def _images(
        self, actions: Sequence[Action], judged: Callable[[], bool]
    ) -> dict[Pair, Wire | None]:
        """Return what the actions write.

        Raises:
            ClientError: cancelled.
        """
        contended = any(action.pair in self.locked for action in actions)
        images: dict[Pair, Wire | None] = {}
        reasons: list[Mapping[str, Any]] = []
        for action in actions:
            before = self.read(action.pair)
            images[action.pair] = _image(action, before)
            if action.pair in self.locked:
                reasons.append({"Code": "TransactionConflict"})
            elif (not contended or judged()) and not action.holds(before):
                reasons.append(action.reason(before))
            else:
                reasons.append(NO_REASON)
        if any(reason is not NO_REASON for reason in reasons):
            raise canceled(reasons)
        return images

    def apply(self, transaction: Transaction, pair: Pair) -> None:
        """Make one item of a transaction visible."""
        self.write(pair, transaction.images[pair])

    def finish(self, transaction: Transaction) -> None:
        """Unlock the items of a transaction that is applied as a whole."""
        for pair in transaction.images:
            del self.locked[pair]
        self.in_progress.discard(transaction.token)


def _pk(request: Request) -> str:
    return str(request["ExpressionAttributeValues"][":pk"]["S"])


def _actions(request: Request) -> list[Action]:
    """Read the actions of a transaction.

    Raises:
        ClientError: AWS would not accept them.
    """
    actions = [Action(*entry) for each in request["TransactItems"] for entry in each.items()]
    if not 0 < len(actions) <= MAX_ACTIONS:
        raise invalid("actions of a transaction: 1 to 100")
    if len({action.pair for action in actions}) < len(actions):
        raise invalid("a transaction names an item twice")
    return actions


def _image(action: Action, before: Wire | None) -> Wire | None:
    """Return what an action would write.

    Raises:
        ClientError: AWS would not accept it.
    """
    if not all(action.pair):
        raise invalid("an empty key")
    if action.verb == "Update":
        names = action.part["ExpressionAttributeNames"]
        changed = [names[name] for _, name, _ in parse_update(action.part["UpdateExpression"])]
        if len(set(changed)) < len(changed) or {"PK", "SK"} & set(changed):
            raise invalid("an update that names an attribute twice, or a key")
    image = action.after(before)
    if image is not None and item_size(image) > MAX_ITEM:
        raise invalid("an item above 400 KB")
    return image
