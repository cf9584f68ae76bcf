"""`make contention`: many writers of one group at once, before and after, on two worlds.

    make contention                         both worlds, about four minutes
    make contention ARGS='--seconds 60'     open loads that are a fifth as long
    make contention ARGS=--write            put the table into docs/resilience.md

Each writer is as a process of its own: they share nothing but the table, and each adds its members
by `groups.change`, the code of a PATCH, 15 to 30 ms after its last response: so long takes the log
of one request and the authentication of the next. The virtual world has the latencies of AWS on a
clock that costs no time: a transaction takes 18 to 40 ms, and for 8 to 18 ms of them its items are
locked; DynamoDB cancels what meets it, and throttles an item above 500 transactions a second. The
other world is Amazon DynamoDB Local, with a client in between that cancels transactions that meet
(conflicts.py). "Before" waits as the service did: 5 to 205 ms, growing, until the deadline of 19 s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from threading import Thread
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.directory import groups
from chalicelib.directory.groups import GroupChange
from chalicelib.errors import Busy
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.measure.pages import Section
from dev.measure.population import populate
from dev.progress import progress
from dev.run import dynamodb_local
from tests.campaigns.conflicts import Conflicts, canceled, keys_of
from tests.support.virtual_time import VirtualTime

SECTION = Section("resilience.md", "contention")

# Seconds of a transaction on AWS: until its items are locked, while they are, and after that.
BEFORE_LOCK, LOCKED, AFTER_LOCK = (0.006, 0.012), (0.008, 0.018), (0.004, 0.010)
# Seconds between two transactions of a writer.
BETWEEN = (0.015, 0.03)
# A partition takes 1,000 WCU a second, and a transaction 2 of them for an item below 1 KB.
TRANSACTIONS_A_SECOND = 500


class GrowingPauses(Deadline):
    """The pauses as they were: growing for every cause, until the deadline."""

    __slots__ = ()

    def repeat(self, call: Any, transient: Any = None, conflicting: Any = None) -> Any:
        """Treat a conflict as throttling."""
        del conflicting
        wanted = replace(self, patience=inf)
        return Deadline.repeat(wanted, call, *([transient] if transient else []))


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests come, and when: `writers` one after another each, or `rate` a second."""

    name: str
    requests: int
    writers: int = 0
    rate: float = 0.0
    members: int = 1


@dataclass(slots=True)
class Outcome:
    """How long requests took that were served, and those that were told to come later."""

    served: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    attempts: int = 0
    end: float = 0.0

    def percentile(self, part: float) -> float:
        """Return within how many seconds a part of the served requests was."""
        return sorted(self.served)[int(len(self.served) * part)]

    @property
    def per_second(self) -> float:
        """How many were served a second."""
        return len(self.served) / self.end

    def cells(self) -> tuple[str, ...]:
        """Return the cells of a line of the table."""
        slowest = f", within {max(self.rejected):.1f} s" if self.rejected else ""
        return (
            f"{self.per_second:.0f}",
            f"{self.percentile(0.5):.2f} s",
            f"{self.percentile(0.99):.2f} s",
            f"{len(self.rejected)}{slowest}",
            f"{self.attempts / len(self.served):.1f}",
        )


class LatentClient:
    """A client on a virtual clock: it writes nothing, and takes and conflicts as AWS does."""

    def __init__(self, world: VirtualTime, random: Random) -> None:
        """Start without a transaction in progress."""
        self._world, self._random = world, random
        self._locked: dict[tuple[str, str], float] = {}
        self._left, self._refilled = float(TRANSACTIONS_A_SECOND), 0.0
        self.attempts = 0

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        """Lock the items for a time, or be canceled."""
        self.attempts += 1
        self._world.sleep(self._random.uniform(*BEFORE_LOCK))
        keys = [keys_of(entry) for entry in request["TransactItems"]]
        met = [self._locked.get(key, 0.0) > self._world.seconds for key in keys]
        error = self._throttled() or (canceled(met) if any(met) else None)
        if error is not None:
            self._world.sleep(self._random.uniform(*AFTER_LOCK))
            raise error
        lasts = self._random.uniform(*LOCKED)
        self._locked |= dict.fromkeys(keys, self._world.seconds + lasts)
        self._world.sleep(lasts + self._random.uniform(*AFTER_LOCK))
        return {}

    def _throttled(self) -> ClientError | None:
        """Return the error of a transaction above what a partition takes; a second is in store."""
        passed = self._world.seconds - self._refilled
        self._refilled = self._world.seconds
        self._left = min(TRANSACTIONS_A_SECOND, self._left + passed * TRANSACTIONS_A_SECOND)
        if self._left < 1:
            return ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")
        self._left -= 1
        return None


