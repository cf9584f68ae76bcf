"""The handler of the feed: what changed in an organisation, for the SaaS that follows it."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Change, Changes, MembershipChange, Ok
from chalicelib.organisations import feed
from chalicelib.organisations.feed import Entry
from chalicelib.storage.clock import timestamp
from chalicelib.storage.settings_items import Organisation


def list_changes(request: AdminRequest) -> Ok[Changes]:
    """GET /admin/organisations/{org}/changes: after the cursor `after`, oldest first."""
    return Ok(read_changes(request, request.http.path["organisation"]))


def read_changes(request: AdminRequest, organisation: str) -> Changes:
    """Read a page of the feed of an organisation.

    An entry for each membership that came or went has its state of this moment, so that entries
    applied in order end in the truth. `unbroken_since` says from when on nothing is missing.
    """
    admin = request.admin_context(organisation)
    since = feed.unbroken_since(admin.now(), request.services.settings.feed_unbroken_since)
    after = request.http.query.get("after")
    if after == feed.NOW:
        found = feed.start(admin)
    else:
        found = feed.list_changes(
            admin, feed.parse_cursor(after, since, admin.now()), request.page_size
        )
    return {
        "items": [_document(found.organisation, each) for each in found.entries],
        "next": str(found.next_cursor),
        "more": found.has_more,
        "unbroken_since": timestamp(since),
    }


def _document(organisation: Organisation, entry: Entry) -> Change | MembershipChange:
    change, connection = entry.change, entry.connection
    if entry.user is not None and connection is not None:
        return {
            "id": entry.id,
            "type": "membership",
            "organisation": organisation.id,
            "reference": organisation.reference,
            "connection": connection,
            "team": change.id,
            "user": entry.user,
            "state": "present" if entry.present else "absent",
            "at": change.at,
            "request_id": change.request_id,
            "token_id": change.token_id,
        }
    return {
        "id": change.id,
        "type": change.change_type,
        "organisation": organisation.id,
        "reference": organisation.reference,
        "connection": connection,
        "version": change.version,
        "attributes": list(change.attributes),
        "at": change.at,
        "request_id": change.request_id,
        "token_id": change.token_id if connection else None,
    }
