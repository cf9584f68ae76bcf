"""The embedded engine: an emulator of DynamoDB and Secrets Manager as a process of its own.

It listens on 127.0.0.1 and keeps its data in a directory. It saves them when it ends, so a hard
kill of the engine itself (SIGKILL, power failure) loses what was written since its start.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TextIO

from dev.errors import VerbError
from dev.run.listener import HOST

ROOT = Path(__file__).parents[2]
INTERPRETER = ROOT / ".venv-engine" / "bin" / "python"
REGION = "eu-west-1"
START_SECONDS = 120.0
STOP_SECONDS = 60.0  # saving a large table takes a while


class EngineFailed(VerbError):
    """The engine did not start; the text contains what it printed."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its address, and its process."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def running(directory: Path, interpreter: Path = INTERPRETER) -> Iterator[Engine]:
    """Run an engine with its data in `directory` while the block runs.

    Raises:
        EngineFailed: it is not installed, ended at once, or did not respond in 30 s.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with _locked(directory) as lock:
        process = _start(directory, interpreter, port, lock)
    try:
        _wait_until_ready(process, port, directory / "engine.log")
        yield Engine(f"http://{HOST}:{port}", process)
    finally:
        stop(process)


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    # An engine whose parent was killed is still saving its data: it inherits the lock, which is
    # free when it has ended.
    deadline = time.monotonic() + STOP_SECONDS
    with (directory / "lock").open("w", encoding="ascii") as lock:
        while not _is_free(lock):
            if time.monotonic() > deadline:
                raise EngineFailed(f"Another engine still uses {directory}. Stop it first.")
            time.sleep(0.05)
        yield lock.fileno()


def _is_free(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _start(directory: Path, interpreter: Path, port: int, lock: int) -> subprocess.Popen[bytes]:
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    settings = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(directory / "state"),
        "TMPDIR": str(temporary),
        "LOG_LEVEL": "WARNING",
        # Services that would open ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    command = [str(interpreter), "-I", str(Path(__file__).with_name("engine_process.py"))]
    try:
        with (directory / "engine.log").open("wb") as log:
            # A session of its own: Ctrl-C ends the server first, and the engine after it, so
            # that requests under way still find their table.
            return subprocess.Popen(
                command,
                env=settings,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock],
            )
    except FileNotFoundError as missing:
        raise EngineFailed(
            f"The engine is not installed ({interpreter} is missing). Start it with: make run"
        ) from missing


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _responds(port):
            return
        time.sleep(0.05)
    end = (
        "ended at once"
        if process.poll() is not None
        else f"did not respond in {START_SECONDS:.0f} s"
    )
    printed = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise EngineFailed("\n  ".join([f"The engine {end}. The end of {log}:", *printed]))


def _responds(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process by closing the pipe that it reads; after 60 s by SIGKILL."""
    if process.stdin:
        process.stdin.close()  # it saves its data and ends, see engine_process.py
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
