"""A receiver of webhooks on this machine, which keeps what it has accepted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Event = dict[str, Any]


@dataclass(slots=True)
class Receiver:
    """Accepts events, or what `respond` says: it gets the event and returns a status."""

    url: str = ""
    respond: Callable[[Event], int] = lambda _: 204
    accepted: list[Event] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a request; return the status of the response."""
        event = json.loads(body)
        status = self.respond(event)
        with self.lock:
            self.requests.append((headers, body))
            if status < 300:
                self.accepted.append(event)
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/events"
    # It ends within a hundredth of a second.
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
