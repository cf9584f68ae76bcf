"""The edge: API Gateway's event in, our Request; our Response out, as Chalice sends it.

Nothing further in sees an event or a Chalice object. What reads the event also writes the
answer, and one place turns an error into a body: SCIM's for SCIM routes, problem+json for the
others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse

from chalicelib.errors import ApiError, InternalError
from chalicelib.observability import logger, record

SCIM = "application/scim+json"
JSON = "application/json"
PROBLEM = "application/problem+json"

# Chalice compares without case and without charset; a request without the header counts as
# JSON. Anything else is answered 415 before a view is called.
ACCEPTED = [SCIM, JSON]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `headers` holds every value of a repeated header, by lower-case name; `query` the first
    value of each parameter; `base_url` is the public URL in front of `/scim` and `/admin`,
    without a trailing slash; `route` is the path as it is registered, `/admin/{organisation}`.
    """

    method: str
    base_url: str
    request_id: str
    route: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Give the one value of a header; None where it is absent or repeated."""
        values = self.headers.get(name.lower(), ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: with a JSON document, with text that is none, or without a body."""

    status: int
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = SCIM
    text: str | None = None


# What a path of ours may begin with, behind the stage or a base path.
ROOTS = ("/scim/v2/", "/admin/", "/openapi.json")

Answer = Callable[[Request], Response]
ErrorBody = Callable[[ApiError, str], Response]


def read(request: ChaliceRequest, public_url: str) -> Request:
    """Read Chalice's request."""
    event = request.to_original_event()
    context = event["requestContext"]
    many = event.get("multiValueHeaders") or {}
    queried = event.get("multiValueQueryStringParameters") or {}
    return Request(
        method=request.method,
        base_url=public_url or derived_url(context),
        request_id=context.get("requestId", ""),
        route=context.get("resourcePath", ""),
        path=dict(request.uri_params or {}),
        query={name: values[0] for name, values in queried.items() if values},
        headers={name.lower(): tuple(values) for name, values in many.items()},
        body=_body(event),
    )


def derived_url(context: Mapping[str, Any]) -> str:
    """Tell the public URL from API Gateway's own account of the request, never from a header.

    `path` there holds the stage, or the base path of a custom domain, before our first
    segment.
    """
    path = str(context.get("path", ""))
    starts = [at for root in ROOTS if (at := path.find(root)) >= 0]
    return f"https://{context.get('domainName', '')}{path[: min(starts, default=0)]}"


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def write(response: Response) -> ChaliceResponse:
    """Write an answer for Chalice."""
    headers: dict[str, str | list[str]] = dict(response.headers)
    body = response.text
    if response.document is not None:
        body = json.dumps(response.document, ensure_ascii=False, separators=(",", ":"))
    if body is None:
        return ChaliceResponse("", headers=headers, status_code=response.status)
    headers["Content-Type"] = response.media_type
    return ChaliceResponse(body, headers=headers, status_code=response.status)


def answered(answer: Answer, error_body: ErrorBody, request: Request) -> Response:
    """Answer, whatever happens: what `answer` raises becomes an error answer.

    A client learns nothing of a fault of ours but the request id to find it by.
    """
    try:
        return answer(request)
    except ApiError as error:
        return error_body(error, request.request_id)
    except Exception:  # noqa: BLE001 - the one place that answers for the unforeseen
        logger.exception("unforeseen fault", extra={"request_id": request.request_id})
        fault = InternalError(
            f"The service met an unexpected condition; request id {request.request_id}."
        )
        return error_body(fault, request.request_id)


def guarded(route: str, answer: Answer, error_body: ErrorBody, now: Callable[[], float]) -> Answer:
    """Answer, whatever happens, and record how it went."""

    def guarded_answer(request: Request) -> Response:
        began = now()
        response = answered(answer, error_body, request)
        milliseconds = int((now() - began) * 1000)
        record(request.method, route, response.status, milliseconds, request_id=request.request_id)
        return response

    return guarded_answer
