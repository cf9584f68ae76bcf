"""The meter prices by AWS's rules, in whole units."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.storage.expressions import EXISTS, NEW, Action, Check, Delete, Put, Update
from chalicelib.storage.keys import ConnectionKeys, Range
from chalicelib.storage.transactions import TransactionCanceled
from dev.measure.meter import Cost, item_size, number_size, read_units, write_units
from dev.measure.operations import Scene, with_group_of
from dev.measure.scene import CONNECTION

KEYS = ConnectionKeys(CONNECTION)
ROW, OTHER = KEYS.user("1"), KEYS.user("2")

# Worked by hand from the developer guide's page on item sizes.
ITEMS = {
    "text": ({"abc": {"S": "12345"}}, 3 + 5),
    "text of many bytes": ({"é": {"S": "☂"}}, 2 + 3),
    "bytes": ({"a": {"B": b"1234"}}, 1 + 4),
    "number": ({"n": {"N": "12345"}}, 1 + 3 + 1),
    "boolean and null": ({"a": {"BOOL": True}, "b": {"NULL": True}}, 2 + 2),
    "empty list": ({"l": {"L": []}}, 1 + 3),
    "list": ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + 3 + 2),
    "map": ({"m": {"M": {"k": {"S": "ab"}}}}, 1 + 3 + 1 + 3),
    "sets": ({"s": {"SS": ["ab", "c"]}, "n": {"NS": ["1"]}, "b": {"BS": [b"x"]}}, 3 + 3 + 2 + 1),
    "nothing": ({}, 0),
}


@pytest.mark.parametrize(("item", "size"), ITEMS.values(), ids=ITEMS)
def test_an_item_is_as_large_as_its_names_and_values(item, size):
    """Names are stored in every item, so they are short."""
    assert item_size(item) == size


NUMBERS = {"0": 2, "7": 2, "42": 2, "100": 2, "123": 3, "-42": 3, "0.5": 2, "1738411200": 5}


@pytest.mark.parametrize(("text", "size"), NUMBERS.items(), ids=NUMBERS)
def test_a_number_takes_a_byte_for_two_digits(text, size):
    """Zeroes before and behind are not stored."""
    assert number_size(text) == size


UNITS = [(0, 1, 1), (1, 1, 1), (1024, 1, 1), (1025, 1, 2), (4096, 1, 4), (4097, 2, 5)]


@pytest.mark.parametrize(("size", "rcu", "wcu"), UNITS)
def test_units_are_started_ones(size, rcu, wcu):
    """4 KB a read unit, 1 KB a write unit, at least one."""
    assert (read_units(size), write_units(size)) == (rcu, wcu)


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Set a scene with a counted tenant, and nothing counted yet."""
    with with_group_of(0) as scene:
        yield scene


def cost(scene, *actions: Action):
    """Price a transaction."""
    scene.measured.items.commit(actions)
    return scene.meter.take()


def test_a_write_in_a_transaction_is_billed_twice(scene):
    """Each item is rounded up and billed by itself."""
    large = Put(ROW, {"doc": "x" * 1500})

    assert cost(scene, large, Put(OTHER)) == Cost({"TransactWriteItems": 1}, 0, 4 + 2)


def test_the_larger_of_before_and_after_is_billed(scene):
    """Making an item small costs as much as its former size."""
    cost(scene, Put(ROW, {"doc": "x" * 1500}))

    assert cost(scene, Update(ROW, set={"doc": "x"})).wcu == 4
    assert cost(scene, Update(ROW, set={"doc": "x" * 2500})).wcu == 6
    assert cost(scene, Delete(ROW)).wcu == 6
    assert cost(scene, Delete(ROW)).wcu == 2


def test_a_write_outside_of_a_transaction_is_billed_once(scene):
    """An item of the log is neither kept nor replaced together with others."""
    scene.measured.items.try_once(Put(ROW, {"a": "x" * 1_500}))
    scene.measured.items.try_once(Update(ROW, set={"a": "x"}))

    assert scene.meter.take() == Cost({"PutItem": 1, "UpdateItem": 1}, 0, 2 + 2)


def test_a_check_is_billed_as_a_write(scene):
    """The size is that of the item that the condition reads."""
    cost(scene, Put(ROW, {"doc": "x" * 1500}))

    assert cost(scene, Check(ROW, EXISTS)).wcu == 4


def test_a_transaction_that_fails_is_billed_as_well(scene):
    """409 is not free."""
    cost(scene, Put(ROW))

    with pytest.raises(TransactionCanceled):
        cost(scene, Put(ROW, {"doc": "x" * 1500}, NEW), Put(OTHER))

    assert scene.meter.take().wcu == 4 + 2


def test_a_read_is_billed_where_there_is_nothing(scene):
    """An item that does not exist takes a unit."""
    scene.measured.items.get(ROW)

    assert scene.meter.take() == Cost({"GetItem": 1}, 1, 0)


def test_items_of_a_batch_are_billed_one_by_one(scene):
    """Two small items take two units, not one."""
    cost(scene, Put(ROW, {"doc": "x" * 5000}))

    scene.measured.items.batch_get([ROW, OTHER])

    assert scene.meter.take() == Cost({"BatchGetItem": 1}, 2 + 1, 0)


def test_items_of_a_query_are_billed_together(scene):
    """Forty small items fit one unit; an empty range takes one."""
    for uid in ("1", "2", "3"):
        scene.set.items.commit([Put(KEYS.user(uid), {"doc": "x" * 1500})])

    list(scene.measured.items.query(Range(KEYS.users, "1", "3")))
    list(scene.measured.items.query(Range(KEYS.users, "8", "9")))

    assert scene.meter.take() == Cost({"Query": 2}, 2 + 1, 0)


def test_deletes_of_a_batch_are_billed_once(scene):
    """Outside of transactions a KB is a unit."""
    cost(scene, Put(ROW, {"doc": "x" * 1500}))

    scene.measured.items.batch_delete([ROW, OTHER])

    assert scene.meter.take() == Cost({"BatchWriteItem": 1}, 0, 2 + 1)


def test_a_call_without_a_price_fails(scene):
    """Nobody scans the table unseen."""
    with pytest.raises(AttributeError, match="scan"):
        scene.meter.scan(TableName="any")


def test_round_trips_are_all_calls():
    """This project never sends two calls at a time."""
    assert Cost({"Query": 2, "GetItem": 1}, 0, 0).round_trips == 3
