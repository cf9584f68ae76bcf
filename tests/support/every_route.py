"""A life of an organisation that uses every route of the admin API once, with success."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support import described
from tests.support.builders import ApiClient, Response, connection_body, organisation_body

AGENT = "a-console/1.0"
URN = "urn:example:2.0:Shoes"
SCHEMA = {
    "id": URN,
    "name": "Shoes",
    "attributes": [{"name": "size", "type": "integer", "multiValued": False}],
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Sends requests and records, by route that has succeeded, the id of the last request."""

    http: ApiClient
    seen: dict[tuple[str, str], str]

    def __call__(self, method: str, target: str, body: Any = None) -> Response:
        """Send one request, which must not be rejected."""
        headers = {"User-Agent": AGENT, "Passerelle-Confirm": "Acme"}
        response = self.http(method, target, body, headers)
        assert response.status < 300, f"{method} {target}: {response.body}"
        route = method, described.template_of(target.partition("?")[0])
        self.seen[route] = response.headers["x-amzn-requestid"]
        return response

    def with_credential(self, credential: str) -> Recorded:
        """Send requests with another credential."""
        return Recorded(self.http.with_credential(credential), self.seen)


# Takes the ids of a connection and of a user who has lost access there; gives that of the event.
Leave = Callable[[str, str], str]


def life(send: Recorded, scim: ApiClient, leave: Leave) -> None:
    """Use every route once, with success."""
    at = "/admin/organisations"
    own = f"{at}/{send('POST', at, organisation_body(reference='acme')).body['id']}"
    _settings(send, own)
    made = send("POST", f"{own}/connections", connection_body()).body
    path = f"{own}/connections/{made['id']}"
    token = _connection(send, path)
    _people(send, own, scim.with_credential(token), f"/scim/v2/{made['id']}")
    send("POST", f"{own}/acknowledgements", {"event": leave(made["id"], "0" * 32)})
    send("POST", f"{path}/listen")
    send("GET", f"{path}/rejected")
    for target in (
        f"{path}/log",
        f"{path}/digest",
        path,
        f"{own}/connections",
        f"{own}/audit",
        f"{own}/changes",
    ):
        send("GET", target)
    send("GET", f"/admin/changes?organisation={own.rpartition('/')[2]}")
    send("POST", f"{path}/test")
    _webhook(send)
    for target in (f"{path}?preview=true", path, own):
        send("DELETE", target)
    for target in (
        "/health",
        "/openapi.json",
        f"{at}?limit=1",
        own,
        "/admin/audit",
        "/admin/connections",
        "/admin/erasures",
    ):
        send("GET", target)


def _webhook(send: Recorded) -> None:
    at = "/admin/webhooks"
    made = f"{at}/{send('POST', at, {'url': 'http://127.0.0.1:9/'}).body['id']}"
    for target in (at, made, f"{made}/deliveries", f"{made}/dead-letters"):
        send("GET", target)
    for action, body in (("test", None), ("rotate", None), ("replay", {"after": "now"})):
        send("POST", f"{made}/{action}", body)
    send("PATCH", made, {"state": "paused"})
    send("DELETE", f"{made}/dead-letters")
    send("DELETE", made)


def _settings(send: Recorded, own: str) -> None:
    send("PATCH", own, {"reference": "acme-2"})
    send("PUT", f"{own}/workspaces/shed", {"name": "Shed"})
    send("PUT", f"{own}/roles/guest", {"name": "Guest"})
    send("PUT", f"{own}/domains/acme.example.com")
    for target in ("workspaces/shed", "roles/guest", "domains/acme.example.com"):
        send("DELETE", f"{own}/{target}")
    _console(send, own)


def _console(send: Recorded, own: str) -> None:
    links = f"{own}/console-links"
    send("DELETE", f"{links}/{send('POST', links, {'name': 'Ada'}).body['id']}")
    send("GET", links)
    by_session = [_session(send, links) for _ in range(2)]
    by_session[0]("GET", "/admin/summary")
    _session(send, links, purpose="setup")("POST", "/admin/sessions/current/finish")
    by_session[0]("DELETE", "/admin/sessions/current")
    [listed] = send("GET", f"{own}/sessions").body["items"]
    send("DELETE", f"{own}/sessions/{listed['id']}")
    _session(send, links)
    send("DELETE", f"{own}/sessions")


def _session(send: Recorded, links: str, **body: str) -> Recorded:
    link = send("POST", links, {"name": "Ada", **body}).body["url"].partition("#")[2]
    session = send.with_credential("")("POST", "/admin/sessions", {"link": link}).body["token"]
    return send.with_credential(session)


def _connection(send: Recorded, path: str) -> str:
    send("PATCH", path, {"name": "Entra"})
    for target in ("", f"/{URN}"):
        send("PUT" if target else "GET", f"{path}/schemas{target}", SCHEMA if target else None)
    send("GET", f"{path}/schemas/{URN}")
    send("DELETE", f"{path}/schemas/{URN}")
    token = send("POST", f"{path}/tokens", {"name": "first"}).body
    rotated = send("POST", f"{path}/tokens/{token['id']}/rotate", {"overlap_hours": 1}).body
    send("GET", f"{path}/tokens")
    send("DELETE", f"{path}/tokens/{token['id']}")
    secret = send("POST", f"{path}/credentials", {"name": "s", "type": "client_secret"}).body["id"]
    send("POST", f"{path}/credentials/{secret}/rotate", {"overlap_hours": 1})
    send("GET", f"{path}/credentials")
    send("DELETE", f"{path}/credentials/{secret}")
    text: str = rotated["token"]
    return text


def _people(send: Recorded, own: str, scim: ApiClient, scim_path: str) -> None:
    email = {"value": "ada@example.com", "type": "work"}
    user = scim(
        "POST",
        f"{scim_path}/Users",
        {"userName": "ada@example.com", "displayName": "Ada", "emails": [email]},
    ).body["id"]
    team = scim(
        "POST", f"{scim_path}/Groups", {"displayName": "Team", "members": [{"value": user}]}
    ).body["id"]
    scim("POST", f"{scim_path}/Users", {"userName": "ada@example.com"})
    ada, it = f"{own}/users/{user}", f"{own}/teams/{team}"
    for target in (f"{own}/users", ada, f"{own}/teams", it, f"{it}/members"):
        send("GET", target)
    send("PUT", f"{ada}/roles", {"roles": ["editor", {"role": "reader", "workspace": "lab"}]})
    send("PUT", f"{ada}/roles/reader")
    send("DELETE", f"{ada}/roles/reader")
    send("PUT", f"{ada}/account", {"id": "4711"})
    send("DELETE", f"{ada}/account")
    send("POST", f"{ada}/password-set")
    send("POST", f"{own}/resolve", {"user_name": "ada@example.com"})
    send("POST", "/sign-in", {"email": "ada@example.com"})
    send("DELETE", ada)
