"""`make kills`: a process is killed in the middle of a large operation, again and again.

    make kills ARGS='--count 200 --seed 1'

Each time a worker process begins a large add, a PUT, a group delete or the delete of a user in
many teams on Amazon DynamoDB Local, and gets a SIGKILL at a random moment of it. Then the
sweeper comes, and the table must be sound, with all of the operation done or nothing.
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
from dev.run import dynamodb_local, engines
from tests.support.invariants import Directory, directories, read_all, unsound

# A team of so many, of whom the first half is in it; a user in so many teams.
CROWD = 160
HALF = CROWD // 2
TEAMS = 120
READY, DONE = "ready", "done"
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Deed:
    """A large operation, and how much of it is done: 0 nothing, 1 all."""

    act: Callable[[ConnectionContext, Population], object]
    done: Callable[[Directory, Population], float]


def _members(directory: Directory, gid: str) -> set[str]:
    return {uid for team, uid in directory.members if team == gid}


def _change(context: ConnectionContext, people: Population, members: MemberChange) -> None:
    groups.change(context, people.team, GroupChange(None, members))


def _added(directory: Directory, people: Population) -> float:
    return len(_members(directory, people.team) & set(people.uids[HALF:])) / HALF


def _replaced(directory: Directory, people: Population) -> float:
    gone = set(people.uids[:HALF]) - _members(directory, people.team)
    return (len(gone) / HALF + _added(directory, people)) / 2


DEEDS: Mapping[str, Deed] = {
    "large add": Deed(
        lambda context, people: _change(
            context, people, MemberChange(add=frozenset(people.uids[HALF:]))
        ),
        _added,
    ),
    "PUT": Deed(
        lambda context, people: _change(
            context, people, MemberChange(replace=frozenset(people.uids[HALF:]))
        ),
        _replaced,
    ),
    "group delete": Deed(
        lambda context, people: deletes.delete_group(context, people.team),
        lambda directory, people: float(people.team not in directory.groups),
    ),
    "user delete": Deed(
        lambda context, people: deletes.delete_user(context, people.joiner),
        lambda directory, people: float(people.joiner not in directory.users),
    ),
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one kill: whether the worker had said that it was done; what was done."""

    deed: str
    after: float
    said_done: bool
    done: float
    violations: Sequence[str]


@dataclass(frozen=True, slots=True)
class Yard:
    """Where kills happen: an engine, and how long each deed takes when nobody is killed."""

    url: str
    random: Random
    lasts: dict[str, float]

    def kill(self, deed: str) -> Fate:
        """Set a scene, kill a worker in the middle of a deed, sweep, and look."""
        if deed not in self.lasts:
            self.lasts[deed] = self._timed(deed)
        after = self.random.uniform(0, self.lasts[deed])
        with reference.table(reference.client(self.url)) as table:
            people = populate(table, CROWD, joined=HALF, teams=TEAMS)
            said_done = self._killed(deed, table, people, after)
            reference.sweep(table)
            rows = read_all(table)
            (directory,) = directories(rows)
            done = DEEDS[deed].done(directory, people)
        wrong = [*unsound(rows), *_half_done(done, said_done=said_done)]
        return Fate(deed, after, said_done, done, wrong)

    def _timed(self, deed: str) -> float:
        with reference.table(reference.client(self.url)) as table:
            people = populate(table, CROWD, joined=HALF, teams=TEAMS)
            started = time.monotonic()
            DEEDS[deed].act(reference.request(table), people)
            return time.monotonic() - started

    def _killed(self, deed: str, table: Table, people: Population, after: float) -> bool:
        """Tell whether the worker said that it was done before it was killed."""
        command = [
            sys.executable,
            "-m",
            "dev",
            "kills",
            "--work",
            deed,
            self.url,
            table.name,
        ]
        with subprocess.Popen(
            [*command, people.team, people.joiner, *people.uids],
            cwd=engines.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdin
            assert worker.stdout
            if worker.stdout.readline().strip() != READY:
                raise AssertionError("the worker did not begin")
            worker.stdin.write("go\n")
            worker.stdin.flush()
            time.sleep(after)
            worker.kill()
            return DONE in worker.stdout.read()


def _half_done(done: float, *, said_done: bool) -> Iterator[str]:
    if said_done and done != 1:
        yield f"{done:.0%} is done of what the worker had answered for"
    if done not in (0, 1):
        yield f"{done:.0%} is done, neither all nor nothing"


def work(arguments: Sequence[str]) -> None:
    """Be the worker: say that all is ready, wait for the word, do the deed, say that it is done."""
    deed, url, name, team, joiner, *uids = arguments
    table = Table(reference.client(url), name)
    people = Population(tuple(uids), team, joiner)
    table.client.describe_table(TableName=name)
    print(READY, flush=True)
    sys.stdin.readline()
    DEEDS[deed].act(reference.request(table), people)
    print(DONE, flush=True)


def kill_often(url: str, count: int, seed: int) -> list[Fate]:
    """Kill so many workers, in turns in each of the deeds."""
    yard = Yard(url, Random(seed), {})  # noqa: S311 - a run must be repeatable
    names = list(DEEDS)
    return [yard.kill(names[number % len(names)]) for number in range(count)]


def summary(fates: Sequence[Fate]) -> str:
    """Say in one line what came of it."""
    kinds = Counter(
        "had answered" if fate.said_done else "finished by the sweeper" if fate.done else "undone"
        for fate in fates
    )
    wrong = sum(bool(fate.violations) for fate in fates)
    return f"{len(fates)} kills: {dict(kinds)}; {wrong} with violations"


def main(arguments: Sequence[str]) -> int:
    """Kill, and print what came of it; 0 where all is well."""
    if arguments[:1] == ["--work"]:
        work(arguments[1:])
        return 0
    parser = argparse.ArgumentParser(prog="make kills", description=str(__doc__).splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with dynamodb_local.running() as engine:
        fates = kill_often(engine.url, asked.count, asked.seed)
    print(f"seed {asked.seed}, {summary(fates)}")
    for fate in fates:
        if fate.violations:
            print(f"  {fate}")
    return any(fate.violations for fate in fates)
