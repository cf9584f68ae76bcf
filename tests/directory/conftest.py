"""A connection's directory on moto; after each test the whole table is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from chalicelib.api.services import Services
from chalicelib.directory.tenant import Tenant
from chalicelib.storage.table import Table
from dev.scene import QuickTransactions
from tests.directory.builders import a_tenant
from tests.invariants import assert_sound


@pytest.fixture
def table(services: Services) -> Table:
    """Reach the table, whose clock moves only while somebody waits."""
    client = QuickTransactions(services.table.client)
    return replace(services.table, client=cast("Any", client))


@pytest.fixture
def tenant(table: Table) -> Iterator[Tenant]:
    """Bind a connection; when the test is over, nothing may be amiss in the table."""
    yield a_tenant(table)
    assert_sound(table)
