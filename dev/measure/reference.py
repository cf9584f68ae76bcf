"""A table on Amazon DynamoDB Local, the reference engine, with the context of a request on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from chalicelib.api.services import DEADLINE_SECONDS, Services
from chalicelib.auth.secrets import Secrets
from chalicelib.directory.context import ConnectionContext
from chalicelib.settings import Settings
from chalicelib.storage import grants
from chalicelib.storage.clock import Clock
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from chalicelib.sweeper import sweep_due
from dev.measure.scene import CONNECTION, NOBODY
from dev.run import resources

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than a lease.
LATER = timedelta(minutes=1)
MAX_SWEEPS = 20


def client(url: str, *, connections: int = 10) -> DynamoDBClient:
    """Create a client as app.py does, for `connections` threads at once."""
    once = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=2,
        read_timeout=30,
        max_pool_connections=connections,
        # The engine checks parameters itself; the tests on moto have botocore check them too.
        parameter_validation=False,
    )
    session = boto3.Session("local", "local", region_name="eu-west-1")
    made: DynamoDBClient = session.client("dynamodb", endpoint_url=url, config=once)
    return made


@contextmanager
def table(client: DynamoDBClient, clock: Clock | None = None) -> Iterator[Table]:
    """Provide a new table, as `.chalice/resources.json` defines it, while the block runs."""
    name = f"passerelle-{SystemRandom().getrandbits(64):016x}"
    defined = resources.define({"Stage": "reference"})["Table"]
    keys = {key: defined[key] for key in ("BillingMode", "AttributeDefinitions", "KeySchema")}
    client.create_table(TableName=name, **keys)
    yield Table(client, name, clock or Clock())
    client.delete_table(TableName=name)


def request(table: Table, connection: str = CONNECTION) -> ConnectionContext:
    """Return the context of one request of a connection, with the deadline of the service."""
    keys = ConnectionKeys(connection)
    return ConnectionContext(
        items=table.namespace(grants.scim(keys), Deadline.after(DEADLINE_SECONDS, table.clock)),
        keys=keys,
        base_url=f"https://scim.example.com/scim/v2/{connection}",
        default_role="member",
        token_id="0123456789ab",  # noqa: S106 - an id
        request_id="12345678-1234-1234-1234-123456789012",
    )


def sweep(table: Table) -> None:
    """Run the sweeper as of a minute later, until it has nothing left to do.

    Raises:
        AssertionError: it still has after 20 runs.
    """
    now = table.clock.now
    later = replace(table.clock, now=lambda: _after(now()))
    settings = Settings(table_name=table.name, stage="reference")
    secrets = Secrets(NOBODY.client("secretsmanager"), settings.secrets_prefix)
    services = Services(replace(table, clock=later), secrets, settings)
    for _ in range(MAX_SWEEPS):
        if not sweep_due(services):
            return
    raise AssertionError("the sweeper still finds pending changes")


def _after(moment: datetime) -> datetime:
    return moment + LATER
