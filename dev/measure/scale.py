"""`make scale`: what an operation costs must not know how many users and members there are.

    make scale ARGS='--users 20000'

Writes the users, and a group that all of them are in, on Amazon DynamoDB Local; then measures,
with the meter of `make budget`, each operation on it and on a directory of ten. Prints both, and
the memory that the process took meanwhile; fails where they differ.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil

from chalicelib.directory import groups, search, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.measure.meter import Cost, Meter
from dev.measure.population import Population, group_document, populate, user_document
from dev.run import dynamodb_local

FEW = 10
PAGE = 100
# What an operation may take more of in a large directory than in a small one.
MOST_MEMORY = 100_000

Act = Callable[[ConnectionContext], object]


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of some size, and the meter before it."""

    table: Table
    meter: Meter
    people: Population

    def measure(self, prepare: Callable[[Place], Act]) -> tuple[Cost, int]:
        """Do something: what it cost, and how much memory it took at most."""
        act, context = prepare(self), reference.request(self.table)
        self.meter.take()
        tracemalloc.start()
        act(context)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return self.meter.take(), peak


@contextmanager
def place(url: str, size: int) -> Iterator[Place]:
    """Make a directory of so many users who are all in one group."""
    with reference.table(reference.client(url)) as table:
        people = populate(table, size, joined=size)
        meter = Meter(table.client)
        yield Place(Table(meter, table.name, table.clock), meter, people)  # type: ignore[arg-type]


def _stranger(place: Place) -> frozenset[str]:
    """Make a user who is in no group."""
    new = user_document(place.table.clock.new_id())
    return frozenset({str(users.create(reference.request(place.table), new)["id"])})


def _change(place: Place, members: MemberChange) -> Act:
    wanted = GroupChange(None, members)
    return lambda context: groups.change(context, place.people.group, wanted)


def _find_user(place: Place, attribute: str) -> Act:
    document = user_document(place.people.uids[0]) | {
        "emails.value": f"{place.people.uids[0]}@example.com"
    }
    wanted = search.Query(
        parse_filter(f'{attribute} eq "{document[attribute]}"'), 1, PAGE, with_memberships=False
    )
    return lambda context: _one(search.users(context, wanted))


def _find_group(text: str) -> Act:
    wanted = search.Query(parse_filter(text), 1, PAGE, with_memberships=False)
    return lambda context: _one(search.groups(context, wanted))


def _one(page: search.SearchResult) -> None:
    assert page.total == 1  # noqa: S101 - a look-up that finds nobody measures nothing


def _name(place: Place) -> str:
    return str(group_document(place.people.group)["displayName"])


# Each must cost the same in both directories.
FLAT: Mapping[str, Callable[[Place], Act]] = {
    "add 1 member": lambda p: _change(p, MemberChange(add=_stranger(p))),
    "add who is there": lambda p: _change(p, MemberChange(add=frozenset(p.people.uids[:1]))),
    "remove 1 member": lambda p: _change(p, MemberChange(remove=frozenset(p.people.uids[1:2]))),
    "rename the group and back": lambda p: partial(_rename_twice, p.people.group),
    "GET group without members": lambda p: (
        lambda context: groups.get(context, p.people.group, with_members=False)
    ),
    "GET user": lambda p: lambda context: users.get(context, p.people.uids[0]),
    "userName eq": lambda p: _find_user(p, "userName"),
    "externalId eq": lambda p: _find_user(p, "externalId"),
    "emails.value eq": lambda p: _find_user(p, "emails.value"),
    "displayName eq": lambda p: _find_group(f'displayName eq "{_name(p)}"'),
    "id eq and members eq": lambda p: _find_group(
        f'id eq "{p.people.group}" and members eq "{p.people.uids[0]}"'
    ),
    "members.value eq": lambda p: _find_group(f'members.value eq "{p.people.uids[0]}"'),
}


def _rename_twice(gid: str, context: ConnectionContext) -> None:
    for name in ("Another name", group_document(gid)["displayName"]):
        document = group_document(gid) | {"displayName": name}
        groups.change(context, gid, GroupChange(lambda _, new=document: new, MemberChange()))  # type: ignore[misc]


def _page(start: int) -> Act:
    return lambda context: search.users(context, search.Query(None, start, PAGE))


def _members(after: str, place: Place) -> Act:
    return lambda context: groups.members_after(context, place.people.group, after, PAGE)


# What a page costs is said by its length and by how many users a counter counts.
PAGES: Mapping[str, Callable[[Place], Act]] = {
    "100 users from the first": lambda _: _page(1),
    "100 users from the middle": lambda p: _page(len(p.people.uids) // 2),
    "100 members from the first": partial(_members, ""),
    "100 members from the middle": partial(_members, "8" * 32),
}


def most_read_units(users: int) -> int:
    """Tell what a page of users may cost: twice the rows asked for, those passed over, counters.

    A user of below 1 KB and the row of his group beside him; 256 counters in 3 units at most.
    """
    passed_over = ceil(users / 256) * 2
    return 3 + 1 + ceil((2 * 2 * PAGE + passed_over) / 4)


@dataclass(frozen=True, slots=True)
class Finding:
    """An operation in the small and in the large directory, and whether that is as it must be."""

    operation: str
    few: Cost
    many: Cost
    memory: int
    right: bool

    def __str__(self) -> str:
        """Write a row of the table."""
        mark = "" if self.right else "  <-- WRONG"
        cost = self.many
        return (
            f"{self.operation:28} {dict(cost.calls)!s:44} {cost.rcu:4} RCU {cost.wcu:4} WCU "
            f"{self.memory:+9,} bytes{mark}"
        )


def compare(few: Place, many: Place) -> Iterator[Finding]:
    """Measure every operation in both."""
    for name, prepare in {**FLAT, **PAGES}.items():
        few.measure(prepare)  # whatever is loaded and cached at the first time
        small, before = few.measure(prepare)
        large, after = many.measure(prepare)
        memory = after - before
        right = (
            small == large and memory < MOST_MEMORY
            if name in FLAT
            else large.round_trips <= small.round_trips + 2
            and large.rcu <= most_read_units(len(many.people.uids))
        )
        yield Finding(name, small, large, memory, right)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 0 where all is as it must be."""
    parser = argparse.ArgumentParser(prog="make scale", description=str(__doc__).splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    asked = parser.parse_args(arguments)
    with dynamodb_local.running() as engine, place(engine.url, FEW) as few:
        started = time.monotonic()
        with place(engine.url, asked.users) as many:
            print(
                f"{asked.users:,} users in one group, written in {time.monotonic() - started:.0f} s"
            )
            found = list(compare(few, many))
    print(*found, sep="\n")
    return not all(each.right for each in found)
