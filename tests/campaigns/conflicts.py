"""A client that cancels transactions which meet, as DynamoDB does and its local engine never.

A transaction holds its rows while it is under way; another that names one of them is cancelled
with TransactionConflict at that position. It refuses to know what the rows are.
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

Row = tuple[str, str]

# A transaction takes so long in AWS; for that time its rows are held.
SHORTEST, LONGEST = 0.004, 0.012


class Conflicts:
    """Stands before a client that many threads share; `conflicts` counts the cancelled."""

    def __init__(self, client: DynamoDBClient, seed: int) -> None:
        """Take the client that does the work."""
        self._client = client
        self._random = Random(seed)  # noqa: S311 - how long a transaction takes
        self._lock = Lock()
        self._held: set[Row] = set()
        self.conflicts = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """All other calls are the client's own."""
        call: Callable[..., Any] = getattr(self._client, name)
        return call

    def transact_write_items(self, **request: Any) -> Any:
        """Send a transaction unless one of its rows is in another that is under way."""
        with self._holding([_row(entry) for entry in request["TransactItems"]]):
            time.sleep(self._random.uniform(SHORTEST, LONGEST))
            return self._client.transact_write_items(**request)

    @contextmanager
    def _holding(self, rows: Sequence[Row]) -> Iterator[None]:
        with self._lock:
            met = [row in self._held for row in rows]
            self.conflicts += any(met)
            if any(met):
                raise _cancelled(met)
            self._held.update(rows)
        try:
            yield
        finally:
            with self._lock:
                self._held.difference_update(rows)


def _row(entry: Mapping[str, Any]) -> Row:
    (part,) = entry.values()
    key = part.get("Key") or part["Item"]
    return key["PK"]["S"], key["SK"]["S"]


def _cancelled(met: Sequence[bool]) -> ClientError:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "rows are held"},
        "CancellationReasons": [{"Code": "TransactionConflict" if m else "None"} for m in met],
    }
    return ClientError(answer, "TransactWriteItems")
