"""Amazon DynamoDB Local, the reference engine: fetched once, then a process of its own.

Its jar is part of an npm package. Its licence allows its use, not its redistribution: it is fetched
into a folder that git ignores, and never committed or shipped. It needs Java 17.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dev.run import engines, npm
from dev.run.engines import Engine, EngineFailed
from dev.run.listener import HOST
from dev.run.npm import NotThere, Package

PACKAGE = Package(
    "amplify-dynamodb-simulator@2.9.30",
    "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==",
    inside="package/emulator/",
)
JAR = "DynamoDBLocal.jar"
JAVA = 17
INSTALL_JAVA = "install it (on Debian: apt install openjdk-17-jre-headless)"

# Runs a program until it ends or our end of the pipe closes, however we die; then it is stopped.
WITH_ITS_STARTER = """
exec 3<&0
"$@" 3<&- &
child=$!
( cat <&3 >/dev/null; kill "$child" ) 2>/dev/null &
wait "$child"
"""


def provide() -> Path:
    """Return the folder of the jar; fetch it the first time.

    Raises:
        NotThere: Java 17 or npm is missing, or npm cannot fetch the package.
    """
    _require_java()
    return npm.provide(PACKAGE)


def _require_java() -> None:
    try:
        printed = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as missing:
        raise NotThere(f"Java {JAVA} is needed: {INSTALL_JAVA}") from missing
    found = re.search(r'version "(\d+)', printed.stderr + printed.stdout)
    version = int(found[1]) if found else 0
    if version < JAVA:
        raise NotThere(f"Java {JAVA} or newer is needed, found {version}: {INSTALL_JAVA}")


@contextmanager
def running(directory: Path | None = None, folder: Path | None = None) -> Iterator[Engine]:
    """Run the engine while the block runs: in memory, or with its data in `directory`.

    `folder` contains the jar; None: where it is fetched to.

    Raises:
        NotThere: this machine lacks what it needs.
        EngineFailed: it ended at once, or did not respond in 30 s.
    """
    folder = folder or provide()
    port = engines.free_port()
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary) / "engine.log"
        process = _start(folder, port, directory, log)
        try:
            _wait_until_ready(process, port, log)
            yield Engine(f"http://{HOST}:{port}", process)
        finally:
            engines.stop(process)


def _start(folder: Path, port: int, directory: Path | None, log: Path) -> subprocess.Popen[bytes]:
    kept = ["-inMemory"]
    if directory:
        directory.mkdir(parents=True, exist_ok=True)
        kept = ["-dbPath", str(directory)]
    java = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", JAR, "-sharedDb", *kept]
    with log.open("wb") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", WITH_ITS_STARTER, "sh", *java, "-port", str(port)],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + engines.START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _responds(port):
            return
        time.sleep(0.05)
    printed = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise EngineFailed("\n  ".join(["DynamoDB Local did not start. It printed:", *printed]))


def _responds(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
