"""What API Gateway does between HTTP and the app: request -> proxy event -> app -> response.

The event has the shape of a REST API with Lambda proxy integration behind a custom domain: path
parameters stay percent-encoded, every value of a repeated header or parameter is there, and a
path or method that nobody registered is answered here and never reaches the app. Knows routes
and events; refuses to know what any of them means, and believes no X-Forwarded-* header.
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

from chalicelib.errors import ApiError, Busy, InternalError, NotFound, PayloadTooLarge, Unavailable
from chalicelib.scim.messages import error_body

MAX_BODY = 10 * 1024 * 1024

# The gateway's own answers by AWS's names of their types. A gateway response cannot tell one path
# from another, so all of them are SCIM Error bodies. Some are AWS's alone: too much for the
# stage, a function that did not answer in time or not at all.
REFUSALS: Mapping[str, ApiError] = {
    "MISSING_AUTHENTICATION_TOKEN": NotFound("There is no such path, or not with this method."),
    "REQUEST_TOO_LARGE": PayloadTooLarge("The body is larger than the 10 MB of API Gateway."),
    "THROTTLED": Busy("Too many requests reach this deployment at once. Repeat it later."),
    "INTEGRATION_TIMEOUT": Unavailable("The service did not answer in time. Repeat it."),
    "INTEGRATION_FAILURE": Unavailable("The service does not answer. Repeat it."),
    "DEFAULT_5XX": InternalError(),
}

Headers = tuple[tuple[str, str], ...]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One HTTP request as it came over the wire: nothing decoded, no header merged."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"

    def header(self, name: str) -> str:
        """Give the last value of a header, "" where it is absent."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Answered:
    """One HTTP response; `body` is what a GET would see, also for HEAD."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """A path template of the app (`/things/{id}`) with the methods that it takes."""

    template: str
    methods: frozenset[str]
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Split the template once, not at every request."""
        object.__setattr__(self, "segments", tuple(self.template.split("/")))

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Give the path parameters, as sent, or None where the path is another one."""
        if len(segments) != len(self.segments):
            return None
        pairs = list(zip(self.segments, segments, strict=True))
        if any(own != sent for own, sent in pairs if not _is_parameter(own)):
            return None
        parameters = {own[1:-1]: sent for own, sent in pairs if _is_parameter(own)}
        return parameters if all(parameters.values()) else None


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def routes_of(app: Chalice) -> tuple[Route, ...]:
    """List the app's routes; a literal segment comes before a parameter in the same place."""
    routes = [Route(template, frozenset(methods)) for template, methods in app.routes.items()]
    return tuple(sorted(routes, key=lambda route: [(_is_parameter(s), s) for s in route.segments]))


class _OfThread:
    """An attribute that has a value of its own in each thread; None until it is set there."""

    def __init__(self) -> None:
        self._values = threading.local()

    def __get__(self, instance: object, owner: type) -> Any:
        return getattr(self._values, "value", None)

    def __set__(self, instance: object, value: Any) -> None:
        self._values.value = value


def for_threads(app: Chalice) -> Chalice:
    """Let many threads call one app.

    In Lambda an app serves one request at a time and keeps it on itself; here each thread sees
    its own, or one caller is answered with the data of another.
    """
    kind = type(app)
    own = {"current_request": _OfThread(), "lambda_context": _OfThread()}
    app.__class__ = type(kind.__name__, (kind,), own)
    return app


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What Lambda tells a function about its invocation, under Lambda's names."""

    function_name: str
    aws_request_id: str
    ends: float
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """Name the function as AWS would."""
        return f"arn:aws:lambda:eu-west-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Tell how long the function may still run."""
        return max(0, int((self.ends - time.monotonic()) * 1000))


# `lambda_timeout` of .chalice/config.json: below the 29 s after which API Gateway gives up.
TIMEOUT_SECONDS = 28


