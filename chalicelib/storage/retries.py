"""One deadline for every cause: retry transient errors until it, then raise Busy.

The SDK's own retries are off (its budget of retry tokens runs out under contention, and then
single errors surface); this is the only loop. One table says which errors are transient.

Throttling is met with pauses that grow, so that the load falls. A conflict with another transaction
is met with pauses that shrink: one of those that conflict always succeeds, so throughput does not
depend on the pauses, but with growing ones a request that has met many others is overtaken by every
new one. With shrinking ones they succeed about in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from chalicelib.errors import Busy
from chalicelib.storage.clock import Clock

T = TypeVar("T")

SERVER_ERROR = 500

# Seconds between attempts of a transaction that meets others: after the first conflicts, which may
# be all where writers are few; then the longest pause, which falls to the shortest in the time
# given. Half of each is left to chance. Chosen by `make contention`.
FIRST_PAUSES = (0.02, 0.05)
LONGEST_PAUSE, SHORTEST_PAUSE, SHORTEST_AFTER = 1.0, 0.03, 1.5

# Transient errors of DynamoDB and Secrets Manager. A transaction whose reply was lost may still
# be in progress; with the same request token a retry gets the result of the first attempt.
TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "KeyRangeThroughputExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


def error_code(error: ClientError) -> str:
    """Return the service's code of an error."""
    return error.response.get("Error", {}).get("Code", "")


def was_rejected(error: ClientError) -> bool:
    """Return whether a failed call has certainly had no effect: throttled, or not valid."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) < SERVER_ERROR


def is_transient(error: Exception) -> bool:
    """Return whether a failed call may succeed when it is repeated unchanged."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in TRANSIENT_CODES or status >= SERVER_ERROR
    return isinstance(error, HTTPClientError | ConnectionError)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment, on the monotonic clock, after which nothing more is sent.

    A transaction that has met others for `patience` seconds is given up before that.
    """

    clock: Clock
    at: float
    patience: float = inf

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Deadline:
        """Return a deadline `seconds` from now."""
        return cls(clock, clock.monotonic() + seconds)

    def left(self) -> float:
        """Return how many seconds are left."""
        return max(0.0, self.at - self.clock.monotonic())

    def passed(self) -> bool:
        """Return whether the deadline has passed."""
        return self.clock.monotonic() >= self.at

    def require(self) -> None:
        """Raise Busy if the deadline has passed: for loops that compute and send nothing."""
        if self.passed():
            raise Busy

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """Yield things that take time to work on; raise Busy once the deadline has passed."""
        for thing in things:
            self.require()
            yield thing

    def attempts(self) -> Iterator[int]:
        """Count attempts from 0, pausing between them with full jitter; then raise Busy.

        Raises:
            Busy: the deadline has passed; nothing is sent after it.
        """
        attempt = 0
        while not self.passed():
            yield attempt
            self._pause(attempt)
            attempt += 1
        raise Busy

    def _pause(self, attempt: int) -> None:
        self._sleep((5 + self.clock.random.uniform(0, min(200, 4 * 2 ** min(attempt, 6)))) / 1000)

    def _pause_for_others(self, conflicts: int, lasted: float) -> None:
        falling = max(SHORTEST_PAUSE, LONGEST_PAUSE * (1 - lasted / SHORTEST_AFTER))
        longest = FIRST_PAUSES[conflicts - 1] if conflicts <= len(FIRST_PAUSES) else falling
        self._sleep(longest * self.clock.random.uniform(0.5, 1))

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(min(seconds, self.left()))

    def repeat(
        self,
        call: Callable[[], T],
        transient: Callable[[Exception], bool] = is_transient,
        conflicting: Callable[[Exception], bool] = lambda _: False,
    ) -> T:
        """Call, again after transient errors; `conflicting` are those that other calls cause.

        Raises:
            Busy: the last error before the deadline was still transient, or it has met others and
                its patience is at an end.
        """
        since, conflicts, failures = self.clock.monotonic(), 0, 0
        while not self.passed():
            try:
                return call()
            except (ClientError, HTTPClientError, ConnectionError) as error:
                if not transient(error):
                    raise
                conflict = conflicting(error)
            conflicts += conflict
            lasted = self.clock.monotonic() - since
            if conflicts and lasted > self.patience:
                raise Busy
            if conflict:
                self._pause_for_others(conflicts, lasted)
            else:
                self._pause(failures)
                failures += 1
        raise Busy
