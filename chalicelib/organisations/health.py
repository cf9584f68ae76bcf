"""How a connection fares: what was counted of its calls, by hour, and how much it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import lookups
from chalicelib.storage.counters import Counters, Health, health_of, hour
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.lookups import ConnectionScope

CALLS_OF = timedelta(hours=24)
# A reason of last week may be mended long since; it would only alarm.
REFUSALS_OF = timedelta(days=7)

# What an admin does about calls that were refused; the caller himself is not told the reason.
FIXES: Mapping[str, str] = {
    "missing": "The caller sent no token: paste one into the identity provider.",
    "garbage": "What was sent is no token of ours: copy it again, whole, or make a new one.",
    "wrong": "The token's secret part is wrong: copy it again, whole, or make a new one.",
    "foreign": "The token is of another connection: make one here, or correct the SCIM URL.",
    "revoked": "The token was revoked: make a new one and paste it into the identity provider.",
    "expired": "The token has expired: make a new one and paste it into the identity provider.",
    "ended": "This connection has ended: take the SCIM URL and a token of another one.",
    "suspended": "The organisation is suspended: ask the SaaS's support to activate it.",
    "plan": "The organisation's plan lacks SCIM: ask the SaaS's support for one that has it.",
    "paused": "The connection is paused: set it to active.",
    "rate": "More calls came than the plan allows; the provider repeats them. If it lasts, ask "
    "the SaaS's support for more.",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How many users and teams there are."""

    users: int
    teams: int


def read(admin: AdminContext, connection_id: str, waiting: Counters) -> Health:
    """Read what was counted: one Query of 30 days of hours.

    `waiting` is what this process has counted and not yet written.
    """
    now = admin.now()
    written = admin.items.query(ConnectionKeys(connection_id).hours())
    since, refused_since = hour(now - CALLS_OF), hour(now - REFUSALS_OF)
    return health_of([*written, waiting.row(now)], since, refused_since)


def size(admin: AdminContext, connection_id: str) -> Size:
    """Count users and teams, exactly: two Queries of counters."""
    view = ConnectionScope(admin.items, ConnectionKeys(connection_id))
    return Size(users=lookups.count(view, "U"), teams=lookups.count(view, "G"))
