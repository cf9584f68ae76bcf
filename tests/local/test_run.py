"""`make run ENGINE=dynamodb-local`: the table on the reference engine, the secrets as ever."""

from __future__ import annotations

import pytest

from dev.measure import reference
from dev.play import idp
from dev.run import dynamodb_local, serve
from tests.dev.test_serve import call, serving, start

pytestmark = pytest.mark.campaign


def test_the_demo_stands_on_dynamodb_local_and_survives_a_restart(local, tmp_path):
    """What was provisioned is there again, under the same token."""
    with serving(tmp_path, ENGINE=serve.DYNAMODB_LOCAL) as first:
        created = call(first, "POST", "/Users", schemas=[idp.USER], userName="ada@example.com")
    with serving(tmp_path, ENGINE=serve.DYNAMODB_LOCAL) as again:
        found = call(again, "GET", f"/Users/{created.json()['id']}")
    with dynamodb_local.running(tmp_path / serve.DYNAMODB_LOCAL) as engine:
        kept = reference.client(engine.url).list_tables()["TableNames"]

    assert found.json()["userName"] == "ada@example.com"
    assert first["token"] == again["token"]
    assert kept == ["passerelle-local"]


def test_an_unknown_engine_is_rejected(tmp_path):
    """A typing error must not lead to another engine than the one that was meant."""
    process = start(tmp_path, ENGINE="dynamodb")
    said = process.communicate(timeout=30)[0]

    assert process.returncode == 1
    assert "it must be ministack or dynamodb-local" in said
