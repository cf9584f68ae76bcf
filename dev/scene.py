"""A directory in memory, to measure on: moto's table, and a clock that stands still.

moto copies the whole table for each action of a transaction, so what a scene holds is written by
`OneByOne`; what is measured then runs on transactions again. It refuses to know what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from chalicelib.directory.tenant import Tenant
from chalicelib.storage.clock import Clock
from chalicelib.storage.expressions import to_wire
from chalicelib.storage.keys import ScimKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import MOST_BATCH_WRITES, Table, chunks
from dev import resources

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECONDS = 3600.0
NOBODY = boto3.Session("none", "none", region_name="eu-west-1")
CONNECTION = "abcdefghijklmnop"


def clock() -> Clock:
    """Make a clock that stands still and gives the same ids at every run."""
    return Clock(now=lambda: NOON, random=Random(1))  # noqa: S311 - a run must be repeatable


@contextmanager
def memory() -> Iterator[Table]:
    """Keep an empty table, as `.chalice/resources.json` defines it, while the block runs."""
    defined = resources.define({"Stage": "memory", "OperatorKey": ""})["Table"]
    with mock_aws():
        client = NOBODY.client("dynamodb")
        resources.make_table(client, defined)
        yield Table(client, defined["TableName"], clock())


def tenant(table: Table) -> Tenant:
    """Bind a connection, for all that is done in the scene."""
    keys = ScimKeys(CONNECTION)
    return Tenant(
        rows=table.namespace(keys.grants(), Deadline.after(SECONDS, table.clock)),
        keys=keys,
        base_url=f"https://scim.example.com/scim/v2/{CONNECTION}",
        default_role="member",
        token_id="0123456789ab",  # noqa: S106 - an id
        request_id="12345678-1234-1234-1234-123456789012",
    )


# An entry of a transaction, and the call that does the same alone.
SINGLE_CALLS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}


class OneByOne:
    """A client that sends the actions of a transaction one by one: quick, and not atomic."""

    def __init__(self, client: DynamoDBClient) -> None:
        """Take the client that does the work."""
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """All other calls are the client's own."""
        call: Callable[..., Any] = getattr(self._client, name)
        return call

    def transact_write_items(
        self,
        *,
        TransactItems: Sequence[Mapping[str, Any]],  # noqa: N803 - boto3's name
        ClientRequestToken: str,  # noqa: ARG002, N803 - as above
    ) -> Mapping[str, Any]:
        """Send each action; the first whose condition fails ends it half-way."""
        for entry in TransactItems:
            for word, request in entry.items():
                getattr(self._client, SINGLE_CALLS[word])(**request)
        return {}


def write(table: Table, items: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as they are, 25 a call."""
    for chunk in chunks(items, MOST_BATCH_WRITES):
        puts: Any = [{"PutRequest": {"Item": to_wire(item)}} for item in chunk]
        table.client.batch_write_item(RequestItems={table.name: puts})
