"""What API Gateway does between HTTP and the app: request -> proxy event -> app -> response.

The event has the shape of a REST API with Lambda proxy integration behind a custom domain: path
parameters stay percent-encoded, every value of a repeated header or parameter is kept, and a path
or method without a route gets its response here and never reaches the app. X-Forwarded-* headers
are not trusted.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from chalice.app import Chalice

from chalicelib.errors import ApiError, Busy, NotFound, PayloadTooLarge, Unavailable
from chalicelib.scim.messages import error_body

MAX_BODY = 10 * 1024 * 1024
# RFC 9110 section 8.6: that of a 304 would be the length of the whole resource.
WITHOUT_LENGTH = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

# AWS's name of a gateway response -> its error. A gateway response is the same for all paths, so
# all of them are SCIM Error bodies. Some occur on AWS only: too many requests for the stage, a
# function that responded too late or not at all.
GATEWAY_ERRORS: Mapping[str, ApiError] = {
    "MISSING_AUTHENTICATION_TOKEN": NotFound("No route has this path and this method."),
    "REQUEST_TOO_LARGE": PayloadTooLarge("The body is larger than 10 MB, the gateway limit."),
    "THROTTLED": Busy("This deployment gets too many requests. Send the request again later."),
    "INTEGRATION_TIMEOUT": Unavailable("The service responded too late. Send the request again."),
    "INTEGRATION_FAILURE": Unavailable("The service does not respond. Send the request again."),
    # A function that is throttled, or that ends without a response.
    "DEFAULT_5XX": Unavailable("The service does not respond. Send the request again."),
}

Headers = tuple[tuple[str, str], ...]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request as it came over the wire: nothing decoded, no header merged."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    def header(self, name: str) -> str:
        """Return the last value of a header, "" where it is absent."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response; for HEAD too, `body` is what a GET would get."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """A path template of the app (`/things/{id}`) with its methods."""

    template: str
    methods: frozenset[str]
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Split the template once, not at every request."""
        object.__setattr__(self, "segments", tuple(self.template.split("/")))

    @property
    def is_greedy(self) -> bool:
        """Whether its last parameter stands for the rest of the path: `/{proxy+}`."""
        return self.template.endswith("+}")

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Return the path parameters, as sent, or None where the path does not match."""
        if self.is_greedy and len(segments) >= len(self.segments):
            at = len(self.segments) - 1
            segments = (*segments[:at], "/".join(segments[at:]))
        if len(segments) != len(self.segments):
            return None
        pairs = list(zip(self.segments, segments, strict=True))
        if any(own != sent for own, sent in pairs if not _is_parameter(own)):
            return None
        parameters = {own[1:-1].rstrip("+"): sent for own, sent in pairs if _is_parameter(own)}
        return parameters if all(parameters.values()) else None


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def routes_of(app: Chalice) -> tuple[Route, ...]:
    """List the app's routes in the order of their precedence.

    A literal segment comes before a parameter in the same place, and a greedy parameter last.
    """
    routes = [Route(template, frozenset(methods)) for template, methods in app.routes.items()]
    return tuple(sorted(routes, key=_precedence))


def _precedence(route: Route) -> tuple[bool, list[tuple[bool, str]]]:
    return route.is_greedy, [(_is_parameter(segment), segment) for segment in route.segments]


class _OfThread:
    """An attribute with a value of its own in each thread; None until it is set there."""

    def __init__(self) -> None:
        self._values = threading.local()

    def __get__(self, instance: object, owner: type) -> Any:
        return getattr(self._values, "value", None)

    def __set__(self, instance: object, value: Any) -> None:
        self._values.value = value


