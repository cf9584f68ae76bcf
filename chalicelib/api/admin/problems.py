"""Errors of the admin API as RFC 9457 problem documents."""

from __future__ import annotations

from http import HTTPStatus

from chalicelib.api.edge import PROBLEM, Response
from chalicelib.errors import ApiError, CodeRequired, Conflict, InvalidFields


def problem(error: ApiError, request_id: str) -> Response:
    """Return an error as a problem document; an invalid body names its fields in `errors`.

    `about:blank` means that the problem is nothing but its status (RFC 9457 section 4.2.1).
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "request_id": request_id,
    }
    if isinstance(error, InvalidFields | Conflict | CodeRequired):
        document |= error.members
    return Response(error.status, document, headers=error.headers, media_type=PROBLEM)
