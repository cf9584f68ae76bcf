"""Which endpoint responds to a path: one table of all paths, read with the canonical path.

API Gateway has two routes, `/` and `/{proxy+}`, so that every path reaches the app: to an unknown
path with a bearer token it would respond itself, with a 403 about AWS signatures. The path that
the router reads is the one that is authenticated and the one that is dispatched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from chalice.app import Blueprint
from chalice.app import Response as ChaliceResponse

from chalicelib.api import edge
from chalicelib.api.edge import ErrorResponse, Request, Respond, Segments
from chalicelib.api.services import Services
from chalicelib.errors import MethodNotAllowed
from chalicelib.observability import record

# API Gateway passes all of these on; the app says which of them a path supports.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Parameters = Mapping[str, str]
Handler = TypeVar("Handler")


def accept_all(_: Parameters) -> bool:
    """Accept any values of a path's parameters."""
    return True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, what responds to its requests, and how their errors are written.

    A path whose parameters it does not accept is an unknown one. A body must be of one of the
    `media_types`.
    """

    path: str
    respond: Respond
    error_response: ErrorResponse
    accepts: Callable[[Parameters], bool] = accept_all
    media_types: Sequence[str] = edge.ACCEPTED
    segments: Segments = field(init=False)

    def __post_init__(self) -> None:
        """Split the path once, not at every request."""
        object.__setattr__(self, "segments", edge.segments(self.path))

    def match(self, segments: Segments) -> Parameters | None:
        """Return the parameters of a path of as many segments; None where it is another path."""
        pairs = list(zip(self.segments, segments, strict=True))
        if any(own != sent for own, sent in pairs if not _is_parameter(own)):
            return None
        found = {own[1:-1]: sent for own, sent in pairs if _is_parameter(own)}
        return found if self.accepts(found) else None


# An endpoint, and the values of the parameters of its path, as sent.
Found = tuple[Endpoint, Parameters]


class Router:
    """Some endpoints, and what knows the others.

    A literal segment comes before a parameter in the same place.
    """

    def __init__(
        self, endpoints: Iterable[Endpoint], otherwise: Callable[[Segments], Found]
    ) -> None:
        """Take the endpoints, and what finds the endpoint of every other path."""
        self._otherwise = otherwise
        self._by_length: dict[int, list[Endpoint]] = defaultdict(list)
        for each in sorted(endpoints, key=lambda each: [_is_parameter(s) for s in each.segments]):
            self._by_length[len(each.segments)].append(each)

    def find(self, segments: Segments) -> Found:
        """Find the endpoint of a path, and the values of its parameters, as sent."""
        for endpoint in self._by_length.get(len(segments), ()):
            found = endpoint.match(segments)
            if found is not None:
                return endpoint, found
        return self._otherwise(segments)

    def respond(self, request: Request) -> tuple[Endpoint, edge.Response]:
        """Respond to a request by the endpoint of its path."""
        endpoint, parameters = self.find(request.segments)
        dispatched = replace(request, route=endpoint.path, path=parameters)
        return endpoint, edge.respond(
            endpoint.respond, endpoint.error_response, dispatched, endpoint.media_types
        )


def blueprint(services: Services, router: Router) -> Blueprint:
    """Register the two routes of API Gateway; every request goes through the same view."""
    routes = Blueprint(__name__)
    now = services.table.clock.monotonic

    def view() -> ChaliceResponse:
        started = now()
        request = edge.read(routes.current_request, services.settings.base_url)
        endpoint, response = router.respond(request)
        record(
            request.method,
            endpoint.path,
            response.status,
            int((now() - started) * 1000),
            request_id=request.request_id,
        )
        return edge.write(response, request)

    # Without content types Chalice leaves the body alone: a DELETE may have any.
    for name, path in (("root", "/"), ("every_path", "/{proxy+}")):
        routes.route(path, methods=list(METHODS), content_types=[], name=name)(view)
    return routes


def find_handler(handlers: Mapping[str, Handler], method: str) -> Handler:
    """Find the handler of a method; HEAD has that of GET (RFC 9110 section 9.3.2).

    Raises:
        MethodNotAllowed: names the methods that the path supports.
    """
    found = handlers.get("GET" if method == "HEAD" else method)
    if found is None:
        supported = {*handlers, *(["HEAD"] if "GET" in handlers else [])}
        raise MethodNotAllowed(*(each for each in METHODS if each in supported))
    return found


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")
