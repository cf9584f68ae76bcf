"""The edge: API Gateway's event in, our Request; our Response out, as Chalice sends it.

Nothing further in sees an event or a Chalice object. One function registers every route, so that
each request is read, responded to, recorded and written in the same way; one function per API
makes a response of an error: SCIM's for SCIM routes, problem+json for the others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Blueprint
from chalice.app import Request as ChaliceRequest
from chalice.app import Response as ChaliceResponse

from chalicelib.api.services import Services
from chalicelib.errors import ApiError, InternalError
from chalicelib.observability import logger, record

SCIM = "application/scim+json"
JSON = "application/json"
PROBLEM = "application/problem+json"

# Chalice compares without case and without charset; a request without the header counts as
# JSON. With anything else it returns 415 before it calls a view.
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


# What our paths begin with, after the stage or the base path of a custom domain.
ROOTS = ("/scim/v2/", "/admin/", "/openapi.json")

# Responds to a request, or raises an ApiError.
Respond = Callable[[Request], Response]
# Makes the response of an error, given the request id.
ErrorResponse = Callable[[ApiError, str], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, its methods, and what responds to them."""

    path: str
    methods: Sequence[str]
    respond: Respond


def register(
    blueprint: Blueprint, services: Services, endpoint: Endpoint, error_response: ErrorResponse
) -> None:
    """Register an endpoint with Chalice."""
    now = services.table.clock.monotonic

    def view(**_: str) -> ChaliceResponse:
        started = now()
        request = read(blueprint.current_request, services.settings.base_url)
        response = respond(endpoint.respond, error_response, request)
        record(
            request.method,
            endpoint.path,
            response.status,
            int((now() - started) * 1000),
            request_id=request.request_id,
        )
        return write(response)

    view.__name__ = "_".join((*endpoint.methods, endpoint.path))
    route = blueprint.route(endpoint.path, methods=list(endpoint.methods), content_types=ACCEPTED)
    route(view)


def respond(handler: Respond, error_response: ErrorResponse, request: Request) -> Response:
    """Respond to a request; what the handler raises becomes an error response.

    Of a fault of ours a client learns nothing but the request id, to find it by in the logs.
    """
    try:
        return handler(request)
    except ApiError as error:
        return error_response(error, request.request_id)
    except Exception:  # noqa: BLE001 - the one place that responds to the unforeseen
        logger.exception("unforeseen fault", extra={"request_id": request.request_id})
        fault = InternalError(
            f"The service met an unexpected condition; request id {request.request_id}."
        )
        return error_response(fault, request.request_id)


def read(request: ChaliceRequest, public_url: str) -> Request:
    """Read Chalice's request; `public_url` is "" where it is derived from the event."""
    event = request.to_original_event()
    context = event["requestContext"]
    headers = event.get("multiValueHeaders") or {}
    query = event.get("multiValueQueryStringParameters") or {}
    return Request(
        method=request.method,
        base_url=public_url or derived_url(context),
        request_id=context.get("requestId", ""),
        route=context.get("resourcePath", ""),
        path=dict(request.uri_params or {}),
        query={name: values[0] for name, values in query.items() if values},
        headers={name.lower(): tuple(values) for name, values in headers.items()},
        body=_body(event),
    )


def derived_url(context: Mapping[str, Any]) -> str:
    """Derive the public URL from API Gateway's context of the request, never from a header.

    `path` there begins with the stage, or with the base path of a custom domain.
    """
    path = str(context.get("path", ""))
    starts = [at for root in ROOTS if (at := path.find(root)) >= 0]
    return f"https://{context.get('domainName', '')}{path[: min(starts, default=0)]}"


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def write(response: Response) -> ChaliceResponse:
    """Write a response for Chalice."""
    headers: dict[str, str | list[str]] = dict(response.headers)
    body = response.text
    if response.document is not None:
        body = json.dumps(response.document, ensure_ascii=False, separators=(",", ":"))
    if body is None:
        return ChaliceResponse("", headers=headers, status_code=response.status)
    headers["Content-Type"] = response.media_type
    return ChaliceResponse(body, headers=headers, status_code=response.status)
