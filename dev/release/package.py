"""`make package`: what is deployed, built into build/ and checked for what it holds.

    make package STAGE=dev

Built from a copy of what is shipped (source.py); then each module gets its byte code.
build/sam.json is the template for CloudFormation, with all in it that Chalice does not make.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

from dev.release import bytecode, event_source, source, stages, template, versions
from dev.release.source import BUILD, ROOT
from dev.release.stages import Stage

ARCHIVE, TEMPLATE = BUILD / "deployment.zip", BUILD / "sam.json"
OUR_OWN = {"app.py", "chalicelib", "chalice"}
REGION = "eu-west-1"  # Chalice needs one; nothing is called, and it is not part of the result


def main(arguments: Sequence[str]) -> int:
    """Build, check, and print the size; 0 when the archive contains what it should.

    Raises:
        WrongSettings: .chalice/config.json has no such stage, or wrong settings for it.
        CannotRun: Chalice failed.
    """
    stage = _with_stream(stages.read(arguments[0] if arguments else "dev"))
    source.copy(stage)
    build(stage)
    bytecode.add(ARCHIVE)
    text = TEMPLATE.read_text(encoding="utf-8")
    TEMPLATE.write_text(versions.complete(text, ARCHIVE.read_bytes()), encoding="utf-8")
    wrong = differences(ARCHIVE)
    for line in wrong:
        print(f"make package: {line}", file=sys.stderr)
    print(f"{ARCHIVE.relative_to(ROOT)}: {ARCHIVE.stat().st_size / 1e6:.1f} MB")
    return 1 if wrong else 0


def _with_stream(stage: Stage) -> Stage:
    """Let events come from the stack's own table; from a restored one, where STREAM_ARN is set."""
    if not stage.has_restored_table:
        return replace(stage, stream_arn=event_source.OF_THE_STACK)
    for name, value in (
        ("STREAM_ARN", stage.stream_arn),
        ("FEED_UNBROKEN_SINCE", stage.feed_unbroken_since),
    ):
        if not value:
            print(f"The table is a restored one: set {name} in the stage (docs/deploy.md).")
    return stage


def build(stage: Stage) -> None:
    """Run `chalice package` on the copy.

    Raises:
        CannotRun: Chalice failed.
    """
    merged = BUILD / "merged.json"
    merged.write_text(json.dumps(template.build_additions(stage), indent=2), encoding="utf-8")
    options = ("--stage", stage.name, "--merge-template", str(merged))
    source.run_chalice("package", *options, str(BUILD), region=REGION)


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
        *(f"{name} cannot be read by Lambda" for name in bytecode.unreadable(archive)),
    ]


def _pins() -> list[tuple[str, str, str]]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("==") for line in lines]


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")
