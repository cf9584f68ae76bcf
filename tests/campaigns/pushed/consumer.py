"""The process of the SaaS's consumer: `python -m tests.campaigns.pushed.consumer PORT FILE ...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook

from chalicelib.storage.directory_items import User
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.records import from_item
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.run.listener import HOST
from tests.campaigns.pushed.accounts import Accounts, Read
from tests.support.directory import connection_context

# What the deliveries of `make events` are signed with.
SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def read_from(table: Table) -> Read:
    """Return what reads a user from a table, as `GET .../users/{user}` does."""

    def read(connection: str, uid: str) -> tuple[int, bool] | None:
        items = connection_context(table, connection).items
        item = items.get(ConnectionKeys(connection).user(uid))
        user = None if item is None else from_item(User, item)
        return None if user is None else (user.version, bool(user.document["active"]))

    return read


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Check a signature by the library; the campaign's clock runs ahead of this machine's."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Webhook(SECRET).sign(headers["webhook-id"], at, body.decode())
    return expected in headers["webhook-signature"].split(" ")


class Server(ThreadingHTTPServer):
    """Listens as soon as the one before is dead; 8 deliveries come at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 32


def handler_of(accounts: Accounts) -> type[BaseHTTPRequestHandler]:
    """Make the handler that verifies each delivery and accepts its event."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if is_signed(headers, body):
                accounts.accept(json.loads(body)["data"])
                self.send_response(HTTPStatus.NO_CONTENT)
            else:
                self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


def main(arguments: Sequence[str]) -> None:
    """Receive until the process is killed."""
    port, file, engine_url, name = arguments
    table = Table(reference.client(engine_url), name)
    accounts = Accounts(Path(file), read_from(table))
    with Server((HOST, int(port)), handler_of(accounts)) as server:
        print("listens", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
