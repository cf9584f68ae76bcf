"""The app behind HTTP, on a port of this machine."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

from dev.run.gateway import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Wire:
    """Sends each request over a socket, in the place of the gateway in this process."""

    address: str

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Send a request as it is, and read the response."""
        target = f"{request.path}{'?' if request.query else ''}{request.query}"
        with closing(HTTPConnection(self.address, timeout=30)) as connection:
            connection.request(request.method, target, request.body, dict(request.headers))
            response = connection.getresponse()
            headers = tuple(response.getheaders())
            return HttpResponse(response.status, headers, response.read())
