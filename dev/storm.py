"""`make storm`: many threads on few users and teams, judged by what each was told.

    python -m dev.storm --threads 64 --operations 10000 --seed 1

The table is on Amazon DynamoDB Local; a client cancels transactions that meet. Afterwards the
sweeper finishes what is left, the whole table must be sound, and every answer must fit some
order of the operations (dev/history.py). Answers of "come later" are counted apart.
"""

from __future__ import annotations

import argparse
import sys
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
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.tenant import Tenant
from chalicelib.scim.errors import (
    Busy,
    InvalidValue,
    NotFound,
    PreconditionFailed,
    ScimError,
    Uniqueness,
)
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.patch import MemberChange
from chalicelib.scim.preconditions import entity_tags
from chalicelib.storage.table import Table
from dev import dynamodb_local, reference
from dev.conflicts import Conflicts
from dev.history import NEVER, History, Log, Named, Note, Register, Times, Whole, same_versions
from dev.invariants import Directory, Rows, directories, read_all, unsound

NAMES = [f"user{number:02}@example.com" for number in range(48)]
NEW_NAMES = [f"alias{number:02}@example.com" for number in range(12)]
TEAMS = [f"Team {number}" for number in range(6)]
PASSING_TEAMS = [f"Passing {number}" for number in range(6)]

# More than one transaction takes.
MANY = 36

# How often somebody is meant who is known to be gone.
GONE = 0.05


@dataclass(slots=True)
class World:
    """What the callers know of each other: the ids they have heard of, by name."""

    uids: dict[str, str] = field(default_factory=dict)
    gids: dict[str, str] = field(default_factory=dict)
    passing: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Caller:
    """One thread: its own chance, its own log."""

    table: Table
    world: World
    random: Random
    log: Log = field(default_factory=Log)

    def request(self) -> Tenant:
        """Bind one request."""
        return reference.request(self.table)

    def timed(self, act: Callable[[Tenant], Any]) -> tuple[Times, Any]:
        """Make a call: when, and the answer or refusal."""
        begin = time.monotonic()
        try:
            answer = act(self.request())
        except ScimError as refused:
            answer = refused
        said = type(answer).__name__ if isinstance(answer, ScimError) else "done"
        self.log.answers[said] += 1
        return Times(begin, NEVER if isinstance(answer, Busy) else time.monotonic()), answer

    def work(self, operations: int) -> None:
        """Do so many operations, each chosen by its weight."""
        acts, weights = list(OPERATIONS), list(OPERATIONS.values())
        for act in self.random.choices(acts, weights, k=operations):
            act(self)

    def a_user(self) -> tuple[str, str]:
        """Choose a user by name and id; now and then one who is gone."""
        if self.world.gone and self.random.random() < GONE:
            return self.random.choice(NAMES), self.random.choice(self.world.gone)
        return self.random.choice(list(self.world.uids.items()))

    def a_team(self) -> str:
        """Choose a team that stays."""
        return self.random.choice(list(self.world.gids.values()))

    def some(self, most: int) -> frozenset[str]:
        """Choose users, at most so many; now and then one who is gone is among them."""
        uids = list(self.world.uids.values())
        chosen = self.random.sample(uids, min(most, len(uids)))
        if chosen and self.world.gone and self.random.random() < GONE:
            chosen[0] = self.random.choice(self.world.gone)
        return frozenset(chosen)


def _told(caller: Caller, register: Register, times: Times, answer: Any) -> None:
    """Note what an answer says of the thing that was asked for: it is there, or it is not."""
    if isinstance(answer, NotFound):
        caller.log.saw(register, times, so=False)
    elif not isinstance(answer, ScimError):
        caller.log.saw(register, times, so=True)


def _user(uid: str) -> Register:
    return Register("user", uid)


# --- users ------------------------------------------------------------------------------------


def create_user(caller: Caller) -> None:
    """Create a user of a name that may be taken."""
    name = caller.random.choice(NAMES)
    document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
    times, answer = caller.timed(lambda tenant: users.create(tenant, document))
    _created(caller, "user", name, times, answer)
    if isinstance(answer, dict):
        caller.world.uids[name] = answer["id"]


