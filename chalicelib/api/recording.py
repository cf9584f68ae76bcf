"""What a connection's admin will see of a request: a row of the log, a number of the health.

One place around all SCIM requests. Both writes are made after the operation, once, in what is
left of its time; the answer never depends on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.api.edge import Request, Response
from chalicelib.api.services import Services
from chalicelib.auth.principals import Connection
from chalicelib.directory.tenant import Tenant
from chalicelib.observability import logger
from chalicelib.scim.errors import (
    Forbidden,
    InternalError,
    ScimError,
    TooManyRequests,
    Unauthorized,
)
from chalicelib.scim.masking import ADDRESS, HIDDEN, masked_detail, masked_query
from chalicelib.storage.clock import timestamp
from chalicelib.storage.health import Tally
from chalicelib.storage.keys import ScimKeys, is_id
from chalicelib.storage.log import LoggedCall
from chalicelib.storage.table import Namespace

ROOT = "/scim/v2/{connection}"

# A call of DynamoDB that hangs takes so many seconds until the client gives up. One that begins
# later could keep the answer until API Gateway no longer waits for it.
LONGEST_CALL = 4.0

MOST_PATH = 1_000
MOST_DETAIL = 500

# Of a user agent only what its products are named with: no address, no token, no markup.
MOST_AGENT = 100
TOKEN = re.compile(r"psl_\w+")
UNUSUAL = re.compile(r"[^A-Za-z0-9 ./;:()_+,-]")


@dataclass(frozen=True, slots=True)
class Recording:
    """One request on a connection, from its beginning on."""

    services: Services
    rows: Namespace
    keys: ScimKeys
    request: Request
    at: datetime
    began: float

    @classmethod
    def of(cls, services: Services, rows: Namespace, keys: ScimKeys, request: Request) -> Recording:
        """Begin with a request that is not authenticated yet."""
        clock = services.table.clock
        return cls(services, rows, keys, request, clock.now(), clock.monotonic())

    def admission(self, admit: Callable[[], Connection]) -> Connection:
        """Let a request in, or count why it is not.

        Raises:
            ScimError: whatever `admit` raises.
        """
        try:
            return admit()
        except (Unauthorized, Forbidden, TooManyRequests) as refusal:
            if refusal.reason is not None:
                self._refuse(refusal.reason)
            raise

    def answer(
        self, tenant: Tenant, connection: Connection, answer: Callable[[], Response]
    ) -> Response:
        """Answer a request that was let in, and log how it ended.

        Raises:
            ScimError: whatever `answer` raises.
        """
        try:
            response = answer()
        except ScimError as error:
            self._log(tenant, connection, error.status, error)
            raise
        except Exception:
            self._log(tenant, connection, InternalError.status)
            raise
        self._log(tenant, connection, response.status)
        return response

    def _log(
        self, tenant: Tenant, connection: Connection, status: int, error: ScimError | None = None
    ) -> None:
        try:
            call = self._call(tenant, connection, status, error)
            kept = timedelta(days=connection.plan.log_days)
            entropy = tenant.clock.random.getrandbits(80)
            self.rows.try_once(call.put(self.keys, self.at, entropy, kept), LONGEST_CALL)
            self._count(
                call.outcome, lambda tally: tally.admit(call.outcome, connection.token_id, call.at)
            )
        except Exception:  # noqa: BLE001 - a fault in telling never becomes one of the call
            logger.exception("call not logged", extra={"request_id": self.request.request_id})

    def _call(
        self, tenant: Tenant, connection: Connection, status: int, error: ScimError | None
    ) -> LoggedCall:
        before, after = tenant.trace.difference
        return LoggedCall(
            at=timestamp(self.at),
            method=self.request.method,
            path=self._path(),
            status=status,
            scim_type=error.scim_type if error else None,
            detail=masked_detail(error.detail)[:MOST_DETAIL] if error else None,
            token=connection.token_name,
            target=self._target(tenant, created=error is None),
            ids=list(tenant.trace.ids),
            duration_ms=int((tenant.clock.monotonic() - self.began) * 1000),
            before=before,
            after=after,
        )

    def _target(self, tenant: Tenant, *, created: bool) -> str | None:
        """Name the resource: the path's, else the one that came into being."""
        named = self.request.path.get("id", "")
        if is_id(named):
            return named
        return tenant.trace.target if created else None

    def _path(self) -> str:
        """Write the path below the connection's URL: no client's text but ids stands in it."""
        named = self.request.path.get("id", "")
        path = self.request.route.removeprefix(ROOT).replace(
            "{id}", named if is_id(named) else HIDDEN
        )
        return f"{path}{masked_query(self.request.query)}"[:MOST_PATH]

    def _refuse(self, reason: str) -> None:
        agent = clean_agent(self.request.header("user-agent") or "")
        self._count(reason, lambda tally: tally.refuse(reason, agent, timestamp(self.at)))

    def _count(self, kind: str, note: Callable[[Tally], None]) -> None:
        due = self.services.tallies.count(self.keys.connection, kind, self.at, note)
        if due is not None:
            self.rows.try_once(due.update(self.keys, self.at), LONGEST_CALL)


def clean_agent(text: str) -> str:
    """Cut a user agent to what identifies the program."""
    return UNUSUAL.sub("", TOKEN.sub("", ADDRESS.sub("", text)))[:MOST_AGENT].strip()
