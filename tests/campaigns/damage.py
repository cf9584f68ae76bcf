"""Damage tables at random, repair them, and compare: `make damage ARGS='--tables 100 --seed 1'`.

With `--needed` each step of the repair is left out, until a table shows that it is needed.
With `--requests` every request is sent to damaged tables instead (`damaged_requests`).

Each table has a history of several moments. One to five of its items are removed, or are as they
were at an earlier moment, as a restore or an accident leaves them. After the repair every invariant
holds, nobody has more than in truth, and what was whole is as it was.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.settings import Settings
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import to_wire, wire_key
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys
from chalicelib.storage.local_users import Assignment, LocalUser
from chalicelib.storage.records import from_item, put_change, to_item
from chalicelib.storage.table import Table
from chalicelib.sweeper import sweep_due
from dev.measure.scene import QuickQueries, memory
from dev.repair.findings import PLANS
from dev.repair.orphans import orphans
from dev.repair.repair import Options, local_users, lost_roles, repair_organisation
from dev.repair.soundness import Items, directories, unsound
from tests.support.clock import ManualClock
from tests.support.directory import (
    CONNECTION,
    a_group,
    a_user,
    change,
    connection_context,
    edit,
    rename,
)
from tests.support.environment import ENVIRONMENT
from tests.support.invariants import read_all

ORGANISATION = CONNECTION[:10]
USERS, GROUPS, CHANGES, MOMENTS, MOST = 10, 4, 12, 3, 5
# What may be damaged, each as often: the part of an item's partition key after the connection. The
# items of users and their reverse items are in one partition, and the latter are many more.
ID = re.compile(r"[0-9a-f]{32}")
PARTS = ("U", "reverse", "G", "M", "K", "CNT", "L", "F", "O")
# Users, groups and roles of an earlier moment: changed since, or deleted since.
RESTORED = ("older", "ended")


STEPS = [*(each.__name__ for each in PLANS), local_users.__name__, lost_roles.__name__]


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do: who is active, who is in which group, who has which roles."""

    active: frozenset[str]
    members: frozenset[tuple[str, str]]
    roles: frozenset[tuple[str, str]]

    def beyond(self, other: Access, unknown: frozenset[str]) -> list[str]:
        """Say what this has and the other has not; nobody can say it of ids in `unknown`."""
        pairs = (
            (self.active, other.active),
            (self.members, other.members),
            (self.roles, other.roles),
        )
        gained = (str(each) for mine, theirs in pairs for each in sorted(mine - theirs))
        return [f"gained: {each}" for each in gained if not unknown & {*ID.findall(each)}]


def main(arguments: Sequence[str]) -> int:
    """Damage and repair tables, and say what did not hold; gives the exit status."""
    parser = argparse.ArgumentParser(prog="make damage", description=__doc__)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--needed", action="store_true")
    parser.add_argument("--requests", action="store_true")
    parser.add_argument("--write", action="store_true")
    wanted = parser.parse_args(arguments)
    if wanted.requests:
        return _compare_requests(write=wanted.write)
    seeds = range(wanted.seed, wanted.seed + wanted.tables)
    if wanted.needed:
        return _show_that_steps_are_needed(seeds)
    failed = 0
    for seed in seeds:
        wrong = trial(seed)
        failed += bool(wrong)
        for each in wrong:
            print(f"seed {seed}: {each}", flush=True)
    print(f"{wanted.tables} tables damaged and repaired, {failed} wrong")
    return bool(failed)


def _compare_requests(*, write: bool) -> int:
    from tests.campaigns import damaged_requests  # noqa: PLC0415 - the app reads the environment

    return damaged_requests.compare(write=write)


def _show_that_steps_are_needed(seeds: Iterable[int]) -> int:
    """Print for each step the first table that is wrong without it; gives the exit status."""
    first = {step: next((s for s in seeds if trial(s, frozenset({step}))), None) for step in STEPS}
    for step, seed in first.items():
        print(f"{step}: {'not needed' if seed is None else f'needed by the table of seed {seed}'}")
    return int(None in first.values())


