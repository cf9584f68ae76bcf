"""Events, and the feed that they are stored in, as values. Pure.

An event has ids and names of attributes, never values: what a user or group says is read when the
event is told. So nothing that is deleted lives on in a feed, a queue or a dead letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

EventType = Literal[
    "user", "team", "membership", "role", "account", "connection", "console_link", "alert"
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
EVENTS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object.

    `type` is one of EVENT_TYPES and `action` what happened to it. `subject` is the id of the user
    (of role and account too), of the group (of a membership too), of the connection, of the link
    or, of an alert, of the connection or webhook that it is about; `user` is the member, `alert`
    which alert. A webhook belongs to no organisation. `id` is the same whenever the event is told.
    """

    id: str
    type: str
    action: str
    organisation: str | None
    connection: str | None
    subject: str
    at: str
    version: int | None = None
    attributes: Sequence[str] = ()
    user: str | None = None
    alert: str | None = None

    @property
    def object(self) -> str:
        """What its order is kept for: one user, one group, one pair of both, one connection."""
        parts = (self.connection or self.organisation, self.subject, self.user)
        return "/".join(each for each in parts if each)


@dataclass(frozen=True, slots=True)
class FeedHead:
    """The end of the feed: how many batches there are, and the tag of the last one."""

    number: int = 0
    tag: str = "0"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that were appended together, as number `number`.

    `previous` is the tag of the batch before, `tag` one of its own: a table that was restored goes
    on with the same numbers and other tags.
    """

    number: int
    tag: str
    previous: str
    events: Sequence[Event]
