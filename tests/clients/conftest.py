"""Fixtures of the clients: a running server for all, and what npm has installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

SKIPPED = "tests that generate clients and use them on a server are run by `make clients-test`"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests that need npm and a server unless they are asked for."""
    if "clients" not in config.getoption("markexpr"):
        for item in items:
            if item.get_closest_marker("clients"):
                item.add_marker(pytest.mark.skip(reason=SKIPPED))


@pytest.fixture(scope="session")
def directory(tmp_path_factory) -> Path:
    """Make the directory of the server."""
    made: Path = tmp_path_factory.mktemp("served")
    return made


@pytest.fixture(scope="session")
def demo(directory: Path) -> Iterator[Mapping[str, Any]]:
    """Run the server; gives the content of its demo.json."""
    from tests.support import browsers  # noqa: PLC0415 - the quick tests need none

    with browsers.running(directory) as described:
        yield described
