"""An organisation with one connection, and that connection as its identity provider sees it."""

from __future__ import annotations

import pytest

from chalicelib.api.services import Services
from chalicelib.directory import tenant as directory
from tests.builders import Tenant, a_tenant
from tests.directory.builders import a_tenant as bound


@pytest.fixture
def tenant(services: Services) -> Tenant:
    """Make an organisation and a connection of it."""
    return a_tenant(services)


@pytest.fixture
def scim(services: Services, tenant: Tenant) -> directory.Tenant:
    """Bind the connection as its identity provider's requests are bound."""
    return bound(services.table, tenant.connection)
