"""The handler of a connection's provisioning log: as JSON, or the same page as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.api.admin import responses
from chalicelib.api.admin.files import file_of, read_time
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import File, Ok, page
from chalicelib.errors import BadRequest
from chalicelib.organisations import audit, log
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.health import ADVICE
from chalicelib.organisations.log import LogQuery
from chalicelib.storage import log_entries
from chalicelib.storage.keys import is_id
from chalicelib.storage.log_entries import OUTCOMES, LogEntry

# No entry is kept for longer.
LONGEST = timedelta(days=91)

Entry = responses.LogEntry


def list_log(request: AdminRequest) -> Ok[responses.Page[Entry]] | File:
    """GET .../connections/{connection}/log, filtered by `from`, `to`, `outcome`, `user`, `group`.

    `Accept: text/csv` or `application/x-ndjson` returns the page as a file; the URL of the next
    page is then in the header Link (RFC 8288).
    """
    admin = request.admin_context()
    found = log.list_entries(admin, request.connection, _query(request), request.page_size)
    entries = [_document(each) for each in found.items]
    if file := file_of(request, Entry, entries, found.next_cursor):
        edit = Edit("log", request.connection, after={"entries": len(entries)}, action="exported")
        admin.items.commit([audit.entry_item(admin, edit)])
        return file
    return page(entries, found.next_cursor)


def _document(entry: LogEntry) -> Entry:
    return {
        "at": entry.at,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "outcome": entry.outcome,
        "scim_type": entry.scim_type,
        "detail": entry.detail,
        "token": entry.token,
        "token_id": entry.token_id,
        "request_id": entry.request_id,
        "target": entry.target,
        "ids": list(entry.ids),
        "duration_ms": entry.duration_ms,
        "before": entry.before,
        "after": entry.after,
        "ignored": list(entry.ignored),
        "unnamed": entry.unnamed,
        "advice": [ADVICE[each] for each in entry.advice if each in ADVICE],
        "operations": [_operation(each) for each in entry.operations],
    }


def _operation(operation: log_entries.LoggedOperation) -> responses.LoggedOperation:
    return {
        "method": operation.method,
        "path": operation.path,
        "status": operation.status,
        "scim_type": operation.scim_type,
        "id": operation.id,
    }


def _query(request: AdminRequest) -> LogQuery:
    """Read the filters.

    Raises:
        BadRequest: one of them is not what it should be.
    """
    query = request.http.query
    now = request.services.table.clock.now()
    earliest = now - LONGEST
    outcome = query.get("outcome")
    if outcome not in {None, *OUTCOMES}:
        raise BadRequest(f"outcome: expected one of {', '.join(OUTCOMES)}.")
    return LogQuery(
        since=max(earliest, read_time(query, "from", earliest)),
        until=min(now, max(earliest, read_time(query, "to", now))),
        outcome=outcome,
        ids=frozenset(_id(query, name) for name in ("user", "group") if name in query),
        cursor=query.get("cursor"),
    )


def _id(query: Mapping[str, str], name: str) -> str:
    if not is_id(query[name]):
        raise BadRequest(f"{name}: expected the id of a {name}.")
    return query[name]
