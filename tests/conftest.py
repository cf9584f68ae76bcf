"""A service on moto: the table and secrets that deployment makes, a clock that tests hold."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any, NamedTuple

# Before any client is made: moto serves it, and AWS could not.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "TABLE_NAME": "passerelle-test",
    "SECRETS_PREFIX": "passerelle/test",
    "STAGE": "test",
    "POWERTOOLS_SERVICE_NAME": "passerelle",
    "POWERTOOLS_METRICS_NAMESPACE": "Passerelle",
}
os.environ.update(ENVIRONMENT)

import boto3  # noqa: E402 - the environment comes first
import pytest  # noqa: E402
from moto import mock_aws  # noqa: E402

from app import build  # noqa: E402
from chalicelib.api.services import Services  # noqa: E402
from chalicelib.auth.secrets import Secrets  # noqa: E402
from chalicelib.auth.tokens import mint  # noqa: E402
from chalicelib.settings import Settings  # noqa: E402
from chalicelib.storage.table import Table  # noqa: E402
from dev.measure.scene import QuickQueries  # noqa: E402
from dev.run import dynamodb_local, resources  # noqa: E402
from tests.support.builders import ApiClient, ManualClock, api_client  # noqa: E402
from tests.support.in_process import InProcessClient  # noqa: E402

OPERATOR_KEY = mint("op", Random(1)).text  # noqa: S311 - nobody's key


NOT_RUN = "Amazon DynamoDB Local is not there"


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


class Unhooked:
    """A client that takes no hook: powertools hangs one more on it for each `Secrets` made.

    In a Lambda function there is one; a process of thousands of tests grew slower with each.
    """

    def __init__(self, client: Any) -> None:
        """Stand before `client`."""
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Give all that the client has but `meta`, where its hooks are."""
        if name == "meta":
            raise AttributeError(name)
        return getattr(self._client, name)


class Clients(NamedTuple):
    """What AWS is called with."""

    dynamodb: Any
    secretsmanager: Any


@pytest.fixture
def aws() -> Iterator[None]:
    """Let moto stand in for AWS, empty, for one test."""
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def clients() -> Clients:
    """Make the clients once: that takes longer than most tests."""
    return Clients(boto3.client("dynamodb"), Unhooked(boto3.client("secretsmanager")))


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
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(dynamodb_local.running())
        except dynamodb_local.NotThere as reason:
            give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            give_up(f"{NOT_RUN}: {reason}")
        yield engine.url


@pytest.fixture(autouse=True)
def execution_environment() -> Iterator[None]:
    """Forget what Chalice adds to the user agent at each app that is made.

    A deployment makes one; after hundreds no engine takes so long a header (HTTP 431).
    """
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)


@pytest.fixture
def manual_clock() -> ManualClock:
    """Make the clock of the services, which a test sets forward."""
    return ManualClock()


@pytest.fixture
def services(dynamodb: Any, secretsmanager: Any, manual_clock: ManualClock) -> Services:
    """Make what deployment makes, and the services on it."""
    resources.make("test", dynamodb, secretsmanager, lambda: OPERATOR_KEY)
    settings = Settings.from_environment(ENVIRONMENT)
    quick: Any = QuickQueries(InProcessClient(dynamodb))
    return Services(
        table=Table(quick, settings.table_name, manual_clock.clock()),
        secrets=Secrets(secretsmanager, settings.secrets_prefix),
        settings=settings,
    )


@pytest.fixture
def operator(services: Services) -> ApiClient:
    """Call the app with the operator key."""
    return api_client(build(services), OPERATOR_KEY)