def for_threads(app: Chalice) -> Chalice:
    """Make an app safe for many threads.

    In Lambda an app serves one request at a time and keeps it on itself. Without this, a thread
    would see the request of another one and return data of another client.
    """
    app_class = type(app)
    own = {"current_request": _OfThread(), "lambda_context": _OfThread()}
    app.__class__ = type(app_class.__name__, (app_class,), own)
    return app


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The context object of a Lambda invocation, with Lambda's names."""

    function_name: str
    aws_request_id: str
    ends: float
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The ARN of the function."""
        return f"arn:aws:lambda:eu-west-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        return max(0, int((self.ends - time.monotonic()) * 1000))


# `lambda_timeout` of .chalice/config.json: below the 29 s after which API Gateway gives up.
TIMEOUT_SECONDS = 28


class Gateway:
    """A WSGI application in front of a Chalice app. Needs the environ of `dev.run.listener`."""

    def __init__(
        self, app: Chalice, stage: str, domain: str, report: Callable[[str], object] = len
    ) -> None:
        """Wrap the app; `stage` and `domain` go into the events.

        `report` gets one line per request: method, path, status, milliseconds. No query, no body:
        they contain names and addresses.
        """
        self._app = for_threads(app)
        self._routes = routes_of(app)
        self._stage = stage
        self._domain = domain
        self._report = report

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        started = time.perf_counter()
        request = read(environ)
        response = self.respond(request)
        start_response(
            f"{response.status} {HTTPStatus(response.status).phrase}", list(response.headers)
        )
        took = (time.perf_counter() - started) * 1000
        self._report(f"{request.method} {request.path} {response.status} {took:.0f} ms")
        return [b"" if request.method == "HEAD" else response.body]

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the response that a client of the deployed service would get."""
        request_id = str(uuid.uuid4())
        route, parameters = self._match(request)
        if route is None:
            return _gateway_error("MISSING_AUTHENTICATION_TOKEN", request_id)
        if len(request.body) > MAX_BODY:
            return _gateway_error("REQUEST_TOO_LARGE", request_id)
        own = {"stage": self._stage, "domainName": self._domain, "requestId": request_id}
        event = proxy_event(request, route, parameters, own, self._app.api.binary_types)
        try:
            return _response(self._app(event, self._context(request_id)), request_id)
        except Exception:  # noqa: BLE001 - whatever the app raises, the gateway keeps serving
            traceback.print_exc()
            return _gateway_error("DEFAULT_5XX", request_id)

    def _match(self, request: HttpRequest) -> tuple[Route | None, dict[str, str]]:
        path = "/" + request.path.removesuffix("/").removeprefix("/")
        segments = tuple(path.split("/"))
        for route in self._routes:
            parameters = route.match(segments)
            if parameters is not None:
                return (route if request.method in route.methods else None), parameters
        return None, {}

    def _context(self, request_id: str) -> LambdaContext:
        name = f"{self._app.app_name}-{self._stage}"
        return LambdaContext(name, request_id, time.monotonic() + TIMEOUT_SECONDS)


def read(environ: WSGIEnvironment) -> HttpRequest:
    """Build a request from the WSGI environ of `dev.run.listener`."""
    target = environ["REQUEST_URI"]
    if not target.startswith("/"):  # RFC 9112 section 3.2.2: a proxy is sent the whole address
        target = urlsplit(target)._replace(scheme="", netloc="").geturl() or "/"
    path, _, query = target.partition("?")
    return HttpRequest(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=environ["passerelle.headers"],
        body=environ["wsgi.input"].read(),
        source_ip=environ["REMOTE_ADDR"],
    )


def proxy_event(
    request: HttpRequest,
    route: Route,
    parameters: Mapping[str, str],
    own: Mapping[str, str],
    binary_types: Iterable[str],
) -> Event:
    """Return the event of a REST API's Lambda proxy integration, format 1.0.

    `own` is what the gateway adds: stage, domainName and requestId.
    """
    query = parse_qsl(request.query, keep_blank_values=True)
    body, encoded = _event_body(request, binary_types)
    return {
        "resource": route.template,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": _many(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _many(query) or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            **own,
            "accountId": "000000000000",
            "apiId": "local",
            "resourceId": "local",
            "resourcePath": route.template,
            "httpMethod": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {"sourceIp": request.source_ip, "userAgent": request.header("user-agent")},
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def _many(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many


def _event_body(request: HttpRequest, binary_types: Iterable[str]) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if media_type not in binary_types:
        # As on AWS: bytes that are not UTF-8 reach the app as U+FFFD.
        return request.body.decode(errors="replace"), False
    return base64.b64encode(request.body).decode("ascii"), True


def _response(returned: Mapping[str, Any], request_id: str) -> HttpResponse:
    single = [(name, str(value)) for name, value in returned.get("headers", {}).items()]
    many = returned.get("multiValueHeaders", {}).items()
    repeated = [(name, str(value)) for name, values in many for value in values]
    body = returned.get("body") or ""
    decode = base64.b64decode if returned.get("isBase64Encoded") else str.encode
    return _http_response(returned["statusCode"], [*single, *repeated], decode(body), request_id)


def _gateway_error(response_type: str, request_id: str) -> HttpResponse:
    error = GATEWAY_ERRORS[response_type]
    body = json.dumps(error_body(error)).encode()
    headers = {"Content-Type": "application/scim+json", **error.headers}
    return _http_response(error.status, [*headers.items()], body, request_id)


def _http_response(
    status: int, headers: list[tuple[str, str]], body: bytes, request_id: str
) -> HttpResponse:
    length = [] if status in WITHOUT_LENGTH else [("Content-Length", str(len(body)))]
    return HttpResponse(status, (*headers, *length, ("x-amzn-RequestId", request_id)), body)
