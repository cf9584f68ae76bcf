"""`make peers`: the same requests to our server and to others, by turns.

    make peers                                  print the tables
    make peers ARGS='--sizes 100 1000 --write'  put them into docs/performance.md

Every server starts empty, gets the same users and a group with all of them, and then each
operation in turn: a request to the first server, one to the second, and so on, so that what else
the machine does is the same for all. CPU is that of the server's processes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from dev.measure.pages import Section
from dev.measure.peers.load import (
    OPERATIONS,
    Directory,
    Rejected,
    Slow,
    Timing,
    measured,
)
from dev.measure.peers.servers import Server, django_scim2, passerelle, scim2_server

SECTION = Section("performance.md", "peers")
SIZES = (100, 1_000, 10_000)
ROUNDS = 30
FILL_SECONDS = 900.0

Row = Mapping[str, Timing]
Results = Mapping[int, Mapping[str, Row]]


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and write the page where that is asked for."""
    parser = argparse.ArgumentParser(prog="make peers", description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        servers = [
            stack.enter_context(passerelle(home / "ours", "dynamodb-local")),
            stack.enter_context(scim2_server(home / "memory")),
            stack.enter_context(django_scim2(home / "django")),
        ]
        results = dict(sizes(servers, options.sizes, options.rounds))
    SECTION.publish(tables(results, servers), arguments)
    return 0


def sizes(
    servers: Sequence[Server], wanted: Sequence[int], rounds: int
) -> Iterator[tuple[int, Mapping[str, Row]]]:
    """Fill the directories to each size and measure there; yields size, operation, server."""
    directories = [Directory(server) for server in servers]
    for size in wanted:
        directories = [each for each in directories if _grown(each, size, rounds)]
        found: dict[str, Row] = {}
        for name in OPERATIONS:
            print(f"{size:,} users: {name} ...", flush=True)
            timings = measured(name, directories, rounds)
            found[name] = {
                each.server.name: timing for each, timing in zip(directories, timings, strict=True)
            }
        yield size, found


def _grown(directory: Directory, size: int, rounds: int) -> bool:
    """Fill a directory; False where its server cannot, or not in time, with a line that says so."""
    name = directory.server.name
    print(f"{name}: {size:,} users ...", flush=True)
    try:
        directory.grow(size, rounds, time.monotonic() + FILL_SECONDS)
    except Slow:
        print(f"{name}: not filled within {FILL_SECONDS:g} s", flush=True)
        return False
    except Rejected as reason:
        print(f"{name}: rejected: {reason}", flush=True)
        return False
    return True


def tables(results: Results, servers: Sequence[Server]) -> str:
    """Return a table for p50 and p95, one for CPU, and a plot of what grows."""
    names = [server.name for server in servers]
    head = ["| operation | users |", *(f" {name} |" for name in names)]
    lines = ["".join(head), "|---|---|" + "---|" * len(names)]
    for operation in OPERATIONS:
        for size, found in results.items():
            cells = (_cell(found[operation].get(name)) for name in names)
            lines.append(f"| {operation} | {size:,} | " + " | ".join(cells) + " |")
    plots = (_plot(operation, results, names) for operation in PLOTTED)
    return "\n".join([*lines, "", *plots])


def _cell(timing: Timing | None) -> str:
    """Return `p50 / p95, CPU (+ CPU of the engine)` in milliseconds."""
    if timing is None:
        return "not filled"
    if timing.rejected:
        return timing.rejected
    p50, p95 = (1_000 * _quantile(timing.seconds, part) for part in (0.5, 0.95))
    engine = f" + {1_000 * timing.engine:.1f}" if timing.engine else ""
    return f"{p50:.1f} / {p95:.1f}, {1_000 * timing.app:.1f}{engine}"


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


PLOTTED = ("create a user", "find a user by userName", "add a member", "delete a user")


def _plot(operation: str, results: Results, names: Sequence[str]) -> str:
    """Return a plot of the p50 over the sizes, as Mermaid draws it: a line for each server."""
    lines = [
        [
            1_000 * _quantile(timing.seconds, 0.5)
            for found in results.values()
            if (timing := found[operation].get(name)) and not timing.rejected
        ]
        for name in names
    ]
    drawn = "\n".join(
        "    line [" + ", ".join(f"{each:.1f}" for each in line) + "]" for line in lines if line
    )
    axis = ", ".join(f'"{size:,}"' for size in results)
    return (
        f'```mermaid\nxychart-beta\n    title "{operation}: p50 in ms"\n'
        f'    x-axis "users" [{axis}]\n    y-axis "ms"\n{drawn}\n```\n'
    )
