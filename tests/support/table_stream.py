"""The stream of a table on moto: a deployment that has one, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.api.services import Services
from chalicelib.events.sender import Sender, due_webhooks
from chalicelib.storage import grants
from chalicelib.storage.retries import Deadline
from chalicelib.stream import append_records
from dev.run import resources
from dev.run.stream_reader import StreamReader


def with_stream(services: Services, dynamodb: Any) -> Services:
    """Switch on the stream of the services' table."""
    arn = resources.make_stream(dynamodb, resources.define({"Stage": "test"})["Table"])
    return replace(services, settings=replace(services.settings, stream_arn=arn))


def reader_of(services: Services) -> StreamReader:
    """Read that stream from its beginning."""
    # moto knows the address of the region alone.
    config = Config(account_id_endpoint_mode="disabled")
    client = boto3.Session().client("dynamodbstreams", config=config)
    return StreamReader(client, services.settings.stream_arn)


def pushing(services: Services) -> Callable[..., dict[str, bool]]:
    """Return what plays the stream, and sends to each webhook that has something to send."""
    reader = reader_of(services)

    def play(outbound: Any = services.outbound, seconds: float = 60) -> dict[str, bool]:
        base_url = services.settings.base_url
        sender = Sender(services.table, services.secrets, outbound, base_url, services.queues)
        for records in reader.read():
            append_records(services, records)
        deadline = Deadline.after(seconds, services.table.clock)
        items = services.table.namespace(grants.list_webhooks(), deadline)
        return {each: sender.run(each, deadline) for each in due_webhooks(items)}

    return play
