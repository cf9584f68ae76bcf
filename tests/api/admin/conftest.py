"""An organisation, a connection and a token, made through the admin API."""

from __future__ import annotations

import pytest

from tests.support.builders import connection_body, organisation_body
from tests.support.table_stream import pushing
from tests.support.webhook_receiver import receiving

ORGANISATIONS = "/admin/organisations"


@pytest.fixture
def organisation(operator):
    """Create an organisation and return its path."""
    response = operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"))
    return f"{ORGANISATIONS}/{response.body['id']}"


@pytest.fixture
def connection(operator, organisation):
    """Create a connection and return its path."""
    response = operator("POST", f"{organisation}/connections", connection_body())
    return f"{organisation}/connections/{response.body['id']}"


@pytest.fixture
def token(operator, connection):
    """Create a token and return the body of the response."""
    return operator("POST", f"{connection}/tokens", {"name": "Entra ID"}).body


@pytest.fixture
def receiver():
    """Run a receiver of webhooks."""
    with receiving() as found:
        yield found


@pytest.fixture
def push(services):
    """Play the stream of services that have one, then send to each webhook that is behind."""
    return pushing(services)
