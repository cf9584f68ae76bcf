"""A virtual environment is created once and stays, whichever Python comes first in PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dev.run.environment import ROOT, Environment, find_python, make, make_release

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


def test_what_a_link_leads_to_is_not_cleared(tmp_path):
    """It is the environment of another copy, which may be running on it."""
    other, own = tmp_path / "other", tmp_path / "own"
    other.mkdir()
    own.mkdir()
    shared = made(other, f"{OWN}.1")
    (own / ".venv").symlink_to(other / ".venv")
    (own / "pins.txt").write_text("boto3==1.44.6\n")

    with pytest.raises(SystemExit, match="is a link"):
        make(Environment(".venv", ("pins.txt",), root=own))

    assert shared.is_made()


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path):
    """An upgrade of the system may remove the interpreter that the environment links to."""
    environment = made(tmp_path, f"{OWN}.1")

    environment.python.unlink()

    assert not environment.is_made()


@pytest.mark.parametrize(("version", "stays"), [("3.13.0", True), (f"{OWN}.1", OWN == "3.13")])
def test_what_is_deployed_is_built_by_the_python_that_runs_it(tmp_path, version, stays):
    """D15: archives have libraries and byte code of one version."""
    made(tmp_path, version)

    assert Environment(".venv", ("pins.txt",), root=tmp_path, only="3.13").is_made() is stays


def test_a_python_that_is_missing_is_said_in_one_sentence():
    """It says what to install, or which setting to change."""
    with pytest.raises(SystemExit, match=r"this machine has no python3\.99\. Install it"):
        find_python("3.99")


def test_an_interpreter_is_found_by_its_version():
    """The one that runs the tests, for one."""
    assert find_python(OWN).endswith(f"python{OWN}")


def test_a_deployment_has_the_versions_that_were_tested():
    """Two files of pins say the same."""
    tested = (ROOT / "requirements-dev.txt").read_text().splitlines()
    deployed = (ROOT / "dev" / "release" / "requirements.txt").read_text().splitlines()

    assert [line for line in deployed if "==" in line and line not in tested] == []


def test_the_apps_environment_deploys_where_it_has_the_version(tmp_path):
    """A second one of the same Python would be the same; and it is never cleared for another."""
    app = made(tmp_path, f"{OWN}.1")
    release = Environment(".venv-release", ("pins.txt",), root=tmp_path, only=OWN)

    make_release(release, app)
    make_release(release, app)

    assert (tmp_path / ".venv-release").resolve() == (tmp_path / ".venv").resolve()
    assert app.is_made()
