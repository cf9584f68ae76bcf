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
from chalicelib.api import calls
from chalicelib.api.bodies import read_body, read_optional_body
from chalicelib.api.calls import (
    CONNECTION,
    CONNECTIONS,
    NEVER_KEPT,
    NO_HEADERS,
    ORGANISATION,
    ORGANISATIONS,
    Call,
    Document,
    Headers,
    Route,
    Who,
)
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import (
    connections,
    endings,
    idempotency,
    organisations,
    purges,
    tokens,
)
from chalicelib.organisations import health as connection_health
from chalicelib.organisations.administration import Administration
from chalicelib.organisations.errors import Conflict
from chalicelib.organisations.organisations import Whole
from chalicelib.organisations.requests import (
    ConnectionChanges,
    ConnectionSettings,
    NewConnection,
    NewOrganisation,
    NewToken,
    OrganisationChanges,
    Rotation,
)
from chalicelib.scim.errors import BadRequest, NotFound
from chalicelib.storage.configuration import (
    DELETING,
    Connection,
    TokenRow,
    new_organisation_id,
)
from chalicelib.storage.keys import operator_grants

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
    return calls.routes(services, ROUTES, __name__)


def health(_: Call) -> Response:
    """GET /health, open to anyone: that it runs, and which version."""
    return calls.json(200, {"ok": True, "version": VERSION})


# --- organisations ----------------------------------------------------------------------------


def create_organisation(call: Call) -> Response:
    """POST /admin/organisations."""
    body = read_body(NewOrganisation, call.request)
    tried = call.attempt(OPERATOR, body)
    admin = call.administration(new_organisation_id(call.services.table.clock.random))
    known = idempotency.recall(admin.rows, tried)
    if known is None:
        made = organisations.create(admin, body, call.services.settings.plans, tried)
    else:
        made = _still_there(organisations.get, call.administration(known))
    location = f"{call.request.base_url}{ORGANISATIONS}/{made.organisation.id}"
    return _whole(made, 201, {"Location": location})


def list_organisations(call: Call) -> Response:
    """GET /admin/organisations."""
    query = call.request.query
    rows = call.services.table.namespace(operator_grants(), call.deadline)
    if "reference" in query:
        page = organisations.by_reference(rows, query["reference"])
    else:
        page = organisations.listed(rows, query.get("cursor", ""), call.page_size)
    return calls.items([asdict(each) for each in page.items], page.following)


def get_organisation(call: Call) -> Response:
    """GET /admin/organisations/{org}; of one that is being deleted, what is still there."""
    admin = call.administration()
    whole = organisations.get(admin)
    if whole.organisation.state != DELETING:
        return _whole(whole)
    return _whole(whole, progress=purges.progress(admin, connections.listed(admin)))


def change_organisation(call: Call) -> Response:
    """PATCH /admin/organisations/{org}."""
    admin = call.administration()
    body = read_body(OrganisationChanges, call.request)
    plans = call.services.settings.plans
    return _whole(organisations.change(admin, body, plans, call.precondition()))


def delete_organisation(call: Call) -> Response:
    """DELETE /admin/organisations/{org}: begun, and gone some time after a minute."""
    return _whole(organisations.delete(call.administration(), call.precondition()), 202)


def _whole(whole: Whole, status: int = 200, headers: Headers = NO_HEADERS, **more: Any) -> Response:
    organisation = whole.organisation
    document = {
        "id": organisation.id,
        "name": organisation.name,
        "reference": organisation.reference,
        "plan": organisation.plan,
        "state": organisation.state,
        "sso": organisation.sso,
        "workspaces": [asdict(workspace) for workspace in whole.workspaces],
        "roles": [asdict(role) for role in whole.roles],
        "domains": list(whole.domains),
        "created": organisation.created,
        "last_modified": organisation.modified,
        **more,
    }
    return calls.json(status, document, {"ETag": organisations.version(organisation), **headers})


# --- connections ------------------------------------------------------------------------------


def create_connection(call: Call) -> Response:
    """POST /admin/organisations/{org}/connections."""
    admin = call.administration()
    body = read_body(NewConnection, call.request)
    tried = call.attempt(admin.keys.organisation, body)
    known = idempotency.recall(admin.rows, tried)
    if known is None:
        made = connections.create(admin, body, call.services.settings.plans, tried)
    else:
        made = _still_there(connections.get, admin, known)
    path = f"{ORGANISATIONS}/{admin.keys.organisation}/connections/{made.id}"
    return _connection(call, made, 201, {"Location": f"{call.request.base_url}{path}"})


def list_connections(call: Call) -> Response:
    """GET /admin/organisations/{org}/connections."""
    admin = call.administration()
    organisations.read_row(admin)
    return calls.items([_described(call, each) for each in connections.listed(admin)])


