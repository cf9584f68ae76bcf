"""`make budget`: measure what each operation of the directory costs, and compare with its budget.

Each line of the budget runs on a directory of its own in memory; those whose cost must not depend
on the size of a group run again on a group of 1,000 members. Prints the table of docs/storage.md,
and fails where a cost differs from the budget. A second table, of docs/performance.md, counts the
round trips of whole requests (round_trips.py), and fails in the same way. A third one, of the same
page, says what a request may cost in CPU and memory (shares.py); what misses its aim there is
printed, and nothing fails for it: CPU is measured, not counted.

    make budget                 print the tables
    make budget ARGS=--write    put them into docs/storage.md and docs/performance.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from dev.measure import operations as do
from dev.measure import round_trips, shares
from dev.measure.meter import Cost
from dev.measure.operations import Act, Scene
from dev.measure.pages import Section
from dev.progress import progress

SECTION = Section("storage.md", "budget")

MANY = 1_000

Prepare = Callable[[Scene], Act]
SceneMaker = Callable[[], AbstractContextManager[Scene]]

GET, BATCH_GET, QUERY = "GetItem", "BatchGetItem", "Query"
TRANSACT, BATCH_WRITE = "TransactWriteItems", "BatchWriteItem"
PUT, UPDATE = "PutItem", "UpdateItem"


def empty_group() -> AbstractContextManager[Scene]:
    """Prepare a scene with an empty group."""
    return do.with_group_of(0)


def large_group() -> AbstractContextManager[Scene]:
    """Prepare a scene with a group of 1,000 members."""
    return do.with_group_of(MANY)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the budget: an operation, what it may cost, and how that grows.

    `flat`: the cost must be the same for a group of 1,000 members. `note` explains a cost that is
    higher than the smallest possible one.
    """

    operation: str
    prepare: Prepare
    calls: Mapping[str, int]
    rcu: int
    wcu: int
    growth: str = "O(1)"
    flat: bool = False
    note: str = ""
    scene: SceneMaker = empty_group

    @property
    def budget(self) -> Cost:
        """The cost that it may have."""
        return Cost(self.calls, self.rcu, self.wcu)


READ_USER = {QUERY: 1}
WRITE = {TRANSACT: 1}
READ_AND_WRITE_USER = {QUERY: 1, TRANSACT: 1}
DELETE_USER = {QUERY: 1, TRANSACT: 1}
READ_AND_WRITE_GROUP = {GET: 1, TRANSACT: 1}

CLOSING = (
    "when the group is gone for every reader, the rest takes at least two calls and 2 WCU: its "
    "members are read, and the item of the pending change is deleted"
)
STALE = (
    "the owner of the name is read, since a restore may leave a name that is reserved for nobody; "
    "without it the response would be 409 for ever"
)
EMPTY = (
    "a group that counts no members is looked at, since a restore may have left some; without them "
    "there is nothing more to do"
)
DECLARED = (
    "a pending change and its ids are read back and counted before each run, the first one too: "
    "three calls more than the fewest possible"
)
PAGES = (
    "the items of the users' groups lie between those of the users: a second Query reads twice as "
    "many items, and up to half of them are not needed"
)

