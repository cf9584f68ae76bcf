"""HTTPS to hosts outside of AWS: to an address that was checked, no redirects, bounded.

A name is resolved once, every address of it must be a public one, and the connection goes to that
very address while the certificate is checked for the name. So neither a URL nor a name server can
make this service a client inside of a private network. No proxy of the environment is used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

HTTPS_PORT = 443
# RFC 6052 section 2.1: an IPv4 address in the last 32 bits.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOW_32_BITS = 0xFFFF_FFFF


class NotAllowed(Exception):
    """The URL may not be reached: not https, another port, or an address that is not public."""


class Unreachable(Exception):
    """There was no whole response in time: no connection, no certificate, or too many bytes."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """What is sent; `headers` has no Host and no Content-Length."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What came back; a redirect is a response like any other."""

    status: int
    body: bytes


def is_public(text: str) -> bool:
    """Return whether an IP address is reachable for anyone; what it embeds must be too."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = _embedded(address)
    return address.is_global and not address.is_multicast and (inner is None or is_public(inner))


def _embedded(address: IPv4Address | IPv6Address) -> str | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, NAT64, 6to4 or Teredo."""
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return str(IPv4Address(int(address) & LOW_32_BITS))
    found = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    return str(found) if found else None


@dataclass(frozen=True, slots=True)
class OutboundClient:
    """Sends requests.

    `allow_loopback` is for a service that runs on an engineer's machine: plain HTTP to a loopback
    address, any port. No setting reaches it.
    """

    allow_loopback: bool = False
    resolve: Callable[[str, int], list[str]] = lambda host, port: [
        str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]

    def require_allowed(self, url: str) -> None:
        """Check a URL before it is stored; each request checks it again.

        Raises:
            NotAllowed: the URL may not be reached.
            Unreachable: its host has no address.
        """
        try:
            self._connection(*_split(url), seconds=1.0)
        except (OSError, UnicodeError) as error:
            # A UnicodeError: a part of the name is empty or too long.
            raise Unreachable from error

    def send(
        self, request: OutboundRequest, *, seconds: float, max_bytes: int, cut: bool = False
    ) -> OutboundResponse:
        """Send a request and read the response, within `seconds` in all.

        With `cut` no more than `max_bytes` of it are read.

        Raises:
            NotAllowed: the URL may not be reached.
            Unreachable: there was no whole response of at most `max_bytes` in time.
        """
        url, host, port = _split(request.url)
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        try:
            connection = self._connection(url, host, port, seconds)
            # The time of a socket begins again with every byte that comes.
            late = Event()
            end = Timer(seconds, _shut_down, (connection, late))
            end.start()
            try:
                connection.request(request.method, target, request.body, dict(request.headers))
                response = connection.getresponse()
                body = response.read(max_bytes + 1)
            finally:
                end.cancel()
                connection.close()
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable from error
        # Without a length the end of the connection looks like that of the body.
        is_long = len(body) > max_bytes or response.length
        if late.is_set() or (is_long and not cut):
            raise Unreachable
        return OutboundResponse(response.status, body[:max_bytes])

    def _connection(
        self, url: SplitResult, host: str, port: int | None, seconds: float
    ) -> HTTPConnection:
        """Make a connection to an address that was checked.

        Raises:
            NotAllowed: the URL may not be reached.
            OSError: the name has no address.
        """
        is_local = self.allow_loopback and host in {"127.0.0.1", "localhost"}
        if is_local:
            return _pinned(HTTPConnection(host, port or 80, timeout=seconds), "127.0.0.1")
        if url.scheme != "https" or port not in {None, HTTPS_PORT} or url.username is not None:
            raise NotAllowed
        addresses = self.resolve(host, HTTPS_PORT)
        if not addresses or not all(map(is_public, addresses)):
            raise NotAllowed
        context = ssl.create_default_context()
        return _pinned(HTTPSConnection(host, timeout=seconds, context=context), addresses[0])


def _split(text: str) -> tuple[SplitResult, str, int | None]:
    """Read a URL, its host and its port.

    Raises:
        NotAllowed: there is no host, or the port is no number.
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise NotAllowed from error
    if not host:
        raise NotAllowed
    return url, host, port


def _shut_down(connection: HTTPConnection, late: Event) -> None:
    """End whatever a connection is waiting for."""
    late.set()
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _pinned(connection: HTTPConnection, address: str) -> HTTPConnection:
    """Let a connection go to this address; name and certificate stay those of its host."""

    def connect(
        _: tuple[str, int], timeout: float | None, source: tuple[str, int] | None = None
    ) -> socket.socket:
        return socket.create_connection((address, connection.port), timeout, source)

    connection._create_connection = connect  # type: ignore[attr-defined] # noqa: SLF001 - http.client has no public way
    return connection
