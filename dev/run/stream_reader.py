"""Read the stream of a table, as Lambda does for its function: shard by shard, in order.

For `make run` and the tests; an engine keeps the records of a shard as DynamoDB does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def provide(dynamodb: Any, table: str) -> str:
    """Switch on the stream of a table where it is off; return its ARN."""
    found = dynamodb.describe_table(TableName=table)["Table"]
    if not found.get("StreamSpecification", {}).get("StreamEnabled"):
        dynamodb.update_table(TableName=table, StreamSpecification=VIEW)
        dynamodb.get_waiter("table_exists").wait(TableName=table)
        found = dynamodb.describe_table(TableName=table)["Table"]
    arn: str = found["LatestStreamArn"]
    return arn


class StreamReader:
    """Reads a stream from its beginning, each record once; `client` is one of dynamodbstreams."""

    def __init__(self, client: Any, arn: str) -> None:
        """Begin at the oldest record that is kept."""
        self._client = client
        self._arn = arn
        self._iterators: dict[str, str | None] = {}

    def read(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the records that have come since the last time, at most 100 of a shard at once."""
        for shard in self._client.describe_stream(StreamArn=self._arn)["StreamDescription"][
            "Shards"
        ]:
            shard_id = shard["ShardId"]
            if shard_id not in self._iterators:
                self._iterators[shard_id] = self._client.get_shard_iterator(
                    StreamArn=self._arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            yield from self._read_shard(shard_id)

    def _read_shard(self, shard_id: str) -> Iterator[list[dict[str, Any]]]:
        iterator = self._iterators[shard_id]
        while iterator:
            response = self._client.get_records(ShardIterator=iterator, Limit=100)
            if response["Records"]:
                yield response["Records"]
            iterator = self._iterators[shard_id] = response.get("NextShardIterator")
            if not response["Records"]:
                return
