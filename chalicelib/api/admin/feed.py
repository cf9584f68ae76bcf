"""The route of the feed: what changed in an organisation, for the SaaS that follows it."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.api.admin import requests
from chalicelib.api.admin.requests import ORGANISATION, AdminRequest, Document, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import feed
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import unpacked
from chalicelib.storage.expressions import Item


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the feed."""
    return requests.routes(services, ROUTES, __name__)


def list_changes(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}/changes, behind the cursor `after`, oldest first.

    `unbroken_since` says from when on nothing is missing.
    """
    admin = request.admin_context()
    since = feed.unbroken_since(admin.now(), request.services.settings.feed_unbroken_since)
    after = request.http.query.get("after")
    if after == feed.NOW:
        page = feed.start(admin)
    else:
        page = feed.list_changes(
            admin, feed.parse_cursor(after, since, admin.now()), request.page_size
        )
    document = {
        "items": [_item(row) for row in page.items],
        "next": str(page.next_cursor),
        "more": page.has_more,
        "unbroken_since": timestamp(since),
    }
    return requests.json(200, document)


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
