"""The published document: it names every route, and every route responds as it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.api.admin.published import FILE, read_document
from chalicelib.api.admin.routes import ROUTES
from dev.release import openapi
from dev.release.openapi_parameters import TAKES
from tests.support import described
from tests.support.builders import ApiClient, Response, connection_body, organisation_body

OPERATIONS = [
    (path, method) for path, found in read_document()["paths"].items() for method in found
]
METHODS = {"get", "post", "put", "patch", "delete"}
URN = "urn:example:2.0:Shoes"
SCHEMA = {
    "id": URN,
    "name": "Shoes",
    "attributes": [{"name": "size", "type": "integer", "multiValued": False}],
}


def test_the_document_is_there_for_anyone(operator):
    """Names and shapes are no secret; the address is this deployment's."""
    response = operator.with_credential("")("GET", "/openapi.json")

    assert response.status == 200
    assert response.body["openapi"] == "3.1.0"
    assert response.body["servers"] == [{"url": "https://id.example.com"}]


def test_the_file_is_what_the_code_makes():
    """Where a route or a shape has changed, `make openapi` writes it anew."""
    assert FILE.read_text(encoding="utf-8") == openapi.text()


def test_only_handlers_of_the_table_have_parameters():
    """An entry for a handler that no route has is left over."""
    assert TAKES.keys() <= {route.handler for route in ROUTES}


def test_every_route_is_described_and_nothing_else():
    """What a client reads is what the app serves."""
    named = {(m.upper(), path) for path, m in OPERATIONS if m in METHODS}

    assert named == {(route.method, route.path) for route in ROUTES}


def test_every_operation_has_a_name_of_its_own():
    """Generated clients name their functions after it."""
    names = [
        read_document()["paths"][path][method]["operationId"]
        for path, method in OPERATIONS
        if method in METHODS
    ]

    assert len(set(names)) == len(names)


def references(value: Any) -> set[str]:
    """Collect what a part of the document refers to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere_and_every_shape_is_used():
    """A schema that nothing refers to is left over from a response that has changed."""
    shapes = {f"#/components/schemas/{name}" for name in read_document()["components"]["schemas"]}

    assert references(read_document()) == {*shapes, "#/components/responses/Problem"}


@dataclass(frozen=True, slots=True)
class Noting:
    """Sends requests and records which routes have succeeded."""

    http: ApiClient
    seen: set[tuple[str, str]]

    def __call__(self, method: str, target: str, body: Any = None) -> Response:
        """Send one request, which must not be rejected."""
        response = self.http(method, target, body)
        assert response.status < 300, f"{method} {target}: {response.body}"
        self.seen.add((method, described.template_of(target.partition("?")[0])))
        return response

    def with_credential(self, credential: str) -> Noting:
        """Send requests with another credential."""
        return Noting(self.http.with_credential(credential), self.seen)


def life(send: Noting, scim: ApiClient) -> None:
    """Use every route once, with success."""
    at = "/admin/organisations"
    own = f"{at}/{send('POST', at, organisation_body(reference='acme')).body['id']}"
    _settings(send, own)
    made = send("POST", f"{own}/connections", connection_body()).body
    path = f"{own}/connections/{made['id']}"
    token = _connection(send, path)
    _people(send, own, scim.with_credential(token), f"/scim/v2/{made['id']}")
    for target in (f"{path}/log", path, f"{own}/connections", f"{own}/audit", f"{own}/changes"):
        send("GET", target)
    send("POST", f"{path}/test")
    for target in (path, f"{path}?preview=true", own):
        send("DELETE", target)
    for target in ("/health", "/openapi.json", f"{at}?limit=1", own):
        send("GET", target)


def _settings(send: Noting, own: str) -> None:
    send("PATCH", own, {"state": "active"})
    send("PUT", f"{own}/workspaces/shed", {"name": "Shed"})
    send("PUT", f"{own}/roles/guest", {"name": "Guest"})
    send("PUT", f"{own}/domains/acme.example.com")
    for target in ("workspaces/shed", "roles/guest", "domains/acme.example.com"):
        send("DELETE", f"{own}/{target}")
    link = send("POST", f"{own}/console-links", {"name": "Ada"}).body["url"].partition("#")[2]
    session = send.with_credential("")("POST", "/admin/sessions", {"link": link}).body["token"]
    send.with_credential(session)("DELETE", "/admin/sessions/current")


def _connection(send: Noting, path: str) -> str:
    send("PATCH", path, {"name": "Entra"})
    for target in ("", f"/{URN}"):
        send("PUT" if target else "GET", f"{path}/schemas{target}", SCHEMA if target else None)
    send("GET", f"{path}/schemas/{URN}")
    send("DELETE", f"{path}/schemas/{URN}")
    token = send("POST", f"{path}/tokens", {"name": "first"}).body
    rotated = send("POST", f"{path}/tokens/{token['id']}/rotate", {"overlap_hours": 1}).body
    send("GET", f"{path}/tokens")
    send("DELETE", f"{path}/tokens/{token['id']}")
    text: str = rotated["token"]
    return text


def _people(send: Noting, own: str, scim: ApiClient, scim_path: str) -> None:
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
    him, it = f"{own}/users/{user}", f"{own}/teams/{team}"
    for target in (f"{own}/users", him, f"{own}/teams", it, f"{it}/members"):
        send("GET", target)
    send("PUT", f"{him}/roles", {"roles": ["editor", {"role": "reader", "workspace": "lab"}]})
    send("PUT", f"{him}/roles/reader")
    send("DELETE", f"{him}/roles/reader")
    send("PUT", f"{him}/account", {"id": "4711"})
    send("DELETE", f"{him}/account")
    send("POST", f"{him}/password-set")
    send("POST", f"{own}/resolve", {"user_name": "ada@example.com"})
    send("POST", "/sign-in", {"email": "ada@example.com"})


def test_every_route_works_and_responds_as_described(operator):
    """Every response of every test is compared with the document; here, one of each route is."""
    seen: set[tuple[str, str]] = set()
    life(Noting(operator, seen), operator)

    assert seen == {(route.method, route.path) for route in ROUTES}
