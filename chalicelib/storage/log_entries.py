"""A request of an identity provider, as an entry of the provisioning log. Pure.

An entry contains no personal data but what has been masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REFUSED_FROM = 400
FAILED_FROM = 500
OUTCOMES = ("success", "refused", "failed")


def outcome_of(status: int) -> str:
    """Return a request's outcome: `refused` is for the client to correct, `failed` for us."""
    return OUTCOMES[(status >= REFUSED_FROM) + (status >= FAILED_FROM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One request; `token` is the name of the token, `ids` are the users and groups it touched."""

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
        """The outcome: `success`, `refused` or `failed`."""
        return outcome_of(self.status)
