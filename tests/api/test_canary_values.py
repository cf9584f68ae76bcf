"""Canaries of every type, in every place of a request: found in no log, metric or audit (B7).

`test_canary` sends each request of the app as somebody would; these are sent as nobody should:
numbers, hex digits, long texts, keys and URNs where a name or an id belongs.
"""

from __future__ import annotations

import io
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from app import build
from chalicelib.observability import logger
from chalicelib.settings import Plan
from tests.support.builders import Response, a_customer, api_client, scim_client
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all

INTEGER, DECIMAL = 7351908246, 73519.08246
HEX = "c0ffee73519082460c0ffee735190824"
LONG = '"canary" ' * 30 + "lark"
KEY = "canary.lark@nest"
SPACED = "Canary Lark"
URN = "urn:canary:lark:2.0:Nest"
NEEDLES = ["7351908246", "73519.08246", HEX, "canary", "lark"]
TEXTS = [str(INTEGER), str(DECIMAL), HEX, LONG, KEY, SPACED, URN]
VALUES: list[Any] = [INTEGER, DECIMAL, *TEXTS]

SHOP = "urn:example:shop:2.0:User"
SCHEMA = {
    "id": SHOP,
    "name": "Shop",
    "attributes": [
        {"name": "badge", "type": "integer"},
        {"name": "salary", "type": "decimal"},
        {"name": "smoker", "type": "boolean"},
        {"name": "hash", "type": "string"},
        {"name": "numbers", "type": "integer", "multiValued": True},
        {
            "name": "desk",
            "type": "complex",
            "subAttributes": [{"name": "floor", "type": "integer"}],
        },
    ],
}
SHOPPER = {
    "badge": INTEGER,
    "salary": DECIMAL,
    "smoker": True,
    "hash": HEX,
    "numbers": [INTEGER, INTEGER + 1],
    "desk": {"floor": INTEGER},
}
PATHS = [
    "emails[type eq {}].value",
    "emails[value eq {}]",
    "{}",
    "name.{}",
    f"{URN}:{{}}",
    f"{SHOP}:{{}}",
    "members[value eq {}]",
    "urn:ietf:params:scim:schemas:core:2.0:User:{}",
]
FILTERS = [
    "userName eq {}",
    "id eq {}",
    "externalId eq {} or emails[value eq {}]",
    f"{SHOP}:badge eq {{}}",
    "members eq {}",
    "members.value eq {}",
    "manager eq {}",
    "meta.created gt {}",
    "active eq {}",
    "{} eq 1",
    "{} pr and",
    "name.{} pr",
    f"{URN}:{{}} pr",
]
QUERIES = [
    "attributes={}",
    "excludedAttributes=userName,{}",
    "startIndex={}",
    "count={}",
    "cursor={}",
    "sortBy={}",
    "{}=1",
]

Sent = tuple[str, str, Any]


def _text(value: Any) -> str:
    """Write a value as a filter has it, numbers bare."""
    return json.dumps(value)


def filters() -> Iterator[str]:
    """Yield each filter with each value, quoted and bare."""
    for form in FILTERS:
        for value in VALUES:
            yield form.replace("{}", _text(value))
            yield form.replace("{}", str(value))


def searches() -> Iterator[Sent]:
    """Yield searches of users and groups."""
    for text in filters():
        yield "GET", f"/Users?filter={quote(text)}", None
        yield "POST", "/Groups/.search", {"filter": text, "attributes": [KEY]}
    for form in QUERIES:
        for value in VALUES:
            yield "GET", f"/Users?{form.replace('{}', quote(str(value)))}", None


def patches(target: str) -> Iterator[Sent]:
    """Yield changes of a resource, with odd paths, keys, values and operations."""
    for value in VALUES:
        operations = [
            {"op": "replace", "path": form.replace("{}", written), "value": value}
            for form in PATHS
            for written in (_text(value), str(value))
        ]
        operations += [
            {"op": "add", "path": "members", "value": [{"value": value}]},
            {"op": "replace", "value": {str(value): value, f"{URN}:a": value, "title": value}},
            {"op": "replace", "value": {SHOP: {str(value): value}, "active": value}},
            {"op": str(value), "path": "title", "value": "x"},
        ]
        yield from (("PATCH", target, {"Operations": [each]}) for each in operations)


def resources(target: str) -> Iterator[Sent]:
    """Yield resources with odd keys, values and schemas; one is accepted."""
    shopper = {"userName": f"shopper{target[-4:]}", SHOP: SHOPPER}
    yield "POST", "/Users", shopper
    for value in VALUES:
        odd = {str(value): value, URN: {"a": value}, "schemas": [URN], "active": value}
        for attributes in (odd, {"emails": value}, {"emails": [{str(value): value}]}):
            yield "POST", "/Users", {"userName": value, **attributes}
            yield "PUT", target, {"userName": "ada", **attributes}
        yield "POST", "/Groups", {"displayName": value, "members": [{"value": value}]}


