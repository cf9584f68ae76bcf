"""What every handler needs of this deployment, made once by app.py."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from chalicelib.api.pending_counters import PendingCounters
from chalicelib.api.rate_limit import Buckets
from chalicelib.auth.secrets import Secrets
from chalicelib.directory.extensions import UserTypes
from chalicelib.settings import Settings
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table

# Below API Gateway's 29 s and the timeout of the function, so that the response is ours.
DEADLINE_SECONDS = 23.0


@dataclass(frozen=True, slots=True)
class Services:
    """Table, secrets and settings of this deployment, and what this process keeps in memory."""

    table: Table
    secrets: Secrets
    settings: Settings
    buckets: Buckets = field(default_factory=lambda: Buckets(time.monotonic))
    pending_counters: PendingCounters = field(default_factory=PendingCounters)
    user_types: UserTypes = field(default_factory=UserTypes)

    def deadline(self) -> Deadline:
        """Return the deadline of a request that has just come."""
        return Deadline.after(DEADLINE_SECONDS, self.table.clock)
