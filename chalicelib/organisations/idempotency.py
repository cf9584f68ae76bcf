"""Idempotency-Key: a POST that is sent again within 24 hours creates nothing again.

What it created is noted in the transaction that creates, so there is no moment at which the
one is there without the other. What a replay is answered is for the route to say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.errors import BadRequest
from chalicelib.storage.directory_items import SHAPE, canonical
from chalicelib.storage.expressions import NEW, Delete, Put, equals
from chalicelib.storage.keys import Key, idempotency
from chalicelib.storage.table import Namespace
from chalicelib.storage.transactions import TransactionCanceled

KEPT = timedelta(hours=24)
FORM = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A POST that carries a key: the key's row, and what tells its content from another."""

    key: Key
    digest: str

    def created_item(self, created: str, now: datetime) -> Put:
        """Note what is created, in the same transaction."""
        row = {
            "id": created,
            "digest": self.digest,
            "ttl": int((now + KEPT).timestamp()),
            "shape": SHAPE,
        }
        return Put(self.key, row, NEW)


def parse_header(
    owner: str, values: tuple[str, ...], route: str, body: Mapping[str, Any]
) -> IdempotencyKey | None:
    """Read the header's values; None where the client sent none.

    Keys of one `owner` do not meet another's. The digest covers route and content, whatever
    the order of the members.

    Raises:
        BadRequest: there are several, or it is not 1 to 255 visible ASCII characters.
    """
    if not values:
        return None
    if len(values) > 1 or FORM.fullmatch(values[0]) is None:
        raise BadRequest("Idempotency-Key takes one value of 1 to 255 visible ASCII characters.")
    content = hashlib.sha256(f"{route}\n{canonical(body)}".encode()).hexdigest()
    return IdempotencyKey(idempotency(owner, values[0]), content)


def find_created(rows: Namespace, idempotency_key: IdempotencyKey | None) -> str | None:
    """Give the id of what this POST created before; None where it did not.

    DynamoDB deletes expired rows late, so one past its time is deleted here.

    Raises:
        BadRequest: the key was sent with other content.
    """
    row = rows.get(idempotency_key.key) if idempotency_key else None
    if idempotency_key is None or row is None:
        return None
    if row["ttl"] <= rows.table.clock.now().timestamp():
        with suppress(TransactionCanceled):  # somebody else has: his key is in force then
            rows.commit([Delete(idempotency_key.key, equals("ttl", row["ttl"]))])
        return None
    if row["digest"] != idempotency_key.digest:
        raise BadRequest(
            "This Idempotency-Key was used for another request within the last 24 hours; "
            "take a new one for each thing that shall be created."
        )
    return str(row["id"])


def is_concurrent_replay(
    canceled: TransactionCanceled, idempotency_key: IdempotencyKey | None
) -> bool:
    """Tell whether a transaction failed because the same POST was served at the same time."""
    return idempotency_key is not None and idempotency_key.key in canceled.items
