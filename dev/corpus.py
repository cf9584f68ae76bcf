"""`make corpus`: the recorded requests of Entra ID, played on the running demo.

They are played in order on one fresh connection of provider `entra`. Knows HTTP; what a dialogue
is, and whether an answer is right, stands in `dev.dialogues`.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from dev import demo
from dev.dialogues import Answer, Dialogue, Request, Send, load, play

ENTRA = Path(__file__).parents[1] / "tests" / "corpus" / "entra"


@contextmanager
def wire(scim_url: str, token: str) -> Iterator[Send]:
    """Send requests to a connection's address as they are: no client re-codes their query."""
    parts = urlsplit(scim_url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:

        def send(request: Request) -> Answer:
            headers = {"Authorization": f"Bearer {token}", **request.headers}
            target = parts.path + request.target
            connection.request(request.method, target, request.body or None, headers)
            answer = connection.getresponse()
            body = answer.read()
            media_type = answer.headers.get("Content-Type", "")
            return Answer(answer.status, media_type, json.loads(body) if body else None)

        yield send


def report(dialogues: Mapping[str, Dialogue], send: Send) -> int:
    """Play dialogues and print how each went; gives how many failed."""
    failed = 0
    for name, dialogue in dialogues.items():
        faults = play(dialogue, send)
        failed += bool(faults)
        print(f"  {'FAILED' if faults else 'ok':6} {name}  {dialogue.title}", flush=True)
        for fault in faults:
            print(f"         {fault}")
    requests_sent = sum(len(dialogue.steps) for dialogue in dialogues.values())
    print(f"\n{len(dialogues)} dialogues with {requests_sent} requests, {failed} failed.")
    return failed


def main() -> int:
    """Play on the server that LOCAL_DIR describes; 0 when every answer was right."""
    try:
        made = demo.beside(demo.running(os.environ), "entra")
        with wire(made.scim_url, made.token) as send:
            failed = report(load(ENTRA), send)
    except (demo.DemoFailed, requests.RequestException, OSError) as reason:
        print(f"make corpus: {reason}", file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
