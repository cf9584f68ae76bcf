"""Amazon DynamoDB Local, the reference engine: fetched once, then a process of its own.

npm carries its jar inside another package. Its licence lets it be used, not passed on: it is
fetched below a folder that git ignores and never committed or shipped. It runs on Java 17.
Knows processes and files; refuses to know tables.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dev.errors import VerbError
from dev.run import engines
from dev.run.engines import Engine, EngineFailed
from dev.run.listener import HOST

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
INSIDE = "package/emulator/"
FOLDER = engines.ROOT / ".tools" / PACKAGE
JAR = "DynamoDBLocal.jar"
JAVA = 17
NPM_SECONDS = 300.0

# Runs a program until it ends or our end of the pipe closes, however we die; then it is ended.
WITH_ITS_STARTER = """
exec 3<&0
"$@" 3<&- &
child=$!
( cat <&3 >/dev/null; kill "$child" ) 2>/dev/null &
wait "$child"
"""


class NotThere(VerbError):
    """This machine lacks what the engine needs; says what."""


def provide(folder: Path = FOLDER) -> Path:
    """Give the folder of the jar, fetched at the first time.

    Raises:
        NotThere: there is no Java 17, no npm, or npm cannot fetch the package.
    """
    _require_java()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / JAR).exists():
            _fetch(folder)
    return folder


def _require_java() -> None:
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as missing:
        raise NotThere(f"Java {JAVA} is needed (on Debian: openjdk-17-jre-headless)") from missing
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < JAVA:
        raise NotThere(f"Java {JAVA} or newer is needed; `java -version` says {said.stderr!r}")


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive = _packed(Path(temporary))
        if hashlib.sha512(archive.read_bytes()).digest() != base64.b64decode(SHA512):
            raise NotThere(f"npm gave another {PACKAGE} than the one that is pinned")
        with tarfile.open(archive) as packed:
            wanted = [each for each in packed if each.name.startswith(INSIDE)]
            packed.extractall(temporary, wanted, filter="data")
        shutil.move(Path(temporary) / INSIDE, folder)


def _packed(directory: Path) -> Path:
    """Let npm download the archive of the one package, without what that depends on."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(directory)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=NPM_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as missing:
        raise NotThere(f"npm is needed to fetch {PACKAGE}") from missing
    archives = list(directory.glob("*.tgz"))
    if done.returncode or not archives:
        raise NotThere(f"npm cannot fetch {PACKAGE}: {(done.stderr + done.stdout).strip()[-300:]}")
    return archives[0]


@contextmanager
def running(directory: Path | None = None, folder: Path | None = None) -> Iterator[Engine]:
    """Run the engine while the block runs: in memory, or with its data in `directory`.

    `folder` holds the jar; None: where it is fetched to.

    Raises:
        NotThere: it cannot be had on this machine.
        EngineFailed: it ended at once, or gave no answer in 30 s.
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
        if _answers(port):
            return
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise EngineFailed("\n  ".join(["DynamoDB Local did not come up. It said:", *said]))


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    try:
        print(provide())
    except NotThere as reason:
        sys.exit(str(reason))
