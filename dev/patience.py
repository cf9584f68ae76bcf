"""Repeat a call that AWS rejects for a while: a name not free yet, a setting not seen yet."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError

from chalicelib.storage.clock import Clock

Result = TypeVar("Result")

# The first pause, in seconds; each next one is twice as long, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to repeat a call, in seconds, and what the engineer reads meanwhile."""

    seconds: float
    waiting_for: str
    codes: Collection[str]

    def repeat(self, call: Callable[[], Result], clock: Clock | None = None) -> Result:
        """Repeat a call while AWS rejects it with one of the codes; return its result.

        Raises:
            ClientError: with another code, or still after all the seconds.
        """
        clock = clock or Clock()
        end, pause = clock.monotonic() + self.seconds, FIRST_PAUSE
        while True:
            try:
                return call()
            except ClientError as error:
                wanted = error.response["Error"]["Code"] in self.codes
                if not wanted or clock.monotonic() + pause > end:
                    raise
            if pause == FIRST_PAUSE:
                print(f"  Waiting for {self.waiting_for} ...", flush=True)
            clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
