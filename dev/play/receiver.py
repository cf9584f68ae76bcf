"""`make receiver`: receive the running demo's events on this machine, one line for each.

Creates a webhook that leads here, verifies the signature of each delivery, and deletes the webhook
when it ends (Ctrl-C). RECEIVER_PORT chooses the port (8100).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from dev.errors import VerbError
from dev.run import demo
from dev.run.listener import HOST

PORT = "8100"


def main(_: Sequence[str]) -> int:
    """Receive until Ctrl-C.

    Raises:
        VerbError: no demo runs, or another program listens on the port.
    """
    described = demo.running(os.environ)
    admin = demo.Admin(described["admin_url"], described["operator_key"])
    port = int(os.environ.get("RECEIVER_PORT") or PORT)
    try:
        server = ThreadingHTTPServer((HOST, port), _Handler)
    except OSError:
        message = f"Another program listens on {port}: make receiver RECEIVER_PORT=<another port>"
        raise VerbError(message) from None
    with server, _webhook(admin, f"http://{HOST}:{port}/"):
        print(f"Receiving at http://{HOST}:{port}/ until Ctrl-C; try make idp.", flush=True)
        server.serve_forever()
    return 0


@contextmanager
def _webhook(admin: demo.Admin, url: str) -> Iterator[None]:
    """Create a webhook that leads to `url`; delete it at the end."""
    made = admin.post("/webhooks", {"url": url})
    _Handler.verifier = Webhook(made["secret"])
    try:
        yield
    finally:
        headers = {"Authorization": f"Bearer {admin.key}"}
        requests.delete(f"{admin.url}/webhooks/{made['id']}", headers=headers, timeout=30)


class _Handler(BaseHTTPRequestHandler):
    """Prints each event whose signature is right."""

    verifier: Webhook

    def do_POST(self) -> None:
        """Verify and print one delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = self.verifier.verify(body, {k.lower(): v for k, v in self.headers.items()})
        except WebhookVerificationError as error:
            print(f"rejected: {error}", flush=True)
            self._respond(HTTPStatus.UNAUTHORIZED)
            return
        data = event["data"]
        what = data.get("state") or ", ".join(data.get("attributes", []))
        print(f"{event['time'][11:23]} {event['type']:32} {event['subject']} {what}", flush=True)
        self._respond(HTTPStatus.NO_CONTENT)

    def _respond(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing but the events."""
