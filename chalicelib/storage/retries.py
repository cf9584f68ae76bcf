"""One deadline for every cause: repeat what fails for a passing reason, then say Busy.

The SDK's own retries are off (its budget of tokens runs dry under contention and then lets
single failures through); this is the only loop. Which failures pass is one table per service.
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

# DynamoDB's and Secrets Manager's ways of saying "later". A transaction whose answer was lost
# may still be under way; with the same request token its repetition gets the first answer.
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
    """Tell the service's code of an error."""
    return error.response.get("Error", {}).get("Code", "")


def is_transient(error: Exception) -> bool:
    """Tell whether a failed call may succeed when it is repeated unchanged."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in TRANSIENT_CODES or status >= SERVER_ERROR
    return isinstance(error, HTTPClientError | ConnectionError)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment, on the monotonic clock, after which nothing is sent any more."""

    clock: Clock
    at: float

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Deadline:
        """Set a deadline `seconds` from now."""
        return cls(clock, clock.monotonic() + seconds)

    def passed(self) -> bool:
        """Tell whether the time is over."""
        return self.clock.monotonic() >= self.at

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
        left = max(0.0, self.at - self.clock.monotonic())
        self.clock.sleep(min(milliseconds / 1000, left))

    def repeat(
        self, call: Callable[[], T], passing: Callable[[Exception], bool] = is_transient
    ) -> T:
        """Call until it answers.

        Raises:
            Busy: it still failed for a passing reason at the deadline.
        """
        for _ in self.attempts():
            try:
                return call()
            except (ClientError, HTTPClientError, ConnectionError) as error:
                if not passing(error):
                    raise
        raise Busy  # pragma: no cover - attempts() never ends without raising
