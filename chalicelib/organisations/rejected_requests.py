"""Rejected administrative requests, counted by hour and reason, as an organisation's admin sees it.

Requests that name no organisation are counted for the deployment, where the operator sees them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from chalicelib.storage.counters import Counters, Rejections, health_of, hour
from chalicelib.storage.keys import Range
from chalicelib.storage.table import Namespace

SHOWN = timedelta(days=7)

EXPLANATIONS: Mapping[str, str] = {
    "credential": "No credential, or one that is mistyped, expired, revoked or of another type.",
    "foreign": "The session of another organisation's admin.",
    "operator only": "An admin's session on a route that only the operator may use.",
    "scope": "An operator key without the scope that the route needs.",
    "setup": "A setup session outside of its own connection.",
    "suspended": "A change by an admin while the organisation is suspended.",
    "other page": "A session cookie with a request that does not come from the console's own page.",
    "rate": "More changes by the organisation's admins than its rate allows.",
    "code": "A setup link in a second browser, without its code of six digits.",
    "link": "A console link that is used, expired, revoked or mistyped.",
}


def read(items: Namespace, hours: Range, pending: Counters) -> Sequence[Rejections]:
    """Read what was rejected in seven days: one Query of the hours of 30 days.

    `pending` is what this process has counted and not written yet.
    """
    now = items.table.clock.now()
    since = hour(now - SHOWN)
    return health_of([*items.query(hours), pending.item(now)], since, since).refusals
