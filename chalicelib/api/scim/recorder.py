"""What a connection's admin sees of each SCIM request: a log entry, and counters for its health.

Both are written after the handler, once, in what is left of the request's time; a fault here
never changes the response.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.api.edge import Request, Response
from chalicelib.api.query import readable
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.api.services import LOG_SECONDS, LONGEST_CALL, Services
from chalicelib.auth import tokens
from chalicelib.auth.authenticate import ConnectionPrincipal, bearer, listening_connection
from chalicelib.directory.context import ConnectionContext, WrittenEntry
from chalicelib.errors import (
    ApiError,
    Busy,
    Forbidden,
    InternalError,
    IssuerUnavailable,
    NotFound,
    OAuthError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WrongUrl,
)
from chalicelib.observability import log_fault, record_deadline
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.masking import ADDRESS, Known, masked_detail, masked_query
from chalicelib.scim.sent_names import HIDDEN, logged_names
from chalicelib.settings import Rate
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import Counters, hour
from chalicelib.storage.expressions import NEW, Put
from chalicelib.storage.keys import ConnectionKeys, is_id, ulid
from chalicelib.storage.log_entries import LogEntry
from chalicelib.storage.records import to_item
from chalicelib.storage.rejected_items import KEPT, RejectedRequest
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace

MAX_PATH = 1_000
MAX_DETAIL = 500
MAX_IGNORED = 20

# A user agent is cut to the names and versions of its products: no address, token or markup.
MAX_USER_AGENT = 100
# So much of it is read.
MAX_READ = 1_000
TOKEN = re.compile(r"psl_\w+")
UNUSUAL = re.compile(r"[^A-Za-z0-9 ./;:()_+,-]")

# How many rejected requests of a connection are shown to a page, for each process.
SHOWN = Rate(per_second=1, burst=60)
# Where no connection, or another one, was asked: the token's own may be listening.
SENT_ELSEWHERE = frozenset({None, "foreign", "ended"})
# A part of a route that stands for what was sent.
SENT = re.compile(r"{\w+}")

# The status of a change that succeeds.
SUCCESS = {"POST": 201, "PUT": 200, "PATCH": 200, "DELETE": 204}
# How many milliseconds a request may last longer than its entry says that was written before.
MAX_UNLOGGED_MS = 1_000

Rejection = Unauthorized | Forbidden | OAuthError | IssuerUnavailable | TooManyRequests | WrongUrl


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records one request of a connection.

    `at` and `started` are the time it came; `ulid` names what is written of it.
    """

    services: Services
    items: Namespace
    keys: ConnectionKeys
    request: Request
    at: datetime
    started: float
    ulid: str

    @classmethod
    def start(
        cls, services: Services, items: Namespace, keys: ConnectionKeys, request: Request
    ) -> Recorder:
        """Start with a request that is not authenticated yet."""
        clock = services.table.clock
        started = clock.monotonic()
        late = items.with_deadline(Deadline(clock, started + LOG_SECONDS))
        at = clock.now()
        return cls(
            services, late, keys, request, at, started, ulid(at, clock.random.getrandbits(80))
        )

    def reject(self, rejection: Rejection) -> None:
        """Count a request that was not authenticated; without a reason there is no connection.

        A page that listens sees it at once; also one of the connection whose token was sent to
        this URL by mistake.
        """
        reason, agent = rejection.reason, self._user_agent
        if reason is not None:
            at = timestamp(self.at)
            self._count(reason, lambda counters: counters.count_rejected(reason, agent, at))
            if rejection.is_listened_to:
                self.show(reason, rejection.status)
        if reason in SENT_ELSEWHERE:
            self._show_elsewhere(rejection.status)

    @property
    def _user_agent(self) -> str:
        return clean_user_agent(self.request.header("user-agent") or "")

    def show(self, reason: str, status: int) -> None:
        """Write a rejected request for a page that listens, unless it has seen many."""
        try:
            self.services.buckets.take(self.keys.rate_limit("rejected"), SHOWN)
        except TooManyRequests:
            return
        rejected = RejectedRequest(
            at=timestamp(self.at),
            reason=reason,
            method=self.request.method,
            path=SENT.sub(HIDDEN, self.request.route.removeprefix(ROOT)),
            status=status,
            user_agent=self._user_agent,
            token_hint=None if reason == "foreign" else self._token_hint,
        )
        key = self.keys.rejected_request(self.ulid)
        self.items.try_once(Put(key, to_item(rejected, self.at + KEPT)), LONGEST_CALL)

    @property
    def _token_hint(self) -> str | None:
        """Return the last characters of the token that was sent; None for what we have not made."""
        text = bearer(self.request.headers.get("authorization", ())) or ""
        credential = tokens.parse(text)
        return tokens.hint_of(credential.token_type, text) if credential else None

    def _show_elsewhere(self, status: int) -> None:
        services = self.services
        authorization = self.request.headers.get("authorization", ())
        try:
            own = listening_connection(
                services.table, services.secrets, authorization, self.items.deadline
            )
        except (Busy, Unavailable):
            return
        if own is not None:
            keys = ConnectionKeys(own)
            items = services.table.namespace(grants.listening(keys), self.items.deadline)
            replace(self, items=items, keys=keys).show("other_url", status)

    def log(
        self,
        context: ConnectionContext,
        principal: ConnectionPrincipal,
        result: Response | Exception,
    ) -> None:
        """Log and count an authenticated request with its response, or the error that it raised.

        The requests of a self-test are not the identity provider's: nothing is recorded of them.
        """
        if principal.run:
            return
        if isinstance(result, Busy):
            self.record_deadline()
        try:
            entry = self._entry(context, principal, result)
            self._write(
                self._put(entry, principal), is_written=_is_same(entry, context.trace.logged)
            )
            # An advice is written as soon as an error is: it may be about lost access.
            counted = " ".join([entry.outcome, *entry.advice])
            token_id, agent = principal.token_id, self._user_agent
            self._count(counted, lambda each: each.count_accepted(entry, token_id, agent))
        except Exception as error:  # noqa: BLE001 - it never becomes a fault of the request
            log_fault("request not logged", error, request_id=self.request.request_id)

    def foresee(
        self, principal: ConnectionPrincipal, context: ConnectionContext
    ) -> WrittenEntry | None:
        """Make the log entry of a request that will succeed, for the transaction that changes.

        `context` has its trace as it will be then. What turns out otherwise is logged again. If it
        was logged before, the transaction is late: the response has said that nothing was changed.
        """
        try:
            entry = self._entry(context, principal, Response(self._success(principal)))
            return WrittenEntry(entry, replace(self._put(entry, principal), condition=NEW))
        except Exception as error:  # noqa: BLE001 - it never becomes a fault of the request
            log_fault("request not logged", error, request_id=self.request.request_id)
            return None

    def _success(self, principal: ConnectionPrincipal) -> int:
        """Return the status of the response to a change that succeeds."""
        returns_group = (
            principal.settings.group_patch_answer == "auto" or "attributes" in self.request.query
        )
        is_of_group = self.request.route.removeprefix(ROOT).lower() == "/groups/{id}"
        if self.request.method == "PATCH" and is_of_group and not returns_group:
            return 204
        return SUCCESS[self.request.method]

    def _put(self, entry: LogEntry, principal: ConnectionPrincipal) -> Put:
        """Return what writes an entry; that of this request always has the same key."""
        kept = timedelta(days=principal.plan.log_days)
        return Put(self.keys.log_entry(self.ulid, self.at), to_item(entry, self.at + kept))

    def record_deadline(self) -> None:
        """Write the metric of a request that ended at its deadline."""
        record_deadline(
            self.request.route, self.keys.connection, request_id=self.request.request_id
        )

    def _write(self, entry: Put, *, is_written: bool) -> None:
        """Write an entry and, if that succeeds, some that could not be written before.

        `is_written`: it was, with the request's change. One that was written and of which nobody
        knows is written again, as the same item.
        """
        pending, connection = self.services.pending_log, self.keys.connection
        if not is_written and not self.items.try_once(entry, LONGEST_CALL):
            pending.keep(connection, [entry])
            return
        waiting = pending.take(connection)
        while waiting and self.items.try_once(waiting[0], LONGEST_CALL):
            del waiting[0]
        pending.keep(connection, waiting)

    def _entry(
        self,
        context: ConnectionContext,
        principal: ConnectionPrincipal,
        result: Response | Exception,
    ) -> LogEntry:
        error = result if isinstance(result, ApiError) else None
        if isinstance(result, Exception):
            context.trace.fail()
        resource_types = (context.user_type, GROUP)
        before, after = context.trace.difference
        target = self._target(context, error)
        known = Known(resource_types, {*context.trace.ids, target or ""})
        names = (each.name for each in context.trace.ignored)
        ignored = logged_names(names, MAX_IGNORED, resource_types)
        return LogEntry(
            at=timestamp(self.at),
            method=self.request.method,
            path=self._path(target, known),
            status=_status(result),
            scim_type=error.scim_type if error else None,
            detail=masked_detail(error.detail)[:MAX_DETAIL] if error else None,
            token=principal.token_name,
            token_id=principal.token_id,
            request_id=self.request.request_id,
            target=target,
            ids=list(context.trace.ids),
            duration_ms=int((context.clock.monotonic() - self.started) * 1000),
            before=before,
            after=after,
            ignored=ignored.names,
            unnamed=ignored.unnamed,
            advice=tuple(context.trace.advice),
            operations=tuple(context.trace.operations),
        )

    def _target(self, context: ConnectionContext, error: ApiError | None) -> str | None:
        """Return the id of the resource: the one in the path, else the one that was created.

        What is not found is no id of ours: its 32 hex digits may be anything.
        """
        resource_id = self.request.path.get("id", "")
        if is_id(resource_id):
            return None if isinstance(error, NotFound) else resource_id
        return context.trace.target if error is None else None

    def _path(self, target: str | None, known: Known) -> str:
        """Write the path below the connection's URL; of what the client sent it has ids only."""
        shown = target or HIDDEN
        path = self.request.route.removeprefix(ROOT).replace("{id}", shown)
        return f"{path}{masked_query(readable(self.request.query), known)}"[:MAX_PATH]

    def _count(self, key: str, count: Callable[[Counters], None]) -> None:
        pending = self.services.pending_counters
        counters = pending.count(self.keys.connection, key, self.at, count)
        if counters is not None:
            update = counters.update(self.keys.health(hour(self.at)), self.at)
            if self.items.try_once(update, LONGEST_CALL) is False:
                pending.give_back(self.keys.connection, counters)


def _is_same(entry: LogEntry, logged: LogEntry | None) -> bool:
    """Return whether two entries say the same; `logged` was written before the request's end."""
    if logged is None or entry.duration_ms - logged.duration_ms > MAX_UNLOGGED_MS:
        return False
    return replace(entry, duration_ms=logged.duration_ms) == logged


def _status(result: Response | Exception) -> int:
    return result.status if isinstance(result, Response | ApiError) else InternalError.status


def clean_user_agent(text: str) -> str:
    """Cut a user agent to what identifies the program; what it may hide is looked for after that.

    A word that the first cut would divide is left out: it could be half of an address.
    """
    if len(text) > MAX_READ:
        text = text[: MAX_READ + 1].rpartition(" ")[0]
    return UNUSUAL.sub("", TOKEN.sub("", ADDRESS.sub("", text)))[:MAX_USER_AGENT].strip()
