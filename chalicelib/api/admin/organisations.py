"""The config routes: organisations, connections and tokens, in JSON.

What the answers hold is written here; what the operations do stands in `organisations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, TypeVar

from chalice.app import Blueprint

from chalicelib import VERSION
from chalicelib.api.admin import requests
from chalicelib.api.admin.request_bodies import read_body, read_optional_body
from chalicelib.api.admin.requests import (
    CONNECTION,
    CONNECTIONS,
    NEVER_KEPT,
    NO_HEADERS,
    ORGANISATION,
    ORGANISATIONS,
    AdminRequest,
    Document,
    Headers,
    Route,
    Who,
)
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.organisations import (
    connections,
    disconnect,
    idempotency,
    organisations,
    purge,
    tokens,
)
from chalicelib.organisations import health as connection_health
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import (
    ConnectionChanges,
    NewConnection,
    NewOrganisation,
    NewToken,
    OrganisationChanges,
    Rotation,
)
from chalicelib.organisations.organisations import OrganisationDetails
from chalicelib.storage import grants
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    ConnectionToken,
    new_organisation_id,
)

TOKENS = f"{CONNECTION}/tokens"
TOKEN = f"{TOKENS}/{{token}}"

OPERATOR = "operator"
PREVIEWS: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})
# A parameter that is passed over would end for good what was only to be looked at.
ENDINGS = frozenset({"users", "preview"})
ONLY_ENDINGS = "Only `users` and `preview` are offered here; nothing was ended."
GONE = "This request has created something before, which is no longer there."

T = TypeVar("T")


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the config routes and the health check."""
    return requests.routes(services, ROUTES, __name__)


def health(_: AdminRequest) -> Response:
    """GET /health, open to anyone: that it runs, and which version."""
    return requests.json(200, {"ok": True, "version": VERSION})


# --- organisations ----------------------------------------------------------------------------


def create_organisation(request: AdminRequest) -> Response:
    """POST /admin/organisations."""
    body = read_body(NewOrganisation, request.http)
    idempotency_key = request.idempotency_key(OPERATOR, body)
    admin = request.admin_context(new_organisation_id(request.services.table.clock.random))
    known = idempotency.find_created(admin.items, idempotency_key)
    if known is None:
        made = organisations.create(admin, body, request.services.settings.plans, idempotency_key)
    else:
        made = _still_there(organisations.get_details, request.admin_context(known))
    location = f"{request.http.base_url}{ORGANISATIONS}/{made.organisation.id}"
    return _whole(made, 201, {"Location": location})


def list_organisations(request: AdminRequest) -> Response:
    """GET /admin/organisations."""
    query = request.http.query
    rows = request.services.table.namespace(grants.organisation_list(), request.deadline)
    if "reference" in query:
        page = organisations.list_by_reference(rows, query["reference"])
    else:
        page = organisations.list_organisations(rows, query.get("cursor", ""), request.page_size)
    return requests.items([asdict(each) for each in page.items], page.next_cursor)


