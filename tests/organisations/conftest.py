"""An organisation with one connection, and that connection as its identity provider sees it."""

from __future__ import annotations

import pytest

from chalicelib.api.services import Services
from chalicelib.directory import context as directory
from tests.support.builders import Customer, a_customer
from tests.support.directory import connection_context


@pytest.fixture
def context(services: Services) -> Customer:
    """Make an organisation and a connection of it."""
    return a_customer(services)


@pytest.fixture
def scim(services: Services, context: Customer) -> directory.ConnectionContext:
    """Bind the connection as its identity provider's requests are bound."""
    return connection_context(services.table, context.connection)