def _created(caller: Caller, kind: str, name: str, times: Times, answer: Any) -> None:
    match answer:
        case {"id": made}:
            caller.log.named.append(Named(name, made, times))
            caller.log.wrote(Register("holds", made, name), times, so=True)
            caller.log.wrote(Register(kind, made), times, so=True)
        case Uniqueness():
            caller.log.named.append(Named(name, None, times, taken=True))
        case Busy():
            caller.log.lost_creations.append((name, times.begin))


def delete_user(caller: Caller) -> None:
    """Delete a user: he leaves every team, and his name is free."""
    name, uid = caller.a_user()
    times, answer = caller.timed(lambda tenant: deletes.delete_user(tenant, uid))
    if isinstance(answer, NotFound):
        caller.log.saw(_user(uid), times, so=False)
        return
    caller.log.wrote(_user(uid), times, so=False)
    caller.log.departed.append((uid, times))
    caller.world.gone.append(uid)
    if caller.world.uids.get(name) == uid and len(caller.world.uids) > MANY:
        caller.world.uids.pop(name, None)


def get_user(caller: Caller) -> None:
    """Read a user and his teams."""
    _, uid = caller.a_user()
    times, answer = caller.timed(lambda tenant: users.get(tenant, uid))
    _told(caller, _user(uid), times, answer)
    if isinstance(answer, dict):
        joined = {each["value"] for each in answer.get("groups", ())}
        for gid in caller.world.gids.values():
            caller.log.saw(Register("member", uid, gid), times, so=gid in joined)


def find_user(caller: Caller) -> None:
    """Look a user up by name."""
    name = caller.random.choice(NAMES + NEW_NAMES)
    wanted = search.Query(parse_filter(f'userName eq "{name}"'), 1, 10, wide=False)
    times, answer = caller.timed(lambda tenant: search.users(tenant, wanted))
    if isinstance(answer, search.Page):
        found = [each["id"] for each in answer.resources]
        caller.log.named.append(Named(name, found[0] if found else None, times))


def patch_user(caller: Caller) -> None:
    """Change an attribute: every change has a version of its own."""
    _entitle(caller, caller.a_user()[1], None)


def patch_user_if_match(caller: Caller) -> None:
    """Change an attribute of the version that was read: of several callers one succeeds."""
    _, uid = caller.a_user()
    _, read = caller.timed(lambda tenant: users.get(tenant, uid, with_groups=False))
    if isinstance(read, dict):
        _entitle(caller, uid, read["meta"]["version"])


def _entitle(caller: Caller, uid: str, tag: str | None) -> None:
    title = {"title": f"{caller.random.getrandbits(64):016x}"}
    times, answer = caller.timed(
        lambda tenant: users.change(
            tenant, uid, lambda now: now | title, entity_tags((tag,) if tag else ())
        )
    )
    if not isinstance(answer, PreconditionFailed):
        _told(caller, _user(uid), times, answer)
    if isinstance(answer, dict):
        caller.log.versions.append((uid, answer["meta"]["version"]))
        # The version that If-Match named cannot be made again: told twice is a violation.
        caller.log.versions += [(uid, f"after {tag}")] if tag else []


def rename_user(caller: Caller) -> None:
    """Give a user another name for a moment, and then his own again."""
    name, uid = caller.a_user()
    for new in (caller.random.choice(NEW_NAMES), name):
        _rename(caller, uid, new)


def _rename(caller: Caller, uid: str, new: str) -> None:
    times, answer = caller.timed(
        lambda tenant: users.change(tenant, uid, lambda now: now | {"userName": new})
    )
    if isinstance(answer, Uniqueness):
        caller.log.named.append(Named(new, uid, times, taken=True))
        return
    _told(caller, _user(uid), times, answer)
    if isinstance(answer, (dict, Busy)):
        caller.log.wrote(Register("holds", uid, new), times, so=True)
        caller.log.written_whole.append(Whole("holds", uid, frozenset({new}), times))


# --- memberships ------------------------------------------------------------------------------