def odd_requests(target: str) -> Iterator[Sent]:
    """Yield what is no request of SCIM, with canaries in its path or body."""
    for text in TEXTS:
        yield "GET", f"/Users/{quote(text, safe='')}", None
        yield "DELETE", f"/Groups/{quote(text, safe='')}", None
        yield "PATCH", f"/Users/{quote(text, safe='')}", {"Operations": []}
        yield "GET", f"/Schemas/{quote(text, safe='')}", None
        yield "POST", "/Users", f'{{"userName": {text}'.encode()
        yield "POST", "/Users", json.dumps([text]).encode()
        yield "PUT", target, {"userName": text, "id": text}
        odd = {"method": text, "path": text, "bulkId": text, "data": {text: text}}
        yield "POST", "/Bulk", {"Operations": [odd]}


def bulks(requests: list[Sent]) -> Iterator[Sent]:
    """Yield the same as operations of Bulk requests."""
    operations = [
        {"method": method, "path": path, "bulkId": f"{KEY}{number}", "data": body}
        for number, (method, path, body) in enumerate(requests)
        if method in {"POST", "PUT", "PATCH"} and isinstance(body, dict)
    ]
    for start in range(0, len(operations), 100):
        yield "POST", "/Bulk", {"Operations": operations[start : start + 100]}


@pytest.fixture
def written(capsys) -> Iterator[Any]:
    """Give what the service has written: its log lines, and its metrics."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield lambda: lines.getvalue() + capsys.readouterr().out
    logging.getLogger(logger.service).removeHandler(handler)


class World:
    """A connection with a schema of its own, and a user."""

    def __init__(self, services, unknown_attributes: str) -> None:
        """Create them."""
        plans = {"enterprise": Plan(scim=True, rate=None)}
        limitless = replace(services.settings, plans=plans)
        services = replace(services, settings=limitless)
        settings = {"unknown_attributes": unknown_attributes}
        customer = a_customer(services, identity_provider="other", settings=settings)
        app = build(services)
        self.services = services
        self.root = f"/admin/organisations/{customer.organisation}"
        self.connection = f"{self.root}/connections/{customer.connection}"
        self.operator = api_client(app, OPERATOR_KEY)
        self.scim = scim_client(app, customer.connection, customer.token)
        self.operator("PUT", f"{self.connection}/schemas/{SHOP}", SCHEMA)
        self.user = f"/Users/{self.scim.a_user('ada')['id']}"
        self.group = f"/Groups/{self.scim('POST', '/Groups', {'displayName': 'A'}).body['id']}"

    def pages(self) -> Iterator[str]:
        """Read all that an admin or the operator reads of requests."""
        cursor: str | None = ""
        while cursor is not None:
            after = f"&cursor={cursor}" if cursor else ""
            page = self.operator("GET", f"{self.connection}/log?limit=100{after}")
            yield json.dumps(page.body, ensure_ascii=False)
            cursor = page.body["next"] if page.body["items"] else None
        csv = {"Accept": "text/csv"}
        yield str(self.operator("GET", f"{self.connection}/log", headers=csv).body)
        for path in (f"{self.root}/audit", self.connection, f"{self.root}/changes"):
            yield json.dumps(self.operator("GET", path).body, ensure_ascii=False)


def all_requests(world: World) -> list[Sent]:
    """Make all of them."""
    of_user = [*patches(world.user), *resources(world.user), *odd_requests(world.user)]
    single = [*of_user, *patches(world.group), *searches()]
    return [*single, *bulks(single)]


def found_in(text: str) -> set[str]:
    """Return which canaries a text has, and the text around the first."""
    return {text[max(0, text.index(each) - 200) :][:300] for each in NEEDLES if each in text}


@pytest.mark.parametrize("unknown_attributes", ["lenient", "strict"])
def test_no_canary_is_in_a_log_a_metric_or_the_audit(services, written, unknown_attributes):
    """Nor in the health and the feed, nor in an item of the table but the user's own."""
    world = World(services, unknown_attributes)
    statuses = [world.scim(*each).status for each in all_requests(world)]
    written_texts = written()

    assert len(statuses) > 900
    assert {200, 201, 400, 404} <= {*statuses} <= {200, 201, 204, 400, 404, 405, 409, 412, 413}
    assert found_in(written_texts) == set()
    for page in world.pages():
        assert found_in(page) == set()
    items = read_all(services.table).items()
    elsewhere = [f"{key}{item}" for key, item in items if not key.pk.endswith(("#U", "#G"))]
    assert found_in("\n".join(elsewhere)) == set()


@pytest.mark.parametrize("unknown_attributes", ["lenient", "strict"])
def test_an_error_does_not_repeat_a_canary(services, unknown_attributes):
    """But the id of a member whom nobody knows, which says which of 10,000 it was."""
    world = World(services, unknown_attributes)
    for each in all_requests(world):
        response = world.scim(*each)
        detail = response.body["detail"] if response.status >= 400 and response.body else ""
        if "no user of this connection has the id" not in detail:
            assert found_in(detail.partition("\n")[0]) == set(), each


