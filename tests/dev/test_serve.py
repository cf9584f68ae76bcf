"""`make run` as somebody meets it who has just cloned the repository: a process and its files."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from dev.play import idp

pytestmark = pytest.mark.campaign

ROOT = Path(__file__).parent.parent.parent
SECONDS = 30
USUAL = {"FRESH": "", "PUBLIC_URL": ""}  # whatever the engineer has exported


def test_the_log_goes_where_stdout_leads_when_the_app_is_imported():
    """`make run` sends it to server.log: the terminal is for who runs it."""
    early = "import sys, dev.run.serve; print('chalicelib.observability' in sys.modules)"
    command = [sys.executable, "-c", early]

    assert subprocess.check_output(command, cwd=ROOT, text=True) == "False\n"  # noqa: S603 - ours


@contextmanager
def serving(directory: Path, **settings: str) -> Iterator[dict[str, Any]]:
    """Run the server until the block ends; gives what demo.json says when it is ready."""
    process = start(directory, **settings)
    try:
        yield ready(process, directory)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def start(directory: Path, **settings: str) -> subprocess.Popen[str]:
    """Start the server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = str(probe.getsockname()[1])
    return subprocess.Popen(
        [sys.executable, "-m", "dev", "run"],
        cwd=ROOT,
        env={**os.environ, **USUAL, "PORT": free, "LOCAL_DIR": str(directory), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ready(process: subprocess.Popen[str], directory: Path) -> dict[str, Any]:
    """Wait for demo.json."""
    deadline = time.monotonic() + SECONDS
    file = directory / "demo.json"
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no demo.json"
        time.sleep(0.05)
    return dict(json.loads(file.read_text()))


def call(demo: dict[str, Any], method: str, path: str, **body: Any) -> requests.Response:
    """Send one SCIM request."""
    return requests.request(
        method,
        demo["scim_url"] + path,
        json=body or None,
        headers={"Authorization": f"Bearer {demo['token']}"},
        timeout=SECONDS,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """Run one server for all tests that leave it as they found it."""
    with serving(tmp_path_factory.mktemp("local")) as running:
        yield running


def open_to_others(folder):
    """List what another user of the machine may read or enter."""
    return [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


def test_a_demo_is_there_and_survives_a_restart(tmp_path):
    """Issue of the first run: paste, provision, stop, start, go on."""
    with serving(tmp_path) as first:
        empty = call(first, "GET", "/Users?count=1")
        created = call(first, "POST", "/Users", schemas=[idp.USER], userName="ada@example.com")
        assert open_to_others(tmp_path) == []
    with serving(tmp_path) as again:
        found = call(again, "GET", f"/Users/{created.json()['id']}")

    assert empty.json()["totalResults"] == 0
    assert found.json()["userName"] == "ada@example.com"
    same = ("token", "operator_key", "organisation", "connection")
    assert [first[key] for key in same] == [again[key] for key in same]


def test_the_demo_file_says_all_that_a_script_needs(demo):
    """These keys are a contract with scripts outside of the repository."""
    origin = demo["admin_url"].removesuffix("/admin")

    listed = requests.get(
        f"{demo['admin_url']}/organisations/{demo['organisation']}",
        headers={"Authorization": f"Bearer {demo['operator_key']}"},
        timeout=SECONDS,
    )

    assert demo["scim_url"] == f"{origin}/scim/v2/{demo['connection']}"
    assert "/console/#psl_link_" in demo["console_url"]
    assert listed.json()["plan"] == "enterprise"


def test_an_identity_providers_cycle_passes_and_leaves_nothing(demo):
    """`make idp` on the running demo, twice: what the first removed can be created again."""
    for _ in range(2):
        idp.play(idp.Provider(demo["scim_url"], demo["token"]), "example.com")

    left = [call(demo, "GET", f"/{kind}").json() for kind in ("Users", "Groups")]
    assert [document["totalResults"] for document in left] == [0, 0]


def test_fresh_starts_empty_and_touches_nothing_else(tmp_path):
    """LOCAL_DIR may be a folder with other things in it."""
    (tmp_path / "notes.txt").write_text("mine")
    with serving(tmp_path) as first:
        pass
    with serving(tmp_path, FRESH="1") as fresh:
        pass

    assert fresh["organisation"] != first["organisation"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_servers_run_side_by_side_but_not_in_one_folder(tmp_path):
    """Two with folders of their own work; a second one on the same folder would lose data."""
    with serving(tmp_path / "one") as one, serving(tmp_path / "two") as two:
        third = start(tmp_path / "one")
        said = third.communicate(timeout=SECONDS)[0]

        assert call(one, "GET", "/Users").status_code == 200
        assert call(two, "GET", "/Users").status_code == 200

    assert third.returncode == 1
    assert "Another server runs with LOCAL_DIR" in said


def test_a_port_in_use_is_said_and_nothing_is_left_running(tmp_path):
    """The words name the port; the engine that was already up is gone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(tmp_path, PORT=str(port))
        said = process.communicate(timeout=SECONDS)[0]

    assert process.returncode == 1
    assert f"Port {port}" in said
    assert (tmp_path / "engine" / "state").exists(), "the engine ended in order"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_that_was_started(tmp_path, number):
    """Ctrl-C, and SIGTERM to the process group (twice: make sends it on too)."""
    process = start(tmp_path)
    ready(process, tmp_path)
    engines = list((tmp_path / "engine" / "tmp").glob("*.pid"))

    process.send_signal(number)
    process.send_signal(number)
    said = process.communicate(timeout=SECONDS)[0]

    assert process.returncode == (130 if number == signal.SIGINT else 0), said
    assert "Traceback" not in said
    assert [file.exists() for file in engines] == [False]
    assert not (tmp_path / "demo.json").exists()