def _change(caller: Caller, members: MemberChange) -> None:
    """Change the members of a team that stays, and note what is so then."""
    gid = caller.a_team()
    wanted = GroupChange(None, members)
    times, answer = caller.timed(lambda tenant: groups.change(tenant, gid, wanted))
    if isinstance(answer, InvalidValue):
        _named_as_gone(caller, members.add | (members.replace or frozenset()), times, answer)
        return
    if members.replace is not None:
        caller.log.written_whole.append(Whole("member", gid, members.replace, times))
    for uid in members.add | members.remove:
        caller.log.wrote(Register("member", uid, gid), times, so=uid in members.add)


def _named_as_gone(caller: Caller, uids: frozenset[str], times: Times, told: ScimError) -> None:
    (named,) = [uid for uid in uids if uid in str(told)]
    caller.log.saw(_user(named), times, so=False)


def add_members(caller: Caller) -> None:
    """Add up to three users."""
    _change(caller, MemberChange(add=caller.some(caller.random.randint(1, 3))))


def remove_members(caller: Caller) -> None:
    """Remove up to three users."""
    _change(caller, MemberChange(remove=caller.some(caller.random.randint(1, 3))))


def change_members(caller: Caller) -> None:
    """Add some and remove others in one request."""
    leaving = caller.some(2)
    _change(caller, MemberChange(add=caller.some(2) - leaving, remove=leaving))


def add_many(caller: Caller) -> None:
    """Add more than one transaction takes."""
    _change(caller, MemberChange(add=caller.some(MANY)))


def replace_members(caller: Caller) -> None:
    """Say who is in a team: sometimes few, sometimes many."""
    most = caller.random.choice([0, 3, 10, MANY])
    _change(caller, MemberChange(replace=caller.some(most)))


def get_group(caller: Caller) -> None:
    """Read a team and its members."""
    gid = caller.a_team()
    times, answer = caller.timed(lambda tenant: groups.get(tenant, gid))
    if isinstance(answer, dict):
        members = frozenset(each["value"] for each in answer.get("members", ()))
        caller.log.read_whole.append(Whole("member", gid, members, times))


# --- teams that come and go -------------------------------------------------------------------


def create_team(caller: Caller) -> None:
    """Create a team with many members, or with few."""
    name = caller.random.choice(PASSING_TEAMS)
    uids = caller.some(caller.random.choice([0, 2, MANY]))
    times, answer = caller.timed(lambda tenant: groups.create(tenant, {"displayName": name}, uids))
    if isinstance(answer, InvalidValue):
        _named_as_gone(caller, uids, times, answer)
    else:
        _created(caller, "team", name, times, answer)
    if isinstance(answer, dict):
        caller.world.passing[name] = answer["id"]


def _a_passing_team(caller: Caller) -> str:
    return caller.random.choice(list(caller.world.passing.values()) or [caller.a_team()])


def delete_team(caller: Caller) -> None:
    """Delete a team that comes and goes."""
    gid = _a_passing_team(caller)
    if gid in caller.world.gids.values():
        return
    times, answer = caller.timed(lambda tenant: deletes.delete_group(tenant, gid))
    if isinstance(answer, NotFound):
        caller.log.saw(Register("team", gid), times, so=False)
        return
    caller.log.wrote(Register("team", gid), times, so=False)
    caller.log.departed.append((gid, times))


def change_team(caller: Caller) -> None:
    """Add many to a team that may be deleted meanwhile."""
    gid = _a_passing_team(caller)
    uids = caller.some(MANY)
    wanted = GroupChange(None, MemberChange(add=uids))
    times, answer = caller.timed(lambda tenant: groups.change(tenant, gid, wanted))
    if isinstance(answer, NotFound):
        caller.log.saw(Register("team", gid), times, so=False)
    elif isinstance(answer, InvalidValue):
        _named_as_gone(caller, uids, times, answer)
    else:
        for uid in uids:
            caller.log.wrote(Register("member", uid, gid), times, so=True)


OPERATIONS: Mapping[Callable[[Caller], None], int] = {
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
    create_team: 2,
    delete_team: 2,
    change_team: 1,
}


