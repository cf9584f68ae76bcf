"""A deployment on moto: the clients, the table and the secret that deploying makes."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.secretsmanager.models import secretsmanager_backends

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.outbound import OutboundClient
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from dev.measure.in_process import InProcessClient
from dev.measure.scene import QuickQueries
from dev.run import resources
from tests.support.environment import ENVIRONMENT, OPERATOR_KEY

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


class Deployed(NamedTuple):
    """What moto holds of a deployment: copied, it takes a hundredth of the time of making it."""

    tables: Any
    secrets: Any

    @classmethod
    def now(cls, region: str) -> Deployed:
        """Return what moto holds in this test."""
        return cls(
            dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables,
            secretsmanager_backends[DEFAULT_ACCOUNT_ID][region].secrets,
        )


@cache
def _deployed(dynamodb: Any, secretsmanager: Any) -> Deployed:
    """Make what deployment makes, once, and return a copy of it."""
    resources.make("test", dynamodb, secretsmanager, lambda: OPERATOR_KEY)
    return deepcopy(Deployed.now(dynamodb.meta.region_name))


def deploy(dynamodb: Any, secretsmanager: Any, clock: Clock) -> Services:
    """Give a test what deployment makes, and the services on it."""
    made, now = _deployed(dynamodb, secretsmanager), Deployed.now(dynamodb.meta.region_name)
    now.tables.update(deepcopy(made.tables))
    now.secrets.update(deepcopy(made.secrets))
    of_events = {"STREAM_ARN": NO_STREAM, "ACKNOWLEDGEMENTS": "true"}
    settings = Settings.from_environment({**ENVIRONMENT, **of_events})
    in_process: Any = InProcessClient(dynamodb)
    quick: Any = QuickQueries(in_process)
    table = Table(quick, settings.table_name, clock)
    secrets = Secrets(secretsmanager, settings.secrets_prefix)
    outbound = OutboundClient(allow_loopback=True)
    return Services(table, secrets, settings, outbound=outbound)