def get_connection(call: Call) -> Response:
    """GET /admin/organisations/{org}/connections/{connection}, with its health."""
    admin = call.administration()
    found = connections.get(admin, call.connection)
    return _connection(call, found, health=_health(call, admin))


def _health(call: Call, admin: Administration) -> Document:
    waiting = call.services.tallies.waiting(call.connection)
    fares = connection_health.read(admin, call.connection, waiting)
    return {
        "last_call": fares.last_call,
        "calls_24h": fares.calls,
        "errors_24h": fares.errors,
        **asdict(connection_health.size(admin, call.connection)),
        "refusals": [
            asdict(each) | {"fix": connection_health.FIXES[each.reason]} for each in fares.refusals
        ],
    }


def change_connection(call: Call) -> Response:
    """PATCH /admin/organisations/{org}/connections/{connection}."""
    admin = call.administration()
    body = read_body(ConnectionChanges, call.request)
    changed = connections.change(admin, call.connection, body, call.precondition())
    return _connection(call, changed)


def delete_connection(call: Call) -> Response:
    """DELETE .../connections/{connection}?users=keep, deactivate or delete, &preview=true."""
    admin = call.administration()
    if not call.request.query.keys() <= ENDINGS:
        raise BadRequest(ONLY_ENDINGS)
    users = call.request.query.get("users", "keep")
    if _wants_preview(call):
        return calls.json(200, endings.preview(admin, call.connection, users))
    secrets = call.services.secrets
    ended = endings.end(admin, secrets, call.connection, users, call.precondition())
    return _connection(call, ended, 202) if ended.state == DELETING else Response(204)


def _wants_preview(call: Call) -> bool:
    """Read `?preview=`, where a mistyped word would end what was only to be looked at.

    Raises:
        BadRequest: neither `true` nor `false`.
    """
    wanted = call.request.query.get("preview", "false")
    if wanted not in PREVIEWS:
        raise BadRequest("preview: `true` or `false`.")
    return PREVIEWS[wanted]


def _connection(
    call: Call,
    connection: Connection,
    status: int = 200,
    headers: Headers = NO_HEADERS,
    **more: Any,
) -> Response:
    etag = {"ETag": connections.version(connection)}
    return calls.json(status, _described(call, connection) | more, {**etag, **headers})


def _described(call: Call, connection: Connection) -> Document:
    return {
        "id": connection.id,
        "organisation": connection.organisation,
        "name": connection.name,
        "scim_url": f"{call.request.base_url}/scim/v2/{connection.id}",
        "state": connection.state,
        "workspace": connection.workspace,
        "default_role": connection.default_role,
        "identity_provider": connection.identity_provider,
        "settings": {name: getattr(connection, name) for name in ConnectionSettings.model_fields},
        "created": connection.created,
        "last_modified": connection.modified,
    }


# --- tokens -----------------------------------------------------------------------------------


def create_token(call: Call) -> Response:
    """POST .../connections/{connection}/tokens: the only answer that ever holds a token."""
    admin = call.administration()
    body = read_body(NewToken, call.request)
    tried = call.attempt(admin.keys.organisation, body)
    known = idempotency.recall(admin.rows, tried)
    if known:
        raise tokens.replayed(admin, call.connection, known)
    made = tokens.create(admin, call.services.secrets, call.connection, body, tried)
    return calls.json(201, _token(call, made.row) | {"token": made.text}, NEVER_KEPT)


def list_tokens(call: Call) -> Response:
    """GET .../connections/{connection}/tokens, with the last use of each in 30 days."""
    admin = call.administration()
    found = tokens.listed(admin, call.connection)
    waiting = call.services.tallies.waiting(call.connection)
    uses = connection_health.read(admin, call.connection, waiting).last_uses
    return calls.items([_token(call, row, uses.get(row.id)) for row in found])


def revoke_token(call: Call) -> Response:
    """DELETE .../connections/{connection}/tokens/{token}: revoked at the very next request."""
    named = call.request.path["token"]
    tokens.revoke(call.administration(), call.services.secrets, call.connection, named)
    return Response(204)


def rotate_token(call: Call) -> Response:
    """POST .../tokens/{token}/rotate: a new one; the old one ends some hours later."""
    admin = call.administration()
    body = read_optional_body(Rotation, call.request)
    tried = call.attempt(admin.keys.organisation, body)
    known = idempotency.recall(admin.rows, tried)
    if known:
        raise tokens.replayed(admin, call.connection, known)
    named, secrets = call.request.path["token"], call.services.secrets
    made = tokens.rotate(admin, secrets, call.connection, named, body, tried)
    return calls.json(201, _token(call, made.row) | {"token": made.text}, NEVER_KEPT)


def _token(call: Call, row: TokenRow, last_used: str | None = None) -> Document:
    ended = row.state == "live" and not row.live(call.services.table.clock.now())
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
