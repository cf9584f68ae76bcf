"""The handler of the one feed: what happened in all organisations, oldest first."""

from __future__ import annotations

from chalicelib.api.admin.feed import read_changes
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Changes, EventPage, Ok
from chalicelib.api.services import Services
from chalicelib.errors import Conflict
from chalicelib.events import feed
from chalicelib.events.envelope import document
from chalicelib.events.told import tell
from chalicelib.organisations.feed import NOW
from chalicelib.storage import grants

NO_STREAM = (
    "This deployment does not read the stream of its table, so it knows no events. Set STREAM_ARN, "
    "or list the changes of one organisation: GET /admin/changes?organisation="
)


def require_stream(services: Services) -> None:
    """Check that what happens becomes events here.

    Raises:
        Conflict: it does not.
    """
    if not services.settings.stream_arn:
        raise Conflict(NO_STREAM)


def list_events(request: AdminRequest) -> Ok[Changes | EventPage]:
    """GET /admin/changes: after the cursor `after`; of one organisation with `organisation`."""
    query, services = request.http.query, request.services
    if "organisation" in query:
        return Ok(read_changes(request, query["organisation"]))
    require_stream(services)
    items = services.table.namespace(grants.read_events(), request.deadline)
    after = query.get("after")
    if after == NOW:
        return Ok({"items": [], "next": str(feed.end(items)), "more": False})
    cursor = feed.start(items) if after is None else feed.parse_cursor(after)
    found = feed.read_page(items, cursor, request.page_size)
    told = tell(services.table, [each.event for each in found.entries], request.deadline)
    page: EventPage = {
        "items": [document(each) for each in told],
        "next": str(found.next_cursor),
        "more": found.has_more,
    }
    return Ok(page)
