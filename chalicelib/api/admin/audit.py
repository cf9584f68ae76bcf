"""The handler of the audit: who changed which setting."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import AuditEntry, Ok, Page, page
from chalicelib.organisations import audit, organisations


def list_audit(request: AdminRequest) -> Ok[Page[AuditEntry]]:
    """GET .../audit: who changed which setting, the newest first."""
    admin = request.admin_context()
    organisations.get(admin)
    found = audit.list_entries(admin, request.http.query.get("cursor"), request.page_size)
    return page([_document(each) for each in found.items], found.next_cursor)


def _document(entry: audit.AuditEntry) -> AuditEntry:
    return {
        "at": entry.at,
        "who": entry.who,
        "what": entry.what,
        "id": entry.id,
        "before": entry.before,
        "after": entry.after,
    }
