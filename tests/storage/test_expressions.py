"""Conditions and actions render themselves as DynamoDB reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage.expressions import (
    ANY,
    EXISTS,
    NEW,
    Check,
    Delete,
    Placeholders,
    Put,
    Update,
    absent,
    equals,
    from_wire,
    key_of,
    present,
    render,
    to_wire,
)
from chalicelib.storage.keys import Key

KEY = Key("pk", "sk")
WIRE_KEY = {"PK": {"S": "pk"}, "SK": {"S": "sk"}}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

CONDITIONS = {
    "equals": (equals("v", 3), "#0 = :0", {"#0": "v"}, {":0": {"N": "3"}}),
    "present": (present("lease"), "attribute_exists(#0)", {"#0": "lease"}, None),
    "absent": (absent("lease"), "attribute_not_exists(#0)", {"#0": "lease"}, None),
    "exists": (EXISTS, "attribute_exists(#0)", {"#0": "PK"}, None),
    "new": (NEW, "attribute_not_exists(#0)", {"#0": "PK"}, None),
    "a path": (
        equals("lease.change_id", "x"),
        "#0.#1 = :0",
        {"#0": "lease", "#1": "change_id"},
        {":0": {"S": "x"}},
    ),
    "both": (
        equals("v", 1) & absent("lease"),
        "#0 = :0 AND attribute_not_exists(#1)",
        {"#0": "v", "#1": "lease"},
        {":0": {"N": "1"}},
    ),
    "the same name twice": (
        equals("v", 1) & equals("v", 2),
        "#0 = :0 AND #0 = :1",
        {"#0": "v"},
        {":0": {"N": "1"}, ":1": {"N": "2"}},
    ),
    "a map": (
        equals("lease", {"change_id": "x"}),
        "#0 = :0",
        {"#0": "lease"},
        {":0": {"M": {"change_id": {"S": "x"}}}},
    ),
}


@pytest.mark.parametrize("case", CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_prints_itself(case):
    """Names and values are placeholders: reserved words and quoting are no concern."""
    condition, text, names, values = case
    use = Placeholders()

    assert condition.render(use) == text
    parameters = use.parameters()
    assert parameters.get("ExpressionAttributeNames") == names
    assert parameters.get("ExpressionAttributeValues") == values


ACTIONS = {
    "put": (
        Put(KEY, {"n": 1, "gone": None}),
        {"Put": {"TableName": "t", "Item": WIRE_KEY | {"n": {"N": "1"}}}},
    ),
    "put a new one": (
        Put(KEY, condition=NEW),
        {
            "Put": {
                "TableName": "t",
                "Item": WIRE_KEY,
                "ConditionExpression": "attribute_not_exists(#0)",
                "ExpressionAttributeNames": {"#0": "PK"},
                **ALL_OLD,
            }
        },
    ),
    "delete": (Delete(KEY), {"Delete": {"TableName": "t", "Key": WIRE_KEY}}),
    "check": (
        Check(KEY, equals("v", 1)),
        {
            "ConditionCheck": {
                "TableName": "t",
                "Key": WIRE_KEY,
                "ConditionExpression": "#0 = :0",
                "ExpressionAttributeNames": {"#0": "v"},
                "ExpressionAttributeValues": {":0": {"N": "1"}},
                **ALL_OLD,
            }
        },
    ),
    "update": (
        Update(
            KEY, set={"doc": "x", "no": None}, add={"n": -1}, remove=("lease",), condition=EXISTS
        ),
        {
            "Update": {
                "TableName": "t",
                "Key": WIRE_KEY,
                "UpdateExpression": "SET #0 = :0 ADD #1 :1 REMOVE #2",
                "ConditionExpression": "attribute_exists(#3)",
                "ExpressionAttributeNames": {"#0": "doc", "#1": "n", "#2": "lease", "#3": "PK"},
                "ExpressionAttributeValues": {":0": {"S": "x"}, ":1": {"N": "-1"}},
                **ALL_OLD,
            }
        },
    ),
    "count": (
        Update(KEY, add={"n": 1}),
        {
            "Update": {
                "TableName": "t",
                "Key": WIRE_KEY,
                "UpdateExpression": "ADD #0 :0",
                "ExpressionAttributeNames": {"#0": "n"},
                "ExpressionAttributeValues": {":0": {"N": "1"}},
            }
        },
    ),
}


@pytest.mark.parametrize(("action", "wire"), ACTIONS.values(), ids=ACTIONS)
def test_an_action_prints_itself(action, wire):
    """A condition returns the item that it met, so that the reason of a failure is a fact."""
    assert render(action, "t") == wire


def test_no_condition_holds_always():
    """It joins any other without a trace."""
    assert (ANY & EXISTS) == EXISTS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=4))
def test_an_item_is_read_as_it_was_written(item):
    """boto3 reads numbers as Decimal and binaries as its own class; items hold plain values."""
    written = {name: value for name, value in item.items() if value is not None}

    read = from_wire(to_wire(item))

    assert read == written
    assert str(read) == str(written)


def test_an_item_names_its_key():
    """BatchGetItem's results are identified by key."""
    assert key_of({"PK": "pk", "SK": "sk", "n": 1}) == KEY
