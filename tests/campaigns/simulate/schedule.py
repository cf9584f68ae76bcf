"""Virtual time: one thing runs at a time, in an order that a seed decides.

A task is ordinary code in a greenlet. Where it waits, the next event of the schedule runs; nothing
really waits, and no thread takes part. The same seed gives the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

Event = Callable[[], Any]


@dataclass(slots=True)
class Schedule:
    """The events to come, by their time in seconds; `now` is the time of the one that runs."""

    now: float = 0.0
    failure: BaseException | None = None
    _events: list[tuple[float, int, Event]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)
    _hub: Any = field(default_factory=getcurrent)

    def after(self, seconds: float, event: Event) -> None:
        """Let an event happen in `seconds`; it must not wait."""
        heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def start(self, task: Event, seconds: float = 0.0) -> None:
        """Start a task in `seconds`; what it raises ends the run."""

        def run() -> None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - the run raises it again
                self.failure = error

        self.after(seconds, greenlet(run, self._hub).switch)

    def sleep(self, seconds: float) -> None:
        """Let time go by; only a task can."""
        self.after(seconds, getcurrent().switch)
        self._hub.switch()

    def run(self, until: Callable[[], bool]) -> None:
        """Let events happen, each at its time, until something is so.

        Raises:
            BaseException: what a task has raised.
        """
        while not until():
            self.now, _, event = heappop(self._events)
            event()
            if self.failure is not None:
                raise self.failure

    def drain(self) -> None:
        """Let everything happen that is left: no task may be left waiting."""
        self.run(lambda: not self._events)


@dataclass(slots=True)
class Promise:
    """A value to come, for which one task may wait."""

    schedule: Schedule
    value: Any = None
    kept: bool = False
    _wake: Event | None = None

    def keep(self, value: Any) -> None:
        """Give the value; only the first one counts."""
        if not self.kept:
            self.value, self.kept = value, True
            self._awake()

    def wait(self, seconds: float) -> Any:
        """Return the value; None if it does not come within `seconds`."""
        if not self.kept:
            self._wake = getcurrent().switch
            self.schedule.after(seconds, self._awake)
            self.schedule._hub.switch()
        return self.value

    def _awake(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            self.schedule.after(0.0, wake)
