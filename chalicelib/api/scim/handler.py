"""How a SCIM request is responded to: authenticate, limit the rate, run the handler, record.

Knows nothing of Chalice. RFC 7644 section 3.
"""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from chalicelib.api.edge import Request, Response
from chalicelib.api.router import find_handler
from chalicelib.api.scim.items_ahead import items_ahead
from chalicelib.api.scim.recorder import Recorder
from chalicelib.api.scim.scim_request import Methods, ScimRequest
from chalicelib.api.services import Services
from chalicelib.auth.authenticate import ConnectionPrincipal, authenticate_connection
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy, Forbidden, TooManyRequests, Unauthorized, WrongUrl
from chalicelib.storage import grants
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace


def respond(
    services: Services, methods: Methods, request: Request, deadline: Deadline | None = None
) -> Response:
    """Respond to one SCIM request with the handler of its method.

    `deadline` is that of the request that this one is a part of (a self-test); without it, it has
    its own.

    Raises:
        ApiError: the request is rejected or fails; `edge.respond` makes a response of it.
    """
    keys = ConnectionKeys(request.path["connection"])
    items = services.table.namespace(grants.scim(keys), deadline or services.deadline())
    recorder = Recorder.start(services, items, keys, request)
    try:
        principal = _authenticate(services, items, keys, request)
    except (Unauthorized, Forbidden, TooManyRequests) as rejection:
        recorder.reject(rejection)
        raise
    except Busy:
        recorder.record_deadline()
        raise
    context = _context(recorder, items, principal)
    try:
        handler = find_handler(methods, request.method)
        response = handler(ScimRequest(request, context, principal))
    except Exception as error:
        recorder.log(context, principal, error)
        raise
    finally:
        _charge(services, principal, len(context.trace.operations) - 1)
    recorder.log(context, principal, response)
    return response


def _authenticate(
    services: Services, items: Namespace, keys: ConnectionKeys, request: Request
) -> ConnectionPrincipal:
    """Authenticate the token, and take one request of the connection's rate."""
    principal = authenticate_connection(
        items,
        services.secrets,
        services.settings,
        keys.connection,
        request.headers.get("authorization", ()),
        items_ahead(keys, request),
    )
    if principal.plan.rate is not None:
        try:
            limit = principal.keys.rate_limit("requests")
            services.buckets.take_shared(limit, principal.plan.rate, services.table, items.deadline)
        except TooManyRequests as rejection:
            rejection.is_listened_to = principal.is_listened_to
            raise
    return principal


def _charge(services: Services, principal: ConnectionPrincipal, more: int) -> None:
    """Take the operations of a Bulk request beyond the first one from the connection's rate."""
    rate = principal.plan.rate
    if rate is not None and more > 0:
        services.buckets.charge(principal.keys.rate_limit("requests"), rate, more)


def reject_url(services: Services, request: Request, connection_id: str, detail: str) -> NoReturn:
    """Reject a request that names a connection in a path that no endpoint has.

    The admin sees it in the connection's health, where the token was the connection's: they have
    entered the URL, and the sender's log may show them a status only.

    Raises:
        WrongUrl: always, once the token was accepted.
        Unauthorized, Forbidden, TooManyRequests, Unavailable, Busy: as `respond`.
    """
    keys = ConnectionKeys(connection_id)
    items = services.table.namespace(grants.scim(keys), services.deadline())
    recorder = Recorder.start(services, items, keys, request)
    try:
        principal = _authenticate(services, items, keys, request)
    except (Unauthorized, Forbidden, TooManyRequests) as rejection:
        recorder.reject(rejection)
        raise
    except Busy:
        recorder.record_deadline()
        raise
    wrong = WrongUrl(detail, reason="url")
    wrong.is_listened_to = principal.is_listened_to
    recorder.reject(wrong)
    raise wrong


def _context(
    recorder: Recorder, items: Namespace, principal: ConnectionPrincipal
) -> ConnectionContext:
    services, request = recorder.services, recorder.request
    user_type = services.user_types.of(items, principal.id, principal.schemas_version)
    if principal.is_interop:
        user_type = user_type.without("password")
    return ConnectionContext(
        items=services.table.namespace(grants.scim(principal.keys), items.deadline)
        if principal.run
        else items,
        keys=principal.keys,
        base_url=f"{request.base_url}/scim/v2/{principal.id}",
        default_role=principal.default_role,
        token_id=principal.token_id,
        request_id=request.request_id,
        max_members_per_request=principal.plan.max_members_a_request,
        user_type=user_type,
        log_entry=None if principal.run else partial(recorder.foresee, principal),
    )
