"""Read the stream of a table, as Lambda does for its function: shard by shard, in order.

For `make run` and the tests; an engine keeps the records of a shard as DynamoDB does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class StreamReader:
    """Reads a stream, each record once; `client` is one of dynamodbstreams."""

    def __init__(self, client: Any, arn: str, read_file: Path | None = None) -> None:
        """Begin at the oldest record that is kept, or after what `read_file` says was read."""
        self._client = client
        self._arn = arn
        self._iterators: dict[str, str | None] = {}
        self._read_file = read_file
        self._read: dict[str, str] = {}
        if read_file is not None and read_file.exists():
            self._read = json.loads(read_file.read_text(encoding="utf-8"))

    def read(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the records that have come since the last time, at most 100 of a shard at once.

        What was yielded counts as read when the next is asked for.
        """
        for shard in self._client.describe_stream(StreamArn=self._arn)["StreamDescription"][
            "Shards"
        ]:
            shard_id = shard["ShardId"]
            if shard_id not in self._iterators:
                self._iterators[shard_id] = self._begin(shard_id)
            yield from self._read_shard(shard_id)

    def _begin(self, shard_id: str) -> str:
        shard = {"StreamArn": self._arn, "ShardId": shard_id}
        after = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard_id in self._read:
            after = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": self._read[shard_id],
            }
        iterator: str = self._client.get_shard_iterator(**shard, **after)["ShardIterator"]
        return iterator

    def _read_shard(self, shard_id: str) -> Iterator[list[dict[str, Any]]]:
        iterator = self._iterators[shard_id]
        while iterator:
            response = self._client.get_records(ShardIterator=iterator, Limit=100)
            records = response["Records"]
            if records:
                yield records
                self._keep(shard_id, records[-1]["dynamodb"]["SequenceNumber"])
            iterator = self._iterators[shard_id] = response.get("NextShardIterator")
            if not records:
                return

    def _keep(self, shard_id: str, sequence_number: str) -> None:
        self._read[shard_id] = sequence_number
        if self._read_file is not None:
            self._read_file.write_text(json.dumps(self._read), encoding="utf-8")
