"""A user who has lost access, and whether the SaaS has said that it ended theirs too. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# As long as the feed has the event.
LEAVERS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Leaver:
    """The event of a user who was deactivated or deleted at `at`.

    `acknowledged` is when their access had ended in the SaaS, as it has said; None: it has not.
    """

    event: str
    connection: str
    user: str
    at: str
    acknowledged: str | None = None
