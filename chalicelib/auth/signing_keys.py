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
from typing import Any

from chalicelib.auth.issuers import Issuers
from chalicelib.errors import Unavailable
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
    _remembered: OrderedDict[str, _Remembered] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, table: Table, issuer: str, kid: str, deadline: Deadline) -> Jwk | None:
        """Find a key of a trusted issuer; None where the issuer has just said that it has no such.

        A key that this process knows costs no call; else 1 GetItem, and perhaps a fetch.

        Raises:
            Unavailable: the issuer cannot be asked now.
        """
        now = table.clock.now()
        known = self._recall(issuer, table.clock.monotonic())
        if known is None or kid not in known.keys:
            known = self._refreshed(table, issuer, kid, deadline)
        return known.keys.get(kid) if known.is_usable(now, USABLE) else None

    def _refreshed(self, table: Table, issuer: str, kid: str, deadline: Deadline) -> SigningKeys:
        """Return the keys of the table, or of the issuer where those are old or lack this one.

        Raises:
            Unavailable: the issuer was asked less than a minute ago, or does not respond.
        """
        now = table.clock.now()
        items = table.namespace(grants.signing_keys(issuer), deadline)
        stored = _read(items, issuer)
        is_enough = kid in stored.keys and stored.is_usable(now, FRESH)
        if not is_enough:
            fetched = self._fetched(items, stored, now)
            if fetched is None and not (kid in stored.keys and stored.is_usable(now, USABLE)):
                raise Unavailable
            stored = fetched or stored
        self._remember(issuer, stored, table.clock.monotonic())
        return stored

    def _fetched(self, items: Namespace, stored: SigningKeys, now: datetime) -> SigningKeys | None:
        """Fetch the keys, if it is this request's turn; None if it is not, or they did not come."""
        if timestamp(now) < stored.next_fetch:
            return None
        key = signing_keys(stored.issuer)
        as_read = equals("next_fetch", stored.next_fetch) if stored.next_fetch else NEW
        asking = replace(stored, next_fetch=timestamp(now + PAUSE))
        if items.try_commit([update(key, asking, as_read)]):
            return None
        keys = self._keys_of(stored.issuer)
        if keys is None:
            return None
        fetched = replace(asking, keys=keys, fetched=timestamp(now))
        items.try_commit([update(key, fetched, equals("next_fetch", asking.next_fetch))])
        return fetched

    def _keys_of(self, issuer: str) -> dict[str, Jwk] | None:
        url = self.issuers.keys_url(issuer)
        if url is None:
            return None
        request = OutboundRequest("GET", url, {"Accept": "application/json"})
        try:
            response = self.client.send(request, seconds=FETCH_SECONDS, max_bytes=MAX_BYTES)
        except (NotAllowed, Unreachable):
            return None
        return parse_key_set(response.body) if response.status == 200 else None  # noqa: PLR2004

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


def _read(items: Namespace, issuer: str) -> SigningKeys:
    item = items.get(signing_keys(issuer))
    return from_item(SigningKeys, item) if item else SigningKeys(issuer)


def parse_key_set(body: bytes) -> dict[str, Jwk] | None:
    """Read a JWK Set (RFC 7517 section 5): the keys for signatures by id.

    A key without an id, or of another use, is left out. None stands for anything else than a set.
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
    return is_named and jwk.get("use", "sig") == "sig" and jwk.get("kty") in {"RSA", "EC"}
