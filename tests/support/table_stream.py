"""The stream of a table on moto: a deployment that has one, and its reader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.api.services import Services
from dev.run.stream_reader import StreamReader, provide


def with_stream(services: Services, dynamodb: Any) -> Services:
    """Switch on the stream of the services' table."""
    arn = provide(dynamodb, services.table.name)
    return replace(services, settings=replace(services.settings, stream_arn=arn))


def reader_of(services: Services) -> StreamReader:
    """Read that stream from its beginning."""
    # moto knows the address of the region alone.
    config = Config(account_id_endpoint_mode="disabled")
    client = boto3.Session().client("dynamodbstreams", config=config)
    return StreamReader(client, services.settings.stream_arn)
