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
from chalicelib.auth.authenticate import ConnectionPrincipal
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import ApiError, Forbidden, InternalError, TooManyRequests, Unauthorized
from chalicelib.observability import logger
from chalicelib.scim.masking import ADDRESS, HIDDEN, masked_detail, masked_query
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import Counters
from chalicelib.storage.keys import ConnectionKeys, is_id
from chalicelib.storage.log_entries import LogEntry
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
class Recorder:
    """One request on a connection, from its beginning on."""

    services: Services
    items: Namespace
    keys: ConnectionKeys
    request: Request
    at: datetime
    began: float

    @classmethod
    def of(
        cls, services: Services, rows: Namespace, keys: ConnectionKeys, request: Request
    ) -> Recorder:
        """Begin with a request that is not authenticated yet."""
        clock = services.table.clock
        return cls(services, rows, keys, request, clock.now(), clock.monotonic())

    def admission(self, admit: Callable[[], ConnectionPrincipal]) -> ConnectionPrincipal:
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
        self,
        context: ConnectionContext,
        connection: ConnectionPrincipal,
        answer: Callable[[], Response],
    ) -> Response:
        """Answer a request that was let in, and log how it ended.

        Raises:
            ScimError: whatever `answer` raises.
        """
        try:
            response = answer()
        except ApiError as error:
            self._log(context, connection, error.status, error)
            raise
        except Exception:
            self._log(context, connection, InternalError.status)
            raise
        self._log(context, connection, response.status)
        return response

    def _log(
        self,
        context: ConnectionContext,
        connection: ConnectionPrincipal,
        status: int,
        error: ApiError | None = None,
    ) -> None:
        try:
            call = self._call(context, connection, status, error)
            kept = timedelta(days=connection.plan.log_days)
            entropy = context.clock.random.getrandbits(80)
            self.items.try_once(call.put(self.keys, self.at, entropy, kept), LONGEST_CALL)
            self._count(
                call.outcome,
                lambda counters: counters.admit(call.outcome, connection.token_id, call.at),
            )
        except Exception:  # noqa: BLE001 - a fault in telling never becomes one of the call
            logger.exception("call not logged", extra={"request_id": self.request.request_id})

    def _call(
        self,
        context: ConnectionContext,
        connection: ConnectionPrincipal,
        status: int,
        error: ApiError | None,
    ) -> LogEntry:
        before, after = context.trace.difference
        return LogEntry(
            at=timestamp(self.at),
            method=self.request.method,
            path=self._path(),
            status=status,
            scim_type=error.scim_type if error else None,
            detail=masked_detail(error.detail)[:MOST_DETAIL] if error else None,
            token=connection.token_name,
            target=self._target(context, created=error is None),
            ids=list(context.trace.ids),
            duration_ms=int((context.clock.monotonic() - self.began) * 1000),
            before=before,
            after=after,
        )

    def _target(self, context: ConnectionContext, *, created: bool) -> str | None:
        """Name the resource: the path's, else the one that came into being."""
        named = self.request.path.get("id", "")
        if is_id(named):
            return named
        return context.trace.target if created else None

    def _path(self) -> str:
        """Write the path below the connection's URL: no client's text but ids stands in it."""
        named = self.request.path.get("id", "")
        path = self.request.route.removeprefix(ROOT).replace(
            "{id}", named if is_id(named) else HIDDEN
        )
        return f"{path}{masked_query(self.request.query)}"[:MOST_PATH]

    def _refuse(self, reason: str) -> None:
        agent = clean_agent(self.request.header("user-agent") or "")
        self._count(reason, lambda counters: counters.refuse(reason, agent, timestamp(self.at)))

    def _count(self, resource_type: str, note: Callable[[Counters], None]) -> None:
        due = self.services.pending_counters.count(
            self.keys.connection, resource_type, self.at, note
        )
        if due is not None:
            self.items.try_once(due.update(self.keys, self.at), LONGEST_CALL)


def clean_agent(text: str) -> str:
    """Cut a user agent to what identifies the program."""
    return UNUSUAL.sub("", TOKEN.sub("", ADDRESS.sub("", text)))[:MOST_AGENT].strip()
