"""What the size of a user costs: the second table of `make costs`, in docs/storage.md.

An item is billed whole, and a membership writes the user's item.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass

from chalicelib.directory import deletes, groups, users
from chalicelib.directory.groups import GroupChange
from chalicelib.scim.member_changes import MemberChange
from dev.measure import operations as do
from dev.measure.operations import Scene
from dev.measure.pages import Section

SECTION = Section("storage.md", "sizes")

# Kilobytes of a user's item. The first is the user of the budget, with nothing added.
SIZES = {"0.9 KB": 0, "2 KB, as of Entra ID": 2, "4 KB": 4, "10 KB": 10, "40 KB": 40}
# Bytes of an item without what is added, and some to spare.
REST = 1_000
JOINS = 10_000


@dataclass(frozen=True, slots=True)
class Writes:
    """Write units of each operation on a user."""

    create: int
    patch: int
    join: int
    leave: int
    delete: int


def measured(kilobytes: int) -> Writes:
    """Measure what a user of a size costs, from their creation to their deletion."""
    with do.with_group_of(0) as scene:
        steps = _life(scene, kilobytes)
        return Writes(*(scene.meter.take().wcu for _ in steps))


def _life(scene: Scene, kilobytes: int) -> Iterator[None]:
    """Do one operation after another: the meter is read between them."""
    added = "x" * max(0, 1024 * kilobytes - REST)
    document = do.document(scene.set) | {"nickName": added}
    scene.meter.take()
    uid = str(users.create(scene.measured, document)["id"])
    yield
    users.change(scene.measured, uid, lambda now: now | {"title": "Countess"})
    yield
    one = frozenset({uid})
    for change in (MemberChange(add=one), MemberChange(remove=one)):
        groups.change(scene.measured, scene.group, GroupChange(None, change))
        yield
    scene.join_counted(uid)
    deletes.delete_user(scene.measured, uid)
    yield


def table(price: float) -> str:
    """Return the table; `price` is that of a write unit, in US dollars."""
    return HEAD + "".join(_row(name, measured(size), price) for name, size in SIZES.items())


HEAD = (
    "| user | create | PATCH | join | leave | delete, in 1 group | 10,000 joins |\n"
    "|---|---|---|---|---|---|---|\n"
)


def _row(name: str, writes: Writes, price: float) -> str:
    dollars = f"${writes.join * JOINS * price:.2f}"
    return f"| {' | '.join(map(str, (name, *astuple(writes), dollars)))} |\n"
