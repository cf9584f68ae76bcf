"""A connection's directory, on moto and on the reference; each test leaves a sound table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.api.services import Services
from chalicelib.directory.context import ConnectionContext
from chalicelib.storage.table import Table
from tests.support.directory import connection_context
from tests.support.invariants import assert_sound


@pytest.fixture
def on_moto(request: pytest.FixtureRequest) -> Table:
    """Reach the table on moto: quick, and in one thread."""
    services: Services = request.getfixturevalue("services")
    return services.table


@pytest.fixture
def on_reference(request: pytest.FixtureRequest) -> Table:
    """Reach a table on Amazon DynamoDB Local, which rejects what AWS rejects."""
    table: Table = request.getfixturevalue("local_table")
    return table


@pytest.fixture(params=["on_moto", "on_reference"])
def table(request: pytest.FixtureRequest) -> Table:
    """Return the table; its clock moves only while the code waits."""
    found: Table = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def context(table: Table) -> Iterator[ConnectionContext]:
    """Return a connection's context; after the test the invariants of the table must hold."""
    yield connection_context(table)
    assert_sound(table)
