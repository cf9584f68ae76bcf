"""Make the virtual environments that the verbs run in, once, and again when a pin changes.

    python3 dev/run/environment.py app engine

Runs on an interpreter with nothing installed. An environment remembers what it was made from, so
the second run asks no network and takes no time.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A folder below the root, and the pins that make it."""

    folder: str
    pins: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return ROOT / self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Where it remembers what it was made from."""
        return ROOT / self.folder / "made-from"

    def wanted(self) -> str:
        """Tell what it should be made from: this interpreter and these pins."""
        pins = b"".join((ROOT / name).read_bytes() for name in self.pins)
        return hashlib.sha256(sys.version.encode() + pins).hexdigest()

    def is_made(self) -> bool:
        """Tell whether nothing has changed since it was made."""
        return (
            self.python.exists()
            and self.stamp.exists()
            and self.stamp.read_text(encoding="ascii") == self.wanted()
        )


ENVIRONMENTS = {
    "app": Environment(".venv", ("requirements-dev.txt", "requirements.txt")),
    "engine": Environment(".venv-engine", ("dev/engine-requirements.txt",)),
    "emulator": Environment(
        ".venv-emulator",
        ("tests/deploy/emulator-requirements.txt", "dev/engine-requirements.txt"),
    ),
    "lambda": Environment(".venv-lambda", ("tests/deploy/lambda-requirements.txt",)),
}


def make(environment: Environment) -> None:
    """Create the environment and install its pins, unless that is done.

    Raises:
        SystemExit: with what went wrong and what to do.
    """
    if environment.is_made():
        return
    print(f"Installing into {environment.folder} (once; a minute or two) ...", flush=True)
    create = [sys.executable, "-m", "venv", "--clear", str(ROOT / environment.folder)]
    _run(create, "Python's venv module does not work (on Debian: apt install python3-venv).")
    install = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "install"]
    _run(
        [*install, "-r", str(ROOT / environment.pins[0])],
        "pip could not install the pinned packages. Can this machine reach PyPI?",
    )
    environment.stamp.write_text(environment.wanted(), encoding="ascii")


def _run(command: list[str], explanation: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-15:]
        sys.exit("\n  ".join([f"{explanation} It said:", *said]))


def main(names: list[str]) -> None:
    """Make the named environments; a second one who wants them at the same time waits."""
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            make(ENVIRONMENTS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