def trial(seed: int, without: frozenset[str] = frozenset()) -> list[str]:
    """Damage one table and repair it; gives what does not hold then."""
    random, clock = Random(seed), ManualClock()  # noqa: S311 - a seed must play again
    with memory() as found:
        quick: Any = QuickQueries(found.client)
        table = replace(found, client=quick, clock=clock.clock(seed))
        *earlier, true = list(_history(table, random, clock))
        moments = [*(_with_leases(each, true, random) for each in earlier), true]
        damaged = _damage(table, random, moments)
        _repair(table, clock, Options(apply=True, without=without))
        repaired = read_all(table)
        # Where a change of access and its record are both lost, nothing can say what was true.
        known = frozenset(_ids(true, [key for key in damaged if _part(key) == "F"]))
        wrong = [f"{damaged}", *access(repaired).beyond(access(true), known)]
        wrong += _touched(true, repaired, damaged)
        wrong += _not_reported(true, repaired, table, without)
        _repair(table, clock, Options(apply=True, remove_remains=True, without=without))
        for each in orphans(table):
            assert each.repair
            each.repair()
        wrong += unsound(read_all(table))
        wrong += access(read_all(table)).beyond(access(true), known)
        return wrong if len(wrong) > 1 else []


def _repair(table: Table, clock: ManualClock, options: Options) -> None:
    """Repair, let the sweeper finish what was left to it, and repair what that shows."""
    settings = Settings.from_environment(ENVIRONMENT)
    services = Services(table, Secrets(None, "none"), settings)  # type: ignore[arg-type]
    repair_organisation(table, ORGANISATION, options)
    clock.advance(minutes=10)
    sweep_due(services)
    repair_organisation(table, ORGANISATION, options)


# --- a table with a past ----------------------------------------------------------------------


def _history(table: Table, random: Random, clock: ManualClock) -> Iterator[Items]:
    """Make a directory and change it; yield all items of several moments."""
    context = connection_context(table)
    uids = [a_user(context, f"user{number}") for number in range(USERS)]
    gids = [a_group(context, f"Group {n}", random.sample(uids, 4)) for n in range(GROUPS)]
    _settings(context, uids)
    for _ in range(MOMENTS):
        yield read_all(table)
        clock.advance(hours=5)
        context = connection_context(table)
        for _ in range(CHANGES):
            _change(context, random, uids, gids)
    clock.advance(minutes=10)
    settings = Settings.from_environment(ENVIRONMENT)
    sweep_due(Services(table, Secrets(None, "none"), settings))  # type: ignore[arg-type]
    yield read_all(table)


def _settings(context: ConnectionContext, uids: Sequence[str]) -> None:
    """Give some users roles of the organisation's own, with what its feed says of it."""
    organisation, clock = OrganisationKeys(ORGANISATION), context.clock
    _put(context.items.table, organisation.connection(CONNECTION), {"state": "active"})
    for uid in uids[:4]:
        local = LocalUser(uid, 1, (Assignment("owner"),))
        _put(context.items.table, context.keys.local(uid), to_item(local))
        told = Change("role", uid, attributes=["roles"])
        item = put_change(told, organisation, clock.now(), clock.random.getrandbits(80))
        _put(context.items.table, item.key, item.item)


def _put(table: Table, key: Key, item: Mapping[str, Any]) -> None:
    """Write one item outside of what the product does."""
    wire = to_wire({**item, "PK": key.pk, "SK": key.sk})
    table.client.put_item(TableName=table.name, Item=wire)


def _change(context: ConnectionContext, random: Random, uids: list[str], gids: list[str]) -> None:
    """Make one change that an identity provider could make."""
    uid, gid, number = random.choice(uids), random.choice(gids), random.random()
    if number < 0.25:
        edit(context, uid, active=random.random() < 0.5)
    elif number < 0.4:
        edit(context, uid, userName=f"{random.getrandbits(30)}@example.com")
    elif number < 0.6:
        change(context, gid, add=[uid])
    elif number < 0.8:
        change(context, gid, remove=[uid])
    elif number < 0.87:
        rename(context, gid, f"Group {random.getrandbits(30)}")
    elif number < 0.94 and len(uids) > 5:
        uids.remove(uid)
        deletes.delete_user(context, uid)
    else:
        uids.append(a_user(context, f"new{random.getrandbits(30)}"))


