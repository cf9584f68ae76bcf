"""Requests to a deployment, as JSON; where the service is busy they are sent again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

SECONDS = 30.0
# In all about a minute.
ATTEMPTS = 7
LONGEST_PAUSE = 20.0

BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
BUSY |= {HTTPStatus.GATEWAY_TIMEOUT}
# What may be sent again though nobody knows whether it has arrived.
REPEATABLE = {"GET", "PUT", "DELETE"}


class Reply(NamedTuple):
    """A response: status, headers by name in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# (method, URL, headers, body) -> response; raises OSError if it gets no response.
Transport = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


class ApiError(Exception):
    """A request was rejected.

    `problem` is the document of the error (RFC 9457); `problem["detail"]` says what is wrong.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """Keep both; the text is the detail."""
        super().__init__(f"{status}: {problem.get('detail', 'no detail')}")
        self.status = status
        self.problem = problem


class HttpClient:
    """Sends requests to one deployment with an operator key."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        transport: Transport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the URL of the deployment, with or without `/admin`, and an operator key."""
        self.url = url.rstrip("/").removesuffix("/admin")
        self._key = key
        self._transport = transport or over_network
        self._sleep = sleep

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Any:
        """Send a request; return the document of its response, None where it has none.

        A parameter, header or body that is None is not sent. A request is sent again where the
        service is busy (429, 502, 503, 504) or does not respond, after the pause that it asks for;
        one that creates something only where that is safe.

        Raises:
            ApiError: it was rejected.
            OSError: there was no response, at the last attempt either.
        """
        url = f"{self.url}{path}{_query(query or {})}"
        given = {name: value for name, value in (headers or {}).items() if value is not None}
        sent = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **given}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        safe = method in REPEATABLE or "Idempotency-Key" in given
        reply = self._reply(method, url, sent, data, safe=safe)
        document = json.loads(reply.body) if reply.body else None
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ApiError(reply.status, document if isinstance(document, dict) else {})
        return document

    def _reply(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, *, safe: bool
    ) -> Reply:
        again = BUSY if safe else {HTTPStatus.TOO_MANY_REQUESTS}
        for attempt in range(1, ATTEMPTS):
            pause = min(2.0**attempt / 2, LONGEST_PAUSE)
            try:
                reply = self._transport(method, url, headers, data)
            except OSError:
                if not safe:
                    raise
            else:
                if reply.status not in again:
                    return reply
                asked = reply.headers.get("retry-after", "")
                pause = min(float(asked), LONGEST_PAUSE) if asked.isdigit() else pause
            self._sleep(pause)
        return self._transport(method, url, headers, data)


def part(text: str) -> str:
    """Write a text as one part of a path."""
    return quote(text, safe="")


def _query(query: Mapping[str, object]) -> str:
    given = {name: _parameter(value) for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the operator key would go along."""

    def redirect_request(self, *_: Any) -> None:
        """Say no."""


_OPENER = build_opener(_NoRedirect)


def over_network(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """Send a request by the standard library."""
    if not url.startswith(("https://", "http://")):
        message = "the URL of a deployment begins with https://"
        raise ValueError(message)
    request = Request(url, body, dict(headers), method=method)  # noqa: S310 - checked above
    try:
        with _OPENER.open(request, timeout=SECONDS) as got:
            return Reply(got.status, _names(got.headers), got.read())
    except HTTPError as error:
        with error:
            return Reply(error.code, _names(error.headers), error.read())


def _names(headers: Any) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}
