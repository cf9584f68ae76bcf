"""`make scale`: the cost of an operation must not depend on the number of users and members.

    make scale ARGS='--users 20000'

Writes the users, and a group with all of them, on Amazon DynamoDB Local; then measures each
operation with the meter of `make budget`, on this directory and on one of ten users. Prints both,
and the memory that the process used; fails where they differ.
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
from dev.progress import progress
from dev.run import dynamodb_local

FEW = 10
PAGE = 100
# Bytes of memory that an operation may use more in a large directory than in a small one.
MAX_MEMORY = 100_000

Act = Callable[[ConnectionContext], object]


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, and the meter of its table."""

    table: Table
    meter: Meter
    people: Population

    def measure(self, prepare: Callable[[Place], Act]) -> tuple[Cost, int]:
        """Run an operation; return its cost and the most memory that it used, in bytes."""
        act, context = prepare(self), reference.request(self.table)
        self.meter.take()
        tracemalloc.start()
        act(context)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return self.meter.take(), peak


@contextmanager
def place(url: str, size: int) -> Iterator[Place]:
    """Provide a directory of `size` users who are all in one group."""
    with reference.table(reference.client(url)) as table:
        people = populate(table, size, joined=size)
        meter = Meter(table.client)
        yield Place(Table(meter, table.name, table.clock), meter, people)  # type: ignore[arg-type]


def _stranger(place: Place) -> frozenset[str]:
    """Create a user without a group."""
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
    assert page.total == 1  # noqa: S101 - a search that finds nothing measures nothing


def _name(place: Place) -> str:
    return str(group_document(place.people.group)["displayName"])


# These must cost the same in both directories.
FLAT: Mapping[str, Callable[[Place], Act]] = {
    "add 1 member": lambda p: _change(p, MemberChange(add=_stranger(p))),
    "add a member again": lambda p: _change(p, MemberChange(add=frozenset(p.people.uids[:1]))),
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
    return lambda context: groups.list_members(context, place.people.group, after, PAGE)


# The cost of a page depends on its length and on how many users a counter counts.
PAGES: Mapping[str, Callable[[Place], Act]] = {
    "100 users from the first": lambda _: _page(1),
    "100 users from the middle": lambda p: _page(len(p.people.uids) // 2),
    "100 members from the first": partial(_members, ""),
    "100 members from the middle": partial(_members, "8" * 32),
}


def most_read_units(users: int) -> int:
    """Return what a page of users may cost: twice the items of a page, those skipped, counters.

    A user takes an item below 1 KB and one for the group; 256 counters take at most 3 units.
    """
    skipped = ceil(users / 256) * 2
    return 3 + 1 + ceil((2 * 2 * PAGE + skipped) / 4)


@dataclass(frozen=True, slots=True)
class Finding:
    """The cost of an operation in the small and in the large directory, and whether it is right."""

    operation: str
    few: Cost
    many: Cost
    memory: int
    right: bool

    def __str__(self) -> str:
        """Return a line of the table."""
        mark = "" if self.right else "  <-- WRONG"
        cost = self.many
        return (
            f"{self.operation:28} {dict(cost.calls)!s:44} {cost.rcu:4} RCU {cost.wcu:4} WCU "
            f"{self.memory:+9,} bytes{mark}"
        )


def compare(few: Place, many: Place) -> Iterator[Finding]:
    """Measure every operation in both directories."""
    for name, prepare in {**FLAT, **PAGES}.items():
        few.measure(prepare)  # what is loaded and cached by the first one does not count
        small, before = few.measure(prepare)
        large, after = many.measure(prepare)
        memory = after - before
        right = (
            small == large and memory < MAX_MEMORY
            if name in FLAT
            else large.round_trips <= small.round_trips + 2
            and large.rcu <= most_read_units(len(many.people.uids))
        )
        yield Finding(name, small, large, memory, right)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 0 when every cost is right."""
    parser = argparse.ArgumentParser(prog="make scale", description=str(__doc__).splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    options = parser.parse_args(arguments)
    with dynamodb_local.running() as engine, place(engine.url, FEW) as few:
        print(f"Writing {options.users:,} users ...", flush=True)
        started = time.monotonic()
        with place(engine.url, options.users) as many:
            print(f"Written in {time.monotonic() - started:.0f} s", flush=True)
            found = list(progress(compare(few, many), len(FLAT) + len(PAGES), "operations"))
    print(*found, sep="\n")
    return not all(each.right for each in found)
