"""Create the virtual environments that the verbs run in, once, and again when a pin changes.

    python3 dev/run/environment.py app engine

Runs on an interpreter with nothing installed. An environment remembers the pins that it was made
from, so the second run needs no network and takes no time. Which Python runs this does not
matter then: an environment stays as it is while its own Python is new enough, and another one
in PATH, or the activated environment of another project, does not clear it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

ROOT = Path(__file__).parents[2]
OLDEST = (3, 11)
TICK_SECONDS = 2.0

Version = tuple[int, int]

# The Python that the functions run on in AWS; RUNTIME=3.12 chooses another one that Lambda has.
RUNTIME = os.environ.get("RUNTIME") or "3.13"


@dataclass(frozen=True)
class Environment:
    """A folder below `root` and the files of pins that it is made from, the first one installed.

    `same_python`: it runs what the app's environment has built, so it needs the Python version
    that runs this file (the Makefile runs it by the app's interpreter). `only`: the one version
    that will do.
    """

    folder: str
    pins: tuple[str, ...]
    same_python: bool = False
    root: Path = ROOT
    only: str = ""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file with the hash of the pins that it was made from."""
        return self.root / self.folder / "pins.sha256"

    def pins_hash(self) -> str:
        """Hash the pins as they are now."""
        pins = b"".join((self.root / name).read_bytes() for name in self.pins)
        return hashlib.sha256(pins).hexdigest()

    def version(self) -> Version | None:
        """Read its Python version; None where there is no interpreter (any more)."""
        config = self.root / self.folder / "pyvenv.cfg"
        if not self.python.exists() or not config.exists():
            return None
        text = config.read_text(encoding="utf-8")
        found = re.search(r"^version\w* = (\d+)\.(\d+)", text, re.MULTILINE)
        return (int(found[1]), int(found[2])) if found else None

    def is_made(self) -> bool:
        """Tell whether it can stay: made from these pins, by a Python that is new enough."""
        version = self.version()
        if version is None or version < OLDEST:
            return False
        if self.only and self.only != "{}.{}".format(*version):
            return False
        if self.same_python and version != sys.version_info[:2]:
            return False
        return self.stamp.exists() and self.stamp.read_text(encoding="ascii") == self.pins_hash()


ENGINE_PINS = "dev/run/engine-requirements.txt"
ENVIRONMENTS = {
    "app": Environment(".venv", ("requirements-dev.txt", "requirements.txt")),
    "engine": Environment(".venv-engine", (ENGINE_PINS,)),
    "emulator": Environment(
        ".venv-emulator",
        ("tests/deploy/emulator-requirements.txt", ENGINE_PINS),
        same_python=True,
    ),
    "lambda": Environment(
        ".venv-lambda", ("tests/deploy/lambda-requirements.txt",), same_python=True
    ),
    "generators": Environment(".venv-generators", ("tests/clients/requirements.txt",)),
    "peers": Environment(".venv-peers", ("dev/measure/peers/requirements.txt",)),
    "release": Environment(
        ".venv-release", ("dev/release/requirements.txt", "requirements.txt"), only=RUNTIME
    ),
}


def make(environment: Environment) -> None:
    """Create the environment and install its pins, unless that is done.

    What it reports goes to stderr: the stdout of a verb belongs to the verb.

    Raises:
        SystemExit: Python's venv module or pip failed, with what it printed and what to do; or the
            folder is a link, and what is behind it belongs to another copy.
    """
    if environment.is_made():
        return
    folder = environment.root / environment.folder
    if folder.is_symlink():
        sys.exit(
            f"{environment.folder} is a link to {folder.resolve()}, which was made from other "
            "pins. Making it anew would clear it for everybody who uses it: remove the link, or "
            "update what it leads to."
        )
    python = find_python(environment.only) if environment.only else sys.executable
    print(f"Installing into {environment.folder} (once; a minute or two) ", end="", file=sys.stderr)
    with _ticking():
        create = [python, "-m", "venv", "--clear", str(folder)]
        _run(create, "Python's venv module does not work (on Debian: apt install python3-venv).")
        install = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "install"]
        _run(
            [*install, "-r", str(environment.root / environment.pins[0])],
            "pip could not install the pinned packages. Can this machine reach PyPI?",
        )
    environment.stamp.write_text(environment.pins_hash(), encoding="ascii")


def make_release(environment: Environment, app: Environment) -> None:
    """Create the environment that deploys, or use the app's where it has the right version.

    Raises:
        SystemExit: as `make`, or this machine lacks an interpreter of that version.
    """
    folder, version = environment.root / environment.folder, app.version()
    if folder.is_symlink():
        folder.unlink()
    if version is None or environment.only != "{}.{}".format(*version):
        make(environment)
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.symlink_to(app.folder)


def find_python(version: str) -> str:
    """Find an interpreter of a version: in PATH, of pyenv or of uv.

    Raises:
        SystemExit: the machine has no such interpreter; says how to get one.
    """
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    found = [
        path for folder in (pyenv, uv) for path in sorted(folder.glob(f"*{version}.*/bin/{name}"))
    ]
    for each in [*filter(None, [shutil.which(name)]), *map(str, found)]:
        if subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0:
            return each
    sys.exit(
        f"The functions run on Python {version}, so what is deployed is built by it, and this "
        f"machine has no {name}. Install it (for example: uv python install {version}), or choose "
        "another version that Lambda has, here and at every later deployment: RUNTIME=3.12"
    )


@contextmanager
def _ticking() -> Iterator[None]:
    """Print a dot every two seconds while the block runs."""
    ended = Event()

    def tick() -> None:
        while not ended.wait(TICK_SECONDS):
            print(".", end="", file=sys.stderr, flush=True)

    thread = Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        print(file=sys.stderr)


def _run(command: list[str], explanation: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        printed = (done.stdout + done.stderr).strip().splitlines()[-15:]
        sys.exit("\n  ".join([f"{explanation} It printed:", *printed]))


def main(names: list[str]) -> int:
    """Create the named environments; a second process that needs them waits for the first.

    Returns 130, as a shell does, where Ctrl-C ended it.
    """
    try:
        with Path(__file__).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in names:
                if name == "release":
                    make_release(ENVIRONMENTS[name], ENVIRONMENTS["app"])
                else:
                    make(ENVIRONMENTS[name])
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
