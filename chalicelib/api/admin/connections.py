"""The handlers of connections, their health among it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from chalicelib.api.admin.alerts import alert_documents
from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import CREATED_IS_GONE, AdminRequest
from chalicelib.api.admin.responses import (
    NO_HEADERS,
    Accepted,
    Connection,
    ConnectionHealth,
    Created,
    Headers,
    HealthHour,
    NoContent,
    Ok,
    Page,
    Preview,
    page,
)
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.organisations import (
    connections,
    disconnect,
    health,
    idempotency,
    organisations,
    watched,
)
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection
from chalicelib.storage import counters, settings_items
from chalicelib.storage.settings_items import DELETING

PREVIEW: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})
# A mistyped parameter would end for good what was only to be previewed.
DELETE_PARAMETERS = frozenset({"users", "preview"})
UNKNOWN_PARAMETER = "A query may have `users` and `preview` only; nothing was ended."

SHOWN_HOURS = 48


def create_connection(request: AdminRequest) -> Created[Connection]:
    """POST /admin/organisations/{org}/connections."""
    admin = request.admin_context()
    body = read_body(NewConnection, request.http)
    key = request.idempotency_key(admin.keys.organisation, body)
    plans = request.services.settings.plans
    connection = idempotency.create_once(
        admin.items,
        key,
        lambda: connections.create(admin, body, plans, key),
        lambda created: _created_before(admin, created),
    )
    path = f"/admin/organisations/{admin.keys.organisation}/connections/{connection.id}"
    headers = _headers(connection, {"Location": f"{request.http.base_url}{path}"})
    return Created(connection_document(request, connection), headers)


def _created_before(admin: AdminContext, connection_id: str) -> settings_items.Connection:
    try:
        return connections.get(admin, connection_id)
    except NotFound:
        raise Conflict(CREATED_IS_GONE) from None


def list_connections(request: AdminRequest) -> Ok[Page[Connection]]:
    """GET /admin/organisations/{org}/connections."""
    admin = request.admin_context()
    organisations.get(admin)
    found = connections.list_page(admin, request.http.query.get("cursor"), request.page_size)
    return page([connection_document(request, each) for each in found.items], found.next_cursor)


def get_connection(request: AdminRequest) -> Ok[Connection]:
    """GET /admin/organisations/{org}/connections/{connection}, with its health."""
    admin = request.admin_context()
    connection = connections.get(admin, request.connection)
    document = connection_document(request, connection)
    document["health"] = _health(request, admin)
    return Ok(document, _headers(connection))


def change_connection(request: AdminRequest) -> Ok[Connection]:
    """PATCH /admin/organisations/{org}/connections/{connection}.

    Another identity provider may bring other settings, so the response has the old ones too.
    """
    admin = request.admin_context()
    body = read_body(ConnectionChanges, request.http)
    changed = connections.change(admin, request.connection, body, request.precondition())
    document = connection_document(request, changed.after)
    if "identity_provider" in body.model_fields_set:
        document["previous_settings"] = asdict(changed.before.effective_settings)
    return Ok(document, _headers(changed.after))


def delete_connection(request: AdminRequest) -> Ok[Preview] | Accepted[Connection] | NoContent:
    """DELETE .../connections/{connection}?users=keep, deactivate or delete, &preview=true.

    Raises:
        BadRequest: a parameter that is not known, or a value that is not.
    """
    admin = request.admin_context()
    query = request.http.query
    if not query.keys() <= DELETE_PARAMETERS:
        raise BadRequest(UNKNOWN_PARAMETER)
    if query.get("preview", "false") not in PREVIEW:
        raise BadRequest("preview: expected true or false.")
    users = query.get("users", "keep")
    if PREVIEW[query.get("preview", "false")]:
        return Ok(_preview(admin, request.connection, users))
    secrets = request.services.secrets
    ended = disconnect.end(admin, secrets, request.connection, users, request.precondition())
    if ended.state == DELETING:
        return Accepted(connection_document(request, ended), _headers(ended))
    return NoContent()


def _headers(connection: settings_items.Connection, more: Headers = NO_HEADERS) -> Headers:
    return {"ETag": connections.version(connection), **more}


def connection_document(request: AdminRequest, connection: settings_items.Connection) -> Connection:
    """Return the document of a connection, without its health."""
    return {
        "id": connection.id,
        "organisation": connection.organisation,
        "name": connection.name,
        "scim_url": f"{request.http.base_url}/scim/v2/{connection.id}",
        "state": connection.state,
        "workspace": connection.workspace,
        "default_role": connection.default_role,
        "identity_provider": connection.identity_provider,
        "settings": asdict(connection.effective_settings),
        "authentication": [*connection.authentication],
        "profile": connection.profile,
        "token_url": f"{request.http.base_url}/oauth2/{connection.id}/token",
        "created": connection.created,
        "last_modified": connection.modified,
    }


def _preview(admin: AdminContext, connection: str, users: str) -> Preview:
    found = disconnect.preview(admin, connection, users)
    return {
        "connection": found["connection"],
        "state": found["state"],
        "users": found["users"],
        "teams": found["teams"],
        "members": found["members"],
        "tokens": found["tokens"],
        "effect": found["effect"],
    }


def _health(request: AdminRequest, admin: AdminContext) -> ConnectionHealth:
    pending = request.services.pending_counters.of(request.connection)
    found = health.read(admin, request.connection, pending)
    size = health.size(admin, request.connection)
    return {
        "last_call": found.last_call,
        "calls_24h": found.calls,
        "errors_24h": found.errors,
        "users": size.users,
        "teams": size.teams,
        "refusals": [
            {
                "reason": each.reason,
                "count": each.count,
                "last_at": each.last_at,
                "user_agent": each.user_agent,
                "fix": health.FIXES[each.reason],
            }
            for each in found.refusals
        ],
        "ignored": [{"name": name, "count": count} for name, count in found.ignored.items()],
        "unnamed": found.unnamed,
        "advice": [
            {
                "reason": each.advice,
                "count": each.count,
                "last_at": each.last_at,
                "text": health.ADVICE[each.advice],
            }
            for each in found.advice
            if each.advice in health.ADVICE
        ],
        "alerts": alert_documents(watched.get(admin.items, request.connection)),
        "hours": [_hour(each) for each in found.hours[-SHOWN_HOURS:]],
    }


def _hour(hour: counters.Hour) -> HealthHour:
    return {
        "hour": hour.hour,
        "calls": hour.calls,
        "errors": hour.errors,
        "rejected": hour.rejected,
    }
