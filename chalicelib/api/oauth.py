"""The token endpoint of each connection, and its metadata: OAuth 2.0 client credentials.

RFC 6749 sections 4.4 and 5.2, RFC 7523 section 2.2, RFC 8414. The client is the identity provider
of the connection; its id is the connection's.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from chalicelib.api.edge import JSON, Request, Response
from chalicelib.api.router import Endpoint, find_handler
from chalicelib.api.scim.recorder import Recorder
from chalicelib.api.services import Services
from chalicelib.auth.clients import Clients, SentAssertion, SentSecret, find_served, issue
from chalicelib.errors import (
    ApiError,
    InvalidClient,
    IssuerUnavailable,
    NotFound,
    OAuthError,
    TooManyRequests,
    UnsupportedMediaType,
)
from chalicelib.settings import Rate
from chalicelib.storage import grants
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.settings_items import CONNECTION_ID

ISSUER = "/oauth2/{connection}"
WELL_KNOWN = "/.well-known/oauth-authorization-server"
FORM = "application/x-www-form-urlencoded"

# The longest assertion and what goes with it; an id and a secret of ours, encoded in every way.
MAX_BYTES, MAX_BASIC = 10_000, 1_000
# An invalid escape is rejected before anything is decoded, which takes longer.
ESCAPED = re.compile(r"[^%]*+(?:%[0-9A-Fa-f]{2}[^%]*+)*+")
MAX_PARAMETERS = 20
GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "scim"
# A provider needs one access token an hour.
RATE = Rate(per_second=2, burst=20)

# The code of an error that is no OAuthError; in RFC 6749 only section 4.1.2.1 has the last two.
CODES: Mapping[int, str] = {
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
}
# What an error's text may not have (RFC 6749 section 5.2).
NOT_TOLD = re.compile(r"[^ !#-\[\]-~]")

Form = Mapping[str, str]
Sent = SentSecret | SentAssertion


def endpoints(services: Services) -> Iterator[Endpoint]:
    """Yield the token endpoint, and the two places of its metadata.

    RFC 8414 section 3.1 puts the metadata before the issuer's path. Without a domain of its own
    API Gateway reads that as a stage, so it is also below the issuer.
    """
    token = partial(issue_token, services)
    yield Endpoint(f"{ISSUER}/token", token, oauth_error, media_types=(FORM,))
    for path in (f"{WELL_KNOWN}{ISSUER}", f"{ISSUER}{WELL_KNOWN}"):
        yield Endpoint(path, get_metadata, oauth_error)


def get_metadata(request: Request) -> Response:
    """GET the metadata of a connection's token endpoint; whether the connection exists is not said.

    Raises:
        NotFound: it has not the form of a connection's id.
        MethodNotAllowed: another method than GET.
    """
    find_handler({"GET": get_metadata}, request.method)
    connection = request.path["connection"]
    if CONNECTION_ID.fullmatch(connection) is None:
        raise NotFound
    issuer = f"{request.base_url}{ISSUER.format(connection=connection)}"
    document = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "grant_types_supported": [GRANT_TYPE],
        "scopes_supported": [SCOPE],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
    }
    return Response(200, document, media_type=JSON)


def issue_token(services: Services, request: Request) -> Response:
    """POST a request for an access token.

    Raises:
        OAuthError: the request is rejected; where the connection exists, its health has the reason.
        TooManyRequests: its client has asked for too many; nobody else can use its rate up.
        Unavailable, Busy: the same request may succeed later.
    """
    find_handler({"POST": issue_token}, request.method)
    keys = ConnectionKeys(request.path["connection"])
    items = services.table.namespace(grants.scim(keys), services.deadline())
    recorder = Recorder.start(services, items, keys, request)
    served = find_served(items, keys.connection)
    clients = Clients(services.secrets, services.settings, services.key_ring)
    try:
        sent = _sent(_read_form(request), request.headers.get("authorization", ()))
        if served is None:
            raise InvalidClient
        credential = clients.authenticate(items, served, sent)
        limit = keys.rate_limit("access tokens")
        services.buckets.take_shared(limit, RATE, services.table, items.deadline)
    except (OAuthError, IssuerUnavailable, TooManyRequests) as rejection:
        if served is not None:
            rejection.is_listened_to = served.connection.is_listened_to(recorder.at)
            recorder.reject(rejection)
        raise
    issued = issue(items, keys.connection, credential)
    document = {
        "access_token": issued.text,
        "token_type": "Bearer",
        "expires_in": int(issued.lifetime.total_seconds()),
        "scope": SCOPE,
    }
    return Response(200, document, {"Pragma": "no-cache"}, JSON)


def oauth_error(error: ApiError, request_id: str) -> Response:
    """Return an error as RFC 6749 section 5.2 writes it, with the request id beside it."""
    other = CODES.get(error.status, "invalid_request")
    document: dict[str, Any] = {
        "error": error.code if isinstance(error, OAuthError) else other,
        "error_description": NOT_TOLD.sub("'", error.detail),
        "request_id": request_id,
    }
    # There is no other status for a body that cannot be read.
    status = 400 if isinstance(error, UnsupportedMediaType) else error.status
    return Response(status, document, error.headers, JSON)


def _read_form(request: Request) -> Form:
    """Read the parameters of a body; an empty one counts as absent (RFC 6749 section 3.2).

    Raises:
        OAuthError: it is no form, a parameter is repeated, or it is longer than the longest
            assertion needs.
    """
    if len(request.body) > MAX_BYTES:
        raise _malformed(f"The body is too long: expected at most {MAX_BYTES:,} bytes.")
    try:
        pairs = _pairs(request.body.decode("ascii"))
    except ValueError:
        text = "The body is no form: expected grant_type=client_credentials&..."
        raise _malformed(text) from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise _malformed("A parameter is repeated: expected each one once.")
    return {name: value for name, value in form.items() if value}


def _malformed(text: str, code: str = "invalid_request") -> OAuthError:
    return OAuthError(code, text, reason="token_request")


def _pairs(body: str) -> list[tuple[str, str]]:
    if ESCAPED.fullmatch(body) is None:
        raise ValueError
    return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)


def _sent(form: Form, authorization: Sequence[str]) -> Sent:
    """Read what the client sends to authenticate itself, in exactly one way.

    Raises:
        OAuthError: the grant type or the scope is another one, or the client sends two ways.
        InvalidClient: it sends none.
    """
    _require_grant(form)
    ways: list[Sent] = []
    if authorization:
        ways.append(_basic(authorization, form.get("client_id")))
    if "client_secret" in form:
        ways.append(SentSecret(form.get("client_id", ""), form["client_secret"]))
    if "client_assertion" in form:
        ways.append(_assertion(form))
    if len(ways) > 1:
        text = "The client authenticates itself in two ways: expected one (RFC 6749 section 2.3)."
        raise OAuthError("invalid_request", text, reason="client_twice")
    if not ways:
        raise InvalidClient(reason="client_missing")
    return ways[0]


def _require_grant(form: Form) -> None:
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise _malformed(f"grant_type: expected {GRANT_TYPE}, it is missing.")
    if grant_type != GRANT_TYPE:
        raise _malformed(f"grant_type: expected {GRANT_TYPE}.", "unsupported_grant_type")
    if set(form.get("scope", SCOPE).split()) - {SCOPE}:
        text = f"scope: expected {SCOPE}, or no scope."
        raise OAuthError("invalid_scope", text, reason="scope")


def _basic(authorization: Sequence[str], id_in_form: str | None) -> SentSecret:
    """Read client_secret_basic: both parts are form-encoded (RFC 6749 section 2.3.1).

    Raises:
        InvalidClient: there is another scheme, or it cannot be decoded.
        OAuthError: the form names another client.
    """
    scheme, _, encoded = authorization[0].partition(" ")
    if len(authorization) > 1 or scheme.lower() != "basic" or len(encoded) > MAX_BASIC:
        raise InvalidClient(reason="client_scheme")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        raise InvalidClient(reason="client_scheme") from None
    client_id, secret = map(unquote_plus, text.partition(":")[::2])
    if id_in_form not in {None, client_id}:
        told = "client_id: expected the one of the Authorization header, or none."
        raise OAuthError("invalid_request", told, reason="client_id")
    return SentSecret(client_id, secret)


def _assertion(form: Form) -> SentAssertion:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        text = f"client_assertion_type: expected {ASSERTION_TYPE}."
        raise OAuthError("invalid_request", text, reason="assertion_form")
    return SentAssertion(form.get("client_id"), form["client_assertion"])
