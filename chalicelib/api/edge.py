"""The edge: API Gateway's event in, our Request; our Response out, as Chalice sends it.

Nothing further in sees an event or a Chalice object. Each request is read, responded to and written
in the same way; one function per API makes a response of an error: SCIM's for SCIM routes,
problem+json for the others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse

from chalicelib.api.query import QueryParameters
from chalicelib.errors import ApiError, InternalError, UnsupportedMediaType
from chalicelib.observability import log_fault

SCIM = "application/scim+json"
JSON = "application/json"
PROBLEM = "application/problem+json"

ACCEPTED = (SCIM, JSON)

# What these have as a body means nothing (RFC 9110 sections 9.3.1, 9.3.2 and 9.3.5). It is never
# looked at: some clients send a Content-Type of their own with a DELETE.
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

# For every response that says nothing else about it.
HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# Over plain HTTP a browser ignores it, and a local server would mean nothing by it.
HTTPS_HEADERS: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}

Segments = tuple[str, ...]


def segments(path: str) -> Segments:
    """Return the segments of a path in canonical form: empty ones are dropped.

    Nothing is decoded: `%2F`, `%2e` and `;` are characters of their segment and separate nothing.
    """
    return tuple(segment for segment in path.split("/") if segment)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `headers` holds every value of a repeated header, by lower-case name; `query` the first
    value of each parameter; `base_url` is the public URL in front of `/scim` and `/admin`,
    without a trailing slash; `segments` is the path below it in canonical form, and `route` the
    path of its endpoint, `/admin/{organisation}`. `is_folder`: the path ends in a slash.
    `address` is the client's, "" if unknown.
    """

    method: str
    base_url: str
    request_id: str
    segments: Segments = ()
    route: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""
    is_folder: bool = False

    def header(self, name: str) -> str | None:
        """Return the one value of a header; None where it is absent or repeated."""
        values = self.headers.get(name.lower(), ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response: with a JSON document, with other text, or without a body."""

    status: int
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = SCIM
    text: str | None = None


# Responds to a request, or raises an ApiError.
Respond = Callable[[Request], Response]
# Makes the response of an error, given the request id.
ErrorResponse = Callable[[ApiError, str], Response]


def respond(
    handler: Respond,
    error_response: ErrorResponse,
    request: Request,
    media_types: Sequence[str] = ACCEPTED,
) -> Response:
    """Respond to a request; what the handler raises becomes an error response.

    After an internal error a client gets only the request id, by which it is found in the logs.
    """
    try:
        require_media_type(request, media_types)
        return handler(request)
    except ApiError as error:
        return error_response(error, request.request_id)
    except Exception as error:  # noqa: BLE001 - the one place that responds to the unforeseen
        log_fault("unforeseen fault", error, request_id=request.request_id)
        fault = InternalError(
            f"The service met an unexpected condition; request id {request.request_id}."
        )
        return error_response(fault, request.request_id)


def read(request: ChaliceRequest, public_url: str) -> Request:
    """Read Chalice's request; `public_url` is "" where it is derived from the event."""
    event = request.to_original_event()
    context = event["requestContext"]
    headers = event.get("multiValueHeaders") or {}
    return Request(
        method=request.method,
        base_url=public_url or derived_url(context, path_of(event)),
        request_id=context.get("requestId", ""),
        segments=segments(path_of(event)),
        query=QueryParameters(event.get("multiValueQueryStringParameters") or {}),
        headers={name.lower(): tuple(values) for name, values in headers.items()},
        body=b"" if request.method in WITHOUT_BODY else _body(event),
        address=context.get("identity", {}).get("sourceIp") or "",
        is_folder=str(event.get("path", "")).endswith("/"),
    )


def path_of(event: Mapping[str, Any]) -> str:
    """Return the path of an event below the stage or the base path, as it was sent."""
    return str((event.get("pathParameters") or {}).get("proxy", ""))


def derived_url(context: Mapping[str, Any], path: str) -> str:
    """Derive the public URL from API Gateway's context of the request, never from a header.

    `path` is the request's; in the context it follows the stage, or the base path of a custom
    domain.
    """
    whole = str(context.get("path", "")).rstrip("/")
    before = whole.removesuffix(path.rstrip("/")).rstrip("/")
    return f"https://{context.get('domainName', '')}{before}"


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def require_media_type(request: Request, accepted: Sequence[str]) -> None:
    """Check the media type of a request's body, without case and parameters; none is accepted too.

    Raises:
        UnsupportedMediaType: it is another one.
    """
    sent = request.headers.get("content-type", ())
    media_types = {value.partition(";")[0].strip().lower() for value in sent}
    if request.body and not media_types <= {*accepted}:
        raise UnsupportedMediaType(*accepted)


def write(response: Response, request: Request) -> ChaliceResponse:
    """Write the response of a request for Chalice.

    That of a HEAD has the body of a GET, and so its length: API Gateway sends the
    headers only (RFC 9110 section 9.3.2).
    """
    of_scheme = HTTPS_HEADERS if request.base_url.startswith("https:") else {}
    headers: dict[str, str | list[str]] = {**HEADERS, **of_scheme, **response.headers}
    body = response.text
    if response.document is not None:
        body = json.dumps(response.document, ensure_ascii=False, separators=(",", ":"))
    if body is not None:
        headers["Content-Type"] = response.media_type
    return ChaliceResponse(body or "", headers=headers, status_code=response.status)
