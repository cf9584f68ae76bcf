"""Idempotency-Key: a POST that is sent again within 24 hours creates nothing again.

The id of what it creates is written in the same transaction, so neither exists without the other.
The route decides what a replay is responded with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.errors import BadRequest
from chalicelib.storage.directory_items import canonical
from chalicelib.storage.expressions import NEW, Delete, Put, equals
from chalicelib.storage.keys import Key, idempotency
from chalicelib.storage.records import with_schema
from chalicelib.storage.table import Namespace
from chalicelib.storage.transactions import TransactionCanceled

KEPT = timedelta(hours=24)
FORM = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a POST: where its item is stored, and the digest of the request's content."""

    key: Key
    digest: str

    def created_item(self, created: str, now: datetime) -> Put:
        """Make the item that records the id of what is created, for the same transaction."""
        item = with_schema(
            {
                "id": created,
                "digest": self.digest,
            },
            expires=now + KEPT,
        )
        return Put(self.key, item, NEW)


def parse_header(
    owner: str, values: tuple[str, ...], route: str, body: Mapping[str, Any]
) -> IdempotencyKey | None:
    """Parse the header's values; None where the client sent none.

    Each `owner` has keys of their own. The digest covers route and content, without regard to the
    order of the members.

    Raises:
        BadRequest: more than one value, or not 1 to 255 visible ASCII characters.
    """
    if not values:
        return None
    if len(values) > 1 or FORM.fullmatch(values[0]) is None:
        raise BadRequest(
            "Idempotency-Key: expected one value of 1 to 255 visible ASCII characters."
        )
    content = hashlib.sha256(f"{route}\n{canonical(body)}".encode()).hexdigest()
    return IdempotencyKey(idempotency(owner, values[0]), content)


def find_created(items: Namespace, idempotency_key: IdempotencyKey | None) -> str | None:
    """Return the id of what this POST created before; None where it did not.

    DynamoDB deletes expired items late, so one past its time is deleted here.

    Raises:
        BadRequest: the key was sent with other content.
    """
    item = items.get(idempotency_key.key) if idempotency_key else None
    if idempotency_key is None or item is None:
        return None
    if item["ttl"] <= items.table.clock.now().timestamp():
        # A failed condition: another request has used the key again since, which then counts.
        items.try_commit([Delete(idempotency_key.key, equals("ttl", item["ttl"]))])
        return None
    if item["digest"] != idempotency_key.digest:
        raise BadRequest(
            "This Idempotency-Key was used for another request within the last 24 hours; "
            "use a new key for each thing to be created."
        )
    return str(item["id"])


def is_concurrent_replay(
    canceled: TransactionCanceled, idempotency_key: IdempotencyKey | None
) -> bool:
    """Tell whether a transaction failed because the same POST was served at the same time."""
    return idempotency_key is not None and idempotency_key.key in canceled.items
