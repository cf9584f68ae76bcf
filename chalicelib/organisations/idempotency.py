"""Idempotency-Key: a POST that is repeated within 24 hours creates nothing new.

A request reserves its key before it creates anything, and the id of what it creates is written in
the same transaction, so neither exists without the other. An equal request that arrives meanwhile
waits for the one that has the key, and then gets the response of a repeated POST.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from chalicelib.errors import BadRequest, Busy, InProgress
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import canonical
from chalicelib.storage.expressions import NEW, Condition, Delete, Item, Put, Update, absent, equals
from chalicelib.storage.keys import Key, idempotency
from chalicelib.storage.records import with_schema
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace
from chalicelib.storage.transactions import TransactionCanceled

T = TypeVar("T")

LIFETIME = timedelta(hours=24)
# How long an equal request waits for the one that has the key.
WAIT_SECONDS = 5.0
# Longer than any request: a reservation without a result was left by a process that has ended.
ABANDONED = timedelta(seconds=30)
FORM = re.compile(r"[\x21-\x7e]{1,255}")

OTHER_CONTENT = (
    "This Idempotency-Key was used for another request within the last 24 hours; use a new key for "
    "each thing to be created."
)


class Owner(NamedTuple):
    """Whose key it is: an organisation's or the `operator`'s, and which principal has sent it."""

    partition: str
    principal: str


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The Idempotency-Key of a POST: the key of its item and the digest of the request.

    `nonce` distinguishes this request from equal ones.
    """

    key: Key
    digest: str
    nonce: str

    @property
    def is_reserved(self) -> Condition:
        """The condition that this request has the key."""
        return equals("nonce", self.nonce)

    def reservation(self, now: datetime, condition: Condition) -> Put:
        """Return the action that reserves the key for this request."""
        item = {"digest": self.digest, "nonce": self.nonce, "since": timestamp(now)}
        return Put(self.key, with_schema(item, expires=now + LIFETIME), condition)

    def created_item(self, created: str, now: datetime) -> Update:
        """Return the action that stores the id `created` under this Idempotency-Key."""
        written = with_schema({"id": created}, expires=now + LIFETIME)
        return Update(self.key, set=written, condition=self.is_reserved)


def parse_header(
    owner: Owner, values: tuple[str, ...], content: tuple[str, Mapping[str, Any]], nonce: str
) -> IdempotencyKey | None:
    """Parse the values of the header; return None if the client sent none.

    `content` is the route and the body; the order of its members does not matter.

    Raises:
        BadRequest: more than one value, or not 1 to 255 visible ASCII characters.
    """
    if not values:
        return None
    if len(values) > 1 or FORM.fullmatch(values[0]) is None:
        raise BadRequest(
            "Idempotency-Key: expected one value of 1 to 255 visible ASCII characters."
        )
    route, body = content
    digest = hashlib.sha256(f"{route}\n{canonical(body)}".encode()).hexdigest()
    return IdempotencyKey(idempotency(*owner, values[0]), digest, nonce)


def create_once(
    items: Namespace,
    idempotency_key: IdempotencyKey | None,
    create: Callable[[], T],
    replay: Callable[[str], T],
) -> T:
    """Call `create`; if an equal request has created it before, call `replay` with its id.

    If `create` fails, the key is free again, and an equal request that waits calls it.

    Raises:
        BadRequest: the key was sent with other content.
        InProgress: an equal request is still being processed after five seconds.
    """
    if idempotency_key is None:
        return create()
    created_before = reserve(items, idempotency_key)
    if created_before is not None:
        return replay(created_before)
    try:
        return create()
    except BaseException:
        # The condition fails if it was created after all: an error may follow the transaction.
        still_open = idempotency_key.is_reserved & absent("id")
        items.try_commit([Delete(idempotency_key.key, still_open)])
        raise


def reserve(items: Namespace, idempotency_key: IdempotencyKey) -> str | None:
    """Reserve a key; return the id of what an equal request has created instead.

    Raises:
        BadRequest: the key was sent with other content.
        InProgress: an equal request is still being processed after five seconds.
    """
    clock = items.table.clock
    latest = min(items.deadline.at, clock.monotonic() + WAIT_SECONDS)
    try:
        for _ in Deadline(clock, latest).attempts():
            item = items.get(idempotency_key.key)
            if item is None or _is_free(item, clock.now()):
                # Another request may reserve it first, which then counts.
                as_read = NEW if item is None else equals("nonce", item["nonce"])
                reservation = idempotency_key.reservation(clock.now(), as_read)
                if items.try_commit([reservation]) is None:
                    return None
            elif item["digest"] != idempotency_key.digest:
                raise BadRequest(OTHER_CONTENT)
            elif "id" in item:
                return str(item["id"])
    except Busy:
        pass
    raise InProgress


def _is_free(item: Item, now: datetime) -> bool:
    """Tell whether a key can be used again: DynamoDB deletes expired items late."""
    if "id" in item:
        return bool(item["ttl"] <= now.timestamp())
    return datetime.fromisoformat(item["since"]) + ABANDONED <= now


def is_lost(canceled: TransactionCanceled, idempotency_key: IdempotencyKey | None) -> bool:
    """Tell whether a transaction failed because another request has taken the key over."""
    return idempotency_key is not None and idempotency_key.key in canceled.items
