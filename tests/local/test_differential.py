"""A slice of `make differential`: the simulated table and Amazon DynamoDB Local do the same."""

from __future__ import annotations

from chalicelib.storage.table import Table
from tests.campaigns.differential import differences

SEQUENCES = 25


def test_the_simulated_table_does_what_the_engine_does(table: Table, record_property):
    """Every response, every error with its reasons, and all items in the end."""
    found = [
        each
        for number in range(SEQUENCES)
        for each in differences(table.client, table.name, 1, number)
    ]

    record_property("sequences compared with the engine", SEQUENCES)
    assert not found