def virtual(load: Load, seed: int, policy: type[Deadline] = Deadline) -> Outcome:
    """Play a load on the virtual clock."""
    world, random = VirtualTime(), Random(seed)  # noqa: S311 - a run must be repeatable
    client = LatentClient(world, random)
    table = Table(client, "virtual", world.clock(random))  # type: ignore[arg-type]
    outcome, group = Outcome(), table.clock.new_id()
    left = iter(range(load.requests))

    def one() -> None:
        members = frozenset(table.clock.new_id() for _ in range(load.members))
        _timed(outcome, table, policy, group, members)

    def writer() -> None:
        for _ in left:
            one()
            world.sleep(random.uniform(*BETWEEN))

    moment = 0.0
    for _ in range(load.writers or load.requests):
        moment = random.uniform(0, 0.02) if load.writers else moment + random.expovariate(load.rate)
        world.start(writer if load.writers else one, moment)
    world.run()
    outcome.attempts = client.attempts
    return outcome


def on_engine(load: Load, url: str, seed: int, policy: type[Deadline] = Deadline) -> Outcome:
    """Play a load of writers one after another on Amazon DynamoDB Local."""
    with reference.table(reference.client(url, connections=load.writers)) as table:
        people = populate(table, load.requests * load.members, joined=0)
        client = Conflicts(table.client, seed)
        hot = replace(table, client=client)  # type: ignore[arg-type]
        outcome, begun = Outcome(), time.monotonic()
        parts = iter([frozenset(people.uids[n :: load.requests]) for n in range(load.requests)])

        def writer() -> None:
            for members in parts:
                _timed(outcome, hot, policy, people.group, members)
                time.sleep(table.clock.random.uniform(*BETWEEN))

        threads = [Thread(target=writer) for _ in range(load.writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcome.end = time.monotonic() - begun
        outcome.attempts = client.conflicts + len(outcome.served)
    return outcome


def _timed(
    outcome: Outcome, table: Table, policy: type[Deadline], group: str, members: frozenset[str]
) -> None:
    context = reference.request(table)
    deadline = policy(table.clock, context.items.deadline.at)
    context = replace(context, items=context.items.with_deadline(deadline))
    began = table.clock.monotonic()
    into = outcome.served
    try:
        groups.change(context, group, GroupChange(None, MemberChange(add=members)))
    except Busy:
        into = outcome.rejected
    outcome.end = table.clock.monotonic()
    into.append(outcome.end - began)


def closed(writers: int, requests: int, members: int = 1) -> Load:
    """Return a load of writers that each send a request after another."""
    what = "one member" if members == 1 else f"{members} members"
    return Load(f"{writers} writers, {what} each", requests, writers=writers, members=members)


def opened(rate: float, seconds: float) -> Load:
    """Return a load of so many requests a second, whatever becomes of them."""
    lasts = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
    return Load(f"{rate:.0f} requests/s for {lasts}", int(rate * seconds), rate=rate)


HEAD = ("world", "load", "served/s", "p50", "p99", "503", "attempts for each")


def table_of(lines: Sequence[Sequence[str]]) -> str:
    """Write the lines as a table of a page."""
    rows = [HEAD, ["---"] * len(HEAD), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _lines(seconds: float, requests: int, seed: int) -> Iterator[tuple[str, ...]]:
    policies = {"before": GrowingPauses, "now": Deadline}
    loads = [closed(2, 1_000), closed(16, 2_000), closed(16, 2_000, 10), closed(64, 4_000)]
    loads += [opened(50, seconds), opened(75, seconds / 5), opened(100, seconds / 5)]
    for load in progress(loads, len(loads), "loads on the virtual clock"):
        for name, policy in policies.items():
            outcome = virtual(load, seed, policy)
            yield ("virtual clock", f"{load.name}, {name}", *outcome.cells())
    with dynamodb_local.running() as engine:
        loads = [closed(16, requests), closed(16, requests, 10), closed(64, requests)]
        for load in progress(loads, len(loads), "loads on DynamoDB Local"):
            for name, policy in policies.items():
                outcome = on_engine(load, engine.url, seed, policy)
                yield ("DynamoDB Local", f"{load.name}, {name}", *outcome.cells())


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make contention")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    SECTION.publish(table_of([*_lines(asked.seconds, asked.requests, asked.seed)]), arguments)
    return 0