def _with_leases(items: Items, true: Items, random: Random) -> Items:
    """Let a moment be one at which some changes were made that need several transactions.

    Groups whose members change, and users who are being deleted: who is there in the end was not.
    """
    found = dict(items)
    for key, item in items.items():
        is_user = _part(key) == "U" and key not in true
        if random.random() < 0.5 and (is_user or _part(key) == "G"):
            keys = ConnectionKeys(CONNECTION)
            change_id = keys.pending_change_id("2027-01-31T12:00:00.000Z", key.sk)
            found[key] = item | {"lease": {"change_id": change_id, "expires_at": change_id[:24]}}
            counted = {} if is_user else {"adds": 1, "removals": 0}
            what = "user delete" if is_user else "members"
            pending = {"change_type": what, "target": key.sk, "sv": item["sv"], **counted}
            found[keys.pending_change(change_id)] = pending
    return found


# --- damage, and what must be true after it ---------------------------------------------------


def _damage(table: Table, random: Random, moments: Sequence[Items]) -> list[Key]:
    """Remove one to five items, or write them as they were earlier; return their keys."""
    before, true = random.choice(moments[:-1]), moments[-1]
    by_part: dict[str, list[Key]] = {part: [] for part in (*PARTS, *RESTORED)}
    for key in sorted(before.keys() | true.keys()):
        by_part.get(_part(key), []).append(key)
        if _part(key) in {"U", "G", "L"} and key in before and before[key] != true.get(key):
            by_part["older" if key in true else "ended"].append(key)
    damaged = []
    for _ in range(random.randint(1, MOST)):
        part = random.choice([each for each, keys in by_part.items() if keys])
        key = random.choice(by_part[part])
        damaged.append(key)
        if key in before and (part in RESTORED or random.random() < 0.5):
            _put(table, key, before[key])
        else:
            table.client.delete_item(TableName=table.name, Key=wire_key(key))
    return damaged


def _part(key: Key) -> str:
    if key.pk[0] in "LO":
        return key.pk[0]
    part = "".join(key.pk.split("#")[2:3])
    return "reverse" if part == "U" and "#" in key.sk else part


def access(items: Items) -> Access:
    """Return what everybody may do: by either item of a membership."""
    (directory,) = directories(items)
    pairs = directory.members | directory.reverse
    local = [from_item(LocalUser, item) for key, item in items.items() if key.pk.startswith("L#")]
    without = directory.users.keys() - {each.user for each in local}
    return Access(
        frozenset(u for u, user in directory.users.items() if user.document["active"]),
        frozenset(p for p in pairs if p[0] in directory.groups and p[1] in directory.users),
        frozenset({(uid, directory.users[uid].granted_role) for uid in without})
        | {(each.user, given.role) for each in local for given in each.roles or ()},
    )


def _touched(true: Items, repaired: Items, damaged: Sequence[Key]) -> Iterator[str]:
    """Yield the items that were whole and are not as they were.

    What names an id that the damage concerns may change: its names, memberships and groups.
    """
    concerned = _ids(true, damaged)
    for key, item in true.items():
        if key in damaged or key.pk.split("#")[2:3] == ["CNT"] or key.pk.startswith("O#"):
            continue
        if repaired.get(key) != item and not concerned & _ids(true, [key]):
            yield f"touched: {key}"


def _not_reported(
    true: Items, repaired: Items, table: Table, without: frozenset[str]
) -> Iterator[str]:
    """Yield the users and groups that are lost and of whom no report says so."""
    lines = repair_organisation(table, ORGANISATION, Options(without=without))
    reported = " ".join(each.text for each in lines)
    for key in sorted(true.keys() - repaired.keys()):
        if _part(key) in {"U", "G"} and key.sk not in reported:
            yield f"not reported: {key}"


def _ids(items: Items, keys: Sequence[Key]) -> set[str]:
    """Return the ids of the users and groups in these keys and items."""
    texts = [f"{key} {items.get(key, {})}" for key in keys]
    return {found for text in texts for found in ID.findall(text)}
