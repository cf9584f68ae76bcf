"""What every handler needs of this deployment, made once by app.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.api.pending_counters import PendingCounters
from chalicelib.api.pending_log import PendingLog
from chalicelib.api.rate_limit import Buckets
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.directory.extensions import UserTypes
from chalicelib.outbound import OutboundClient
from chalicelib.queues import QueueClient
from chalicelib.settings import Settings
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table

# The longest that a call to DynamoDB takes until the client gives up, in seconds.
LONGEST_CALL = 4.0
# After it nothing of an operation is sent. A call that is running then and the one that logs the
# request end before API Gateway's 29 s and the timeout of the function: the response is ours.
DEADLINE_SECONDS = 19.0
# When that log must be written; its call begins no later than LONGEST_CALL before.
LOG_SECONDS = DEADLINE_SECONDS + 2 * LONGEST_CALL + 0.5


@dataclass(frozen=True, slots=True)
class Services:
    """Table, secrets and settings of this deployment, and what this process keeps in memory."""

    table: Table
    secrets: Secrets
    settings: Settings
    buckets: Buckets = field(default_factory=Buckets)
    pending_counters: PendingCounters = field(default_factory=PendingCounters)
    pending_log: PendingLog = field(default_factory=PendingLog)
    user_types: UserTypes = field(default_factory=UserTypes)
    key_ring: KeyRing = field(default_factory=KeyRing)
    outbound: OutboundClient = field(default_factory=OutboundClient)
    queues: QueueClient = field(default_factory=QueueClient)

    def deadline(self) -> Deadline:
        """Return the deadline of a request that has just come."""
        return Deadline.after(DEADLINE_SECONDS, self.table.clock)
