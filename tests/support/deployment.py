"""A deployment on moto: the clients, the table and the secret that deploying makes."""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.outbound import OutboundClient
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from dev.measure.scene import QuickQueries
from dev.run import resources
from tests.support.environment import ENVIRONMENT, OPERATOR_KEY
from tests.support.in_process import InProcessClient

# No such stream exists, so no test pays for it; webhooks are accepted as where one does.
NO_STREAM = "arn:aws:dynamodb:eu-west-1:000000000000:table/passerelle-test/stream/none"


class Clients(NamedTuple):
    """What AWS is called with."""

    dynamodb: Any
    secretsmanager: Any


class Unhooked:
    """A client that takes no hook: powertools adds one for each `Secrets` made.

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


def make_clients() -> Clients:
    """Make the clients, which takes longer than most tests.

    In a session of their own: moto serves none that began before it was imported.
    """
    session = boto3.Session()
    return Clients(session.client("dynamodb"), Unhooked(session.client("secretsmanager")))


def deploy(dynamodb: Any, secretsmanager: Any, clock: Clock) -> Services:
    """Make what deployment makes, and the services on it."""
    resources.make("test", dynamodb, secretsmanager, lambda: OPERATOR_KEY)
    settings = Settings.from_environment({**ENVIRONMENT, "STREAM_ARN": NO_STREAM})
    in_process: Any = InProcessClient(dynamodb)
    quick: Any = QuickQueries(in_process)
    table = Table(quick, settings.table_name, clock)
    secrets = Secrets(secretsmanager, settings.secrets_prefix)
    outbound = OutboundClient(allow_loopback=True)
    return Services(table, secrets, settings, outbound=outbound)
