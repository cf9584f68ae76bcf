"""`make storm`: many clients at once on few users and groups; every response is checked.

    make storm ARGS='--threads 64 --operations 10000 --seed 1'

The table is on Amazon DynamoDB Local; a wrapper of the boto3 client (conflicts.py) cancels
transactions that conflict. Afterwards the sweeper completes what is pending, the invariants of the
whole table must hold, and every response must fit some order of the requests (history.py).
Responses with 503 are counted separately.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from random import Random
from threading import Thread
from typing import Any

from chalicelib.directory import deletes, groups, search, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.errors import ApiError, Busy, NotFound, PreconditionFailed
from chalicelib.scim.errors import InvalidValue, Uniqueness
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.member_changes import MemberChange
from chalicelib.scim.preconditions import entity_tags
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.progress import progress
from dev.repair.soundness import Directory, Items, directories, unsound
from dev.run import dynamodb_local
from tests.campaigns.conflicts import Conflicts
from tests.campaigns.history import (
    NEVER,
    History,
    Log,
    Named,
    Observation,
    Register,
    Times,
    Whole,
    same_versions,
)
from tests.support.invariants import read_all

NAMES = [f"user{number:02}@example.com" for number in range(48)]
NEW_NAMES = [f"alias{number:02}@example.com" for number in range(12)]
GROUPS = [f"Group {number}" for number in range(6)]
PASSING_GROUPS = [f"Passing {number}" for number in range(6)]

# More members than one transaction can add.
MANY = 36

# How often a request names a user who is known to be deleted.
GONE = 0.05


@dataclass(slots=True)
class World:
    """What the workers share: the ids that exist, by name, and those of deleted users."""

    uids: dict[str, str] = field(default_factory=dict)
    gids: dict[str, str] = field(default_factory=dict)
    passing: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Worker:
    """One thread, with its own random numbers and its own log."""

    table: Table
    world: World
    random: Random
    log: Log = field(default_factory=Log)

    def request(self) -> ConnectionContext:
        """Return the context of one request."""
        return reference.request(self.table)

    def timed(self, act: Callable[[ConnectionContext], Any]) -> tuple[Times, Any]:
        """Send a request; return when, and its response or error."""
        begin = time.monotonic()
        try:
            response = act(self.request())
        except ApiError as error:
            response = error
        outcome = type(response).__name__ if isinstance(response, ApiError) else "done"
        self.log.outcomes[outcome] += 1
        return Times(begin, NEVER if isinstance(response, Busy) else time.monotonic()), response

    def work(self, operations: int) -> None:
        """Send so many requests, each chosen by its weight."""
        acts, weights = list(OPERATIONS), list(OPERATIONS.values())
        for act in self.random.choices(acts, weights, k=operations):
            act(self)

    def a_user(self) -> tuple[str, str]:
        """Choose a user: name and id; now and then a deleted one."""
        if self.world.gone and self.random.random() < GONE:
            return self.random.choice(NAMES), self.random.choice(self.world.gone)
        return self.random.choice(list(self.world.uids.items()))

    def a_group(self) -> str:
        """Choose a group that is never deleted."""
        return self.random.choice(list(self.world.gids.values()))

    def some(self, most: int) -> frozenset[str]:
        """Choose at most `most` users; now and then one of them is deleted."""
        uids = list(self.world.uids.values())
        chosen = self.random.sample(uids, min(most, len(uids)))
        if chosen and self.world.gone and self.random.random() < GONE:
            chosen[0] = self.random.choice(self.world.gone)
        return frozenset(chosen)


def _log_existence(worker: Worker, register: Register, times: Times, response: Any) -> None:
    """Log what a response says about the resource: it exists, or it does not."""
    if isinstance(response, NotFound):
        worker.log.saw(register, times, value=False)
    elif not isinstance(response, ApiError):
        worker.log.saw(register, times, value=True)


def _user(uid: str) -> Register:
    return Register("user", uid)


# --- users ------------------------------------------------------------------------------------


def create_user(worker: Worker) -> None:
    """Create a user with a name that may be taken."""
    name = worker.random.choice(NAMES)
    document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
    times, response = worker.timed(lambda context: users.create(context, document))
    _log_creation(worker, "user", name, times, response)
    if isinstance(response, dict):
        worker.world.uids[name] = response["id"]


def _log_creation(worker: Worker, relation: str, name: str, times: Times, response: Any) -> None:
    match response:
        case {"id": made}:
            worker.log.named.append(Named(name, made, times))
            worker.log.wrote(Register("holds", made, name), times, value=True)
            worker.log.wrote(Register(relation, made), times, value=True)
        case Uniqueness():
            worker.log.named.append(Named(name, None, times, taken=True))
        case Busy():
            worker.log.lost_creations.append((name, times.begin))


def delete_user(worker: Worker) -> None:
    """Delete a user, with all memberships; the name is free again."""
    name, uid = worker.a_user()
    times, response = worker.timed(lambda context: deletes.delete_user(context, uid))
    if isinstance(response, NotFound):
        worker.log.saw(_user(uid), times, value=False)
        return
    worker.log.wrote(_user(uid), times, value=False)
    worker.log.departed.append((uid, times))
    worker.world.gone.append(uid)
    if worker.world.uids.get(name) == uid and len(worker.world.uids) > MANY:
        worker.world.uids.pop(name, None)


def get_user(worker: Worker) -> None:
    """Read a user with their groups."""
    _, uid = worker.a_user()
    times, response = worker.timed(lambda context: users.get(context, uid))
    _log_existence(worker, _user(uid), times, response)
    if isinstance(response, dict):
        joined = {each["value"] for each in response.get("groups", ())}
        for gid in worker.world.gids.values():
            worker.log.saw(Register("member", uid, gid), times, value=gid in joined)


def find_user(worker: Worker) -> None:
    """Search for a user by name."""
    name = worker.random.choice(NAMES + NEW_NAMES)
    wanted = search.Query(parse_filter(f'userName eq "{name}"'), 1, 10, with_memberships=False)
    times, response = worker.timed(lambda context: search.users(context, wanted))
    if isinstance(response, search.SearchResult):
        found = [each["id"] for each in response.resources]
        worker.log.named.append(Named(name, found[0] if found else None, times))


def patch_user(worker: Worker) -> None:
    """Change an attribute: every change makes a version of its own."""
    _entitle(worker, worker.a_user()[1], None)


def patch_user_if_match(worker: Worker) -> None:
    """Change an attribute if the version is the one that was read: only one worker succeeds."""
    _, uid = worker.a_user()
    _, read = worker.timed(lambda context: users.get(context, uid, with_groups=False))
    if isinstance(read, dict):
        _entitle(worker, uid, read["meta"]["version"])


def _entitle(worker: Worker, uid: str, tag: str | None) -> None:
    title = {"title": f"{worker.random.getrandbits(64):016x}"}
    times, response = worker.timed(
        lambda context: users.change(
            context, uid, lambda now: now | title, entity_tags((tag,) if tag else ())
        )
    )
    if not isinstance(response, PreconditionFailed):
        _log_existence(worker, _user(uid), times, response)
    if isinstance(response, dict):
        worker.log.versions.append((uid, response["meta"]["version"]))
        # One version can be changed with If-Match once: twice is a violation.
        worker.log.versions += [(uid, f"after {tag}")] if tag else []


def rename_user(worker: Worker) -> None:
    """Rename a user, and back."""
    name, uid = worker.a_user()
    for new in (worker.random.choice(NEW_NAMES), name):
        _rename(worker, uid, new)


def _rename(worker: Worker, uid: str, new: str) -> None:
    times, response = worker.timed(
        lambda context: users.change(context, uid, lambda now: now | {"userName": new})
    )
    if isinstance(response, Uniqueness):
        worker.log.named.append(Named(new, uid, times, taken=True))
        return
    _log_existence(worker, _user(uid), times, response)
    if isinstance(response, (dict, Busy)):
        worker.log.wrote(Register("holds", uid, new), times, value=True)
        worker.log.written_whole.append(Whole("holds", uid, frozenset({new}), times))


# --- memberships ------------------------------------------------------------------------------


def _change(worker: Worker, members: MemberChange) -> None:
    """Change the members of a group that is never deleted, and log what is true then."""
    gid = worker.a_group()
    wanted = GroupChange(None, members)
    times, response = worker.timed(lambda context: groups.change(context, gid, wanted))
    if isinstance(response, InvalidValue):
        _named_as_gone(worker, members.add | (members.replace or frozenset()), times, response)
        return
    if members.replace is not None:
        worker.log.written_whole.append(Whole("member", gid, members.replace, times))
    for uid in members.add | members.remove:
        worker.log.wrote(Register("member", uid, gid), times, value=uid in members.add)


def _named_as_gone(worker: Worker, uids: frozenset[str], times: Times, error: ApiError) -> None:
    (named,) = [uid for uid in uids if uid in str(error)]
    worker.log.saw(_user(named), times, value=False)


def add_members(worker: Worker) -> None:
    """Add up to three users."""
    _change(worker, MemberChange(add=worker.some(worker.random.randint(1, 3))))


def remove_members(worker: Worker) -> None:
    """Remove up to three users."""
    _change(worker, MemberChange(remove=worker.some(worker.random.randint(1, 3))))


def change_members(worker: Worker) -> None:
    """Add some and remove others in one request."""
    leaving = worker.some(2)
    _change(worker, MemberChange(add=worker.some(2) - leaving, remove=leaving))


def add_many(worker: Worker) -> None:
    """Add more members than one transaction can."""
    _change(worker, MemberChange(add=worker.some(MANY)))


def replace_members(worker: Worker) -> None:
    """Replace the members of a group: sometimes by few, sometimes by many."""
    most = worker.random.choice([0, 3, 10, MANY])
    _change(worker, MemberChange(replace=worker.some(most)))


def get_group(worker: Worker) -> None:
    """Read a group and its members."""
    gid = worker.a_group()
    times, response = worker.timed(lambda context: groups.get(context, gid))
    if isinstance(response, dict):
        members = frozenset(each["value"] for each in response.get("members", ()))
        worker.log.read_whole.append(Whole("member", gid, members, times))


# --- groups that are created and deleted -----------------------------------------------------


def create_group(worker: Worker) -> None:
    """Create a group with many members, or with few."""
    name = worker.random.choice(PASSING_GROUPS)
    uids = worker.some(worker.random.choice([0, 2, MANY]))
    times, response = worker.timed(
        lambda context: groups.create(context, {"displayName": name}, uids)
    )
    if isinstance(response, InvalidValue):
        _named_as_gone(worker, uids, times, response)
    else:
        _log_creation(worker, "group", name, times, response)
    if isinstance(response, dict):
        worker.world.passing[name] = response["id"]


def _a_passing_group(worker: Worker) -> str:
    return worker.random.choice(list(worker.world.passing.values()) or [worker.a_group()])


def delete_group(worker: Worker) -> None:
    """Delete one of these groups."""
    gid = _a_passing_group(worker)
    if gid in worker.world.gids.values():
        return
    times, response = worker.timed(lambda context: deletes.delete_group(context, gid))
    if isinstance(response, NotFound):
        worker.log.saw(Register("group", gid), times, value=False)
        return
    worker.log.wrote(Register("group", gid), times, value=False)
    worker.log.departed.append((gid, times))


def change_group(worker: Worker) -> None:
    """Add many members to a group that may be deleted at the same time."""
    gid = _a_passing_group(worker)
    uids = worker.some(MANY)
    wanted = GroupChange(None, MemberChange(add=uids))
    times, response = worker.timed(lambda context: groups.change(context, gid, wanted))
    if isinstance(response, NotFound):
        worker.log.saw(Register("group", gid), times, value=False)
    elif isinstance(response, InvalidValue):
        _named_as_gone(worker, uids, times, response)
    else:
        for uid in uids:
            worker.log.wrote(Register("member", uid, gid), times, value=True)


OPERATIONS: Mapping[Callable[[Worker], None], int] = {
    create_user: 12,
    delete_user: 6,
    get_user: 10,
    find_user: 10,
    patch_user: 12,
    patch_user_if_match: 4,
    rename_user: 3,
    add_members: 16,
    remove_members: 10,
    change_members: 4,
    add_many: 1,
    replace_members: 3,
    get_group: 6,
    create_group: 2,
    delete_group: 2,
    change_group: 1,
}


# --- the storm and its verdict ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a storm."""

    outcomes: Counter[str]
    conflicts: int
    judged: int
    seconds: float
    violations: Sequence[str]

    @property
    def busy(self) -> float:
        """The share of the requests that were rejected as Busy (503)."""
        return self.outcomes["Busy"] / self.outcomes.total()

    def __str__(self) -> str:
        """Return the line to print."""
        return (
            f"{self.outcomes.total():,} requests in {self.seconds:.0f} s: {dict(self.outcomes)}; "
            f"{self.conflicts:,} transactions conflicted; {self.judged:,} observations "
            f"checked; Busy {self.busy:.2%}; {len(self.violations)} violations"
        )


