"""Why a connection does not work, as far as its settings tell: what is right, wrong and to do.

A check that fails keeps the identity provider out, or leaves its users without a workspace or a
role. Advice is about what works and could be better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.organisations import health, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.snapshot import OrganisationSnapshot, read_snapshot
from chalicelib.settings import Plan
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import Counters
from chalicelib.storage.settings_items import SERVED_STATES, Connection, ConnectionToken

# Providers send requests every 40 minutes or more often; after this time they have stopped.
SILENCE = timedelta(hours=3)
# Nobody creates a new token and pastes it into the identity provider within a day.
EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ConnectionDetails:
    """A connection with what it depends on, at one moment."""

    snapshot: OrganisationSnapshot
    connection: Connection
    plan: Plan | None
    live_tokens: tuple[ConnectionToken, ...]
    last_request: str | None
    now: datetime

    @property
    def last_expiry(self) -> str:
        """When the last of the live tokens expires; "" without live tokens."""
        return max((token.expires for token in self.live_tokens), default="")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that a connection needs in order to work.

    `finding` describes what is there; it is a format of {organisation}, {connection}, {live} and
    {until}. `fix` says what to do where the check fails. Where one that `blocks_requests` fails,
    every SCIM request is rejected.
    """

    name: str
    passes: Callable[[ConnectionDetails], bool]
    finding: str
    fix: str
    blocks_requests: bool = False


CHECKS = (
    Check(
        "Plan",
        lambda details: details.plan is not None and details.plan.scim,
        "The organisation's plan is `{organisation.plan}`.",
        "This plan does not include SCIM. Ask the SaaS's support for one that does; the "
        "connection then works as it is.",
        blocks_requests=True,
    ),
    Check(
        "Organisation",
        lambda details: details.snapshot.organisation.state == "active",
        "The organisation is {organisation.state}.",
        "Ask the SaaS's support to set the organisation to active again.",
        blocks_requests=True,
    ),
    Check(
        "Connection",
        lambda details: details.connection.state == "active",
        "The connection is {connection.state}.",
        "Set a paused connection to active; create a new connection to replace one that has ended.",
        blocks_requests=True,
    ),
    Check(
        "Credential",
        lambda details: bool(details.live_tokens),
        "Valid credentials of a type that is accepted: {live}{until}.",
        "Create a new credential and enter it in the identity provider.",
    ),
    Check(
        "Workspace",
        lambda details: details.connection.workspace in details.snapshot.workspaces,
        "Users and teams are provisioned into the workspace `{connection.workspace}`.",
        "This workspace no longer exists. Choose another one for the connection.",
    ),
    Check(
        "Default role",
        lambda details: details.connection.default_role in details.snapshot.roles,
        "New users get the role `{connection.default_role}`.",
        "This role no longer exists. Choose another one for the connection.",
    ),
)


def read_details(
    admin: AdminContext, connection: Connection, plans: Mapping[str, Plan], waiting: Counters
) -> ConnectionDetails:
    """Read what a connection depends on: three Queries.

    `waiting` is what this process has counted of its requests and not written yet.

    Raises:
        NotFound: no such organisation.
    """
    now = admin.now()
    snapshot = read_snapshot(admin)
    allowed = snapshot.organisation.allowed_types(admin.authentication_types)
    accepted = allowed & {*connection.authentication}
    stored = tokens.stored_tokens(admin, connection.id)
    return ConnectionDetails(
        snapshot,
        connection,
        plan=plans.get(snapshot.organisation.plan),
        live_tokens=tuple(t for t in stored if t.live(now) and t.credential_type in accepted),
        last_request=health.read(admin, connection.id, waiting).last_call,
        now=now,
    )


def describe(check: Check, details: ConnectionDetails) -> str:
    """Return a check's finding for a connection."""
    return check.finding.format(
        organisation=details.snapshot.organisation,
        connection=details.connection,
        live=len(details.live_tokens),
        until=f", the last until {details.last_expiry}" if details.live_tokens else "",
    )


def advice(details: ConnectionDetails) -> Iterator[str]:
    """Yield what works and could be better."""
    sso = details.snapshot.organisation.sso
    if not (sso and sso.get("forced")):
        yield (
            "SSO is not forced for all users: those whom the identity provider creates must set a "
            "password before they sign in, and it keeps working in the SaaS when they leave. Set "
            "up SSO with `force for all users` first."
        )
    silent_since = details.last_request or details.connection.created
    silent = silent_since <= timestamp(details.now - SILENCE)
    if silent and details.connection.state in SERVED_STATES:
        last = f"since {details.last_request}" if details.last_request else "yet"
        yield (
            f"The identity provider has not sent a request {last}. Check that provisioning is "
            "started there, and that the connection's health shows no rejected requests."
        )
    if details.live_tokens and details.last_expiry < timestamp(details.now + EXPIRES_SOON):
        yield (
            f"The last credential expires at {details.last_expiry}: rotate it, and enter the new "
            "one in the identity provider before then."
        )
