"""`make clients`: write the OpenAPI document, and the parts of both clients that are made of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.errors import VerbError
from dev.release import openapi
from dev.run.engines import ROOT

TYPESCRIPT = ROOT / "clients" / "typescript"


class NpmFailed(VerbError):
    """Npm is missing or has failed; the text has the end of what it printed."""


def main(arguments: Sequence[str]) -> int:
    """Write them.

    Raises:
        NpmFailed: the TypeScript client could not be written.
    """
    openapi.main(arguments)
    install(TYPESCRIPT)
    npm(TYPESCRIPT, "run", "generate")
    print("Written: clients/python, clients/typescript.")
    return 0


def install(folder: Path) -> None:
    """Install what a package of this repository is locked to, unless that is done.

    Raises:
        NpmFailed: npm could not.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(folder, "ci", "--no-audit", "--no-fund")


def npm(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run npm in a folder; return what it printed.

    Raises:
        NpmFailed: it is missing, or its exit status is not 0.
    """
    try:
        done = subprocess.run(
            ["npm", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise NpmFailed("npm is needed: install Node.js 20 or newer") from None
    printed = done.stdout + done.stderr
    if done.returncode:
        raise NpmFailed(f"npm {' '.join(arguments)} in {folder.name} failed:\n{printed[-3000:]}")
    return printed
