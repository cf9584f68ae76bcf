"""The handler of a connection's provisioning log: as JSON, or the same page as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from chalicelib.api.admin import csv_file, responses
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import File, Ok, page
from chalicelib.errors import BadRequest
from chalicelib.organisations import log
from chalicelib.organisations.log import LogQuery
from chalicelib.organisations.paging import Page
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
    found = log.list_entries(
        request.admin_context(), request.connection, _query(request), request.page_size
    )
    entries = [_document(each) for each in found.items]
    accepted = ", ".join(request.http.headers.get("accept", ()))
    for media_type, (content_type, write) in FILES.items():
        if media_type in accepted:
            return File(write(entries), content_type, _file_headers(request, found))
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
        "target": entry.target,
        "ids": list(entry.ids),
        "duration_ms": entry.duration_ms,
        "before": entry.before,
        "after": entry.after,
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
        since=max(earliest, _time(query, "from", earliest)),
        until=min(now, max(earliest, _time(query, "to", now))),
        outcome=outcome,
        ids=frozenset(_id(query, name) for name in ("user", "group") if name in query),
        cursor=query.get("cursor"),
    )


def _time(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    text = query.get(name)
    if text is None:
        return default
    try:
        # A `+` that was not encoded arrives as a blank.
        time = datetime.fromisoformat(text.replace(" ", "+"))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        message = f"{name}: expected a time like 2027-01-31T12:00:00Z."
        raise BadRequest(message) from None


def _id(query: Mapping[str, str], name: str) -> str:
    if not is_id(query[name]):
        raise BadRequest(f"{name}: expected the id of a {name}.")
    return query[name]


# --- as a file --------------------------------------------------------------------------------


def _file_headers(request: AdminRequest, found: Page[LogEntry]) -> Mapping[str, str]:
    headers = {"Content-Disposition": "attachment", "Vary": "Accept"}
    if found.next_cursor is not None:
        query = urlencode({**request.http.query, "cursor": found.next_cursor})
        headers["Link"] = f'<?{query}>; rel="next"'
    return headers


def _csv(entries: Sequence[Entry]) -> str:
    return csv_file.write_csv(list(Entry.__annotations__), (each.values() for each in entries))


def _ndjson(entries: Sequence[Entry]) -> str:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


NDJSON = "application/x-ndjson"

# By the media type that is asked for: the content type of the file, and what writes it.
FILES: Mapping[str, tuple[str, Callable[[Sequence[Entry]], str]]] = {
    csv_file.MEDIA_TYPE: (csv_file.CONTENT_TYPE, _csv),
    NDJSON: (NDJSON, _ndjson),
}
