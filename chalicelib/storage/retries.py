"""One deadline for every cause: retry transient errors until it, then raise Busy.

The SDK's own retries are off (its budget of retry tokens runs out under contention, and then
single errors surface); this is the only loop. One table says which errors are transient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from chalicelib.errors import Busy
from chalicelib.storage.clock import Clock

T = TypeVar("T")

SERVER_ERROR = 500

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
    """The moment, on the monotonic clock, after which nothing more is sent."""

    clock: Clock
    at: float

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
        milliseconds = 5 + self.clock.random.uniform(0, min(200, 4 * 2 ** min(attempt, 6)))
        self.clock.sleep(min(milliseconds / 1000, self.left()))

    def repeat(
        self, call: Callable[[], T], transient: Callable[[Exception], bool] = is_transient
    ) -> T:
        """Call, again after transient errors.

        Raises:
            Busy: the last error before the deadline was still transient.
        """
        for _ in self.attempts():
            try:
                return call()
            except (ClientError, HTTPClientError, ConnectionError) as error:
                if not transient(error):
                    raise
        raise Busy  # pragma: no cover - attempts() never ends without raising
