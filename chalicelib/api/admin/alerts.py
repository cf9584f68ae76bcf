"""The handler of the list of all connections with their alerts, for the operator's support."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Alert, Ok, Page, WatchedConnection, page
from chalicelib.errors import BadRequest
from chalicelib.organisations import watched
from chalicelib.organisations.alerts import TEXTS
from chalicelib.organisations.watched import Listed
from chalicelib.storage import grants
from chalicelib.storage.alert_items import ALERT_TYPES, AlertType, Watched
from chalicelib.storage.settings_items import SERVED_STATES

# The health of a connection by its most urgent alert.
HEALTH: Mapping[AlertType | None, str] = {
    "mass_change": "mass_change",
    "failing": "failing",
    "silent": "silent",
    "credential_1_day": "expiring",
    "credential_7_days": "expiring",
    "credential_30_days": "expiring",
    None: "ok",
}
PARAMETERS: Mapping[str, frozenset[str]] = {
    "health": frozenset(HEALTH.values()),
    "state": SERVED_STATES,
}


def list_all_connections(request: AdminRequest) -> Ok[Page[WatchedConnection]]:
    """GET /admin/connections?health=&state=: of all organisations, as the last look found them.

    Raises:
        BadRequest: a health or state that does not exist.
    """
    query = request.http.query
    for name, values in PARAMETERS.items():
        if query.get(name) not in {None, *values}:
            raise BadRequest(f"{name}: expected one of {', '.join(sorted(values))}.")
    items = request.services.table.namespace(grants.watch_list(), request.deadline)
    health = query.get("health")
    wanted = frozenset(each for each, named in HEALTH.items() if health in {None, named})
    found = watched.list_connections(
        items, wanted, query.get("state"), query.get("cursor", ""), request.page_size
    )
    return page([_document(each) for each in found.items], found.next_cursor)


def _document(listed: Listed) -> WatchedConnection:
    found, organisation = listed.watched, listed.organisation
    return {
        "connection": found.id,
        "organisation": listed.organisation_id,
        "name": organisation.name if organisation else None,
        "reference": organisation.reference if organisation else None,
        "identity_provider": found.identity_provider,
        "state": found.state,
        "health": HEALTH[watched.worst(found)],
        "alerts": alert_documents(found),
        "last_request": found.last_request,
        "expires_at": found.expires,
    }


def alert_documents(found: Watched) -> list[Alert]:
    """Describe the open alerts, the most urgent first."""
    return [
        {"alert": each, "since": found.alerts[each], "text": TEXTS[each]}
        for each in ALERT_TYPES
        if each in found.alerts
    ]
