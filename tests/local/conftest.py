"""Tables on Amazon DynamoDB Local: transactions, tokens and consistent reads as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from chalicelib.storage.table import Table
from dev.measure import reference
from tests.support.builders import SEEDS, ManualClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 64


@pytest.fixture(scope="session")
def reach(local: str) -> DynamoDBClient:
    """Reach the engine, from many threads at once."""
    return reference.client(local, connections=THREADS)


@pytest.fixture
def table(reach: DynamoDBClient, manual_clock: ManualClock) -> Iterator[Table]:
    """Keep a table for one test, with a clock that moves only while somebody waits."""
    with reference.table(reach, manual_clock.clock(next(SEEDS))) as made:
        yield made
