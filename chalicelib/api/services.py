"""What every route needs of the world, made once by the composition root."""

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

# Below API Gateway's 29 s and the function's time-out, so that we answer, not they.
DEADLINE_SECONDS = 23.0


@dataclass(frozen=True, slots=True)
class Services:
    """The table, the secrets and the settings of this deployment; what this process counts."""

    table: Table
    secrets: Secrets
    settings: Settings
    buckets: Buckets = field(default_factory=lambda: Buckets(time.monotonic))
    pending_counters: PendingCounters = field(default_factory=PendingCounters)
    user_types: UserTypes = field(default_factory=UserTypes)

    def deadline(self) -> Deadline:
        """Set the deadline of one request, counted from now."""
        return Deadline.after(DEADLINE_SECONDS, self.table.clock)
