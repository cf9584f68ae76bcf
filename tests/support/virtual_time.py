"""Many threads on one virtual clock: one runs at a time, and waiting takes no time.

What sleeps gives way to whatever is to wake first, and at one moment to whatever began to wait
first. So a run with the same random numbers is the same, however fast the machine is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from threading import Lock, Thread

from chalicelib.storage.clock import Clock

MIDNIGHT = datetime(2027, 1, 31, tzinfo=UTC)


class VirtualTime:
    """The clock, and the threads that wait on it; `run` ends when all have ended."""

    def __init__(self) -> None:
        """Start at 0 seconds, with nobody waiting."""
        self.seconds = 0.0
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._turn = _taken()

    def clock(self, random: Random) -> Clock:
        """Return the clock as the service sees it."""
        return Clock(
            now=lambda: MIDNIGHT + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            sleep=self.sleep,
            random=random,
        )

    def start(self, act: Callable[[], None], at: float) -> None:
        """Have a thread of its own do something from a moment on."""

        def begin() -> None:
            Thread(target=work, daemon=True).start()

        def work() -> None:
            try:
                act()
            finally:
                self._turn.release()

        self._wake_at(at, begin)

    def sleep(self, seconds: float) -> None:
        """Let the others run until these seconds have passed."""
        woken = _taken()
        self._wake_at(self.seconds + seconds, woken.release)
        self._turn.release()
        woken.acquire()

    def run(self) -> None:
        """Wake one after another until nobody waits."""
        while self._waiting:
            self.seconds, _, wake = heappop(self._waiting)
            wake()
            self._turn.acquire()

    def _wake_at(self, at: float, wake: Callable[[], None]) -> None:
        heappush(self._waiting, (at, next(self._order), wake))


def _taken() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
