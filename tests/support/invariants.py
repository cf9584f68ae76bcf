"""Read a whole table and check it: a test may, the service never does."""

from __future__ import annotations

from typing import Any

from chalicelib.storage.expressions import Item, from_wire, key_of
from chalicelib.storage.keys import Key
from chalicelib.storage.table import Table
from dev.repair.soundness import Items, unsound


def assert_sound(table: Table) -> None:
    """Check every connection that has an item in the table, and every key.

    Raises:
        AssertionError: something does not hold; says what.
    """
    if found := violations(table):
        raise AssertionError("\n".join(found))


def violations(table: Table) -> list[str]:
    """Say what does not hold, each with its name."""
    return unsound(read_all(table))


def read_all(table: Table) -> Items:
    """Read every item."""
    found: dict[Key, Item] = {}
    start: dict[str, Any] = {}
    while True:
        page = table.client.scan(TableName=table.name, ConsistentRead=True, **start)
        found |= {key_of(item): item for item in map(from_wire, page["Items"])}
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
