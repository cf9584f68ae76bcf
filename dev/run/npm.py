"""A pinned npm package, fetched once into a folder that git ignores; without its dependencies."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dev.errors import VerbError
from dev.run.engines import ROOT

SECONDS = 300.0


class NotThere(VerbError):
    """This machine lacks what is needed; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of one version, by the digest that npm names; `inside` is the part that is kept."""

    name: str
    sha512: str
    inside: str

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return ROOT / ".tools" / self.name


def provide(package: Package, folder: Path | None = None) -> Path:
    """Return the folder of a package; fetch it the first time.

    Raises:
        NotThere: npm is missing, or cannot fetch the package.
    """
    folder = folder or package.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            print(f"Fetching {package.name} by npm (once) ...", file=sys.stderr, flush=True)
            _fetch(package, folder)
    return folder


def _fetch(package: Package, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive = _packed(package, Path(temporary))
        if hashlib.sha512(archive.read_bytes()).digest() != base64.b64decode(package.sha512):
            raise NotThere(f"npm delivered another {package.name} than the one that is pinned")
        with tarfile.open(archive) as packed:
            wanted = [each for each in packed if each.name.startswith(package.inside)]
            packed.extractall(temporary, wanted, filter="data")
        shutil.move(Path(temporary) / package.inside, folder)


def _packed(package: Package, directory: Path) -> Path:
    """Let npm download the archive of a package."""
    command = ["npm", "pack", package.name, "--silent", "--pack-destination", str(directory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (FileNotFoundError, subprocess.TimeoutExpired) as missing:
        raise NotThere(f"npm is needed to fetch {package.name}: install Node.js") from missing
    archives = list(directory.glob("*.tgz"))
    if done.returncode or not archives:
        printed = (done.stderr + done.stdout).strip()[-300:]
        raise NotThere(f"npm cannot fetch {package.name}: {printed}")
    return archives[0]
