"""`make storm`: many threads on few users and teams, judged by what each was told.

    make storm ARGS='--threads 64 --operations 10000 --seed 1'

The table is on Amazon DynamoDB Local; a client cancels transactions that meet. Afterwards the
sweeper finishes what is left, the whole table must be sound, and every answer must fit some
order of the operations (tests/campaigns/history.py). Answers of "come later" are counted apart.
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
from dev.run import dynamodb_local
from tests.campaigns.conflicts import Conflicts
from tests.campaigns.history import (
    NEVER,
    History,
    Log,
    Named,
    Note,
    Register,
    Times,
    Whole,
    same_versions,
)
from tests.support.invariants import Directory, Rows, directories, read_all, unsound

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
class AdminPrincipal:
    """One thread: its own chance, its own log."""

    table: Table
    world: World
    random: Random
    log: Log = field(default_factory=Log)

    def request(self) -> ConnectionContext:
        """Bind one request."""
        return reference.request(self.table)

    def timed(self, act: Callable[[ConnectionContext], Any]) -> tuple[Times, Any]:
        """Make a call: when, and the answer or refusal."""
        begin = time.monotonic()
        try:
            answer = act(self.request())
        except ApiError as refused:
            answer = refused
        said = type(answer).__name__ if isinstance(answer, ApiError) else "done"
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


def _told(principal: AdminPrincipal, register: Register, times: Times, answer: Any) -> None:
    """Note what an answer says of the thing that was asked for: it is there, or it is not."""
    if isinstance(answer, NotFound):
        principal.log.saw(register, times, so=False)
    elif not isinstance(answer, ApiError):
        principal.log.saw(register, times, so=True)


def _user(uid: str) -> Register:
    return Register("user", uid)


# --- users ------------------------------------------------------------------------------------


def create_user(principal: AdminPrincipal) -> None:
    """Create a user of a name that may be taken."""
    name = principal.random.choice(NAMES)
    document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
    times, answer = principal.timed(lambda context: users.create(context, document))
    _created(principal, "user", name, times, answer)
    if isinstance(answer, dict):
        principal.world.uids[name] = answer["id"]


def _created(principal: AdminPrincipal, kind: str, name: str, times: Times, answer: Any) -> None:
    match answer:
        case {"id": made}:
            principal.log.named.append(Named(name, made, times))
            principal.log.wrote(Register("holds", made, name), times, so=True)
            principal.log.wrote(Register(kind, made), times, so=True)
        case Uniqueness():
            principal.log.named.append(Named(name, None, times, taken=True))
        case Busy():
            principal.log.lost_creations.append((name, times.begin))


def delete_user(principal: AdminPrincipal) -> None:
    """Delete a user: he leaves every team, and his name is free."""
    name, uid = principal.a_user()
    times, answer = principal.timed(lambda context: deletes.delete_user(context, uid))
    if isinstance(answer, NotFound):
        principal.log.saw(_user(uid), times, so=False)
        return
    principal.log.wrote(_user(uid), times, so=False)
    principal.log.departed.append((uid, times))
    principal.world.gone.append(uid)
    if principal.world.uids.get(name) == uid and len(principal.world.uids) > MANY:
        principal.world.uids.pop(name, None)


def get_user(principal: AdminPrincipal) -> None:
    """Read a user and his teams."""
    _, uid = principal.a_user()
    times, answer = principal.timed(lambda context: users.get(context, uid))
    _told(principal, _user(uid), times, answer)
    if isinstance(answer, dict):
        joined = {each["value"] for each in answer.get("groups", ())}
        for gid in principal.world.gids.values():
            principal.log.saw(Register("member", uid, gid), times, so=gid in joined)


def find_user(principal: AdminPrincipal) -> None:
    """Look a user up by name."""
    name = principal.random.choice(NAMES + NEW_NAMES)
    wanted = search.Query(parse_filter(f'userName eq "{name}"'), 1, 10, with_memberships=False)
    times, answer = principal.timed(lambda context: search.users(context, wanted))
    if isinstance(answer, search.SearchResult):
        found = [each["id"] for each in answer.resources]
        principal.log.named.append(Named(name, found[0] if found else None, times))


def patch_user(principal: AdminPrincipal) -> None:
    """Change an attribute: every change has a version of its own."""
    _entitle(principal, principal.a_user()[1], None)


def patch_user_if_match(principal: AdminPrincipal) -> None:
    """Change an attribute of the version that was read: of several callers one succeeds."""
    _, uid = principal.a_user()
    _, read = principal.timed(lambda context: users.get(context, uid, with_groups=False))
    if isinstance(read, dict):
        _entitle(principal, uid, read["meta"]["version"])


def _entitle(principal: AdminPrincipal, uid: str, tag: str | None) -> None:
    title = {"title": f"{principal.random.getrandbits(64):016x}"}
    times, answer = principal.timed(
        lambda context: users.change(
            context, uid, lambda now: now | title, entity_tags((tag,) if tag else ())
        )
    )
    if not isinstance(answer, PreconditionFailed):
        _told(principal, _user(uid), times, answer)
    if isinstance(answer, dict):
        principal.log.versions.append((uid, answer["meta"]["version"]))
        # The version that If-Match named cannot be made again: told twice is a violation.
        principal.log.versions += [(uid, f"after {tag}")] if tag else []


def rename_user(principal: AdminPrincipal) -> None:
    """Give a user another name for a moment, and then his own again."""
    name, uid = principal.a_user()
    for new in (principal.random.choice(NEW_NAMES), name):
        _rename(principal, uid, new)


def _rename(principal: AdminPrincipal, uid: str, new: str) -> None:
    times, answer = principal.timed(
        lambda context: users.change(context, uid, lambda now: now | {"userName": new})
    )
    if isinstance(answer, Uniqueness):
        principal.log.named.append(Named(new, uid, times, taken=True))
        return
    _told(principal, _user(uid), times, answer)
    if isinstance(answer, (dict, Busy)):
        principal.log.wrote(Register("holds", uid, new), times, so=True)
        principal.log.written_whole.append(Whole("holds", uid, frozenset({new}), times))


# --- memberships ------------------------------------------------------------------------------


def _change(principal: AdminPrincipal, members: MemberChange) -> None:
    """Change the members of a team that stays, and note what is so then."""
    gid = principal.a_team()
    wanted = GroupChange(None, members)
    times, answer = principal.timed(lambda context: groups.change(context, gid, wanted))
    if isinstance(answer, InvalidValue):
        _named_as_gone(principal, members.add | (members.replace or frozenset()), times, answer)
        return
    if members.replace is not None:
        principal.log.written_whole.append(Whole("member", gid, members.replace, times))
    for uid in members.add | members.remove:
        principal.log.wrote(Register("member", uid, gid), times, so=uid in members.add)


def _named_as_gone(
    principal: AdminPrincipal, uids: frozenset[str], times: Times, told: ApiError
) -> None:
    (named,) = [uid for uid in uids if uid in str(told)]
    principal.log.saw(_user(named), times, so=False)


def add_members(principal: AdminPrincipal) -> None:
    """Add up to three users."""
    _change(principal, MemberChange(add=principal.some(principal.random.randint(1, 3))))


def remove_members(principal: AdminPrincipal) -> None:
    """Remove up to three users."""
    _change(principal, MemberChange(remove=principal.some(principal.random.randint(1, 3))))


def change_members(principal: AdminPrincipal) -> None:
    """Add some and remove others in one request."""
    leaving = principal.some(2)
    _change(principal, MemberChange(add=principal.some(2) - leaving, remove=leaving))


def add_many(principal: AdminPrincipal) -> None:
    """Add more than one transaction takes."""
    _change(principal, MemberChange(add=principal.some(MANY)))


def replace_members(principal: AdminPrincipal) -> None:
    """Say who is in a team: sometimes few, sometimes many."""
    most = principal.random.choice([0, 3, 10, MANY])
    _change(principal, MemberChange(replace=principal.some(most)))


def get_group(principal: AdminPrincipal) -> None:
    """Read a team and its members."""
    gid = principal.a_team()
    times, answer = principal.timed(lambda context: groups.get(context, gid))
    if isinstance(answer, dict):
        members = frozenset(each["value"] for each in answer.get("members", ()))
        principal.log.read_whole.append(Whole("member", gid, members, times))


# --- teams that come and go -------------------------------------------------------------------


def create_team(principal: AdminPrincipal) -> None:
    """Create a team with many members, or with few."""
    name = principal.random.choice(PASSING_TEAMS)
    uids = principal.some(principal.random.choice([0, 2, MANY]))
    times, answer = principal.timed(
        lambda context: groups.create(context, {"displayName": name}, uids)
    )
    if isinstance(answer, InvalidValue):
        _named_as_gone(principal, uids, times, answer)
    else:
        _created(principal, "team", name, times, answer)
    if isinstance(answer, dict):
        principal.world.passing[name] = answer["id"]


def _a_passing_team(principal: AdminPrincipal) -> str:
    return principal.random.choice(list(principal.world.passing.values()) or [principal.a_team()])


def delete_team(principal: AdminPrincipal) -> None:
    """Delete a team that comes and goes."""
    gid = _a_passing_team(principal)
    if gid in principal.world.gids.values():
        return
    times, answer = principal.timed(lambda context: deletes.delete_group(context, gid))
    if isinstance(answer, NotFound):
        principal.log.saw(Register("team", gid), times, so=False)
        return
    principal.log.wrote(Register("team", gid), times, so=False)
    principal.log.departed.append((gid, times))


def change_team(principal: AdminPrincipal) -> None:
    """Add many to a team that may be deleted meanwhile."""
    gid = _a_passing_team(principal)
    uids = principal.some(MANY)
    wanted = GroupChange(None, MemberChange(add=uids))
    times, answer = principal.timed(lambda context: groups.change(context, gid, wanted))
    if isinstance(answer, NotFound):
        principal.log.saw(Register("team", gid), times, so=False)
    elif isinstance(answer, InvalidValue):
        _named_as_gone(principal, uids, times, answer)
    else:
        for uid in uids:
            principal.log.wrote(Register("member", uid, gid), times, so=True)


OPERATIONS: Mapping[Callable[[AdminPrincipal], None], int] = {
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
    founder = AdminPrincipal(table, World(), Random(f"{seed}"))  # noqa: S311 - a run must be repeatable
    _found(founder)
    callers = [
        AdminPrincipal(stormy, founder.world, Random(f"{seed} {number}"))  # noqa: S311 - as above
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


def _found(principal: AdminPrincipal) -> None:
    """Create every user once, and the teams that stay."""
    for name in NAMES:
        document = {"userName": name, "externalId": name, "emails": [{"value": name}]}
        times, made = principal.timed(partial(users.create, document=document))
        _created(principal, "user", name, times, made)
        principal.world.uids[name] = made["id"]
    for name in TEAMS:
        document = {"displayName": name}
        times, made = principal.timed(partial(groups.create, document=document, uids=frozenset()))
        _created(principal, "team", name, times, made)
        principal.world.gids[name] = made["id"]


def _at_once(callers: Sequence[AdminPrincipal], operations: int) -> list[str]:
    """Let all callers work at the same time; what failed that never may."""
    failures: list[str] = []
    threads = [Thread(target=_work, args=(each, operations, failures)) for each in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def _work(principal: AdminPrincipal, operations: int, failures: list[str]) -> None:
    try:
        principal.work(operations)
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
