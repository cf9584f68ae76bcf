"""The handlers of listening: a page sees the requests of a connection that are rejected."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.api.admin import responses
from chalicelib.api.admin.files import read_time
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Listening, Ok, Page, page
from chalicelib.organisations import listening
from chalicelib.organisations.health import FIXES
from chalicelib.storage.rejected_items import KEPT, RejectedRequest


def listen(request: AdminRequest) -> Ok[Listening]:
    """POST .../connections/{connection}/listen: rejected requests are written for five minutes."""
    return Ok({"listening_until": listening.listen(request.admin_context(), request.connection)})


def list_rejected(request: AdminRequest) -> Ok[Page[responses.RejectedRequest]]:
    """GET .../connections/{connection}/rejected: those after `?after=`, the newest first."""
    earliest = request.services.table.clock.now() - KEPT - timedelta(milliseconds=1)
    after = read_time(request.http.query, "after", earliest)
    found = listening.list_rejected(
        request.admin_context(), request.connection, after, request.page_size
    )
    return page([_document(each) for each in found])


def _document(rejected: RejectedRequest) -> responses.RejectedRequest:
    return {
        "id": rejected.id,
        "at": rejected.at,
        "reason": rejected.reason,
        "fix": FIXES[rejected.reason],
        "method": rejected.method,
        "path": rejected.path,
        "status": rejected.status,
        "user_agent": rejected.user_agent,
        "token_hint": rejected.token_hint,
    }
