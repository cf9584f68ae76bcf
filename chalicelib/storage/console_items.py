"""Console links and console sessions as values. Pure.

Each is an item of its organisation, which says what it may do and whether it has ended, and an
item by the digest of its text, which finds the other one. The text itself is stored nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import timestamp

Purpose = Literal["admin", "setup"]

IDLE = timedelta(minutes=30)
# `last_used` is written no more often than this.
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ConsoleReference:
    """What the digest of a credential leads to: the organisation and the id of its item."""

    organisation: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLink:
    """A link that can be used.

    `user` is the SaaS's own id of who gets it. A setup link is for one connection: `connection`,
    or the first one that its session creates. `generation` is the organisation's at the time.

    A setup link may be opened again: `browsers` are digests of the keys of those that have opened
    it, and another one needs `code`.
    """

    id: str
    name: str
    created: str
    expires: str
    purpose: Purpose = "admin"
    user: str | None = None
    connection: str | None = None
    contact: str | None = None
    embedded: bool = False
    return_url: str | None = None
    generation: int = 0
    browsers: tuple[str, ...] = ()
    openings: int = 0
    opened: str | None = None
    code: str | None = None
    code_expires: str | None = None
    wrong_codes: int = 0

    def valid_code(self, now: datetime) -> str | None:
        """Return the code that a second browser needs; None where none was asked for."""
        return self.code if self.code_expires and timestamp(now) < self.code_expires else None

    def is_valid(self, generation: int, now: datetime) -> bool:
        """Tell whether it can be used: it has neither expired nor been ended with all others."""
        return self.generation == generation and timestamp(now) < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """A session that a link was exchanged for; `last_used` is right to a minute.

    `link` is the setup link that it comes from. An `embedded` one is sent as a bearer token by a
    page in a frame; `return_url` is where its page leads back to.
    """

    id: str
    name: str
    created: str
    expires: str
    last_used: str
    purpose: Purpose = "admin"
    user: str | None = None
    connection: str | None = None
    link: str | None = None
    embedded: bool = False
    return_url: str | None = None
    generation: int = 0

    @property
    def actor(self) -> Actor:
        """How the audit names its holder."""
        return Actor(self.purpose, self.user or self.id, self.name, self.id)

    def is_valid(self, generation: int, now: datetime) -> bool:
        """Tell whether it goes on: not expired, not idle, not ended with all others."""
        is_idle = now >= datetime.fromisoformat(self.last_used) + IDLE
        return self.generation == generation and timestamp(now) < self.expires and not is_idle

    def is_use_to_be_written(self, now: datetime) -> bool:
        """Tell whether a use at this time changes `last_used`."""
        return now >= datetime.fromisoformat(self.last_used) + USED_EVERY
