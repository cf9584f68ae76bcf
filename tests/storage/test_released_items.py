"""Items of each release are read by this one, and its items by the one before.

`python -m tests.storage.test_released_items` adds to the file of the present version the types of
items that it does not have yet. What is there stays as it is, and so do the files of earlier ones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib import VERSION
from chalicelib.storage.expressions import Item, from_wire, to_wire
from chalicelib.storage.records import SCHEMA, from_item, schema_of, to_item
from tests.storage.test_records import VALUES

FOLDER = Path(__file__).parent / "released"
RELEASED = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
CASES = [(version, name) for version, items in RELEASED.items() for name in items]


def as_text(value: Any) -> Any:
    """Write a value for JSON: bytes as base64, an object as its fields, a set in order."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return dict(value) if isinstance(value, Mapping) else sorted(value)


def as_value(read: dict[str, Any]) -> Any:
    """Read bytes again."""
    return base64.b64decode(read["base64"]) if read.keys() == {"base64"} else read


def fields_of(value: Any) -> Any:
    """Return what a value says, as JSON has it."""
    return json.loads(json.dumps(as_text(value), default=as_text))


def wire_of(name: str) -> Any:
    """Return the item of a value, as this release stores it."""
    value, key = VALUES[name]
    return to_wire(to_item(value) | {"PK": key.pk, "SK": key.sk})


def item_of(released: dict[str, Any]) -> Item:
    """Return an item as DynamoDB gives it."""
    return from_wire(json.loads(json.dumps(released["item"]), object_hook=as_value))


def test_the_present_release_has_its_file():
    """With an item of each type that it stores."""
    assert RELEASED[VERSION].keys() >= VALUES.keys()


@pytest.mark.parametrize(("version", "name"), CASES)
def test_an_item_of_an_earlier_release_is_read(version, name):
    """What it says is what it said then; what has been added since has its default."""
    released = RELEASED[version][name]
    value, _ = VALUES[name]
    found = fields_of(from_item(type(value), item_of(released)))

    assert {each: found[each] for each in released["says"]} == released["says"]


@pytest.mark.parametrize(("version", "name"), CASES)
def test_an_item_of_this_release_is_read_by_an_earlier_one(version, name):
    """With the same number it has the attributes that the earlier one reads, of the same types.

    With a higher number the earlier one reads nothing of it, and says so.
    """
    before, now = RELEASED[version][name]["item"], wire_of(name)
    if schema_of(item_of(RELEASED[version][name])) < SCHEMA:
        return

    types = {each: [*before[each]] for each in before}
    assert {each: [*now.get(each, {})] for each in before} == types


def main() -> None:
    """Add what the file of the present version does not have."""
    items = {
        name: {"item": wire_of(name), "says": fields_of(value)}
        for name, (value, _) in VALUES.items()
    } | RELEASED.get(VERSION, {})
    text = json.dumps(items, indent=1, ensure_ascii=False, sort_keys=True, default=as_text)
    (FOLDER / f"{VERSION}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
