"""Tables on Amazon DynamoDB Local: transactions, tokens and consistent reads as they are.

Faults and races run each trial hundreds of times, so theirs is simulated; `make local-test` runs
them on DynamoDB Local too.
"""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.storage.table import Table
from tests.campaigns.simulate.engine import Engine
from tests.support.clock import SEEDS, ManualClock


@pytest.fixture
def table(local_table: Table) -> Table:
    """Give a table for one test, whose clock moves only while somebody waits."""
    return local_table


def simulated_table(manual_clock: ManualClock) -> Table:
    """Make a table in memory; `make differential` compares what it does with DynamoDB Local."""
    engine: Any = Engine()
    return Table(engine, "simulated", manual_clock.clock(next(SEEDS)))


@pytest.fixture
def trial_table(request: pytest.FixtureRequest, manual_clock: ManualClock) -> Table:
    """Give the table of a trial."""
    if request.config.getoption("--on-local"):
        table: Table = request.getfixturevalue("local_table")
        return table
    return simulated_table(manual_clock)
