"""A call of an identity provider as a value, and as a row of the provisioning log. Pure.

The row holds no personal data but what its writer has masked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.storage.directory_items import SHAPE, canonical, packed, unpacked
from chalicelib.storage.expressions import Item, Put
from chalicelib.storage.keys import ConnectionKeys, ulid

REFUSED_FROM = 400
FAILED_FROM = 500
OUTCOMES = ("success", "refused", "failed")


def outcome_of(status: int) -> str:
    """Name how a call ended: refused is what the caller can mend, failed what we must."""
    return OUTCOMES[(status >= REFUSED_FROM) + (status >= FAILED_FROM)]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One call; `token` is the name of the token, `ids` are users and teams that it met."""

    at: str
    method: str
    path: str
    status: int
    scim_type: str | None
    detail: str | None
    token: str
    target: str | None
    ids: Sequence[str]
    duration_ms: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def outcome(self) -> str:
        """How it ended: success, refused or failed."""
        return outcome_of(self.status)

    def put(self, keys: ConnectionKeys, at: datetime, entropy: int, kept: timedelta) -> Put:
        """Write the row; ids take 16 bytes each, and it ends by itself after `kept`."""
        row = {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "scim_type": self.scim_type,
            "detail": self.detail,
            "token": self.token,
            "target": self.target,
            "ids": packed(self.ids) or None,
            "ms": self.duration_ms,
            "before": self.before and canonical(self.before),
            "after": self.after and canonical(self.after),
            "ttl": int((at + kept).timestamp()),
            "shape": SHAPE,
        }
        return Put(keys.log_entry(ulid(at, entropy), at), row)


def log_entry_of(item: Item) -> LogEntry:
    """Read a row."""
    return LogEntry(
        at=item["at"],
        method=item["method"],
        path=item["path"],
        status=item["status"],
        scim_type=item.get("scim_type"),
        detail=item.get("detail"),
        token=item["token"],
        target=item.get("target"),
        ids=unpacked(item.get("ids", b"")),
        duration_ms=item["ms"],
        before=json.loads(item["before"]) if "before" in item else None,
        after=json.loads(item["after"]) if "after" in item else None,
    )
