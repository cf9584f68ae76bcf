"""The table of `make events`: on DynamoDB Local with its stream, or in memory with one of ours."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import boto3

from dev.run import resources
from dev.run.stream_reader import StreamReader
from tests.campaigns.simulate.engine import Engine, Pair
from tests.campaigns.simulate.evaluate import Wire

Records = list[dict[str, Any]]
# Gives what has come in the stream since the last time, at most 100 records at once.
Stream = Callable[[], Iterator[Records]]
AT_ONCE = 100
MANY_TOKENS = 10_000


def stream_of(client: Any, table: str) -> Stream:
    """Switch on the stream of a table of DynamoDB Local, and read it."""
    defined = {**resources.define({"Stage": "test"})["Table"], "TableName": table}
    arn = resources.make_stream(client, defined)
    session = boto3.Session("local", "local", region_name="eu-west-1")
    streams = session.client("dynamodbstreams", endpoint_url=client.meta.endpoint_url)
    return StreamReader(streams, arn).read


@dataclass(slots=True)
class StreamedEngine(Engine):
    """An engine in memory that writes a stream: each item before and after each write."""

    records: deque[dict[str, Any]] = field(default_factory=deque)
    count: int = 0

    def write(self, pair: Pair, image: Wire | None) -> None:
        """Put or delete an item."""
        before = self.read(pair)
        Engine.write(self, pair, image)
        images = {"OldImage": before, "NewImage": image}
        self.count += 1
        self.records.append(
            {
                "dynamodb": {
                    "Keys": {"PK": {"S": pair[0]}, "SK": {"S": pair[1]}},
                    "SequenceNumber": f"{self.count:021d}",
                    "ApproximateCreationDateTime": time.time(),
                    **{name: each for name, each in images.items() if each is not None},
                }
            }
        )


class InMemory:
    """An engine that many threads share: one call at a time."""

    def __init__(self) -> None:
        """Begin without an item."""
        self._engine = StreamedEngine()
        self._lock = RLock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Pass a call to the engine."""
        call = getattr(self._engine, name)

        def one_at_a_time(**request: Any) -> Any:
            with self._lock:
                if len(self._engine.tokens) > MANY_TOKENS:
                    # No call is repeated here.
                    self._engine.tokens.clear()
                return call(**request)

        return one_at_a_time

    def stream(self) -> Iterator[Records]:
        """Yield what has come in the stream since the last time."""
        records = self._engine.records
        while records:
            yield [records.popleft() for _ in range(min(AT_ONCE, len(records)))]
