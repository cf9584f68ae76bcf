"""Amazon DynamoDB Local starts, keeps what it is told to keep, and never outlives its starter."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import EndpointConnectionError

from dev.measure import reference
from dev.run import dynamodb_local
from dev.run.engines import EngineFailed

pytestmark = pytest.mark.campaign


def test_in_a_folder_it_keeps_what_was_written(local, tmp_path):
    """`make run ENGINE=dynamodb-local` goes on where it stopped, also after a hard kill."""
    with dynamodb_local.running(tmp_path) as first:
        table = reference.client(first.url).create_table(
            TableName="kept",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        )

    with dynamodb_local.running(tmp_path) as second:
        assert reference.client(second.url).list_tables()["TableNames"] == ["kept"]
    assert table["TableDescription"]["TableName"] == "kept"


def test_it_ends_when_its_starter_is_gone(local):
    """However the starter dies, the pipe between them closes, also at a SIGKILL."""
    with dynamodb_local.running() as orphan:
        client = reference.client(orphan.url)
        client.list_tables()
        assert orphan.process.stdin
        orphan.process.stdin.close()
        orphan.process.wait(10)

        with pytest.raises(EndpointConnectionError):
            _until_silent(client)


def _until_silent(client):
    for _ in range(100):
        client.list_tables()
        time.sleep(0.05)


def test_a_jar_that_is_broken_is_quoted(local, tmp_path):
    """What Java says stands in the message."""
    (tmp_path / dynamodb_local.JAR).write_text("no jar")

    with (
        pytest.raises(EngineFailed, match="jar"),
        dynamodb_local.running(folder=tmp_path),
    ):
        pass
