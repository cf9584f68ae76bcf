"""The public keys of an issuer of assertions, as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.storage.clock import timestamp


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys of one issuer by id (`kid`), each as a JWK (RFC 7517).

    `fetched` is when they came from there, `next_fetch` when they may be asked for again; "" for
    an issuer that was never asked. `failure` is why the last request brought no keys.
    """

    issuer: str
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fetched: str = ""
    next_fetch: str = ""
    failure: str | None = None

    def is_usable(self, now: datetime, age: timedelta) -> bool:
        """Return whether they were fetched within this time."""
        return timestamp(now - age) < self.fetched
