"""A client that cancels conflicting transactions, as DynamoDB does and DynamoDB Local never does.

While a transaction is in progress, another one that names one of its items is cancelled with
TransactionConflict at that position.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Keys = tuple[str, str]

# How long a transaction takes in AWS, in seconds: for that time its items conflict.
SHORTEST, LONGEST = 0.004, 0.012


class Conflicts:
    """Wraps a client that many threads share; `conflicts` counts the cancelled transactions."""

    def __init__(self, client: DynamoDBClient, seed: int) -> None:
        """Wrap the client that sends the calls."""
        self._client = client
        self._random = Random(seed)  # noqa: S311 - how long a transaction takes
        self._lock = Lock()
        self._in_progress: set[Keys] = set()
        self.conflicts = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Pass every other call to the client."""
        call: Callable[..., Any] = getattr(self._client, name)
        return call

    def transact_write_items(self, **request: Any) -> Any:
        """Send a transaction unless one in progress has one of its items."""
        with self._locked([keys_of(entry) for entry in request["TransactItems"]]):
            time.sleep(self._random.uniform(SHORTEST, LONGEST))
            return self._client.transact_write_items(**request)

    @contextmanager
    def _locked(self, items: Sequence[Keys]) -> Iterator[None]:
        with self._lock:
            met = [item in self._in_progress for item in items]
            self.conflicts += any(met)
            if any(met):
                raise canceled(met)
            self._in_progress.update(items)
        try:
            yield
        finally:
            with self._lock:
                self._in_progress.difference_update(items)


def keys_of(entry: Mapping[str, Any]) -> Keys:
    """Return the key of the item that an entry of TransactItems names."""
    (part,) = entry.values()
    key = part.get("Key") or part["Item"]
    return key["PK"]["S"], key["SK"]["S"]


def canceled(met: Sequence[bool]) -> ClientError:
    """Return the error of a transaction that has met another one at these positions."""
    response: Any = {
        "Error": {
            "Code": "TransactionCanceledException",
            "Message": "an item is in another transaction",
        },
        "CancellationReasons": [{"Code": "TransactionConflict" if m else "None"} for m in met],
    }
    return ClientError(response, "TransactWriteItems")
