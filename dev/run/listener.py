"""The WSGI server of `make run`: waitress, which keeps the headers as they were sent.

WSGI joins repeated headers into one, but API Gateway does not, and the app must see that a request
has two Authorization headers.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.types import WSGIApplication, WSGIEnvironment

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, get_header_lines
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

from dev.errors import VerbError

HOST = "127.0.0.1"
THREADS = 16
BLANKS = re.compile(rb"[ \t]{2,}")


class PortTaken(VerbError):
    """Another program listens on the port."""


class _Parser(HTTPRequestParser):
    """Keeps each header line, with the spelling of its name."""

    wire_headers: tuple[tuple[str, str], ...] = ()

    def parse_header(self, header_plus: bytes) -> None:
        # waitress reads a run of blanks again from each of them: 9,000 took a third of a second.
        super().parse_header(BLANKS.sub(b" ", header_plus))
        lines = get_header_lines(header_plus.partition(b"\r\n")[2])
        pairs = [line.decode("latin-1").partition(":") for line in lines]
        # A name with an underscore is dropped, as waitress does: WSGI could mistake it for another.
        self.wire_headers = tuple(
            (name, value.strip(" \t")) for name, _, value in pairs if "_" not in name
        )


class _Task(WSGITask):
    def get_environment(self) -> WSGIEnvironment:
        environ: WSGIEnvironment = super().get_environment()
        environ["passerelle.headers"] = self.request.wire_headers
        return environ


class _Channel(HTTPChannel):
    parser_class = _Parser
    task_class = _Task


class _Server(TcpWSGIServer):
    channel_class = _Channel


@contextmanager
def listening(application: WSGIApplication, port: int) -> Iterator[int]:
    """Serve on 127.0.0.1 while the block runs; yield the port, a free one where `port` is 0.

    At the end no new request is accepted, and those in progress have five seconds to finish.

    Raises:
        PortTaken: the port is not free.
    """
    with _bound(port) as own:
        sockets: dict[int, object] = {}
        server = _Server(
            application,
            map=sockets,
            adj=Adjustments(
                sockets=[own], threads=THREADS, ident="passerelle", connection_limit=1000
            ),
            sockinfo=(own.family, own.type, own.proto, own.getsockname()),
            _sock=own,
            bind_socket=False,
        )
        stop = threading.Event()
        loop = threading.Thread(target=_loop, args=(sockets, stop), name="listener", daemon=True)
        loop.start()
        try:
            yield int(server.effective_port)
        finally:
            server.task_dispatcher.shutdown()
            stop.set()
            server.pull_trigger()
            loop.join()
            wasyncore.close_all(sockets)


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise PortTaken(
            f"Port {port} of {HOST} is not free: {error}. Choose another: make run PORT=8001"
        ) from error


def _loop(sockets: dict[int, object], stop: threading.Event) -> None:
    # poll, not select: the latter fails from the 1,024th open file on.
    while not stop.is_set():
        wasyncore.loop(timeout=30, use_poll=True, map=sockets, count=1)
