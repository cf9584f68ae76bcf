"""Transactions and queries without moto's copies end as moto's own do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.storage import grants
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Action,
    Check,
    Delete,
    Put,
    Update,
    absent,
    equals,
    render,
)
from chalicelib.storage.keys import ConnectionKeys, Range
from chalicelib.storage.retries import Deadline
from dev.measure.scene import CONNECTION, NOBODY, QuickQueries, QuickTransactions, memory, write
from tests.support.invariants import read_all

KEYS = ConnectionKeys(CONNECTION)
THERE, GONE, OTHER = KEYS.user("1"), KEYS.user("2"), KEYS.user("3")

TRANSACTIONS: dict[str, list[Action]] = {
    "all new": [Put(GONE, {"n": 1}, NEW), Put(OTHER)],
    "a change": [Update(THERE, set={"doc": "b"}, add={"n": 2}, remove=("old",), condition=EXISTS)],
    "an upsert": [Update(GONE, add={"n": 1})],
    "a delete": [Delete(THERE, EXISTS), Delete(GONE)],
    "a check": [Check(THERE, EXISTS), Check(GONE, NEW), Put(OTHER)],
    "first fails": [Put(THERE, {"n": 9}, NEW), Put(OTHER), Update(GONE, add={"n": 1})],
    "last fails": [Put(OTHER), Delete(GONE), Update(THERE, set={"doc": "b"}, condition=NEW)],
    "several fail": [Delete(GONE, EXISTS), Put(OTHER, {}, NEW), Delete(THERE, equals("n", 2))],
    "a check fails": [Put(OTHER), Check(THERE, absent("old"))],
    "an item twice": [Put(OTHER), Delete(OTHER)],
    "too many": [Put(KEYS.user(str(number))) for number in range(101)],
}


def outcome(client, table, actions):
    """Send a transaction; tell the error and its reasons, and the whole table afterwards."""
    entries = [render(action, table.name) for action in actions]
    try:
        client.transact_write_items(TransactItems=entries, ClientRequestToken="1" * 32)
    except ClientError as error:
        reasons = error.response.get("CancellationReasons", [])
        codes = [(reason.get("Code"), reason.get("Item")) for reason in reasons]
        return error.response["Error"]["Code"], codes, read_all(table)
    return "", [], read_all(table)


@pytest.mark.parametrize("actions", TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_a_quick_transaction_ends_as_motos(actions):
    """The same items, the same error, the same reasons in the same places."""
    ends = []
    for make in (QuickTransactions, lambda client: client):
        with memory() as table:
            client = NOBODY.client("dynamodb")
            first = render(Put(THERE, {"doc": "a", "n": 1, "old": True}), table.name)
            client.transact_write_items(TransactItems=[first])
            ends.append(outcome(make(client), table, actions))

    assert ends[0] == ends[1]


QUERIES = [
    (Range(KEYS.users, "0", "9~"), None, False),
    (Range(KEYS.users, "0", "9~"), 1, False),
    (Range(KEYS.users, "0", "9~"), 50, True),
    (Range(KEYS.users, "11", "23"), 5, True),
    (Range(KEYS.users, "7", "7"), None, False),
    (Range(KEYS.groups_from().pk, "0", "9~"), 3, False),
]


@pytest.mark.parametrize(("items", "page", "descending"), QUERIES)
def test_a_quick_query_returns_the_same_as_motos(items, page, descending):
    """The same items in the same order, in pages of any size; of an empty partition none."""
    found = []
    with memory() as table:
        write(table, [{"PK": KEYS.users, "SK": f"{n:03d}", "n": n} for n in range(120)])
        clients: list[Any] = [QuickQueries(table.client), NOBODY.client("dynamodb")]
        for client in clients:
            scope = replace(table, client=client)
            namespace = scope.namespace(grants.scim(KEYS), Deadline.after(9.0, table.clock))
            found.append(list(namespace.query(items, page=page, descending=descending)))

    assert found[0] == found[1]
