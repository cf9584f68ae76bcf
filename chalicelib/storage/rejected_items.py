"""What a page that listens to a connection sees: its rejected requests, one by one. Pure.

They are written only while a page listens, and kept for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# A page that has not asked for so long no longer listens; it asks again before.
LISTENS_FOR = timedelta(minutes=5)
# A page that asks again so soon causes no write.
ASKED_AGAIN_AFTER = timedelta(minutes=1)
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRequest:
    """A rejected request; `id` is a ULID, `token_hint` how a token of this connection ended."""

    at: str
    reason: str
    method: str
    path: str
    status: int
    user_agent: str = ""
    token_hint: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class ListenedToken:
    """Which connection listens for a token that is sent to the URL of another one."""

    connection: str
    until: str
