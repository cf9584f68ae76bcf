"""A call of an identity provider as a value, and as a row of the provisioning log. Pure.

The row holds no personal data but what its writer has masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REFUSED_FROM = 400
FAILED_FROM = 500
OUTCOMES = ("success", "refused", "failed")


def outcome_of(status: int) -> str:
    """Name how a call ended: refused is what the caller can mend, failed what we must."""
    return OUTCOMES[(status >= REFUSED_FROM) + (status >= FAILED_FROM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One call; `token` is the name of the token, `ids` are users and teams that it met."""

    at: str
    method: str
    path: str
    status: int
    scim_type: str | None = None
    detail: str | None = None
    token: str
    target: str | None = None
    ids: Sequence[str] = ()
    duration_ms: int
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def outcome(self) -> str:
        """How it ended: success, refused or failed."""
        return outcome_of(self.status)
