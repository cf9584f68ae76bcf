"""A trial on its table: run with something in between its calls, repeated, swept, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import ApiError, Busy
from chalicelib.scim.errors import InvalidValue
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import Key
from chalicelib.storage.table import Table
from dev.measure import reference
from tests.support.clock import SEEDS, ManualClock
from tests.support.directory import connection_context
from tests.support.faults import Crash, Fault, FaultyClient, unharmed
from tests.support.invariants import read_all
from tests.support.pictures import Names, Picture, names_in, picture, restore, said
from tests.support.trials import Act, Scene

MAX_TRIES = 20


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run: the response, the calls, and the items that it left."""

    response: Any
    calls: tuple[str, ...]
    items: Mapping[Key, Item]

    @property
    def said(self) -> str:
        """Write the response by names."""
        return said(self.response, names_in(self.items))

    @property
    def picture(self) -> Picture:
        """Draw what it left."""
        return picture(self.items)


@dataclass(slots=True)
class Stage:
    """A scene on its table: the items to begin with, their names, and the items now.

    Each request is another process, with random numbers of its own by one of the `seeds`.
    """

    table: Table
    manual_clock: ManualClock
    before: Mapping[Key, Item]
    names: Names
    items: Mapping[Key, Item]
    seeds: Iterator[int]

    def context(self, client: Any) -> ConnectionContext:
        """Bind a request of a process of its own."""
        clock = self.manual_clock.clock(next(self.seeds))
        return connection_context(replace(self.table, client=client, clock=clock))

    def try_once(self, act: Act, client: Any) -> Any:
        """Send a request once; returns the response, or the name of the error."""
        ids = {name: each for each, name in self.names.items()}
        try:
            return act(self.context(client), ids)
        except InvalidValue:  # whatever the value is
            return InvalidValue.__name__
        except (ApiError, Crash) as refused:
            return type(refused).__name__

    def run(self, act: Act, index: int = -1, fault: Fault = unharmed) -> Run:
        """Begin anew and make a request, with a fault at one of its calls."""
        restore(self.table, self.items, self.before)
        client = FaultyClient(self.table.client, index, fault, remembers_tokens=False)
        response = self.try_once(act, client)
        self.items = read_all(self.table)
        return Run(response, tuple(client.calls), self.items)

    def insist(self, act: Act) -> Any:
        """Repeat a request as an identity provider does while it is told to come later."""
        for _ in range(MAX_TRIES):
            response = self.try_once(act, self.table.client)
            if response != Busy.__name__:
                return response
            self.manual_clock.advance(seconds=5)
        raise AssertionError("told to come later again and again")

    def sweep(self) -> None:
        """Let the sweeper come by."""
        reference.sweep(replace(self.table, clock=self.manual_clock.clock(next(self.seeds))))
        self.items = read_all(self.table)


def set_up(
    scene: Scene, table: Table, manual_clock: ManualClock, seeds: Iterator[int] = SEEDS
) -> Stage:
    """Set a scene."""
    scene(connection_context(table))
    items = read_all(table)
    return Stage(table, manual_clock, items, names_in(items), items, seeds)
