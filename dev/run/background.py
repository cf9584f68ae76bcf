"""`make run` in a process of its own, for verbs and tests that need a server that is theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.errors import VerbError
from dev.run import demo, engines

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server: its process, and the content of its demo.json."""

    process: subprocess.Popen[bytes]
    described: Mapping[str, Any]


@contextmanager
def running(directory: Path, **settings: str) -> Iterator[Running]:
    """Run a server on a free port while the block runs; `printed` in its folder has its output.

    Raises:
        VerbError: it was not ready within a minute.
    """
    own = {"PORT": str(engines.free_port()), "LOCAL_DIR": str(directory), **settings}
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "printed").open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev", "run"],
            env={**os.environ, **own},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, _when_ready(process, directory))
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _when_ready(process: subprocess.Popen[bytes], directory: Path) -> Mapping[str, Any]:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            return demo.running({"LOCAL_DIR": str(directory)})
        except demo.DemoFailed:
            time.sleep(0.1)
    raise VerbError(f"The server does not start; {directory / 'printed'} has what it printed.")
