"""`make performance`: measure the size of the archive, and how long a cold start imports it.

    python -m dev.measure.performance            print the table
    python -m dev.measure.performance --write    put it into docs/performance.md

The app is packaged for this machine's processor, unpacked where Python writes no byte code, as in
Lambda, and imported by an interpreter that has boto3 and nothing else. Seconds of one machine say
little, so the result is the ratio to `import boto3` alone, measured in turn, and in CPU time: what
else the machine does meanwhile does not count.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

from dev.measure.pages import Section
from dev.progress import progress
from dev.release import bytecode, package, source, stages
from dev.run import resources

ROOT = Path(__file__).parents[2]
SECTION = Section("performance.md", "performance")

INTERPRETER = ROOT / ".venv-lambda" / "bin" / "python"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
ROUNDS = 15

BOTO3, BARE, COMPILED = "boto3 alone", "the app, no byte code", "the app, as deployed"

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[2])
began = time.process_time()
__import__(sys.argv[1])
print(time.process_time() - began)
"""


def main(arguments: Sequence[str]) -> int:
    """Print the table, and put it into the page where that is asked for.

    Afterwards build/ contains the archive as it is deployed.
    """
    seconds = measure(build(ARCHITECTURES[platform.machine()]))
    shipped = build(resources.read_json("config.json")["lambda_architecture"])
    plain, unpacked = sizes(shipped)
    bytecode.add(shipped)
    printed = "".join(_lines(seconds, (plain, unpacked), sizes(shipped)))
    SECTION.publish(printed, arguments)
    return 0


def build(architecture: str) -> Path:
    """Package stage dev for a processor, without byte code; return the archive.

    Raises:
        VerbError: Chalice failed; its own output is above.
    """
    stage = stages.read("dev")
    source.copy(stage)
    file = source.SOURCE / ".chalice" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) | {"lambda_architecture": architecture}
    file.write_text(json.dumps(config), encoding="utf-8")
    package.build(stage)
    return package.ARCHIVE


def sizes(archive: Path) -> tuple[int, int]:
    """Return the bytes of an archive, packed and unpacked."""
    with ZipFile(archive) as file:
        return archive.stat().st_size, sum(each.file_size for each in file.infolist())


def measure(archive: Path) -> dict[str, float]:
    """Import in turn, each time in a new process; return the median of seconds."""
    with tempfile.TemporaryDirectory() as folder:
        bare, compiled = Path(folder) / "bare", Path(folder) / "compiled"
        _unpack(archive, bare)
        bytecode.add(archive)
        _unpack(archive, compiled)
        what = {BOTO3: ("boto3", bare), BARE: ("app", bare), COMPILED: ("app", compiled)}
        # The first round fills the disk's cache and is not counted.
        runs = ({name: _import(*each) for name, each in what.items()} for _ in range(ROUNDS + 1))
        rounds = list(progress(runs, ROUNDS + 1, "rounds"))
    return {name: statistics.median(each[name] for each in rounds[1:]) for name in what}


def _unpack(archive: Path, folder: Path) -> None:
    with ZipFile(archive) as file:
        file.extractall(folder)


def _import(module: str, folder: Path) -> float:
    own = resources.read_json("config.json")
    settings = own["environment_variables"] | own["stages"]["dev"]["environment_variables"]
    world = {
        "AWS_DEFAULT_REGION": package.REGION,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(
        [str(INTERPRETER), "-IB", "-c", SCRIPT, module, str(folder)],
        env={**settings, **world},
        capture_output=True,
        text=True,
        check=True,
    )
    # Above it stands what the app has logged.
    return float(done.stdout.splitlines()[-1])


def _lines(
    seconds: Mapping[str, float], plain: tuple[int, int], whole: tuple[int, int]
) -> Iterator[str]:
    yield "| archive | packed | unpacked |\n|---|---|---|\n"
    for name, (packed, unpacked) in (("as Chalice builds it", plain), ("as deployed", whole)):
        yield f"| {name} | {packed / 1e6:.1f} MB | {unpacked / 1e6:.1f} MB |\n"
    yield f"\n| import, median of {ROUNDS} | ms of CPU | to boto3 alone |\n|---|---|---|\n"
    for name, each in seconds.items():
        yield f"| {name} | {each * 1000:.0f} | {each / seconds[BOTO3]:.2f} |\n"