class Gateway:
    """A WSGI application in front of a Chalice app. Needs the environ of `dev.run.listener`."""

    def __init__(
        self, app: Chalice, stage: str, domain: str, report: Callable[[str], object] = len
    ) -> None:
        """Take the app, what events shall call the stage and the host, and a taker of lines.

        `report` gets one line a request: method, path, status, milliseconds. No query, no body:
        they hold names and addresses.
        """
        self._app = for_threads(app)
        self._routes = routes_of(app)
        self._stage = stage
        self._domain = domain
        self._report = report

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        started = time.perf_counter()
        sent = read(environ)
        answered = self.answer(sent)
        start_response(
            f"{answered.status} {HTTPStatus(answered.status).phrase}", list(answered.headers)
        )
        took = (time.perf_counter() - started) * 1000
        self._report(f"{sent.method} {sent.path} {answered.status} {took:.0f} ms")
        return [b"" if sent.method == "HEAD" else answered.body]

    def answer(self, sent: Sent) -> Answered:
        """Give what a caller of the deployed service would get."""
        request_id = str(uuid.uuid4())
        route, parameters = self._match(sent)
        if route is None:
            return _refusal("MISSING_AUTHENTICATION_TOKEN", request_id)
        if len(sent.body) > MAX_BODY:
            return _refusal("REQUEST_TOO_LARGE", request_id)
        place = {"stage": self._stage, "domainName": self._domain, "requestId": request_id}
        event = proxy_event(sent, route, parameters, place, self._app.api.binary_types)
        try:
            return _response(self._app(event, self._context(request_id)), request_id)
        except Exception:  # noqa: BLE001 - whatever a function raises, a gateway goes on
            traceback.print_exc()
            return _refusal("DEFAULT_5XX", request_id)

    def _match(self, sent: Sent) -> tuple[Route | None, dict[str, str]]:
        path = sent.path[:-1] if sent.path.endswith("/") and sent.path != "/" else sent.path
        segments = tuple(path.split("/"))
        for route in self._routes:
            parameters = route.match(segments)
            if parameters is not None:
                return (route if sent.method in route.methods else None), parameters
        return None, {}

    def _context(self, request_id: str) -> LambdaContext:
        name = f"{self._app.app_name}-{self._stage}"
        return LambdaContext(name, request_id, time.monotonic() + TIMEOUT_SECONDS)


def read(environ: WSGIEnvironment) -> Sent:
    """Read a request from what `dev.run.listener` says of it."""
    target = environ["REQUEST_URI"]
    if not target.startswith("/"):  # RFC 9112 section 3.2.2: a proxy is sent the whole address
        target = urlsplit(target)._replace(scheme="", netloc="").geturl() or "/"
    path, _, query = target.partition("?")
    return Sent(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=environ["passerelle.headers"],
        body=environ["wsgi.input"].read(),
        source_ip=environ["REMOTE_ADDR"],
    )


def proxy_event(
    sent: Sent,
    route: Route,
    parameters: Mapping[str, str],
    place: Mapping[str, str],
    binary_types: Iterable[str],
) -> Event:
    """Write the event of a REST API's Lambda proxy integration, format 1.0.

    `place` is what the gateway adds of its own: stage, domainName and requestId.
    """
    query = parse_qsl(sent.query, keep_blank_values=True)
    body, encoded = _event_body(sent, binary_types)
    return {
        "resource": route.template,
        "path": sent.path,
        "httpMethod": sent.method,
        "headers": dict(sent.headers),
        "multiValueHeaders": _many(sent.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _many(query) or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            **place,
            "accountId": "000000000000",
            "apiId": "local",
            "resourceId": "local",
            "resourcePath": route.template,
            "httpMethod": sent.method,
            "path": sent.path,
            "protocol": "HTTP/1.1",
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {"sourceIp": sent.source_ip, "userAgent": sent.header("user-agent")},
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def _many(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many


def _event_body(sent: Sent, binary_types: Iterable[str]) -> tuple[str | None, bool]:
    if not sent.body:
        return None, False
    media_type = sent.header("content-type").partition(";")[0].strip().lower()
    if media_type not in binary_types:
        try:
            return sent.body.decode(), False
        except UnicodeDecodeError:
            pass  # An event is JSON and cannot hold these bytes as text; the app shall see them.
    return base64.b64encode(sent.body).decode("ascii"), True


def _response(answer: Mapping[str, Any], request_id: str) -> Answered:
    single = [(name, str(value)) for name, value in answer.get("headers", {}).items()]
    many = answer.get("multiValueHeaders", {}).items()
    repeated = [(name, str(value)) for name, values in many for value in values]
    body = answer.get("body") or ""
    decode = base64.b64decode if answer.get("isBase64Encoded") else str.encode
    return _answered(answer["statusCode"], [*single, *repeated], decode(body), request_id)


def _refusal(kind: str, request_id: str) -> Answered:
    error = REFUSALS[kind]
    body = json.dumps(error_body(error)).encode()
    headers = [("Content-Type", "application/scim+json")]
    return _answered(error.status, headers, body, request_id)


def _answered(
    status: int, headers: list[tuple[str, str]], body: bytes, request_id: str
) -> Answered:
    # RFC 9110 section 8.6: a 204 has no length.
    length = [] if status == HTTPStatus.NO_CONTENT else [("Content-Length", str(len(body)))]
    return Answered(status, (*headers, *length, ("x-amzn-RequestId", request_id)), body)
