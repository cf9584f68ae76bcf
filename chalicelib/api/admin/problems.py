"""Errors of the routes beside SCIM, as RFC 9457 problem documents, in one place."""

from __future__ import annotations

from http import HTTPStatus

from chalicelib.api.edge import PROBLEM, Response
from chalicelib.errors import ApiError, Conflict, InvalidFields


def problem(error: ApiError, request_id: str) -> Response:
    """Write a refusal: its status says the type, `detail` what to mend.

    `about:blank` means that there is no more to a problem than its status (RFC 9457
    section 4.2.1). An invalid body names its fields in `errors`.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "request_id": request_id,
    }
    if isinstance(error, InvalidFields | Conflict):
        document |= error.members
    return Response(error.status, document, headers=error.headers, media_type=PROBLEM)