BUDGET: Sequence[Line] = (
    Line("authentication", do.authenticate, {BATCH_GET: 1}, 3, 0),
    Line(
        "log entry and counters of a request",
        do.record,
        {PUT: 1, UPDATE: 1},
        0,
        2,
        "1 Put, of a change none; the 1st, 2nd, 4th ... request of a minute also 1 Update",
    ),
    Line("create user", do.create_user, WRITE, 0, 12, "2 WCU per e-mail"),
    Line(
        "create user, userName taken (409)",
        do.create_duplicate,
        {TRANSACT: 1, GET: 1},
        1,
        12,
        note=STALE,
    ),
    Line("GET user in no group", partial(do.get_user, groups=0), READ_USER, 1, 0),
    Line(
        "GET user in 3 groups",
        partial(do.get_user, groups=3),
        {QUERY: 1, BATCH_GET: 1},
        4,
        0,
        "1 RCU per group",
    ),
    Line("filter userName eq", do.find_by_name, {GET: 1, QUERY: 1}, 2, 0),
    Line("filter externalId eq", do.find_by_external_id, {QUERY: 2}, 2, 0, "1 Query per hit"),
    Line("filter emails.value eq", do.find_by_email, {QUERY: 2}, 2, 0, "1 Query per hit"),
    Line("PATCH, PUT user", do.patch_user, READ_AND_WRITE_USER, 1, 4),
    Line(
        "PATCH, PUT user: userName and e-mail",
        do.rename_user,
        READ_AND_WRITE_USER,
        1,
        12,
        "4 WCU per e-mail that changes",
    ),
    Line("PATCH, PUT user, nothing new", do.patch_user_to_the_same, READ_USER, 1, 0),
    Line(
        "DELETE user in no group",
        partial(do.delete_user, groups=0),
        DELETE_USER,
        1,
        14,
    ),
    Line("DELETE user in the group", do.delete_member, DELETE_USER, 1, 20, flat=True),
    Line(
        "DELETE user in 3 groups",
        partial(do.delete_user, groups=3),
        DELETE_USER,
        1,
        32,
        "6 WCU per group",
    ),
    Line(
        "DELETE user in 40 groups",
        partial(do.delete_user, groups=40),
        {QUERY: 2, TRANSACT: 3},
        3,
        262,
        "1 Transact for each 33 groups",
    ),
    Line("create group", partial(do.create_group, members=0), WRITE, 0, 10, "6 WCU per member"),
    Line(
        "create group of 31",
        partial(do.create_group, members=31),
        WRITE,
        0,
        196,
        "6 WCU per member",
    ),
    Line("GET group without members", do.get_group_alone, {GET: 1}, 1, 0, flat=True),
    Line(
        "GET group of 100",
        do.get_group,
        {GET: 1, QUERY: 1},
        4,
        0,
        "1 RCU for each 45 members",
        scene=partial(do.with_group_of, 100),
    ),
    Line(
        "GET 100 of a group's 1,000 members",
        do.list_members,
        {GET: 1, QUERY: 1},
        4,
        0,
        "1 RCU for each 45 members of the page",
        scene=large_group,
    ),
    Line("filter displayName eq", do.find_group_by_name, {GET: 2}, 2, 0, flat=True),
    Line(
        "filter members.value eq, in 3 groups",
        partial(do.find_groups_of, groups=3),
        {QUERY: 1, BATCH_GET: 1},
        4,
        0,
        "1 RCU per group",
    ),
    Line("filter id eq and members eq", do.find_membership, {BATCH_GET: 1}, 2, 0, flat=True),
    Line("PATCH group: add 1 member", partial(do.add_members, count=1), WRITE, 0, 10, flat=True),
    Line(
        "PATCH group: add 32 members",
        partial(do.add_members, count=32),
        WRITE,
        0,
        196,
        "6 WCU per member of the change",
    ),
    Line(
        "PATCH group: remove 1 member",
        partial(do.remove_members, count=1),
        WRITE,
        0,
        8,
        flat=True,
    ),
    Line(
        "PATCH group: remove 49 members",
        partial(do.remove_members, count=49),
        WRITE,
        0,
        200,
        "4 WCU per member of the change",
    ),
    Line(
        "PATCH group: add 100 members",
        partial(do.add_members, count=100),
        {BATCH_GET: 2, TRANSACT: 7, GET: 1, QUERY: 2, BATCH_WRITE: 1},
        203,
        630,
        "2 BatchGets for each 100 members of the change, 1 Transact for each 32",
        note=DECLARED,
    ),
    Line(
        "PATCH group: remove 100 members",
        partial(do.remove_members, count=100),
        {TRANSACT: 6, GET: 1, QUERY: 2, BATCH_GET: 1, BATCH_WRITE: 1},
        103,
        426,
        "1 BatchGet for each 100 members of the change, 1 Transact for each 49",
        note=DECLARED,
    ),
    Line("PATCH group: add a member again", do.add_member_again, WRITE, 0, 10, flat=True),
    Line(
        "PATCH group of 50: add 1, response 200",
        do.add_member_and_return,
        {TRANSACT: 1, GET: 1, QUERY: 1},
        3,
        10,
        "bounded by 100 members",
    ),
    Line("rename group", do.rename_group, READ_AND_WRITE_GROUP, 1, 8, flat=True),
    Line(
        "PUT group of 20: replace 5",
        do.replace_members,
        {GET: 1, QUERY: 1, TRANSACT: 1},
        2,
        54,
        "1 RCU for each 45 members; 10 WCU per replaced member",
    ),
    Line(
        "DELETE group",
        partial(do.delete_group, members=0),
        {GET: 1, QUERY: 1, TRANSACT: 1},
        2,
        10,
        note=EMPTY,
    ),
    Line(
        "DELETE group of 30",
        partial(do.delete_group, members=30),
        {GET: 1, TRANSACT: 2, QUERY: 1, BATCH_WRITE: 4},
        2,
        74,
        "gone after 2 calls and 12 WCU; then 2 WCU per member",
        note=CLOSING,
    ),
    Line(
        "count 1,000 users",
        partial(do.list_users, start=1, count=0),
        {QUERY: 1},
        3,
        0,
        "at most 256 items",
        scene=do.with_crowd,
    ),
    Line(
        "list 100 of 1,000 users, from the first",
        partial(do.list_users, start=1, count=100),
        {QUERY: 3, BATCH_GET: 1},
        36,
        0,
        "O(count), and their groups",
        note=PAGES,
        scene=do.with_crowd,
    ),
    Line(
        "list 100 of 1,000 users, from the 500th",
        partial(do.list_users, start=500, count=100),
        {QUERY: 3, BATCH_GET: 1},
        36,
        0,
        "as above, and 1/256 of the users skipped",
        note=PAGES,
        scene=do.with_crowd,
    ),
    Line(
        "list 10 groups",
        partial(do.list_groups, with_memberships=False),
        {QUERY: 2},
        2,
        0,
        "O(count)",
        scene=do.with_crowd,
    ),
    Line(
        "list 10 groups of 100 with members",
        partial(do.list_groups, with_memberships=True),
        {QUERY: 3},
        24,
        0,
        "1 RCU for each 45 members; a page ends at 5,000 members",
        scene=do.with_crowd,
    ),
    Line(
        "filter without an index, 1,000 users",
        do.filter_without_key,
        {QUERY: 1},
        146,
        0,
        "O(users), at most 10,000; 400 above",
        scene=do.with_crowd,
    ),
)