def get_organisation(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}; of one that is being deleted, what is still there."""
    admin = request.admin_context()
    details = organisations.get_details(admin)
    if details.organisation.state != DELETING:
        return _whole(details)
    return _whole(details, progress=purge.progress(admin, connections.list_connections(admin)))


def change_organisation(request: AdminRequest) -> Response:
    """PATCH /admin/organisations/{org}."""
    admin = request.admin_context()
    body = read_body(OrganisationChanges, request.http)
    plans = request.services.settings.plans
    return _whole(organisations.change(admin, body, plans, request.precondition()))


def delete_organisation(request: AdminRequest) -> Response:
    """DELETE /admin/organisations/{org}: begun, and gone some time after a minute."""
    return _whole(organisations.delete(request.admin_context(), request.precondition()), 202)


def _whole(
    details: OrganisationDetails, status: int = 200, headers: Headers = NO_HEADERS, **more: Any
) -> Response:
    organisation = details.organisation
    document = {
        "id": organisation.id,
        "name": organisation.name,
        "reference": organisation.reference,
        "plan": organisation.plan,
        "state": organisation.state,
        "sso": organisation.sso,
        "workspaces": [asdict(workspace) for workspace in details.workspaces],
        "roles": [asdict(role) for role in details.roles],
        "domains": list(details.domains),
        "created": organisation.created,
        "last_modified": organisation.modified,
        **more,
    }
    return requests.json(status, document, {"ETag": organisations.version(organisation), **headers})


# --- connections ------------------------------------------------------------------------------


def create_connection(request: AdminRequest) -> Response:
    """POST /admin/organisations/{org}/connections."""
    admin = request.admin_context()
    body = read_body(NewConnection, request.http)
    idempotency_key = request.idempotency_key(admin.keys.organisation, body)
    known = idempotency.find_created(admin.items, idempotency_key)
    if known is None:
        made = connections.create(admin, body, request.services.settings.plans, idempotency_key)
    else:
        made = _still_there(connections.get, admin, known)
    path = f"{ORGANISATIONS}/{admin.keys.organisation}/connections/{made.id}"
    return _connection(request, made, 201, {"Location": f"{request.http.base_url}{path}"})


def list_connections(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}/connections."""
    admin = request.admin_context()
    organisations.get(admin)
    return requests.items(
        [_described(request, each) for each in connections.list_connections(admin)]
    )


