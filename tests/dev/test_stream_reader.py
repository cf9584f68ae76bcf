"""The reader of `make run` begins where the run before has ended."""

from __future__ import annotations

import boto3
from botocore.config import Config

from dev.run.stream_reader import StreamReader
from tests.support.table_stream import with_stream


def test_a_run_reads_what_the_one_before_has_not(services, dynamodb, tmp_path):
    """A newcomer who starts it again does not see every event of yesterday arrive anew."""
    streamed = with_stream(services, dynamodb)
    config = Config(account_id_endpoint_mode="disabled")
    client = boto3.Session().client("dynamodbstreams", config=config)

    def run(pk):
        reader = StreamReader(client, streamed.settings.stream_arn, tmp_path / "read.json")
        item = {"PK": {"S": pk}, "SK": {"S": "#"}}
        dynamodb.put_item(TableName=services.table.name, Item=item)
        return [each["dynamodb"]["Keys"]["PK"]["S"] for some in reader.read() for each in some]

    assert [run("a"), run("b")] == [["a"], ["b"]]
