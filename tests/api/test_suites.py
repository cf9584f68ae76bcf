"""Two suites that others have written judge the real app, over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from app import build
from chalicelib.api.services import Services
from dev import suites
from dev.gateway import Gateway
from dev.listener import HOST, listening
from tests.builders import a_tenant

# Counted, so that a check which is no longer run is seen as well.
EXPECTED: dict[suites.Suite, dict[str, int]] = {
    suites.scim2_tester: {suites.PASSED: 131, suites.FAILED: 2},
    suites.scim_sanity: {suites.PASSED: 27, suites.FAILED: 1, suites.SKIPPED: 3},
}


@pytest.fixture
def connection(services: Services) -> Iterator[tuple[str, str]]:
    """Serve an empty connection; gives its address and token."""
    tenant = a_tenant(services, identity_provider="other")
    gateway = Gateway(build(services), "test", HOST)
    with listening(gateway, 0) as port:
        yield f"http://{HOST}:{port}/scim/v2/{tenant.connection}", tenant.token


@pytest.mark.parametrize("suite", suites.SUITES)
def test_the_suites_of_others_find_nothing_but_what_is_meant(
    connection: tuple[str, str], suite: suites.Suite
):
    """What is meant stands in `suites.KNOWN` with its reason, and in docs/conformance.md."""
    verdicts = suite(*connection)

    assert [each for each in verdicts if each.surprising] == []
    assert Counter(each.outcome for each in verdicts) == EXPECTED[suite]


def test_every_known_failure_is_counted():
    """A reason that is given for nothing would hide the next failure of that name."""
    assert len(suites.KNOWN) == sum(counts[suites.FAILED] for counts in EXPECTED.values())
