"""Chalice's own refusals in our form: what it answers before, or instead of, calling a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalice.app import Request, Response

from chalicelib.api import edge
from chalicelib.api.admin.problems import problem
from chalicelib.api.scim.requests import scim_error
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
    """Answer Chalice's refusals as SCIM Errors on SCIM routes, as problem+json on the others.

    They are told by their body, `{"Code": ..., "Message": ...}`; our answers are text.
    """
    response = get_response(request)
    if not isinstance(response.body, dict):
        return response
    known = ERRORS.get(response.status_code)
    error = known(response) if known else InternalError()
    body: edge.ErrorBody = scim_error if request.path.startswith("/scim/") else problem
    return edge.write(body(error, str(request.context.get("requestId", ""))))
