"""`make simulate`: our code in a world of its own, where time, chance and AWS are a seed's.

    make simulate SEEDS=1-100
    make simulate SEEDS=17 ARGS=--log

Operations per second are printed first. Each seed that is done is written to build/simulate.jsonl;
a run goes on behind the seeds that are there already for the same code. A seed that violates
something is printed with the end of its log, and the same command with that seed plays it again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dev.errors import VerbError
from dev.progress import progress

ROOT = Path(__file__).parents[3]
DONE = ROOT / "build" / "simulate.jsonl"
CODE = ("chalicelib", "tests/campaigns/simulate")
# How many lines of the log of a seed are printed.
LAST_LINES = 60
# The order of a set of texts must be the same whenever a seed is played.
HASH_SEED = "0"


def parse_seeds(text: str) -> range:
    """Read `17` or `1-100`.

    Raises:
        VerbError: it is neither.
    """
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise VerbError(f"SEEDS: expected a number or a range such as 1-100, got {text!r}.")
    return range(int(first), int(last or first) + 1)


def digest_of_code() -> str:
    """Return a digest of the code that is simulated and of the simulation."""
    digest = hashlib.sha256()
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def read_done(code: str) -> dict[int, Any]:
    """Read which seeds are done for this code, with their figures."""
    if not DONE.exists():
        return {}
    lines = map(json.loads, DONE.read_text().splitlines())
    return {line["seed"]: line for line in lines if line["code"] == code}


def play(seeds: Sequence[int], code: str) -> Iterator[dict[str, Any]]:
    """Play seeds; write and yield the figures of each."""
    from tests.campaigns.simulate.run import Simulation, quiet  # noqa: PLC0415 - needs AWS's names

    for seed in seeds:
        with quiet():
            verdict = Simulation(seed).run()
        figures = {
            "code": code,
            "seed": seed,
            "operations": verdict.requests,
            "calls": verdict.calls,
            "seconds": round(verdict.seconds, 3),
            "injected": verdict.injected,
            "statuses": verdict.statuses,
            "problems": list(verdict.problems),
        }
        DONE.parent.mkdir(exist_ok=True)
        with DONE.open("a") as file:
            file.write(json.dumps(figures) + "\n")
        yield figures


def summary(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Say how quick it was, then what was tried, and what was injected."""
    operations = sum(line["operations"] for line in lines)
    seconds = sum(line["seconds"] for line in lines)
    calls = sum(line["calls"] for line in lines)
    injected: Counter[str] = Counter()
    for line in lines:
        injected.update(line["injected"])
    wrong = [line["seed"] for line in lines if line["problems"]]
    yield f"{operations / max(seconds, 0.001):,.0f} operations per second"
    yield f"{len(lines):,} seeds, {operations:,} operations, {calls:,} calls to AWS"
    yield ", ".join(f"{name}: {count:,}" for name, count in sorted(injected.items()))
    yield f"{len(wrong)} seeds with a violation" + (f": {wrong}" if wrong else "")


def print_violation(seed: int, *, whole: bool = False) -> None:
    """Play a seed again with its log; print what is wrong and the end of the log."""
    from tests.campaigns.simulate.run import Simulation, quiet  # noqa: PLC0415 - as above

    with quiet():
        verdict = Simulation(seed, verbose=True).run()
    for line in verdict.log if whole else verdict.log[-LAST_LINES:]:
        print(line[:400])
    for problem in verdict.problems[:10]:
        print(f"seed {seed}: {problem}")
    print(f"Play it again with: make simulate SEEDS={seed} ARGS=--log")


def main(arguments: Sequence[str]) -> int:
    """Play seeds and print the result; 0 when nothing was violated."""
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        command = [sys.executable, "-m", "dev", "simulate", *arguments]
        os.execv(sys.executable, command)  # noqa: S606 - this verb again, with a fixed order
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="?", default="1-20")
    parser.add_argument("--log", action="store_true", help="print the whole log of each seed")
    options = parser.parse_args(arguments)
    seeds, code = parse_seeds(options.seeds), digest_of_code()
    if options.log:
        for seed in seeds:
            print_violation(seed, whole=True)
        return 0
    done = read_done(code)
    left = [seed for seed in seeds if seed not in done]
    lines = [done[seed] for seed in seeds if seed in done]
    lines += progress(play(left, code), len(left), "seeds played")
    for line in summary(lines):
        print(line)
    wrong = [line["seed"] for line in lines if line["problems"]]
    for seed in wrong[:3]:
        print_violation(seed)
    return bool(wrong)
