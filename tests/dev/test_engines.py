"""The embedded engine starts, keeps its data, and never outlives who started it."""

from __future__ import annotations

import sys
from pathlib import Path

import boto3
import pytest

from dev.run import engines

NAME = "kept"


def secrets_of(engine: engines.Engine):
    """Reach the engine's secrets."""
    return boto3.client(
        "secretsmanager",
        endpoint_url=engine.url,
        region_name=engines.REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def test_data_survive_a_restart(tmp_path):
    """An engineer continues in the afternoon where they stopped in the morning."""
    with engines.running(tmp_path) as first:
        secrets_of(first).create_secret(Name=NAME, SecretString="s")

    with engines.running(tmp_path) as second:
        assert secrets_of(second).get_secret_value(SecretId=NAME)["SecretString"] == "s"


def test_the_engine_ends_with_the_block(tmp_path):
    """Nothing that was started is left behind."""
    with engines.running(tmp_path) as engine:
        assert engine.process.poll() is None

    assert engine.process.poll() == 0


def test_the_engine_ends_and_saves_when_its_starter_is_gone(tmp_path):
    """However the starter dies, the pipe between them closes, also at a SIGKILL."""
    with engines.running(tmp_path) as orphan:
        secrets_of(orphan).create_secret(Name=NAME, SecretString="s")
        assert orphan.process.stdin
        orphan.process.stdin.close()
        orphan.process.wait(10)

    assert "kept" in (tmp_path / "state" / "secretsmanager.json").read_text()


def test_a_second_engine_waits_until_the_first_has_saved(tmp_path):
    """Killed and started again at once: the old engine is still writing its data down."""
    with engines.running(tmp_path) as orphan:
        secrets_of(orphan).create_secret(Name=NAME, SecretString="s")
        assert orphan.process.stdin
        orphan.process.stdin.close()

        with engines.running(tmp_path) as next_one:
            assert secrets_of(next_one).get_secret_value(SecretId=NAME)["SecretString"] == "s"


def test_an_engine_that_is_not_installed_is_said(tmp_path):
    """An engineer who starts the module by hand learns which verb installs it."""
    with (
        pytest.raises(engines.EngineFailed, match="make run"),
        engines.running(tmp_path, Path("/nowhere/python")),
    ):
        pass


def test_an_engine_that_ends_at_once_is_quoted(tmp_path):
    """The interpreter of the tests has no engine: its last words stand in the message."""
    with (
        pytest.raises(engines.EngineFailed, match="No module named 'ministack'"),
        engines.running(tmp_path, Path(sys.executable)),
    ):
        pass
