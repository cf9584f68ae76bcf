"""A virtual environment is created once and stays, whichever Python comes first in PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dev.run.environment import Environment

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def made(root: Path, version: str, *, same_python: bool = False) -> Environment:
    """Lay out an environment as venv does, made from the pins by a Python of some version."""
    (root / "pins.txt").write_text("boto3==1.44.5\n")
    environment = Environment(".venv", ("pins.txt",), same_python, root)
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (root / ".venv" / "pyvenv.cfg").write_text(f"home = /elsewhere/bin\nversion = {version}\n")
    environment.stamp.write_text(environment.pins_hash())
    return environment


@pytest.mark.parametrize(
    ("version", "same_python", "stays"),
    [
        (f"{OWN}.1", False, True),
        ("3.99.0", False, True),  # made by another Python than the one that looks
        ("3.11.0", False, True),  # the oldest one that will do
        ("3.10.14", False, False),
        (f"{OWN}.1", True, True),
        ("3.99.0", True, False),  # it could not load what this Python has compiled
    ],
)
def test_an_environment_stays_while_its_own_python_will_do(tmp_path, version, same_python, stays):
    """Another interpreter in PATH must not clear what a running server stands on."""
    assert made(tmp_path, version, same_python=same_python).is_made() is stays


def test_a_changed_pin_makes_it_again(tmp_path):
    """Everybody runs what the files of pins say."""
    environment = made(tmp_path, f"{OWN}.1")

    (tmp_path / "pins.txt").write_text("boto3==1.44.6\n")

    assert not environment.is_made()


def test_an_installation_that_was_interrupted_is_repeated(tmp_path):
    """The stamp is written last."""
    environment = made(tmp_path, f"{OWN}.1")

    environment.stamp.unlink()

    assert not environment.is_made()


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path):
    """An upgrade of the system may remove the interpreter that the environment links to."""
    environment = made(tmp_path, f"{OWN}.1")

    environment.python.unlink()

    assert not environment.is_made()