def run_storm(table: Table, threads: int, operations: int, seed: int) -> Verdict:
    """Run the threads, then the sweeper, and check."""
    conflicts = Conflicts(table.client, seed)
    stormy = replace(table, client=conflicts)  # type: ignore[arg-type]
    first = Worker(table, World(), Random(f"{seed}"))  # noqa: S311 - a run must be repeatable
    _create_all(first)
    workers = [
        Worker(stormy, first.world, Random(f"{seed} {number}"))  # noqa: S311 - as above
        for number in range(threads)
    ]
    started = time.monotonic()
    failures = _at_once(workers, operations // threads)
    seconds = time.monotonic() - started
    reference.sweep(table)
    logs = [each.log for each in (first, *workers)]
    outcomes = sum((each.log.outcomes for each in workers), Counter[str]())
    judged, wrong = _judged(logs, read_all(table))
    return Verdict(outcomes, conflicts.conflicts, judged, seconds, [*failures, *wrong])


def _create_all(worker: Worker) -> None:
    """Create every user once, and the groups that are never deleted."""
    for name in NAMES:
        document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
        times, made = worker.timed(partial(users.create, document=document))
        _log_creation(worker, "user", name, times, made)
        worker.world.uids[name] = made["id"]
    for name in GROUPS:
        document = {"displayName": name}
        times, made = worker.timed(partial(groups.create, document=document, uids=frozenset()))
        _log_creation(worker, "group", name, times, made)
        worker.world.gids[name] = made["id"]


def _at_once(workers: Sequence[Worker], operations: int) -> list[str]:
    """Run all workers at the same time, with progress; return unexpected exceptions."""
    failures: list[str] = []
    threads = [Thread(target=_work, args=(each, operations, failures)) for each in workers]
    for thread in threads:
        thread.start()
    for thread in progress(threads, len(threads), "threads done"):
        thread.join()
    return failures


def _work(worker: Worker, operations: int, failures: list[str]) -> None:
    try:
        worker.work(operations)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is a finding
        failures.append(f"a worker failed: {failure!r}")


def _judged(logs: Sequence[Log], items: Items) -> tuple[int, list[str]]:
    """Check every response, and the final table as a last read of everything."""
    (directory,) = directories(items)
    history = History(logs)
    end = Times(time.monotonic(), NEVER)
    reads = [*history.reads(logs), *_last_reads(directory, history, end)]
    named = [*chain.from_iterable(log.named for log in logs), *_last_names(directory, end)]
    wrong = [
        *history.wrong_reads(reads),
        *history.wrong_names(named),
        *same_versions(logs),
        *unsound(items),
    ]
    return len(reads) + len(named), wrong


def _last_reads(directory: Directory, history: History, end: Times) -> list[Observation]:
    present: Mapping[str, Callable[[Register], bool]] = {
        "user": lambda register: register.id in directory.users,
        "group": lambda register: register.id in directory.groups,
        "member": lambda register: (register.of, register.id) in directory.members,
    }
    return [
        Observation(register, present[register.relation](register), end)
        for register in history.registers()
        if register.relation in present
    ]


def _last_names(directory: Directory, end: Times) -> list[Named]:
    users_by_name = {user.document["userName"]: uid for uid, user in directory.users.items()}
    groups_by_name = {group.document["displayName"]: g for g, group in directory.groups.items()}
    held = users_by_name | groups_by_name
    return [Named(name, held.get(name), end) for name in NAMES + NEW_NAMES + PASSING_GROUPS]


def main(arguments: Sequence[str]) -> int:
    """Run one storm and print its result; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with dynamodb_local.running() as engine:
        client = reference.client(engine.url, connections=options.threads)
        with reference.table(client) as table:
            verdict = run_storm(table, options.threads, options.operations, options.seed)
    print(f"seed {options.seed}, {options.threads} threads: {verdict}")
    for each in verdict.violations[:20]:
        print(f"  {each}")
    return bool(verdict.violations)
