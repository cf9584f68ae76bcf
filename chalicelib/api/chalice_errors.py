"""Chalice's own errors in our form: its responses before, or instead of, calling a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalice.app import Request, Response

from chalicelib.api import edge
from chalicelib.api.unknown_paths import error_response
from chalicelib.errors import ApiError, InternalError, MethodNotAllowed

ERRORS: Mapping[int, Callable[[Response], ApiError]] = {
    405: lambda response: MethodNotAllowed(*str(response.headers.get("Allow", "")).split(", ")),
}


def rewrite_chalice_errors(
    request: Request, get_response: Callable[[Request], Response]
) -> Response:
    """Write Chalice's errors as SCIM Errors below /scim, as problem+json elsewhere.

    Their body is an object, `{"Code": ..., "Message": ...}`; that of our responses is text.
    """
    response = get_response(request)
    if not isinstance(response.body, dict):
        return response
    known = ERRORS.get(response.status_code)
    error = known(response) if known else InternalError()
    read = edge.read(request, "")
    return edge.write(error_response(read.segments)(error, read.request_id), read)
