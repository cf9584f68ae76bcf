"""Handle requests for the tokens of a connection."""

from __future__ import annotations

from chalicelib.api.admin.request_bodies import SMALL, read_body, read_optional_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import (
    NO_STORE,
    Created,
    NewTokenShown,
    NoContent,
    Ok,
    Page,
    Token,
    page,
)
from chalicelib.organisations import health, idempotency, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import NewToken, Rotation
from chalicelib.storage.settings_items import ConnectionToken


def create_token(request: AdminRequest) -> Created[NewTokenShown]:
    """POST .../connections/{connection}/tokens; only this response shows the token itself."""
    admin = request.admin_context()
    body = read_body(NewToken, request.http, SMALL)
    key = request.idempotency_key(admin.keys.organisation, body)
    created = idempotency.create_once(
        admin.items,
        key,
        lambda: tokens.create(admin, request.services.secrets, request.connection, body, key),
        lambda token: _replayed(admin, request.connection, token),
    )
    return _shown(request, created)


def list_tokens(request: AdminRequest) -> Ok[Page[Token]]:
    """GET .../connections/{connection}/tokens, each with its last use within 30 days."""
    admin = request.admin_context()
    cursor = request.http.query.get("cursor")
    found = tokens.list_tokens(admin, request.connection, cursor, request.page_size)
    pending = request.services.pending_counters.of(request.connection)
    last_uses = health.read(admin, request.connection, pending).last_uses
    documents = [_document(request, each, last_uses.get(each.id)) for each in found.items]
    return page(documents, found.next_cursor)


def revoke_token(request: AdminRequest) -> NoContent:
    """DELETE .../connections/{connection}/tokens/{token}; the next request with it is rejected."""
    token = request.http.path["token"]
    tokens.revoke(request.admin_context(), request.services.secrets, request.connection, token)
    return NoContent()


def rotate_token(request: AdminRequest) -> Created[NewTokenShown]:
    """POST .../tokens/{token}/rotate; the old token stays valid for some hours."""
    admin = request.admin_context()
    body = read_optional_body(Rotation, request.http)
    key = request.idempotency_key(admin.keys.organisation, body)
    token, secrets = request.http.path["token"], request.services.secrets
    created = idempotency.create_once(
        admin.items,
        key,
        lambda: tokens.rotate(admin, secrets, request.connection, token, body, key),
        lambda created: _replayed(admin, request.connection, created),
    )
    return _shown(request, created)


def _replayed(admin: AdminContext, connection: str, token_id: str) -> tokens.CreatedToken:
    """Reject a repetition: the text of a token is shown once.

    Raises:
        Conflict: names the token that was created.
    """
    raise tokens.replay_conflict(admin, connection, token_id)


def _shown(request: AdminRequest, created: tokens.CreatedToken) -> Created[NewTokenShown]:
    return Created({**_document(request, created.token), "token": created.text}, NO_STORE)


def _document(request: AdminRequest, token: ConnectionToken, last_used: str | None = None) -> Token:
    expired = token.state == "live" and not token.live(request.services.table.clock.now())
    return {
        "id": token.id,
        "name": token.name,
        "hint": token.hint,
        "state": "expired" if expired else token.state,
        "created": token.created,
        "created_by": token.created_by,
        "expires_at": token.expires,
        "last_used_at": last_used,
    }