def get_connection(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}/connections/{connection}, with its health."""
    admin = request.admin_context()
    found = connections.get(admin, request.connection)
    return _connection(request, found, health=_health(request, admin))


def _health(request: AdminRequest, admin: AdminContext) -> Document:
    waiting = request.services.pending_counters.of(request.connection)
    fares = connection_health.read(admin, request.connection, waiting)
    return {
        "last_call": fares.last_call,
        "calls_24h": fares.calls,
        "errors_24h": fares.errors,
        **asdict(connection_health.size(admin, request.connection)),
        "refusals": [
            asdict(each) | {"fix": connection_health.FIXES[each.reason]} for each in fares.refusals
        ],
    }


def change_connection(request: AdminRequest) -> Response:
    """PATCH /admin/organisations/{org}/connections/{connection}."""
    admin = request.admin_context()
    body = read_body(ConnectionChanges, request.http)
    changed = connections.change(admin, request.connection, body, request.precondition())
    return _connection(request, changed)


def delete_connection(request: AdminRequest) -> Response:
    """DELETE .../connections/{connection}?users=keep, deactivate or delete, &preview=true."""
    admin = request.admin_context()
    if not request.http.query.keys() <= ENDINGS:
        raise BadRequest(ONLY_ENDINGS)
    users = request.http.query.get("users", "keep")
    if _wants_preview(request):
        return requests.json(200, disconnect.preview(admin, request.connection, users))
    secrets = request.services.secrets
    ended = disconnect.end(admin, secrets, request.connection, users, request.precondition())
    return _connection(request, ended, 202) if ended.state == DELETING else Response(204)


def _wants_preview(request: AdminRequest) -> bool:
    """Read `?preview=`, where a mistyped word would end what was only to be looked at.

    Raises:
        BadRequest: neither `true` nor `false`.
    """
    wanted = request.http.query.get("preview", "false")
    if wanted not in PREVIEWS:
        raise BadRequest("preview: `true` or `false`.")
    return PREVIEWS[wanted]


def _connection(
    request: AdminRequest,
    connection: Connection,
    status: int = 200,
    headers: Headers = NO_HEADERS,
    **more: Any,
) -> Response:
    etag = {"ETag": connections.version(connection)}
    return requests.json(status, _described(request, connection) | more, {**etag, **headers})


def _described(request: AdminRequest, connection: Connection) -> Document:
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
        "created": connection.created,
        "last_modified": connection.modified,
    }


# --- tokens -----------------------------------------------------------------------------------


def create_token(request: AdminRequest) -> Response:
    """POST .../connections/{connection}/tokens: the only answer that ever holds a token."""
    admin = request.admin_context()
    body = read_body(NewToken, request.http)
    idempotency_key = request.idempotency_key(admin.keys.organisation, body)
    known = idempotency.find_created(admin.items, idempotency_key)
    if known:
        raise tokens.replay_conflict(admin, request.connection, known)
    made = tokens.create(admin, request.services.secrets, request.connection, body, idempotency_key)
    return requests.json(201, _token(request, made.row) | {"token": made.text}, NEVER_KEPT)


def list_tokens(request: AdminRequest) -> Response:
    """GET .../connections/{connection}/tokens, with the last use of each in 30 days."""
    admin = request.admin_context()
    found = tokens.list_tokens(admin, request.connection)
    waiting = request.services.pending_counters.of(request.connection)
    uses = connection_health.read(admin, request.connection, waiting).last_uses
    return requests.items([_token(request, row, uses.get(row.id)) for row in found])


def revoke_token(request: AdminRequest) -> Response:
    """DELETE .../connections/{connection}/tokens/{token}: revoked at the very next request."""
    named = request.http.path["token"]
    tokens.revoke(request.admin_context(), request.services.secrets, request.connection, named)
    return Response(204)


def rotate_token(request: AdminRequest) -> Response:
    """POST .../tokens/{token}/rotate: a new one; the old one ends some hours later."""
    admin = request.admin_context()
    body = read_optional_body(Rotation, request.http)
    idempotency_key = request.idempotency_key(admin.keys.organisation, body)
    known = idempotency.find_created(admin.items, idempotency_key)
    if known:
        raise tokens.replay_conflict(admin, request.connection, known)
    named, secrets = request.http.path["token"], request.services.secrets
    made = tokens.rotate(admin, secrets, request.connection, named, body, idempotency_key)
    return requests.json(201, _token(request, made.row) | {"token": made.text}, NEVER_KEPT)


def _token(request: AdminRequest, row: ConnectionToken, last_used: str | None = None) -> Document:
    ended = row.state == "live" and not row.live(request.services.table.clock.now())
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "state": "expired" if ended else row.state,
        "created": row.created,
        "created_by": row.created_by,
        "expires_at": row.expires,
        "last_used_at": last_used,
    }


# --- all of them ------------------------------------------------------------------------------


def _still_there(read: Callable[..., T], *named: Any) -> T:
    """Read what a POST that is sent again has created the first time.

    Raises:
        Conflict: it is no longer there.
    """
    try:
        return read(*named)
    except NotFound:
        raise Conflict(GONE) from None


ROUTES = (
    Route("GET", "/health", Who.ANYONE, health),
    Route("POST", ORGANISATIONS, Who.OPERATOR, create_organisation),
    Route("GET", ORGANISATIONS, Who.OPERATOR, list_organisations),
    Route("GET", ORGANISATION, Who.OWN_ADMIN, get_organisation),
    Route("PATCH", ORGANISATION, Who.OPERATOR, change_organisation),
    Route("DELETE", ORGANISATION, Who.OPERATOR, delete_organisation),
    Route("POST", CONNECTIONS, Who.OWN_ADMIN, create_connection),
    Route("GET", CONNECTIONS, Who.OWN_ADMIN, list_connections),
    Route("GET", CONNECTION, Who.OWN_ADMIN, get_connection),
    Route("PATCH", CONNECTION, Who.OWN_ADMIN, change_connection),
    Route("DELETE", CONNECTION, Who.OWN_ADMIN, delete_connection),
    Route("POST", TOKENS, Who.OWN_ADMIN, create_token),
    Route("GET", TOKENS, Who.OWN_ADMIN, list_tokens),
    Route("DELETE", TOKEN, Who.OWN_ADMIN, revoke_token),
    Route("POST", f"{TOKEN}/rotate", Who.OWN_ADMIN, rotate_token),
)
