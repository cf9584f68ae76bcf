"""Handle requests for the credentials of a connection, and for those that are static tokens.

The routes of tokens are those of credentials for one type: they make and list no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.admin.request_bodies import SMALL, read_body, read_optional_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import (
    NO_STORE,
    ConnectionCredential,
    Created,
    NewCredentialShown,
    NewTokenShown,
    NoContent,
    Ok,
    Page,
    Token,
    page,
)
from chalicelib.auth.issuers import issuer_of
from chalicelib.errors import FieldError, InvalidFields
from chalicelib.organisations import health, idempotency, paging, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import NewConnectionCredential, NewToken, Rotation
from chalicelib.storage.counters import LastUse
from chalicelib.storage.settings_items import ConnectionToken, Trust

UNTRUSTED = (
    "expected a tenant of Microsoft Entra ID, or an issuer that the operator of this deployment "
    "has added"
)


def create_token(request: AdminRequest) -> Created[NewTokenShown]:
    """POST .../connections/{connection}/tokens; only this response shows the token itself."""
    return _shown(request, _create(request, read_body(NewToken, request.http, SMALL)))


def create_credential(request: AdminRequest) -> Created[NewCredentialShown]:
    """POST .../connections/{connection}/credentials; only this response shows a client secret.

    Raises:
        InvalidFields: the deployment does not trust the issuer.
    """
    body = read_body(NewConnectionCredential, request.http, SMALL)
    return _credential_shown(request, _create(request, body, _trust(request, body)))


def _trust(request: AdminRequest, body: NewConnectionCredential) -> Trust | None:
    if not (body.subject and body.audience):
        return None
    issuer = issuer_of(body.tenant, body.cloud) if body.tenant else body.issuer or ""
    if request.services.key_ring.issuers.keys_url(issuer) is None:
        raise InvalidFields(FieldError("issuer", UNTRUSTED))
    return Trust(issuer, body.subject, body.audience)


def _create(
    request: AdminRequest, body: NewToken, trust: Trust | None = None
) -> tokens.CreatedToken:
    admin, secrets = request.admin_context(), request.services.secrets
    key = request.idempotency_key(admin.keys.organisation, body)
    return idempotency.create_once(
        admin.items,
        key,
        lambda: tokens.create(admin, secrets, request.connection, body, key, trust),
        lambda token: _replayed(admin, request.connection, token),
    )


def list_tokens(request: AdminRequest) -> Ok[Page[Token]]:
    """GET .../connections/{connection}/tokens, each with its last use within 30 days."""
    found, last_uses = _list(request)
    static = [each for each in found.items if each.credential_type == "token"]
    return page(
        [_document(request, each, last_uses.get(each.id)) for each in static], found.next_cursor
    )


def list_credentials(request: AdminRequest) -> Ok[Page[ConnectionCredential]]:
    """GET .../connections/{connection}/credentials, each with its last use within 30 days."""
    found, last_uses = _list(request)
    return page(
        [_credential_document(request, each, last_uses.get(each.id)) for each in found.items],
        found.next_cursor,
    )


def _list(request: AdminRequest) -> tuple[paging.Page[ConnectionToken], Mapping[str, LastUse]]:
    admin = request.admin_context()
    cursor = request.http.query.get("cursor")
    found = tokens.list_tokens(admin, request.connection, cursor, request.page_size)
    pending = request.services.pending_counters.of(request.connection)
    return found, health.read(admin, request.connection, pending).last_uses


def revoke_token(request: AdminRequest) -> NoContent:
    """DELETE .../tokens/{token}; the next request with it is rejected."""
    token = request.http.path["token"]
    tokens.revoke(request.admin_context(), request.services.secrets, request.connection, token)
    return NoContent()


def revoke_credential(request: AdminRequest) -> NoContent:
    """DELETE .../credentials/{token}; it ends now, with the access tokens issued for it."""
    return revoke_token(request)


def rotate_token(request: AdminRequest) -> Created[NewTokenShown]:
    """POST .../tokens/{token}/rotate; the old token stays valid for some hours."""
    return _shown(request, _rotate(request))


def rotate_credential(request: AdminRequest) -> Created[NewCredentialShown]:
    """POST .../credentials/{token}/rotate; the old secret stays valid for some hours."""
    return _credential_shown(request, _rotate(request))


def _rotate(request: AdminRequest) -> tokens.CreatedToken:
    admin = request.admin_context()
    body = read_optional_body(Rotation, request.http)
    key = request.idempotency_key(admin.keys.organisation, body)
    token, secrets = request.http.path["token"], request.services.secrets
    return idempotency.create_once(
        admin.items,
        key,
        lambda: tokens.rotate(admin, secrets, request.connection, token, body, key),
        lambda created: _replayed(admin, request.connection, created),
    )


def _replayed(admin: AdminContext, connection: str, token_id: str) -> tokens.CreatedToken:
    """Reject a repetition: the text of a token is shown once.

    Raises:
        Conflict: names the token that was created.
    """
    raise tokens.replay_conflict(admin, connection, token_id)


def _shown(request: AdminRequest, created: tokens.CreatedToken) -> Created[NewTokenShown]:
    document = _document(request, created.token)
    return Created({**document, "token": created.text or ""}, NO_STORE)


def _credential_shown(
    request: AdminRequest, created: tokens.CreatedToken
) -> Created[NewCredentialShown]:
    credential, text = created.token, created.text
    is_static = credential.credential_type == "token"
    document = _credential_document(request, credential)
    shown: NewCredentialShown = {
        **document,
        "token": text if is_static else None,
        "client_secret": None if is_static else text,
    }
    return Created(shown, NO_STORE)


def _credential_document(
    request: AdminRequest, credential: ConnectionToken, last_use: LastUse | None = None
) -> ConnectionCredential:
    trust = credential.trust
    return {
        **_document(request, credential, last_use),
        "type": credential.credential_type,
        "client_id": None if credential.credential_type == "token" else request.connection,
        "issuer": trust.issuer if trust else None,
        "subject": trust.subject if trust else None,
        "audience": trust.audience if trust else None,
    }


def _document(
    request: AdminRequest, token: ConnectionToken, last_use: LastUse | None = None
) -> Token:
    expired = token.state == "live" and not token.live(request.services.table.clock.now())
    return {
        "id": token.id,
        "name": token.name,
        "hint": token.hint,
        "state": "expired" if expired else token.state,
        "created": token.created,
        "created_by": token.created_by,
        "expires_at": token.expires,
        "last_used_at": last_use.at if last_use else None,
        "last_used_by": last_use.agent if last_use else None,
    }
