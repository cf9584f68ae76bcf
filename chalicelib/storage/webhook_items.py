"""Webhooks of the SaaS, what waits to be sent again, and what was given up, as values. Pure.

None of them has more of an event than its id and its place in the feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from chalicelib.storage.directory_items import Lease
from chalicelib.storage.event_items import Event

WebhookState = Literal["active", "paused"]
Include = Literal["object"]

# The first digit of a status.
SUCCESS = 2
DELIVERIES_KEPT = timedelta(days=7)
DEAD_LETTERS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that deliveries are signed with, by its id in Secrets Manager, and until when."""

    id: str
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events are sent to: a URL of the SaaS, or the ARN of an SQS FIFO queue.

    No `types` means all, as no `organisations` does. With `include` the event of a user or group
    has the object as it is when it is sent. `cursor` is the place in the feed up to which all was
    sent, waits, or was given up. `failures` counts the attempts since something was accepted last,
    at `last_accepted`; nothing is sent before `next_attempt`. `next_waiting` is when the first of
    what waits is sent again; what was tried last before `woken` is sent at once. Who holds the
    lease sends; `replays` counts the requests to send something again, so that the one who sends
    notices.
    """

    id: str
    url: str
    state: WebhookState
    created: str
    cursor: str
    secrets: Sequence[SigningSecret]
    types: Sequence[str] = ()
    organisations: Sequence[str] = ()
    queue: str = ""
    include: Include | None = None
    failures: int = 0
    next_attempt: str | None = None
    next_waiting: str | None = None
    last_accepted: str | None = None
    woken: str | None = None
    replays: int = 0
    lease: Lease | None = None

    def live_secrets(self, now: str) -> list[SigningSecret]:
        """Return the secrets that a delivery is signed with at a moment."""
        return [each for each in self.secrets if each.until is None or each.until > now]

    def due_at(self, waiting: Waiting) -> str:
        """Return when what waits is to be sent again."""
        woken = self.woken or ""
        return min(woken, waiting.next_attempt) if waiting.tried < woken else waiting.next_attempt

    def wants(self, event: Event) -> bool:
        """Tell whether an event is one of those that it asks for."""
        return (not self.types or event.type in self.types) and (
            not self.organisations or event.organisation in self.organisations
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """The events of one object that wait, by their places in the feed.

    The first of them was tried last at `tried`, and is tried again at `next_attempt`.
    """

    object: str
    places: Sequence[str]
    tried: str
    next_attempt: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: the status and length of the response, or why there was none."""

    id: str
    event: str
    at: str
    milliseconds: int
    status: int | None = None
    length: int | None = None
    error: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Tell whether the receiver has accepted the event: a status of 2xx."""
        return (self.status or 0) // 100 == SUCCESS


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up: its place in the feed and what it was about.

    `event` is None where the feed has it no longer.
    """

    id: str
    place: str
    object: str
    at: str
    event: str | None = None
