"""Fixtures of several packages; each imports what it needs when it is first used.

So a test of pure functions starts without moto, boto3 and the app, in under a second.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.environment import ENVIRONMENT, OPERATOR_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.api.services import Services
    from chalicelib.storage.table import Table
    from tests.support.builders import ApiClient
    from tests.support.clock import ManualClock
    from tests.support.deployment import Clients

# Before any client is made: moto serves it, and AWS could not.
os.environ.update(ENVIRONMENT)

THREADS = 64
# Tests that take minutes are skipped unless they are asked for by their marker.
LONG = {
    "campaign": "small runs of campaigns and of `make run` are done by `make campaigns-test`",
    "clients": "clients are generated and used on a server by `make clients-test`",
    "console": "tests of the console in a browser are run by `make console-test`",
    "pages": "the commands of README and docs are run by `make pages-test`",
}
NOT_RUN = "Amazon DynamoDB Local is not there"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make local-test` run faults and races on DynamoDB Local."""
    parser.addoption("--on-local", action="store_true", help="no table of a trial is simulated")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests that take minutes unless they are asked for."""
    for marker, reason in LONG.items():
        if marker not in config.getoption("markexpr"):
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was skipped for want of the reference engine, and how much was tried."""
    stats = terminalreporter.stats
    skipped = [each for each in stats.get("skipped", []) if NOT_RUN in str(each.longrepr)]
    if skipped:
        terminalreporter.write_sep("!", f"{len(skipped)} TESTS WERE NOT RUN: {NOT_RUN}", red=True)
    tried: Counter[str] = Counter()
    for report in stats.get("passed", []):
        tried.update(dict(report.user_properties))
    for name, figure in tried.items():
        terminalreporter.write_line(f"{figure:,} {name}")


@pytest.fixture(scope="session")
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the directory of a server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_directory: Path) -> Iterator[Mapping[str, Any]]:
    """Run `make run`; gives the content of its demo.json."""
    from tests.support import browsers

    with browsers.running(server_directory) as described:
        yield described


@pytest.fixture
def aws() -> Iterator[None]:
    """Let moto stand in for AWS, empty, for one test."""
    from moto import mock_aws

    with mock_aws():
        yield


@pytest.fixture(scope="session")
def clients() -> Clients:
    """Make the clients once."""
    from tests.support.deployment import make_clients

    return make_clients()


@pytest.fixture
def dynamodb(aws: None, clients: Clients) -> Any:
    """Give a client of DynamoDB."""
    return clients.dynamodb


@pytest.fixture
def secretsmanager(aws: None, clients: Clients) -> Any:
    """Give a client of Secrets Manager."""
    return clients.secretsmanager


@pytest.fixture(scope="session")
def local() -> Iterator[str]:
    """Run Amazon DynamoDB Local in memory; gives its address.

    Without Java or npm the test is skipped; under CI=true it fails.
    """
    from dev.run import dynamodb_local, npm

    with ExitStack() as stack:
        try:
            engine = stack.enter_context(dynamodb_local.running())
        except npm.NotThere as reason:
            give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            give_up(f"{NOT_RUN}: {reason}")
        yield engine.url


@pytest.fixture(scope="session")
def local_client(local: str) -> DynamoDBClient:
    """Make a client of DynamoDB Local once, for many threads at a time."""
    from dev.measure import reference

    return reference.client(local, connections=THREADS)


@pytest.fixture
def local_table(local_client: DynamoDBClient, manual_clock: ManualClock) -> Iterator[Table]:
    """Make a table on DynamoDB Local for one test."""
    from dev.measure import reference
    from tests.support.clock import SEEDS

    with reference.table(local_client, manual_clock.clock(next(SEEDS))) as table:
        yield table


@pytest.fixture(autouse=True)
def execution_environment() -> Iterator[None]:
    """Forget what Chalice adds to the user agent at each app that is made.

    A deployment makes one; after hundreds no engine takes so long a header (HTTP 431).
    """
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)


@pytest.fixture
def manual_clock() -> ManualClock:
    """Make the clock of the services, which moves only when a test advances it."""
    from tests.support.clock import ManualClock

    return ManualClock()


@pytest.fixture
def services(dynamodb: Any, secretsmanager: Any, manual_clock: ManualClock) -> Services:
    """Deploy to moto, and give the services."""
    from tests.support.deployment import deploy

    return deploy(dynamodb, secretsmanager, manual_clock.clock())


@pytest.fixture
def operator(services: Services) -> ApiClient:
    """Send requests to the app with the operator key."""
    from app import build
    from tests.support.builders import api_client

    return api_client(build(services), OPERATOR_KEY)
