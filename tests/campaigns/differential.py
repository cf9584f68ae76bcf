"""`make differential`: the simulated table and Amazon DynamoDB Local get the same calls.

    make differential ARGS='--sequences 2000 --seed 1'

The calls are those that our code makes, rendered by chalicelib.storage, in random sequences on a
few keys, so that conditions fail, transactions are repeated and ranges are cut. Every response and
every error is compared, and in the end all items. What the engine does not do (conflicts, half of
a transaction, throttling) is not compared: `simulate/network.py` adds it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Check,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
    equals_or_absent,
    present,
    projection,
    render,
    wire_key,
)
from chalicelib.storage.keys import Key
from chalicelib.storage.retries import error_code
from dev.measure import reference
from dev.progress import progress
from dev.run import dynamodb_local
from tests.campaigns.simulate.engine import RANGE, Engine

CALLS_PER_SEQUENCE = (8, 20)
# Few keys, so that calls meet each other's items; in the order of UTF-8 the last is far away.
SORT_KEYS = ("#", "a", "a#b", "a#c", "b", "é", "z#1", "\U0001f600")
PARTITIONS = ("U", "M")
# As much as a page holds three of.
LARGE = "x" * 390_000

Call = tuple[str, dict[str, Any]]
LEASES = ({"change_id": "1", "expires_at": "t"}, {"change_id": "2", "expires_at": "t"})


@dataclass(frozen=True, slots=True)
class Script:
    """Makes the calls of one sequence, on partitions that no other sequence has."""

    random: Random
    table: str
    prefix: str

    def calls(self) -> Iterator[Call]:
        """Yield the calls, some of them again as they were."""
        sent: list[Call] = []
        for _ in range(self.random.randint(*CALLS_PER_SEQUENCE)):
            (make,) = self.random.choices(list(CALLS), list(CALLS.values()))
            again = sent and self.random.random() < 0.1
            call = self.random.choice(sent) if again else make(self)
            sent.append(call)
            yield call

    def key(self) -> Key:
        """Return one of the keys."""
        partition = self.random.choice(PARTITIONS)
        return Key(f"S#{self.prefix}#{partition}", self.random.choice(SORT_KEYS))

    def keys(self, most: int) -> list[Key]:
        """Return different keys, in no order."""
        return list(dict.fromkeys(self.key() for _ in range(self.random.randint(1, most))))

    def condition(self) -> Condition:
        """Return a condition as our writes have them."""
        choice = self.random.choice
        return choice(
            [
                Condition(),
                EXISTS,
                NEW,
                EXISTS & absent("lease"),
                equals("v", self.random.randint(0, 3)),
                equals("v", self.random.randint(0, 3)) & equals("m", self.random.randint(0, 2)),
                equals_or_absent("uid", choice("ab")),
                present("doc"),
                equals("lease", choice(LEASES)) & present("v"),
                equals("lease.change_id", "1"),
                absent("lease.change_id"),
            ]
        )

    def attributes(self) -> dict[str, Any]:
        """Return attributes of every type that our items have."""
        whole: dict[str, Any] = {
            "v": self.random.randint(0, 3),
            "m": self.random.randint(-2, 2),
            "uid": self.random.choice("ab"),
            "doc": self.random.choice(["{}", "é", '{"userName":"x"}']),
            "ids": bytes([self.random.randint(0, 255)] * 16),
            "lease": self.random.choice(LEASES),
            "names": ["x", "y"],
            "flag": self.random.random() < 0.5,
            "none": None,
        }
        names = [name for name in whole if self.random.random() < 0.5]
        return {name: whole[name] for name in names}

    def action(self, key: Key) -> Action:
        """Return one action on a key."""
        (make,) = self.random.choices(
            [self._put, self._update, self._delete, self._check], [4, 4, 2, 1]
        )
        return make(key)

    def _put(self, key: Key) -> Action:
        large = {"large": LARGE} if self.random.random() < 0.02 else {}
        return Put(key, {**self.attributes(), **large}, self.condition())

    def _update(self, key: Key) -> Action:
        names = self.random.sample(["v", "m", "n_success", "g"], 2)
        changed = {n: v for n, v in self.attributes().items() if n not in {"v", "m"}}
        return Update(
            key,
            set=changed,
            add={name: self.random.randint(-3, 3) for name in names},
            remove=() if "lease" in changed else ("lease",),
            condition=self.condition(),
        )

    def _delete(self, key: Key) -> Action:
        return Delete(key, self.condition())

    def _check(self, key: Key) -> Action:
        return Check(key, self.condition() & EXISTS)

    # --- the calls ----------------------------------------------------------------------

    def get(self) -> Call:
        """Read an item."""
        return "get_item", {
            "TableName": self.table,
            "Key": wire_key(self.key()),
            "ConsistentRead": True,
        }

    def batch_get(self) -> Call:
        """Read items, whole or in part."""
        attributes = self.random.choice([(), (), ("v", "lease"), ("sv",)])
        asked = {"Keys": [wire_key(each) for each in self.keys(12)], "ConsistentRead": True}
        return "batch_get_item", {"RequestItems": {self.table: asked | projection(attributes)}}

    def query(self) -> Call:
        """Read a range, from its beginning or from a key, forwards or backwards."""
        pk, (low, high) = self.key().pk, sorted(self.random.choices([*SORT_KEYS, "!", "~"], k=2))
        if self.random.random() < 0.05:
            low, high = high, low
        limit = {"Limit": self.random.randint(1, 4)} if self.random.random() < 0.6 else {}
        start = self.random.choice(SORT_KEYS)
        within = low < start < high and self.random.random() < 0.4
        return "query", {
            "TableName": self.table,
            "KeyConditionExpression": RANGE,
            "ExpressionAttributeValues": {
                ":pk": {"S": pk},
                ":low": {"S": low},
                ":high": {"S": high},
            },
            "ConsistentRead": True,
            "ScanIndexForward": self.random.random() < 0.7,
            **limit,
            **({"ExclusiveStartKey": wire_key(Key(pk, start))} if within else {}),
        }

    def alone(self) -> Call:
        """Write an item without a transaction: a log entry, or counters."""
        make = self.random.choice([self._put, self._update])
        ((word, request),) = render(make(self.key()), self.table).items()
        return ("put_item" if word == "Put" else "update_item"), request

    def delete_batch(self) -> Call:
        """Delete items without condition."""
        requests = [{"DeleteRequest": {"Key": wire_key(each)}} for each in self.keys(8)]
        return "batch_write_item", {"RequestItems": {self.table: requests}}

    def transact(self) -> Call:
        """Write a transaction."""
        actions = [self.action(each) for each in self.keys(8)]
        return "transact_write_items", {
            "TransactItems": [render(each, self.table) for each in actions],
            "ClientRequestToken": f"{self.random.getrandbits(128):032x}",
        }


CALLS: Mapping[Callable[[Script], Call], int] = {
    Script.get: 2,
    Script.batch_get: 3,
    Script.query: 6,
    Script.alone: 2,
    Script.delete_batch: 1,
    Script.transact: 10,
}


def outcome(client: Any, call: Call) -> Any:
    """Return what a call returns or raises, in a form that can be compared."""
    name, request = call
    try:
        response = getattr(client, name)(**request)
    except ClientError as error:
        reasons: Any = error.response.get("CancellationReasons", [])
        return error_code(error), [(each["Code"], each.get("Item")) for each in reasons]
    found = {key: response.get(key) or None for key in COMPARED}
    if found["Responses"]:  # the items of a batch have no order
        found["Responses"] = [sorted(items, key=_key) for items in found["Responses"].values()]
    return found


COMPARED = ("Item", "Items", "LastEvaluatedKey", "Responses", "UnprocessedKeys", "UnprocessedItems")


def _key(item: Mapping[str, Any]) -> list[str]:
    """Sort the items of a batch, which have no order; a projection always has the key."""
    return [item["PK"]["S"], item["SK"]["S"]]


def differences(client: Any, table: str, seed: int, number: int) -> Iterator[str]:
    """Run one sequence on both; yield the calls whose outcomes differ."""
    simulated = Engine()
    random = Random(f"{seed} {number}")  # noqa: S311 - a sequence must be repeatable
    script = Script(random, table, f"{seed}x{number}")
    for call in [*script.calls(), *_everything(script)]:
        expected, found = outcome(client, call), outcome(simulated, call)
        if expected != found:
            yield f"sequence {number}: {call}\n  engine: {expected}\n  simulated: {found}"


def _everything(script: Script) -> Iterator[Call]:
    """Yield the calls that read all items of a sequence."""
    for partition in PARTITIONS:
        for key in SORT_KEYS:
            wanted = wire_key(Key(f"S#{script.prefix}#{partition}", key))
            yield "get_item", {"TableName": script.table, "Key": wanted, "ConsistentRead": True}


def main(arguments: Sequence[str]) -> int:
    """Run sequences and print the differences; 0 when nothing differs."""
    parser = argparse.ArgumentParser(prog="make differential", description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    found: list[str] = []
    with dynamodb_local.running() as engine:
        client = reference.client(engine.url)
        with reference.table(client) as table:
            numbers = range(options.sequences)
            for number in progress(numbers, len(numbers), "sequences compared"):
                found += differences(client, table.name, options.seed, number)
    print(f"seed {options.seed}: {options.sequences:,} sequences, {len(found)} differences")
    for each in found[:20]:
        print(each)
    return bool(found)
