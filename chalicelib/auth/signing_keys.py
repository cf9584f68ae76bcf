"""The public keys of the issuers of assertions: fetched seldom, kept in the table for all.

A key is asked for by its id (`kid`). One that is not known is looked for at the issuer, but not
more than once a minute for all processes together: until then, and while the issuer cannot be
reached, the request is told to come again. It is never told that its credential is wrong, because
a flood of invented ids must not hide that the issuer has a new key.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Literal

from chalicelib.auth.issuers import Issuers
from chalicelib.errors import IssuerUnavailable
from chalicelib.outbound import NotAllowed, OutboundClient, OutboundRequest, Unreachable
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import NEW, equals
from chalicelib.storage.issuer_keys import SigningKeys
from chalicelib.storage.keys import signing_keys
from chalicelib.storage.records import from_item, update
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table

# Between two fetches from one issuer, whatever the number of processes.
PAUSE = timedelta(seconds=60)
# Keys of this age are fetched again when one is needed: the issuer may have withdrawn some.
FRESH = timedelta(hours=6)
# Keys of this age are not used any more, though the issuer cannot be reached.
USABLE = timedelta(hours=24)
# For so long a process asks nobody about an issuer.
REMEMBERED_SECONDS = 600.0
MAX_REMEMBERED = 100

FETCH_SECONDS = 5.0
MAX_BYTES = 262_144
MAX_KEYS = 100
MAX_KID = 200

# Why an issuer was asked and no keys came, for the connection's health.
Failure = Literal["keys_address", "keys_unreachable", "keys_response"]
# Or it was asked less than a minute ago, and had no such key.
WAIT = "keys_wait"

Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Remembered:
    keys: SigningKeys
    until: float


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of all issuers, as this process knows them."""

    issuers: Issuers = field(default_factory=Issuers)
    client: OutboundClient = field(default_factory=OutboundClient)
    fetch_seconds: float = FETCH_SECONDS
    _remembered: OrderedDict[str, _Remembered] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, table: Table, issuer: str, kid: str, deadline: Deadline) -> Jwk | None:
        """Find a key of a trusted issuer; None where the issuer has just said that it has no such.

        A key that this process knows costs no call; else 1 GetItem, and perhaps a fetch.

        Raises:
            IssuerUnavailable: the issuer cannot be asked now, or does not respond.
        """
        known = self._recall(issuer, table.clock.monotonic())
        if known is None or not _has(known, kid, table.clock.now(), USABLE):
            known = self._refreshed(table, issuer, kid, deadline)
        return known.keys.get(kid)

    def _refreshed(self, table: Table, issuer: str, kid: str, deadline: Deadline) -> SigningKeys:
        """Return the keys of the table, or of the issuer where those are old or lack this one.

        Raises:
            IssuerUnavailable: the issuer was asked less than a minute ago, or does not respond.
        """
        now = table.clock.now()
        items = table.namespace(grants.signing_keys(issuer), deadline)
        keys = _read(items, issuer)
        if not _has(keys, kid, now, FRESH):
            keys = self._asked(items, keys, now)
            if keys.failure and not _has(keys, kid, now, USABLE):
                raise IssuerUnavailable(reason=keys.failure)
        self._remember(issuer, keys, table.clock.monotonic())
        return keys

    def _asked(self, items: Namespace, stored: SigningKeys, now: datetime) -> SigningKeys:
        """Ask the issuer, if it is this request's turn; without `failure` it has just said them."""
        waiting = replace(stored, failure=stored.failure or WAIT)
        if timestamp(now) < stored.next_fetch:
            return waiting
        key = signing_keys(stored.issuer)
        as_read = equals("next_fetch", stored.next_fetch) if stored.next_fetch else NEW
        asking = replace(stored, next_fetch=timestamp(now + PAUSE))
        if items.try_commit([update(key, asking, as_read)]):
            return waiting
        found = self._fetched(stored.issuer)
        asked = (
            replace(asking, failure=found)
            if isinstance(found, str)
            else replace(asking, keys=found, fetched=timestamp(now), failure=None)
        )
        items.try_commit([update(key, asked, equals("next_fetch", asking.next_fetch))])
        return asked

    def _fetched(self, issuer: str) -> dict[str, Jwk] | Failure:
        url = self.issuers.keys_url(issuer)
        request = OutboundRequest("GET", url or "", {"Accept": "application/json"})
        try:
            response = self.client.send(request, seconds=self.fetch_seconds, max_bytes=MAX_BYTES)
        except NotAllowed:
            return "keys_address"
        except Unreachable:
            return "keys_unreachable"
        # A redirect leads to a host that nobody has entered.
        found = parse_key_set(response.body) if response.status == 200 else None  # noqa: PLR2004
        return "keys_response" if found is None else found

    def _recall(self, issuer: str, now: float) -> SigningKeys | None:
        with self._lock:
            known = self._remembered.get(issuer)
        return known.keys if known is not None and now < known.until else None

    def _remember(self, issuer: str, keys: SigningKeys, now: float) -> None:
        with self._lock:
            self._remembered[issuer] = _Remembered(keys, now + REMEMBERED_SECONDS)
            self._remembered.move_to_end(issuer)
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)


def _has(known: SigningKeys, kid: str, now: datetime, age: timedelta) -> bool:
    """Return whether a key is among those that are known, and not older than that."""
    return kid in known.keys and known.is_usable(now, age)


def _read(items: Namespace, issuer: str) -> SigningKeys:
    item = items.get(signing_keys(issuer))
    return from_item(SigningKeys, item) if item else SigningKeys(issuer)


def parse_key_set(body: bytes) -> dict[str, Jwk] | None:
    """Read a JWK Set (RFC 7517 section 5): the keys for signatures by id.

    A key without an id, of another use, or whose parts are no texts, is left out. None stands for
    anything else than a set.
    """
    try:
        listed = json.loads(body)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        return None
    found: dict[str, Jwk] = {}
    for jwk in listed:
        if isinstance(jwk, dict) and _signs(jwk):
            found[jwk["kid"]] = {name: jwk[name] for name in PUBLIC if name in jwk}
    return found


# What is stored of a key (RFC 7518 section 6): nothing private, nothing that is not needed.
PUBLIC = ("kty", "alg", "n", "e", "crv", "x", "y")


def _signs(jwk: Mapping[str, Any]) -> bool:
    kid = jwk.get("kid")
    is_named = isinstance(kid, str) and 0 < len(kid) <= MAX_KID
    is_text = all(isinstance(jwk[name], str) for name in PUBLIC if name in jwk)
    return (
        is_named and is_text and jwk.get("use", "sig") == "sig" and jwk.get("kty") in {"RSA", "EC"}
    )
