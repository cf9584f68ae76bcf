"""`make kills`: processes are killed during large changes, and the table must be consistent.

    make kills ARGS='--count 200 --seed 1'

Each time a worker process starts a large add, a PUT, a group delete or the delete of a user in
many groups on Amazon DynamoDB Local, and gets a SIGKILL at a random moment of it. Then the sweeper
runs. The invariants of the table must hold, and the change must be done as a whole or not at all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from chalicelib.directory import deletes, groups
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.measure.population import Population, populate
from dev.progress import progress
from dev.repair.soundness import Directory, directories, unsound
from dev.run import dynamodb_local, engines
from tests.support.invariants import read_all

# Users, of whom the first half is in the group, and groups that one more user is in.
CROWD = 160
HALF = CROWD // 2
GROUPS = 120
READY, DONE = "ready", "done"
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LargeChange:
    """A change that needs several transactions, and how much of it is done: 0 nothing, 1 all."""

    act: Callable[[ConnectionContext, Population], object]
    done: Callable[[Directory, Population], float]


def _members(directory: Directory, gid: str) -> set[str]:
    return {uid for group, uid in directory.members if group == gid}


def _change(context: ConnectionContext, population: Population, members: MemberChange) -> None:
    groups.change(context, population.group, GroupChange(None, members))


def _added(directory: Directory, population: Population) -> float:
    return len(_members(directory, population.group) & set(population.uids[HALF:])) / HALF


def _replaced(directory: Directory, population: Population) -> float:
    gone = set(population.uids[:HALF]) - _members(directory, population.group)
    return (len(gone) / HALF + _added(directory, population)) / 2


CHANGES: Mapping[str, LargeChange] = {
    "large add": LargeChange(
        lambda context, population: _change(
            context, population, MemberChange(add=frozenset(population.uids[HALF:]))
        ),
        _added,
    ),
    "PUT": LargeChange(
        lambda context, population: _change(
            context, population, MemberChange(replace=frozenset(population.uids[HALF:]))
        ),
        _replaced,
    ),
    "group delete": LargeChange(
        lambda context, population: deletes.delete_group(context, population.group),
        lambda directory, population: float(population.group not in directory.groups),
    ),
    "user delete": LargeChange(
        lambda context, population: deletes.delete_user(context, population.joiner),
        lambda directory, population: float(population.joiner not in directory.users),
    ),
}


@dataclass(frozen=True, slots=True)
class Kill:
    """The result of one kill; `acknowledged`: the worker had reported the change as done."""

    change: str
    after: float
    acknowledged: bool
    done: float
    violations: Sequence[str]


@dataclass(frozen=True, slots=True)
class Site:
    """An engine, and how many seconds each change takes without a kill."""

    url: str
    random: Random
    lasts: dict[str, float]

    def kill_during(self, change: str) -> Kill:
        """Prepare a table, kill a worker during a change, run the sweeper, and check."""
        if change not in self.lasts:
            self.lasts[change] = self._timed(change)
        after = self.random.uniform(0, self.lasts[change])
        with reference.table(reference.client(self.url)) as table:
            population = populate(table, CROWD, joined=HALF, groups=GROUPS)
            acknowledged = self._killed(change, table, population, after)
            reference.sweep(table)
            items = read_all(table)
            (directory,) = directories(items)
            done = CHANGES[change].done(directory, population)
        wrong = [*unsound(items), *_half_done(done, acknowledged=acknowledged)]
        return Kill(change, after, acknowledged, done, wrong)

    def _timed(self, change: str) -> float:
        with reference.table(reference.client(self.url)) as table:
            population = populate(table, CROWD, joined=HALF, groups=GROUPS)
            started = time.monotonic()
            CHANGES[change].act(reference.request(table), population)
            return time.monotonic() - started

    def _killed(self, change: str, table: Table, population: Population, after: float) -> bool:
        """Tell whether the worker reported the change as done before it was killed."""
        command = [
            sys.executable,
            "-m",
            "dev",
            "kills",
            "--work",
            change,
            self.url,
            table.name,
        ]
        with subprocess.Popen(
            [*command, population.group, population.joiner, *population.uids],
            cwd=engines.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdin
            assert worker.stdout
            if worker.stdout.readline().strip() != READY:
                raise AssertionError("the worker did not start")
            worker.stdin.write("go\n")
            worker.stdin.flush()
            time.sleep(after)
            worker.kill()
            return DONE in worker.stdout.read()


def _half_done(done: float, *, acknowledged: bool) -> Iterator[str]:
    if acknowledged and done != 1:
        yield f"{done:.0%} is done of a change that was acknowledged"
    if done not in (0, 1):
        yield f"{done:.0%} is done, neither all nor nothing"


def work(arguments: Sequence[str]) -> None:
    """Be the worker: report that all is ready, wait for a line, change, report that it is done."""
    change, url, name, group, joiner, *uids = arguments
    table = Table(reference.client(url), name)
    population = Population(tuple(uids), group, joiner)
    table.client.describe_table(TableName=name)
    print(READY, flush=True)
    sys.stdin.readline()
    CHANGES[change].act(reference.request(table), population)
    print(DONE, flush=True)


def run_kills(url: str, count: int, seed: int) -> list[Kill]:
    """Kill `count` workers, during each of the changes in turn, with progress."""
    site = Site(url, Random(seed), {})  # noqa: S311 - a run must be repeatable
    names = list(CHANGES)
    chosen = (names[number % len(names)] for number in range(count))
    kills = (site.kill_during(change) for change in chosen)
    return list(progress(kills, count, "kills"))


def summary(kills: Sequence[Kill]) -> str:
    """Return the line to print."""
    outcomes = Counter(
        "acknowledged"
        if kill.acknowledged
        else "finished by the sweeper"
        if kill.done
        else "undone"
        for kill in kills
    )
    wrong = sum(bool(kill.violations) for kill in kills)
    return f"{len(kills)} kills: {dict(outcomes)}; {wrong} with violations"


def main(arguments: Sequence[str]) -> int:
    """Kill, and print the result; 0 when nothing was violated."""
    if arguments[:1] == ["--work"]:
        work(arguments[1:])
        return 0
    parser = argparse.ArgumentParser(prog="make kills", description=str(__doc__).splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with dynamodb_local.running() as engine:
        kills = run_kills(engine.url, asked.count, asked.seed)
    print(f"seed {asked.seed}, {summary(kills)}")
    for kill in kills:
        if kill.violations:
            print(f"  {kill}")
    return any(kill.violations for kill in kills)