# --- the storm and its judgement --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a storm."""

    answers: Counter[str]
    conflicts: int
    judged: int
    seconds: float
    violations: Sequence[str]

    @property
    def busy(self) -> float:
        """The share of the calls that were told to come later."""
        return self.answers["Busy"] / self.answers.total()

    def __str__(self) -> str:
        """Say it in a few lines."""
        return (
            f"{self.answers.total():,} calls in {self.seconds:.0f} s: {dict(self.answers)}; "
            f"{self.conflicts:,} transactions met another; {self.judged:,} observations "
            f"judged; Busy {self.busy:.2%}; {len(self.violations)} violations"
        )


def rage(table: Table, threads: int, operations: int, seed: int) -> Verdict:
    """Let the threads loose, sweep, and judge."""
    conflicts = Conflicts(table.client, seed)
    stormy = replace(table, client=conflicts)  # type: ignore[arg-type]
    founder = Caller(table, World(), Random(f"{seed}"))  # noqa: S311 - a run must be repeatable
    _found(founder)
    callers = [
        Caller(stormy, founder.world, Random(f"{seed} {number}"))  # noqa: S311 - as above
        for number in range(threads)
    ]
    started = time.monotonic()
    failures = _at_once(callers, operations // threads)
    seconds = time.monotonic() - started
    reference.sweep(table)
    logs = [each.log for each in (founder, *callers)]
    answers = sum((each.log.answers for each in callers), Counter[str]())
    judged, wrong = _judged(logs, read_all(table))
    return Verdict(answers, conflicts.conflicts, judged, seconds, [*failures, *wrong])


def _found(caller: Caller) -> None:
    """Create every user once, and the teams that stay."""
    for name in NAMES:
        document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
        times, made = caller.timed(partial(users.create, document=document))
        _created(caller, "user", name, times, made)
        caller.world.uids[name] = made["id"]
    for name in TEAMS:
        document = {"displayName": name}
        times, made = caller.timed(partial(groups.create, document=document, uids=frozenset()))
        _created(caller, "team", name, times, made)
        caller.world.gids[name] = made["id"]


def _at_once(callers: Sequence[Caller], operations: int) -> list[str]:
    """Let all callers work at the same time; what failed that never may."""
    failures: list[str] = []
    threads = [Thread(target=_work, args=(each, operations, failures)) for each in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def _work(caller: Caller, operations: int, failures: list[str]) -> None:
    try:
        caller.work(operations)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is a finding
        failures.append(f"a caller failed: {failure!r}")


def _judged(logs: Sequence[Log], rows: Rows) -> tuple[int, list[str]]:
    """Judge every answer, and the table in the end as the last sight of all."""
    (directory,) = directories(rows)
    history = History(logs)
    end = Times(time.monotonic(), NEVER)
    reads = [*history.reads(logs), *_last_reads(directory, history, end)]
    named = [*chain.from_iterable(log.named for log in logs), *_last_names(directory, end)]
    wrong = [
        *history.wrong_reads(reads),
        *history.wrong_names(named),
        *same_versions(logs),
        *unsound(rows),
    ]
    return len(reads) + len(named), wrong


def _last_reads(directory: Directory, history: History, end: Times) -> list[Note]:
    present: Mapping[str, Callable[[Register], bool]] = {
        "user": lambda register: register.id in directory.users,
        "team": lambda register: register.id in directory.groups,
        "member": lambda register: (register.of, register.id) in directory.members,
    }
    return [
        Note(register, present[register.kind](register), end)
        for register in history.registers()
        if register.kind in present
    ]


def _last_names(directory: Directory, end: Times) -> list[Named]:
    users_by_name = {user.document["userName"]: uid for uid, user in directory.users.items()}
    teams_by_name = {team.document["displayName"]: g for g, team in directory.groups.items()}
    held = users_by_name | teams_by_name
    return [Named(name, held.get(name), end) for name in NAMES + NEW_NAMES + PASSING_TEAMS]


def main(arguments: Sequence[str]) -> int:
    """Run one storm and print what came of it; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with dynamodb_local.running() as engine:
        client = reference.client(engine.url, connections=asked.threads)
        with reference.table(client) as table:
            verdict = rage(table, asked.threads, asked.operations, asked.seed)
    print(f"seed {asked.seed}, {asked.threads} threads: {verdict}")
    for each in verdict.violations[:20]:
        print(f"  {each}")
    return bool(verdict.violations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
