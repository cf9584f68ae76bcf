"""The health of a connection: its requests as counted by hour, and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import lookups
from chalicelib.storage.counters import Counters, Health, health_of, hour
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.lookups import ConnectionScope

REQUESTS_OF = timedelta(hours=24)
# An older reason may have been fixed long ago.
REJECTIONS_OF = timedelta(days=7)

# What an admin does about rejected requests; the sender is not told the reason.
FIXES: Mapping[str, str] = {
    "missing": "The request had no token. Paste one into the identity provider.",
    "garbage": "What was sent is not a token of Passerelle. Copy the whole token again, or create "
    "a new one.",
    "wrong": "The token's secret part is wrong. Copy the whole token again, or create a new one.",
    "foreign": "The token belongs to another connection. Create one here, or correct the SCIM URL.",
    "revoked": "The token was revoked. Create a new one in the console and paste it into your "
    "identity provider.",
    "expired": "The token has expired. Create a new one in the console and paste it into your "
    "identity provider.",
    "url": "The token is right, but the SCIM URL in the identity provider is not: a part of it is "
    "missing, added or in other letters. Copy the SCIM URL of this connection again, unchanged; it "
    "ends with the id of the connection.",
    "ended": "This connection has ended. Use the SCIM URL and a token of another one.",
    "suspended": "The organisation is suspended. Ask the SaaS's support to set it to active again.",
    "plan": "The organisation's plan does not include SCIM. Ask the SaaS's support for one that "
    "does.",
    "paused": "The connection is paused. Set it to active.",
    "rate": "There were more requests than the plan allows; the identity provider sends them "
    "again. If it goes on, ask the SaaS's support for a higher limit.",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How many users and groups there are."""

    users: int
    teams: int


def read(admin: AdminContext, connection_id: str, waiting: Counters) -> Health:
    """Read the counters of a connection: one Query of 30 days of hours.

    `waiting` is what this process has counted and not written yet.
    """
    now = admin.now()
    written = admin.items.query(ConnectionKeys(connection_id).health_hours())
    since, rejected_since = hour(now - REQUESTS_OF), hour(now - REJECTIONS_OF)
    return health_of([*written, waiting.item(now)], since, rejected_since)


def size(admin: AdminContext, connection_id: str) -> Size:
    """Count users and groups exactly: two Queries of counters."""
    scope = ConnectionScope(admin.items, ConnectionKeys(connection_id))
    return Size(users=lookups.count(scope, "U"), teams=lookups.count(scope, "G"))
