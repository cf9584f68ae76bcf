"""How many batches a second the feed of all organisations takes: they all move one head item.

As many processes append at once as the table's stream has shards, each a batch of 100 events after
another, on a virtual clock with the latencies of AWS (contention.py) and a table in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.errors import Busy
from chalicelib.events import feed
from chalicelib.storage import grants
from chalicelib.storage.event_items import Event
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from tests.campaigns.contention import LatentClient
from tests.campaigns.simulate.engine import Engine
from tests.support.virtual_time import VirtualTime

# Seconds of a GetItem, and between two invocations for a shard.
READ, BETWEEN = (0.003, 0.008), (0.005, 0.015)
SHARDS = (1, 2, 4, 8, 16)
# How long the function of the stream tries.
DEADLINE = 20.0


class LatentTable(LatentClient):
    """A table in memory that takes as long, and conflicts, as AWS does."""

    def __init__(self, world: VirtualTime, random: Random) -> None:
        """Begin without an item."""
        LatentClient.__init__(self, world, random)
        self.engine = Engine()

    def get_item(self, **request: Any) -> Any:
        """Read an item."""
        self._world.sleep(self._random.uniform(*READ))
        return self.engine.get_item(**request)

    def transact_write_items(self, **request: Any) -> Any:
        """Write a transaction, or be cancelled."""
        LatentClient.transact_write_items(self, **request)
        return self.engine.transact_write_items(**request)


@dataclass(slots=True)
class Rate:
    """How many batches so many shards appended in so many seconds; `late`: not in 20 s."""

    shards: int
    seconds: float
    batches: int = 0
    late: int = 0
    slowest: float = 0.0

    def __str__(self) -> str:
        """Return the line to print."""
        batches = self.batches / self.seconds
        return (
            f"{self.shards} shards: {batches:.0f} batches/s, {batches * feed.MAX_BATCH:,.0f} "
            f"events/s, the slowest batch in {self.slowest:.1f} s, {self.late} to be sent again"
        )


def measure(shards: int, seconds: float, seed: int = 1) -> Rate:
    """Let so many processes append for so many virtual seconds."""
    world, random = VirtualTime(), Random(seed)  # noqa: S311 - a run must be repeatable
    client: Any = LatentTable(world, random)
    table, rate = Table(client, "virtual", world.clock(random)), Rate(shards, seconds)
    ids = (f"{random.getrandbits(128):032x}" for _ in range(feed.MAX_BATCH))
    at = "2027-01-31T12:00:00.000Z"
    of = ("abcdefghij", "abcdefghijklmnop")
    batch = [Event(each, "user", "updated", *of, subject=each, at=at) for each in ids]

    def append() -> None:
        while world.seconds < seconds:
            began = world.seconds
            items = table.namespace(grants.append_events(), Deadline.after(DEADLINE, table.clock))
            try:
                feed.append(items, batch)
                rate.batches += 1
            except Busy:
                rate.late += 1
            rate.slowest = max(rate.slowest, world.seconds - began)
            world.sleep(random.uniform(*BETWEEN))

    for _ in range(shards):
        world.start(append, random.uniform(0, 0.02))
    world.run()
    rate.seconds = world.seconds
    return rate


def rates(seconds: float) -> Iterator[Rate]:
    """Measure each number of shards."""
    return (measure(shards, seconds) for shards in SHARDS)
