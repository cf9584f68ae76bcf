"""`make corpus`: the recorded requests of Entra ID, played on the running demo.

They are played in order on one fresh connection of provider `entra`. Knows HTTP and the admin
routes; what a dialogue is, and whether an answer is right, stands in `dev.dialogues`.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import requests

from dev import demo
from dev.dialogues import Answer, Dialogue, Request, Send, load, play

ENTRA = Path(__file__).parents[1] / "tests" / "corpus" / "entra"


class Wire:
    """Sends requests to a connection's address as they are: no client re-codes their query."""

    def __init__(self, scim_url: str, token: str) -> None:
        """Take what is pasted into an identity provider."""
        parts = urlsplit(scim_url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        self._path = parts.path
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, request: Request) -> Answer:
        """Send one request and read its answer."""
        headers = {**self._headers, **request.headers}
        self._connection.request(
            request.method, self._path + request.target, request.body or None, headers
        )
        answer = self._connection.getresponse()
        body = answer.read()
        media_type = answer.headers.get("Content-Type", "")
        return Answer(answer.status, media_type, json.loads(body) if body else None)


def fresh(described: Mapping[str, str], identity_provider: str) -> Wire:
    """Make an organisation with an empty connection on the running server, and call it.

    Raises:
        demo.DemoFailed: an admin route refused.
    """
    admin = demo.Admin(described["admin_url"], described["operator_key"])
    made = demo.create(admin, identity_provider)
    # Asked at the server itself: `scim_url` may be a public address that leads here later.
    return Wire(f"{admin.url.removesuffix('/admin')}/scim/v2/{made.connection}", made.token)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play all dialogues on one fresh connection of provider `entra`; 0 when none failed."""
    parser = ArgumentParser(prog="make corpus")
    default = Path(os.environ.get("LOCAL_DIR") or ".local") / "demo.json"
    parser.add_argument("--demo", type=Path, default=default, help="what `make run` wrote")
    file = parser.parse_args(arguments).demo
    if not file.exists():
        print(f"make corpus: there is no {file}. Start the server first: make run", file=sys.stderr)
        return 1
    try:
        wire = fresh(json.loads(file.read_text(encoding="utf-8")), "entra")
        failed = _played(load(ENTRA), wire)
    except (demo.DemoFailed, requests.RequestException, OSError) as reason:
        print(f"make corpus: {reason}", file=sys.stderr)
        return 1
    return 1 if failed else 0


def _played(dialogues: Mapping[str, Dialogue], send: Send) -> int:
    failed = steps = 0
    for name, dialogue in dialogues.items():
        faults = play(dialogue, send)
        steps += len(dialogue.steps)
        failed += bool(faults)
        print(f"  {'FAILED' if faults else 'ok':6} {name}  {dialogue.title}")
        for fault in faults:
            print(f"         {fault}")
    print(f"\n{len(dialogues)} dialogues, {steps} requests, {failed} failed.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
