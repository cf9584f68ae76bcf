"""`make package`: what is deployed, built into build/ and checked for what it holds.

    make package STAGE=dev

Built from a copy of what is shipped, so that no file of this working folder gets in; then each
module gets its byte code. build/sam.json is the template for CloudFormation, with all in it that
Chalice does not make.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from dev.errors import VerbError
from dev.release import bytecode, template

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
SOURCE = BUILD / "source"
SHIPPED = ("app.py", "requirements.txt", "chalicelib", ".chalice")
OUR_OWN = {"app.py", "chalicelib", "chalice"}
REGION = "eu-west-1"  # Chalice needs one; nothing is called, and it is not part of the result


def main(arguments: Sequence[str]) -> int:
    """Build, check, and print the size; 0 when the archive contains what it should."""
    copy_source()
    build(arguments[0] if arguments else "dev")
    archive = BUILD / "deployment.zip"
    bytecode.add(archive)
    wrong = differences(archive)
    for line in wrong:
        print(f"make package: {line}", file=sys.stderr)
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 1e6:.1f} MB")
    return 1 if wrong else 0


def copy_source() -> None:
    """Copy what is shipped, and nothing else; Chalice's downloads of an earlier build stay."""
    for name in SHIPPED:
        source, target = ROOT / name, SOURCE / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            kept = target / "deployments"
            _clear(target, kept)
            ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "venv")
            shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)


def _clear(folder: Path, kept: Path) -> None:
    for entry in folder.iterdir() if folder.exists() else ():
        if entry != kept:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def build(stage: str) -> None:
    """Run `chalice package`.

    Raises:
        VerbError: Chalice failed; its output is above.
    """
    chalice = str(Path(sys.executable).with_name("chalice"))
    command = [chalice, "--project-dir", str(SOURCE), "package"]
    merged = BUILD / "merged.json"
    merged.write_text(json.dumps(template.build_additions(stage), indent=2), encoding="utf-8")
    options = ["--stage", stage, "--merge-template", str(merged)]
    done = subprocess.run(
        [*command, *options, str(BUILD)],
        env={**os.environ, "AWS_DEFAULT_REGION": REGION, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    if done.returncode:
        raise VerbError("chalice package failed, see above.")


def differences(archive: Path) -> list[str]:
    """Compare the archive with requirements.txt; [] if it contains these packages and the app."""
    pins = {_plain(name) for name, _, version in _pins() if version}
    with ZipFile(archive) as file:
        names = file.namelist()
    tops = {name.partition("/")[0] for name in names}
    packed = {_plain(top.partition("-")[0]) for top in tops if top.endswith(".dist-info")}
    return [
        *(
            f"{name} is in the archive, but not in requirements.txt"
            for name in sorted(packed - pins)
        ),
        *(
            f"{name} is in requirements.txt, but not in the archive"
            for name in sorted(pins - packed)
        ),
        *(f"{name} is missing from the archive" for name in sorted(OUR_OWN - tops)),
        *(f"{name} has no byte code" for name in bytecode.missing(archive)),
    ]


def _pins() -> list[tuple[str, str, str]]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("==") for line in lines]


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")
