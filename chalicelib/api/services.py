"""What every route needs of the world, made once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.auth.secrets import Secrets
from chalicelib.settings import Settings
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table

# Below API Gateway's 29 s and the function's time-out, so that we answer, not they.
DEADLINE_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Services:
    """The table, the secrets and the settings of this deployment."""

    table: Table
    secrets: Secrets
    settings: Settings

    def deadline(self) -> Deadline:
        """Set the deadline of one request, counted from now."""
        return Deadline.after(DEADLINE_SECONDS, self.table.clock)
