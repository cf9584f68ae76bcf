"""Why a connection does not work, told from its settings: what holds, what does not, what to do.

A check that fails keeps the identity provider out or leaves its users without a place. Advice is
what works and could be better. Knows settings and health; what a provider sends is not its job.
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

# Providers call every 40 minutes or more often; after this they have stopped.
SILENCE = timedelta(hours=3)
# A new token is not made and pasted in a day.
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ConnectionDetails:
    """A connection with what it depends on, at one moment."""

    snapshot: OrganisationSnapshot
    connection: Connection
    plan: Plan | None
    live: tuple[ConnectionToken, ...]
    last_call: str | None
    now: datetime

    @property
    def last_end(self) -> str:
        """When the last of its live tokens ends."""
        return max((token.expires for token in self.live), default="")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold for a connection to work.

    `found` says what is, in words with {organisation}, {connection} and {details}; `fix` what to do
    where it does not hold. Where one that `bars` fails, no request is let in.
    """

    name: str
    holds: Callable[[ConnectionDetails], bool]
    found: str
    fix: str
    bars: bool = False


CHECKS = (
    Check(
        "Plan",
        lambda details: details.plan is not None and details.plan.scim,
        "The organisation's plan is `{organisation.plan}`.",
        "This plan does not include SCIM. Ask the SaaS's support for one that does; the "
        "connection then works as it is.",
        bars=True,
    ),
    Check(
        "Organisation",
        lambda details: details.snapshot.organisation.state == "active",
        "The organisation is {organisation.state}.",
        "Ask the SaaS's support to set the organisation to active again.",
        bars=True,
    ),
    Check(
        "Connection",
        lambda details: details.connection.state == "active",
        "The connection is {connection.state}.",
        "Set a paused connection to active; in the place of one that has ended, make another.",
        bars=True,
    ),
    Check(
        "Token",
        lambda details: bool(details.live),
        "The connection has {live} token(s) in force{until}.",
        "Make a new token and paste it into the identity provider.",
    ),
    Check(
        "Workspace",
        lambda details: details.connection.workspace in details.snapshot.workspaces,
        "Users and teams come into the workspace `{connection.workspace}`.",
        "This workspace is no longer there: choose another one for the connection.",
    ),
    Check(
        "Default role",
        lambda details: details.connection.default_role in details.snapshot.roles,
        "New users get the role `{connection.default_role}`.",
        "This role is no longer there: choose another one for the connection.",
    ),
)


def read(
    admin: AdminContext, connection: Connection, plans: Mapping[str, Plan], waiting: Counters
) -> ConnectionDetails:
    """Read what a connection depends on: three Queries.

    `waiting` is what this process has counted of its calls and not yet written.

    Raises:
        NotFound: no such organisation.
    """
    now = admin.now()
    snapshot = read_snapshot(admin)
    return ConnectionDetails(
        snapshot,
        connection,
        plan=plans.get(snapshot.organisation.plan),
        live=tuple(row for row in tokens.stored_tokens(admin, connection.id) if row.live(now)),
        last_call=health.read(admin, connection.id, waiting).last_call,
        now=now,
    )


def describe(check: Check, details: ConnectionDetails) -> str:
    """Say what a check has found."""
    return check.found.format(
        organisation=details.snapshot.organisation,
        connection=details.connection,
        live=len(details.live),
        until=f", until {details.last_end}" if details.live else "",
    )


def advice(details: ConnectionDetails) -> Iterator[str]:
    """Say what works and could be better."""
    sso = details.snapshot.organisation.sso
    if not (sso and sso.get("forced")):
        yield (
            "SSO is not forced for all: users whom the identity provider creates must reset a "
            "password before they sign in, and keep it when they leave. Set up SSO with `force for "
            "all users` first."
        )
    if details.connection.state in SERVED_STATES:
        yield from _silence(details)
    if details.live and details.last_end < timestamp(details.now + SOON):
        yield (
            f"The last token ends at {details.last_end}: rotate it, and paste the new one into the "
            "identity provider before then."
        )


def _silence(details: ConnectionDetails) -> Iterator[str]:
    silent_since = details.last_call or details.connection.created
    if silent_since > timestamp(details.now - SILENCE):
        return
    last = f"since {details.last_call}" if details.last_call else "yet"
    yield (
        f"The identity provider has not called {last}. See that provisioning is started there, "
        "and that the connection's health shows no refused calls."
    )
