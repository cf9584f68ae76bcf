"""The audit of what is packed, by a service of advisories on this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from dev.release import audit
from tests.test_architecture import pinned

ADVISORY = {
    "id": "GHSA-0000-0000-0000",
    "summary": "Reads what it should not.",
    "affected": [{"package": {"name": "cryptography", "ecosystem": "PyPI"}, "ranges": []}],
}


@contextmanager
def service(*known: str) -> Iterator[tuple[str, set[str]]]:
    """Know something against these packages; gives the URL, and which are asked for."""
    asked: set[str] = set()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            name = json.loads(sent)["package"]["name"]
            asked.add(name)
            body = json.dumps({"vulns": [ADVISORY]} if name in known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


def test_every_package_is_asked_for():
    """Those that others need too."""
    with service() as (url, asked):
        assert audit.audit(url) == 0

    assert asked >= pinned("requirements.txt")


def test_a_known_vulnerability_fails_and_is_named(capfd):
    """CI stops before it lands."""
    with service("cryptography") as (url, _):
        assert audit.audit(url) == 1

    assert "GHSA-0000-0000-0000" in capfd.readouterr().out


def test_without_the_service_nothing_fails_and_that_is_said(capsys):
    """CI runs in places without a way out."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert audit.audit(f"http://127.0.0.1:{port}/") == 0
    assert "NOT AUDITED" in capsys.readouterr().out
