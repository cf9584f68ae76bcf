"""The route of the feed: what changed in an organisation, for the SaaS that follows it."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.api import calls
from chalicelib.api.calls import ORGANISATION, Call, Document, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import changes
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Item
from chalicelib.storage.items import unpacked


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the feed."""
    return calls.routes(services, ROUTES, __name__)


def list_changes(call: Call) -> Response:
    """GET /admin/organisations/{org}/changes, behind the cursor `after`, oldest first.

    `unbroken_since` says from when on nothing is missing.
    """
    admin = call.administration()
    since = changes.unbroken_since(admin.now(), call.services.settings.feed_unbroken_since)
    after = call.request.query.get("after")
    if after == changes.NOW:
        feed = changes.start(admin)
    else:
        feed = changes.read(admin, changes.cursor(after, since, admin.now()), call.page_size)
    document = {
        "items": [_item(row) for row in feed.items],
        "next": str(feed.next),
        "more": feed.more,
        "unbroken_since": timestamp(since),
    }
    return calls.json(200, document)


def _item(row: Item) -> Document:
    return {
        "kind": row["kind"],
        "id": row["id"],
        "at": row["at"],
        "attributes": row.get("attributes", []),
        "added": unpacked(row.get("added", b"")),
        "removed": unpacked(row.get("removed", b"")),
        "request_id": row["request_id"],
    }


ROUTES = (Route("GET", f"{ORGANISATION}/changes", Who.OPERATOR, list_changes),)
