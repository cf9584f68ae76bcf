"""Two suites that others have written judge the real app, over HTTP."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import build
from chalicelib.api.services import Services
from chalicelib.settings import Plan
from dev.play import suites
from dev.run.gateway import Gateway
from dev.run.listener import HOST, listening
from tests.support.builders import a_customer

CONFORMANCE = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text(encoding="utf-8")


def published(suite: suites.Suite) -> dict[str, int]:
    """Read the counts of a suite from docs/conformance.md."""
    name = suite.__name__.replace("_", "-")
    row = next(line for line in CONFORMANCE.splitlines() if line.startswith(f"| {name} "))
    return {outcome: int(count) for count, outcome in re.findall(r"(\d+) ([a-z]+ed)\b", row)}


@pytest.fixture
def connection(services: Services) -> Iterator[tuple[str, str]]:
    """Serve an empty connection; return its URL and token."""
    plans = {"enterprise": Plan(scim=True, rate=None)}  # the suites send more than the plan's rate
    unlimited = replace(services, settings=replace(services.settings, plans=plans))
    context = a_customer(unlimited, identity_provider="other")
    gateway = Gateway(build(unlimited), "test", HOST)
    with listening(gateway, 0) as port:
        yield f"http://{HOST}:{port}/scim/v2/{context.connection}", context.token


@pytest.mark.parametrize("suite", suites.SUITES)
def test_the_suites_of_others_find_only_intended_differences(
    connection: tuple[str, str], suite: suites.Suite
):
    """What is meant is explained in `suites.KNOWN`; a check that no longer runs is seen as well."""
    verdicts = suite(*connection)

    assert [each for each in verdicts if each.surprising] == []
    assert Counter(each.outcome for each in verdicts) == Counter(published(suite))


def test_every_known_failure_is_counted():
    """A reason that is given for nothing would hide the next failure of that name."""
    assert len(suites.KNOWN) == sum(published(suite)[suites.FAILED] for suite in suites.SUITES)
