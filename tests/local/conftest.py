"""Tables on Amazon DynamoDB Local: transactions, tokens and consistent reads as they are."""

from __future__ import annotations

import pytest

from chalicelib.storage.table import Table


@pytest.fixture
def table(local_table: Table) -> Table:
    """Give a table for one test, whose clock moves only while somebody waits."""
    return local_table
