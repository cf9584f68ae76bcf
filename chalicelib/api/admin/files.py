"""A page of a list by time: as JSON, or as a file where the request's Accept asks for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from chalicelib.api.admin import csv_file
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import File
from chalicelib.errors import BadRequest


def read_time(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    """Read a time from a query.

    Raises:
        BadRequest: it is not a time.
    """
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


def file_of(
    request: AdminRequest,
    of: type[Any],
    entries: Sequence[Mapping[str, Any]],
    next_cursor: str | None,
) -> File | None:
    """Return a page as the file that Accept asks for; None where it asks for none.

    `of` is the type of the entries, whose fields are the columns of a CSV file. The URL of the next
    page is in the header Link (RFC 8288).
    """
    accepted = ", ".join(request.http.headers.get("accept", ()))
    for media_type, (content_type, write) in FILES.items():
        if media_type in accepted:
            text = write(list(of.__annotations__), entries)
            return File(text, content_type, _headers(request, next_cursor))
    return None


def _headers(request: AdminRequest, next_cursor: str | None) -> Mapping[str, str]:
    headers = {"Content-Disposition": "attachment", "Vary": "Accept"}
    if next_cursor is not None:
        query = urlencode({**request.http.query, "cursor": next_cursor})
        headers["Link"] = f'<?{query}>; rel="next"'
    return headers


Entries = Sequence[Mapping[str, Any]]


def _csv(columns: Sequence[str], entries: Entries) -> str:
    return csv_file.write_csv(columns, (each.values() for each in entries))


def _ndjson(_: Sequence[str], entries: Entries) -> str:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


NDJSON = "application/x-ndjson"

# By the media type that is asked for: the content type of the file, and what writes it.
FILES: Mapping[str, tuple[str, Callable[[Sequence[str], Entries], str]]] = {
    csv_file.MEDIA_TYPE: (csv_file.CONTENT_TYPE, _csv),
    NDJSON: (NDJSON, _ndjson),
}
