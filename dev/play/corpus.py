"""`make corpus`: requests of identity providers and of RFC 7644, played on the running demo.

Those of each folder are played in order on one fresh connection. Knows HTTP; what a dialogue
is, and whether an answer is right, stands in `dev.play.corpus_files`.
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

from chalicelib.api.admin.dialogue_player import Answer, Request, Send
from dev.play.corpus_files import Dialogue, load, play
from dev.run import demo

CORPUS = Path(__file__).parents[2] / "tests" / "corpus"
ENTRA = CORPUS / "entra"

# Which folder of the corpus is played on a connection of which provider.
PLAYED: Mapping[str, str] = {
    "entra": "entra",
    "okta": "okta",
    "google": "google",
    "onelogin": "other",
    "jumpcloud": "other",
    "ping": "other",
    "rfc7644": "other",
}


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
    failed = 0
    try:
        described = demo.running(os.environ)
        for folder, provider in PLAYED.items():
            made = demo.beside(described, provider)
            print(f"{folder}:")
            with wire(made.scim_url, made.token) as send:
                failed += report(load(CORPUS / folder), send)
    except (demo.DemoFailed, requests.RequestException, OSError) as reason:
        print(f"make corpus: {reason}", file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