def measure(line: Line, scene: Scene) -> Cost:
    """Run an operation; return its cost."""
    act = line.prepare(scene)
    scene.meter.take()
    act()
    return scene.meter.take()


def measured(lines: Sequence[Line] = BUDGET) -> Iterator[tuple[Line, Cost]]:
    """Run each line on a new scene; the crowd is only read, so one is enough."""
    for scene, group in groupby(lines, key=lambda line: line.scene):
        if scene is do.with_crowd:
            yield from measured_on(scene, list(group))
        else:
            for line in group:
                yield from measured_on(scene, [line])


def measured_on_a_large_group(lines: Sequence[Line] = BUDGET) -> Iterator[tuple[Line, Cost]]:
    """Run the lines whose cost must not depend on the size of a group on one of 1,000 members."""
    return measured_on(large_group, [line for line in lines if line.flat])


def measured_on(make: SceneMaker, lines: Sequence[Line]) -> Iterator[tuple[Line, Cost]]:
    """Run lines one after another on one scene."""
    with make() as scene:
        for line in lines:
            yield line, measure(line, scene)


HEAD = "| operation | calls | round trips | RCU | WCU | grows |\n|---|---|---|---|---|---|\n"


def table(costs: Sequence[tuple[Line, Cost]]) -> str:
    """Return the table, and below it the notes."""
    rows = "".join(_row(line, cost) for line, cost in costs)
    notes = dict.fromkeys(line.note for line, _ in costs if line.note)
    return HEAD + rows + "".join(f"\n* {_marks(costs, note)}: {note}.\n" for note in notes)


def _row(line: Line, cost: Cost) -> str:
    growth = f"no: the same with 0 and {MANY:,} members" if line.flat else line.growth
    cells = (line.operation, cost.shown, cost.round_trips, cost.rcu, cost.wcu, growth)
    return f"| {' | '.join(map(str, cells))} |\n"


def _marks(costs: Sequence[tuple[Line, Cost]], note: str) -> str:
    return "; ".join(line.operation for line, _ in costs if line.note == note)


def differences(costs: Sequence[tuple[Line, Cost]]) -> list[str]:
    """List the costs that differ from the budget."""
    return [
        f"{line.operation}: {cost}, expected {line.budget}"
        for line, cost in costs
        if cost != line.budget
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the table, and what differs from the budget; 0 when nothing does."""
    flat = [line for line in BUDGET if line.flat]
    costs = list(progress(measured(), len(BUDGET), "operations"))
    large = list(progress(measured_on_a_large_group(), len(flat), "operations on a large group"))
    SECTION.publish(table(costs), arguments)
    wrong = differences(costs) + differences(large)
    wrong += publish_round_trips(arguments)
    for difference in wrong + publish_shares(arguments):
        print(difference, file=sys.stderr)
    return 1 if wrong else 0


def publish_round_trips(arguments: Sequence[str]) -> list[str]:
    """Print the table of whole requests; list those that take another number of round trips."""
    lines = (*round_trips.LINES, *round_trips.REJECTED)
    found = list(progress(round_trips.measured(), len(lines), "requests"))
    round_trips.SECTION.publish(round_trips.table(found), arguments)
    return round_trips.differences(found)


def publish_shares(arguments: Sequence[str]) -> list[str]:
    """Print the second table; list what misses its aim."""
    found = list(progress(shares.measured(), len(shares.LINES), "limits"))
    shares.SECTION.publish(shares.table(found), arguments)
    return shares.differences(found)