# --- beside SCIM: the admin API, OAuth, the console ---------------------------------------------

ADMIN_PATHS = [
    "{root}/users?search={}",
    "{root}/users?cursor={}",
    "{root}/users?{}=1",
    "{root}/users/{}",
    "{root}/teams?search={}",
    "{root}/teams/{}/members",
    "{root}/audit?actor={}",
    "{root}/audit?action={}&since={}",
    "{root}/changes?after={}",
    "{root}/connections/{}",
    "{connection}/log?user={}",
    "{connection}/log?group={}&cursor={}",
    "{connection}/tokens/{}/rotate",
    "{connection}/credentials/{}",
    "{connection}/schemas/{}",
    "/admin/organisations?reference={}",
    "/admin/{}",
    "/console/{}/{}",
    "/{}",
    "/scim/v2/{}/Users/{}",
    "/.well-known/oauth-authorization-server/oauth2/{}",
    "/oauth2/{}/token",
]
FORMS = [
    {"client_id": "{}", "client_secret": "{}"},
    {"client_id": "{}", "scope": "{}"},
    {"{}": "{}"},
    {"grant_type": "{}"},
    {"client_assertion": "{}", "client_assertion_type": "{}"},
]
FORM = "application/x-www-form-urlencoded"


def admin_requests(world: World) -> Iterator[Sent]:
    """Yield requests of the admin API and of paths that nobody has."""
    for value in VALUES:
        text = quote(str(value), safe="")
        for form in ADMIN_PATHS:
            path = form.replace("{root}", world.root).replace("{connection}", world.connection)
            is_posted = path.endswith(("rotate", "token", "/{}"))
            body = {str(value): value} if is_posted else None
            yield "POST" if is_posted else "GET", path.replace("{}", text), body
        for name in ("user_name", "external_id", "email", str(value)):
            yield "POST", f"{world.root}/resolve", {name: value}
        yield "POST", "/sign-in", {"email": f"{str(value)[:60]}@canary.example"}
        yield "POST", "/admin/sessions", {"link": value, "code": value}
        yield "PUT", f"{world.root}{world.user.lower()}/roles", {"roles": [value]}
        yield "PATCH", world.connection, {"settings": {str(value): value}}
        yield "PUT", f"{world.connection}/schemas/{SHOP}", {**SCHEMA, str(value): value}
        yield "POST", f"{world.connection}/credentials", {"type": value, "subject": value}


def token_requests(value: Any) -> Iterator[bytes]:
    """Yield forms of the token endpoint."""
    for form in FORMS:
        sent = {k.replace("{}", str(value)): v.replace("{}", str(value)) for k, v in form.items()}
        yield urlencode({"grant_type": "client_credentials", **sent}).encode()
    claims = urlsafe_b64encode(json.dumps({"iss": value, "sub": value}).encode()).decode()
    parts = f"{claims.rstrip('=')}.{claims.rstrip('=')}.AAAA"
    yield urlencode({"grant_type": "client_credentials", "client_assertion": parts}).encode()


def sent_beside_scim(world: World) -> Iterator[tuple[Sent, Response]]:
    """Send them while a page listens; as the operator, and as somebody with a canary for a key."""
    world.operator("POST", f"{world.connection}/listen")
    endpoint = f"/oauth2/{world.connection.rpartition('/')[2]}/token"
    for sent in admin_requests(world):
        yield sent, world.operator(*sent)
    for value in VALUES:
        stranger = world.operator.with_credential(str(value))
        agent = {"User-Agent": KEY}
        for target in (world.root, f"/scim/v2/{world.connection.rpartition('/')[2]}/Users"):
            yield ("GET", target, None), stranger("GET", target, headers=agent)
        for body in token_requests(value):
            yield ("POST", endpoint, body), stranger("POST", endpoint, body, agent, FORM)
            response = world.operator.with_credential("")("POST", endpoint, body, agent, FORM)
            yield ("POST", endpoint, body), response
    yield ("POST", "test", None), world.operator("POST", f"{world.connection}/test")


def test_no_canary_of_the_admin_api_or_of_oauth_is_told(services, written):
    """In no log line, metric, audit or rejected request, nor in the text of an error."""
    world = World(services, "lenient")
    told = {}
    for sent, response in sent_beside_scim(world):
        assert response.status < 500, sent
        detail = response.body if response.status >= 400 else ""
        if found := found_in(json.dumps(detail, ensure_ascii=False)):
            told[f"{sent}"] = found
    pages = [*world.pages(), *more_pages(world)]

    assert told == {}
    assert found_in(written()) == set()
    assert [found_in(page) for page in pages if found_in(page)] == []


def more_pages(world: World) -> Iterator[str]:
    """Read what else an admin or the operator reads."""
    for path in ("/admin/audit", f"{world.connection}/rejected", world.root):
        yield json.dumps(world.operator("GET", path).body, ensure_ascii=False)
    csv = {"Accept": "text/csv"}
    for path in ("/admin/audit", f"{world.root}/audit"):
        yield str(world.operator("GET", path, headers=csv).body)
