"""The routes of a connection's provisioning log: as JSON, or the same page as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from chalice.app import Blueprint

from chalicelib.api.admin import requests
from chalicelib.api.admin.requests import CONNECTION, AdminRequest, Document, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.errors import BadRequest
from chalicelib.organisations import log
from chalicelib.organisations.log import LogQuery
from chalicelib.organisations.paging import Page
from chalicelib.storage.keys import is_id
from chalicelib.storage.log_entries import OUTCOMES, LogEntry

LOG = f"{CONNECTION}/log"

# No row is kept for longer.
LONGEST = timedelta(days=91)

COLUMNS = (
    *("at", "method", "path", "status", "outcome", "scim_type", "detail", "token", "target"),
    *("ids", "duration_ms", "before", "after"),
)
# A spreadsheet would take a cell that begins so for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the log."""
    return requests.routes(services, ROUTES, __name__)


def list_calls(request: AdminRequest) -> Response:
    """GET .../connections/{connection}/log, filtered by `from`, `to`, `outcome`, `user`, `group`.

    `Accept: text/csv` or `application/x-ndjson` gives the page as a file; the address of the
    next one is then in the header Link (RFC 8288).
    """
    page = log.list_entries(
        request.admin_context(), request.connection, _wanted(request), request.page_size
    )
    items = [_item(each) for each in page.items]
    accepted = ", ".join(request.http.headers.get("accept", ()))
    for media_type, write in FILES.items():
        if media_type in accepted:
            return Response(200, None, _file_headers(request, page), media_type, write(items))
    return requests.items(items, page.next_cursor)


def _item(logged: LogEntry) -> Document:
    document = asdict(logged) | {"outcome": logged.outcome}
    return {name: document[name] for name in COLUMNS}


def _wanted(request: AdminRequest) -> LogQuery:
    query = request.http.query
    now = request.services.table.clock.now()
    earliest = now - LONGEST
    return LogQuery(
        since=max(earliest, _moment(query, "from", earliest)),
        until=min(now, max(earliest, _moment(query, "to", now))),
        outcome=_outcome(query),
        ids=frozenset(_id(query, name) for name in ("user", "group") if name in query),
        cursor=query.get("cursor"),
    )


def _moment(query: Mapping[str, str], name: str, absent: datetime) -> datetime:
    text = query.get(name)
    if text is None:
        return absent
    try:
        # A `+` that was not encoded arrives as a blank.
        found = datetime.fromisoformat(text.replace(" ", "+"))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        message = f"{name}: a time as in 2027-01-31T12:00:00Z is expected."
        raise BadRequest(message) from None


def _outcome(query: Mapping[str, str]) -> str | None:
    outcome = query.get("outcome")
    if outcome not in {None, *OUTCOMES}:
        raise BadRequest(f"outcome: one of {', '.join(OUTCOMES)}.")
    return outcome


def _id(query: Mapping[str, str], name: str) -> str:
    if not is_id(query[name]):
        raise BadRequest(f"{name}: the id of a {name} is expected.")
    return query[name]


# --- as a file --------------------------------------------------------------------------------


def _file_headers(request: AdminRequest, page: Page[LogEntry]) -> Mapping[str, str]:
    headers = {"Content-Disposition": "attachment", "Vary": "Accept"}
    if page.next_cursor is not None:
        query = urlencode({**request.http.query, "cursor": page.next_cursor})
        headers["Link"] = f'<?{query}>; rel="next"'
    return headers


def _csv(items: Sequence[Document]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(item[name]) for name in COLUMNS] for item in items)
    return file.getvalue()


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _ndjson(items: Sequence[Document]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


FILES: Mapping[str, Callable[[Sequence[Document]], str]] = {
    "text/csv": _csv,
    "application/x-ndjson": _ndjson,
}

ROUTES = (Route("GET", LOG, Who.OWN_ADMIN, list_calls),)
