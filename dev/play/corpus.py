"""`make corpus`: requests of identity providers and of RFC 7644, played on the running demo.

The dialogues of each folder are played in order on one new connection, those of Entra ID also with
an access token by a client secret and by an assertion. What a dialogue is, and how its responses
are compared, is in `dev.play.corpus_files`.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chalicelib.api.admin.dialogue_player import Request, Response, Send
from dev.play.corpus_files import Dialogue, load, play
from dev.play.gallery import a_target
from dev.run import demo

CORPUS = Path(__file__).parents[2] / "tests" / "corpus"
ENTRA = CORPUS / "entra"


@dataclass(frozen=True, slots=True)
class Client:
    """A client program whose requests are a folder of the corpus, and the connection it needs.

    `settings` are those that its admin sets beside the provider.
    """

    title: str
    identity_provider: str = "other"
    settings: Mapping[str, str] = field(default_factory=dict)


CLIENTS: Mapping[str, Client] = {
    "entra": Client("Microsoft Entra ID", "entra"),
    "okta": Client("Okta", "okta"),
    "google": Client("Google Workspace", "google"),
    "onelogin": Client("OneLogin", "onelogin"),
    "jumpcloud": Client("JumpCloud", "jumpcloud"),
    "ping": Client("Ping Identity", "ping"),
    "keycloak": Client("Keycloak, SCIM plugins", "keycloak"),
    "authentik": Client("authentik", "authentik"),
    "midpoint": Client("midPoint", "midpoint"),
    "wso2": Client("WSO2 Identity Server"),
    "aws": Client("AWS's Google synchronisers"),
    # Its full synchronisation puts groups without members and adds the members afterwards.
    "nextcloud": Client("Nextcloud", settings={"put_without_members": "keep"}),
    "pocket-id": Client("Pocket ID"),
    "univention": Client("Univention Nubus"),
    "syncope": Client("Apache Syncope"),
    "sailpoint": Client("SailPoint"),
    "rippling": Client("Rippling"),
}

# folder of the corpus -> the connection that it is played on
PLAYED: Mapping[str, Client] = {**CLIENTS, "rfc7644": Client("RFC 7644")}


@contextmanager
def wire(scim_url: str, token: str) -> Iterator[Send]:
    """Send requests to a connection as they are: no HTTP library re-encodes the query."""
    parts = urlsplit(scim_url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:

        def send(request: Request) -> Response:
            headers = {"Authorization": f"Bearer {token}", **request.headers}
            target = parts.path + request.target
            connection.request(request.method, target, request.body or None, headers)
            response = connection.getresponse()
            body = response.read()
            media_type = response.headers.get("Content-Type", "")
            return Response(response.status, media_type, json.loads(body) if body else None)

        yield send


def report(dialogues: Mapping[str, Dialogue], send: Send) -> int:
    """Play dialogues and print the result of each; return how many failed."""
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


def main(_: Sequence[str]) -> int:
    """Play on the server that LOCAL_DIR describes; 0 when every response was as expected.

    Raises:
        DemoFailed: no server runs there.
    """
    failed = 0
    described = demo.running(os.environ)
    for folder, client in PLAYED.items():
        made = demo.beside(described, client.identity_provider, client.settings)
        print(f"{folder}:")
        with wire(made.scim_url, made.token) as send:
            failed += report(load(CORPUS / folder), send)
    return 1 if failed + _by_access_tokens(described) else 0


def _by_access_tokens(described: Mapping[str, Any]) -> int:
    """Play Entra ID's dialogues once more by each type of credential that is no static token."""
    failed = 0
    for by in ("client secret", "assertion"):
        with a_target(described) as target:
            own = target.assertion(target.issuer.keys[0])
            token = target.new_token(**(target.client if by == "client secret" else own))
            print(f"entra, by {by}:")
            with wire(target.scim_url, token["access_token"]) as send:
                failed += report(load(ENTRA), send)
    return failed
