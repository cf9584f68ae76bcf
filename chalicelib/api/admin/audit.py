"""The handlers of the audit: who did what, of an organisation and of the deployment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.api.admin.files import file_of, read_time
from chalicelib.api.admin.rejections import DEPLOYMENT
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Audit, AuditEntry, File, Ok, RejectedRequests
from chalicelib.organisations import audit, organisations, rejected_requests
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import AuditQuery, Edit
from chalicelib.organisations.paging import Page
from chalicelib.storage import audit_entries, grants
from chalicelib.storage.counters import Rejections
from chalicelib.storage.grants import Grant
from chalicelib.storage.keys import OrganisationKeys, deployment_audit, deployment_health_hours


def list_audit(request: AdminRequest) -> Ok[Audit] | File:
    """GET .../audit, filtered by `from`, `to`, `actor` and `action`; with Accept as a file."""
    admin = request.admin_context()
    organisations.get(admin)
    found = audit.list_entries(admin.items, admin.keys.audit, _query(request), request.page_size)
    entries = [_document(each) for each in found.items]
    if file := file_of(request, AuditEntry, entries, found.next_cursor):
        after = {"entries": len(entries)}
        edit = Edit("audit", admin.keys.organisation, after=after, action="exported")
        admin.items.commit([audit.entry_item(admin, edit)])
        return file
    pending = request.services.pending_counters.of(admin.keys.organisation)
    rejected = rejected_requests.read(admin.items, admin.keys.health_hours(), pending)
    return _page(entries, found, rejected)


def list_deployment_audit(request: AdminRequest) -> Ok[Audit] | File:
    """GET /admin/audit: what concerns the deployment, or outlives an organisation."""
    admin = deployment_context(request, grants.deployment_audit())
    items = admin.items
    found = audit.list_entries(items, deployment_audit, _query(request), request.page_size)
    entries = [_document(each) for each in found.items]
    if file := file_of(request, AuditEntry, entries, found.next_cursor):
        edit = Edit("audit", DEPLOYMENT, after={"entries": len(entries)}, action="exported")
        admin.items.commit([audit.deployment_entry_item(admin, edit)])
        return file
    pending = request.services.pending_counters.of(DEPLOYMENT)
    rejected = rejected_requests.read(items, deployment_health_hours(), pending)
    return _page(entries, found, rejected)


def deployment_context(request: AdminRequest, may: tuple[Grant, ...]) -> AdminContext:
    """Return the context of a request that concerns no single organisation."""
    http = request.http
    return AdminContext(
        request.services.table.namespace(may, request.deadline),
        OrganisationKeys(""),
        request.principal.actor,
        http.request_id,
        http.address or None,
        http.header("user-agent"),
        retention=request.services.settings.retention,
    )


def _page(
    entries: list[AuditEntry],
    found: Page[audit_entries.AuditEntry],
    rejected: Sequence[Rejections],
) -> Ok[Audit]:
    return Ok(
        {
            "items": entries,
            "next": found.next_cursor,
            "rejected": [_rejected(each) for each in rejected],
        }
    )


def _query(request: AdminRequest) -> AuditQuery:
    """Read the filters.

    Raises:
        BadRequest: `from` or `to` is not a time.
    """
    query = request.http.query
    now = request.services.table.clock.now()
    earliest = now - request.services.settings.retention.audit - timedelta(days=2)
    return AuditQuery(
        since=max(earliest, read_time(query, "from", earliest)),
        until=min(now, max(earliest, read_time(query, "to", now))),
        actor=query.get("actor"),
        action=query.get("action"),
        cursor=query.get("cursor"),
    )


def _document(entry: audit_entries.AuditEntry) -> AuditEntry:
    actor = entry.actor
    return {
        "at": entry.at,
        "actor": {
            "type": actor.type,
            "id": actor.id,
            "name": actor.name,
            "session": actor.session,
        },
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "address": entry.address,
        "user_agent": entry.user_agent,
    }


def _rejected(rejections: Rejections) -> RejectedRequests:
    return {
        "reason": rejections.reason,
        "count": rejections.count,
        "last_at": rejections.last_at,
        "user_agent": rejections.user_agent,
        "explanation": rejected_requests.EXPLANATIONS[rejections.reason],
    }
