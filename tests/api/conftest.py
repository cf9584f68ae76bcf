"""What is served by the whole app: each test leaves a sound table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import build
from chalicelib.api.services import Services
from tests.support.builders import Customer, ScimClient, a_customer, scim_client
from tests.support.invariants import assert_sound


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """Make the services; when the test is over, nothing may be amiss in the table."""
    yield services
    assert_sound(services.table)


@pytest.fixture
def context(services: Services) -> Customer:
    """Make an empty connection of a provider that wants changed groups back."""
    return a_customer(services, identity_provider="other")


@pytest.fixture
def scim(services: Services, context: Customer) -> ScimClient:
    """Send SCIM requests with the connection's token; paths follow its URL."""
    return scim_client(build(services), context.connection, context.token)
