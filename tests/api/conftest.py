"""What is served by the whole app: each test leaves a sound table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.api.services import Services
from dev.invariants import assert_sound


@pytest.fixture
def services(services: Services) -> Iterator[Services]:
    """Make the services; when the test is over, nothing may be amiss in the table."""
    yield services
    assert_sound(services.table)
