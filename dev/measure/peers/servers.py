"""The servers that are compared: how each is started, and the CPU that its processes have used."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests

from dev.errors import VerbError
from dev.run import background, engines
from dev.run.environment import ENVIRONMENTS

START_SECONDS = 60.0
TICK = os.sysconf("SC_CLK_TCK")
REQUEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its name, the URL of its SCIM resources, and its processes.

    `app` is the process that serves SCIM; `engine` are those that stand in for AWS. `removes_by`:
    whether a removed member stands in the path, as the RFC has it, or in the value, as Entra ID
    sends it; none of the peers takes both.
    """

    name: str
    url: str
    token: str
    app: Sequence[int]
    engine: Sequence[int] = ()
    removes_by: Literal["path", "value"] = "path"

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send one request on a connection of its own, as a provider does between its cycles."""
        return requests.request(
            method,
            self.url + path,
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/scim+json",
            },
            timeout=REQUEST_SECONDS,
        )

    def cpu(self) -> tuple[float, float]:
        """Return the seconds of CPU that the app and the engine have used so far."""
        return sum(map(_cpu, self.app)), sum(map(_cpu, self.engine))


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children(process: int) -> list[int]:
    """Return the processes that a process has started, and those that these have."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        for each in map(int, listed.read_text(encoding="ascii").split()):
            found += [each, *children(each)]
    return found


@contextmanager
def _process(command: Sequence[str], directory: Path, **settings: str) -> Iterator[int]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "printed").open("w") as printed:
        process = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=printed, stderr=subprocess.STDOUT
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _wait(ready: Callable[[], bool], name: str, directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise VerbError(f"{name} did not start; {directory / 'printed'} has what it printed.")
        time.sleep(0.2)


@contextmanager
def passerelle(directory: Path, engine: str) -> Iterator[Server]:
    """Run our server as `make run` does, on one of its engines."""
    with background.running(directory, ENGINE=engine) as started:
        made, process = started.described, started.process.pid
        name = f"Passerelle, {engine}"
        yield Server(name, made["scim_url"], made["token"], [process], children(process))


@contextmanager
def scim2_server(directory: Path) -> Iterator[Server]:
    """Run scim2-server: it keeps its resources in memory."""
    token, port = secrets.token_hex(16), engines.free_port()
    program = _interpreter().parent / "scim2-server"
    command = [str(program), "--port", str(port), "--bearer-token", token]
    with _process(command, directory) as process:
        server = Server("scim2-server, memory", f"http://127.0.0.1:{port}/v2", token, [process])
        _wait(lambda: _responds(server), server.name, directory)
        yield server


@contextmanager
def django_scim2(directory: Path) -> Iterator[Server]:
    """Run a site of django-scim2 by gunicorn: one process, SQLite."""
    token, port = secrets.token_hex(16), engines.free_port()
    site = f"{__package__}.django_site:application"
    command = [
        *(str(_interpreter()), "-m", "gunicorn", "--workers", "1", "--timeout", "120"),
        *("--bind", f"127.0.0.1:{port}", site),
    ]
    settings = {"SITE_DIR": str(directory.resolve()), "SITE_TOKEN": token}
    with _process(command, directory, **settings) as process:
        url = f"http://127.0.0.1:{port}/scim/v2"
        _wait(lambda: _responds(Server("", url, token, ())), "django-scim2", directory)
        yield Server("django-scim2, SQLite", url, token, children(process), removes_by="value")


def _interpreter() -> Path:
    return ENVIRONMENTS["peers"].python


def _responds(server: Server) -> bool:
    try:
        return server.send("GET", "/ServiceProviderConfig").ok
    except requests.ConnectionError:
        return False
