"""Damage tables at random, repair them, and compare: `make damage ARGS='--tables 100 --seed 1'`.

With `--requests` every request is sent to damaged tables instead (`damaged_requests`).

Each table has a history of several moments. One to five of its items are removed, or are as they
were at an earlier moment, as a restore or an accident leaves them. After the repair every invariant
holds, nobody has more than in truth, and what was whole is as it was.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.settings import Settings
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import to_wire, wire_key
from chalicelib.storage.keys import Key, OrganisationKeys
from chalicelib.storage.local_users import Assignment, LocalUser
from chalicelib.storage.records import from_item, put_change, to_item
from chalicelib.storage.table import Table
from chalicelib.sweeper import sweep_due
from dev.measure.scene import QuickQueries, memory
from dev.repair.orphans import orphans
from dev.repair.repair import Options, repair_organisation
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
from tests.support.in_process import InProcessClient
from tests.support.invariants import read_all

ORGANISATION = CONNECTION[:10]
USERS, GROUPS, CHANGES, MOMENTS, MOST = 10, 4, 12, 3, 5
# What may be damaged, each as often: the part of an item's partition key after the connection. The
# items of users and their reverse items are in one partition, and the latter are many more.
ID = re.compile(r"[0-9a-f]{32}")
PARTS = ("U", "reverse", "G", "M", "K", "CNT", "L")


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do: who is active, who is in which group, who has which roles."""

    active: frozenset[str]
    members: frozenset[tuple[str, str]]
    roles: frozenset[tuple[str, str]]

    def beyond(self, other: Access) -> list[str]:
        """Say what this has and the other has not."""
        pairs = (
            (self.active, other.active),
            (self.members, other.members),
            (self.roles, other.roles),
        )
        return [f"gained: {each}" for mine, theirs in pairs for each in sorted(mine - theirs)]


def main(arguments: Sequence[str]) -> int:
    """Damage and repair tables, and say what did not hold; gives the exit status."""
    parser = argparse.ArgumentParser(prog="make damage", description=__doc__)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", action="store_true")
    parser.add_argument("--write", action="store_true")
    wanted = parser.parse_args(arguments)
    if wanted.requests:
        return _compare_requests(write=wanted.write)
    failed = 0
    for seed in range(wanted.seed, wanted.seed + wanted.tables):
        wrong = trial(seed)
        failed += bool(wrong)
        for each in wrong:
            print(f"seed {seed}: {each}", flush=True)
    print(f"{wanted.tables} tables damaged and repaired, {failed} wrong")
    return bool(failed)


def _compare_requests(*, write: bool) -> int:
    os.environ.update(ENVIRONMENT)
    from tests.campaigns import damaged_requests  # noqa: PLC0415 - the app reads the environment

    return damaged_requests.compare(write=write)


def trial(seed: int) -> list[str]:
    """Damage one table and repair it; gives what does not hold then."""
    random, clock = Random(seed), ManualClock()  # noqa: S311 - a seed must play again
    with memory() as found:
        quick: Any = QuickQueries(cast("Any", InProcessClient(found.client)))
        table = replace(found, client=quick, clock=clock.clock(seed))
        moments = list(_history(table, random, clock))
        true = moments[-1]
        damaged = _damage(table, random, moments)
        _repair(table, clock, Options(apply=True))
        repaired = read_all(table)
        wrong = [f"{damaged}", *access(repaired).beyond(access(true))]
        wrong += _touched(true, repaired, damaged)
        _repair(table, clock, Options(apply=True, remove_remains=True))
        for each in orphans(table):
            assert each.repair
            each.repair()
        wrong += unsound(read_all(table))
        wrong += access(read_all(table)).beyond(access(true))
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


# --- damage, and what must be true after it ---------------------------------------------------


def _damage(table: Table, random: Random, moments: Sequence[Items]) -> list[Key]:
    """Remove one to five items, or write them as they were earlier; return their keys."""
    before = random.choice(moments[:-1])
    by_part: dict[str, list[Key]] = {part: [] for part in PARTS}
    for key in sorted(before.keys() | moments[-1].keys()):
        by_part.get(_part(key), []).append(key)
    damaged = []
    for _ in range(random.randint(1, MOST)):
        key = random.choice(by_part[random.choice(PARTS)])
        damaged.append(key)
        if key in before and random.random() < 0.5:
            _put(table, key, before[key])
        else:
            table.client.delete_item(TableName=table.name, Key=wire_key(key))
    return damaged


def _part(key: Key) -> str:
    if key.pk.startswith("L#"):
        return "L"
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


def _ids(items: Items, keys: Sequence[Key]) -> set[str]:
    """Return the ids of the users and groups in these keys and items."""
    texts = [f"{key} {items.get(key, {})}" for key in keys]
    return {found for text in texts for found in ID.findall(text)}
