"""What `make run` is asked for and what it leaves for others to read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from dev.run.demo import DemoFile
from dev.run.serve import CannotRun, Options


def test_settings_that_are_not_given_have_their_defaults():
    """`make` passes on an empty variable where none is set."""
    options = Options.read({"PORT": "", "LOCAL_DIR": "", "FRESH": "", "PUBLIC_URL": ""})

    assert options == Options(
        port=8000,
        directory=Path(".local").resolve(),
        fresh=False,
        public_url="http://127.0.0.1:8000",
        engine="ministack",
    )


def test_the_public_url_follows_the_port_unless_it_is_given():
    """A tunnel has an address of its own; without one the provider comes to the port."""
    assert Options.read({"PORT": "8080"}).public_url == "http://127.0.0.1:8080"
    assert Options.read({"PUBLIC_URL": "https://t.example"}).public_url == "https://t.example"


@pytest.mark.parametrize(("given", "fresh"), [("1", True), ("yes", True), ("0", False)])
def test_fresh_can_be_switched_off(given, fresh):
    """FRESH=0 in a script means no."""
    assert Options.read({"FRESH": given}).fresh is fresh


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 80", "٨٠"])
def test_an_invalid_port_is_rejected_with_a_readable_text(port):
    """The first thing to mistype."""
    with pytest.raises(CannotRun, match="from 1 to 65535"):
        Options.read({"PORT": port})


def test_the_demo_file_is_for_its_owner_alone(tmp_path):
    """It holds a token and the operator key."""
    file = DemoFile(tmp_path)

    file.publish({"token": "t"})

    assert json.loads(file.path.read_text()) == {"token": "t"}
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_demo_file_is_there_only_while_the_server_is_ready(tmp_path):
    """Scripts wait for it: one that an earlier run left would send them to a closed port."""
    file = DemoFile(tmp_path)
    file.publish({"token": "t"})

    file.withdraw()

    assert not file.path.exists()
    assert file.known() == {"token": "t"}


def test_what_is_known_survives_a_start_that_failed(tmp_path):
    """The token is nowhere else: a second start must find it again."""
    file = DemoFile(tmp_path)
    file.publish({"token": "t"})

    file.withdraw()
    file.withdraw()

    assert file.known() == {"token": "t"}


def test_what_is_forgotten_is_gone(tmp_path):
    """FRESH=1 starts empty."""
    file = DemoFile(tmp_path)
    file.publish({"token": "t"})
    file.withdraw()

    file.forget()

    assert file.known() is None
