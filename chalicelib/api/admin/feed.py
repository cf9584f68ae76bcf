"""The handler of the feed: what changed in an organisation, for the SaaS that follows it."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Change, Changes, Ok
from chalicelib.organisations import feed
from chalicelib.storage import directory_items
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Item
from chalicelib.storage.records import from_item


def list_changes(request: AdminRequest) -> Ok[Changes]:
    """GET /admin/organisations/{org}/changes: after the cursor `after`, oldest first.

    `unbroken_since` says from when on nothing is missing.
    """
    admin = request.admin_context()
    since = feed.unbroken_since(admin.now(), request.services.settings.feed_unbroken_since)
    after = request.http.query.get("after")
    if after == feed.NOW:
        found = feed.start(admin)
    else:
        found = feed.list_changes(
            admin, feed.parse_cursor(after, since, admin.now()), request.page_size
        )
    return Ok(
        {
            "items": [_document(each) for each in found.items],
            "next": str(found.next_cursor),
            "more": found.has_more,
            "unbroken_since": timestamp(since),
        }
    )


def _document(item: Item) -> Change:
    change = from_item(directory_items.Change, item)
    return {
        "kind": change.change_type,
        "id": change.id,
        "at": change.at,
        "attributes": list(change.attributes),
        "added": list(change.added),
        "removed": list(change.removed),
        "request_id": change.request_id,
    }
