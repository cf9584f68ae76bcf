"""The handler of acknowledgements: the SaaS says that a leaver's access has ended."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Acknowledged, Ok
from chalicelib.errors import Conflict
from chalicelib.events import leavers
from chalicelib.organisations.inputs import Body, Time

NOT_ASKED_FOR = (
    "This deployment does not ask for acknowledgements, so it does not know its leavers. Set "
    "ACKNOWLEDGEMENTS to true, then acknowledge the events that come."
)

EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Acknowledgement(Body):
    """The event of a leaver, and when their access had ended in the SaaS; by default now."""

    event: EventId
    at: Time | None = None


def acknowledge(request: AdminRequest) -> Ok[Acknowledged]:
    """POST .../acknowledgements: a leaver's access has ended; the first time counts."""
    if not request.services.settings.acknowledgements:
        raise Conflict(NOT_ASKED_FOR)
    body = read_body(Acknowledgement, request.http)
    found = leavers.acknowledge(request.admin_context(), body.event, body.at)
    document: Acknowledged = {
        "event": found.event,
        "user": found.user,
        "requested_at": found.at,
        "ended_at": found.acknowledged or found.at,
        "seconds": leavers.seconds(found),
    }
    return Ok(document)
