"""Chalice's own errors in our form: its responses before, or instead of, calling a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalice.app import Request, Response

from chalicelib.api import edge
from chalicelib.api.admin.problems import problem
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.errors import (
    ApiError,
    BadRequest,
    InternalError,
    MethodNotAllowed,
    UnsupportedMediaType,
)

ERRORS: Mapping[int, Callable[[Response], ApiError]] = {
    400: lambda _: BadRequest(),
    405: lambda response: MethodNotAllowed(*str(response.headers.get("Allow", "")).split(", ")),
    415: lambda _: UnsupportedMediaType(),
}


def rewrite_chalice_errors(
    request: Request, get_response: Callable[[Request], Response]
) -> Response:
    """Write Chalice's errors as SCIM Errors on SCIM routes, as problem+json on the others.

    Their body is an object, `{"Code": ..., "Message": ...}`; that of our responses is text.
    """
    response = get_response(request)
    if not isinstance(response.body, dict):
        return response
    known = ERRORS.get(response.status_code)
    error = known(response) if known else InternalError()
    is_scim = request.path.startswith("/scim/")
    error_response: edge.ErrorResponse = scim_error if is_scim else problem
    return edge.write(error_response(error, str(request.context.get("requestId", ""))))
