"""What HTTP itself asks of every route: bodies, HEAD, parameters, headers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app import build
from chalicelib.api import oauth
from chalicelib.api.console import console_page
from chalicelib.api.console.assets import read_site
from chalicelib.api.console.console_page import KEPT, REVALIDATED
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.routes import all_routes

ID = "0" * 32

# --- bodies and media types --------------------------------------------------------------------

ODD_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "*/*",
    "",
    "nonsense",
    "application/octet-stream",
]
ODD_BODIES: list[Any] = [None, b"", b"x", b"\xff\xfe", b"{", b"[" * 100, b" " * 1_200_000]


@pytest.mark.parametrize("content_type", ODD_TYPES)
@pytest.mark.parametrize("resource", ["Users", "Groups"])
def test_a_delete_never_looks_at_its_body(scim, resource, content_type):
    """A leaver must go, whatever the client has put beside the request."""
    for body in ODD_BODIES:
        name = {"Users": "userName", "Groups": "displayName"}[resource]
        made = scim("POST", f"/{resource}", {name: "ada"}).body["id"]
        headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}

        assert scim("DELETE", f"/{resource}/{made}", body, headers).status == 204
        assert scim("GET", f"/{resource}/{made}", body, headers).status == 404
        assert scim("GET", f"/{resource}", body, headers).body["totalResults"] == 0


@pytest.mark.parametrize("content_type", ODD_TYPES)
def test_a_delete_of_the_admin_api_never_looks_at_its_body(operator, context, content_type):
    """As SCIM's."""
    root = f"/admin/organisations/{context.organisation}"

    for body in ODD_BODIES:
        assert operator("GET", root, body, content_type=content_type).status == 200
        assert operator("DELETE", f"{root}/workspaces/lab", body, {}, content_type).status == 204
        operator("PUT", f"{root}/workspaces/lab", {"name": "Lab"})


@pytest.mark.parametrize("content_type", [each for each in ODD_TYPES if each])
@pytest.mark.parametrize("request_line", ["POST /Users", f"PUT /Users/{ID}", f"PATCH /Users/{ID}"])
def test_a_body_of_another_type_is_415(scim, request_line, content_type):
    """Where the body is what the request is about, its type must be JSON."""
    method, path = request_line.split()

    response = scim(method, path, {"userName": "ada"}, {"Content-Type": content_type})

    assert (response.status, "scim+json" in response.body["detail"]) == (415, True)


NOT_UTF_8 = [b"\xff", b"\xe9", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", "\ufffd".encode()]


@pytest.mark.parametrize("odd", NOT_UTF_8)
def test_a_body_that_is_not_utf_8_is_rejected(scim, operator, odd):
    """API Gateway puts U+FFFD there, and a name would be stored with it."""
    body = b'{"userName": "ada", "displayName": "J' + odd + b'rg"}'
    made = scim.a_user("bob")["id"]

    for method, path in (("POST", "/Users"), ("PUT", f"/Users/{made}"), ("POST", "/Bulk")):
        response = scim(method, path, body)
        assert (response.status, response.body["scimType"]) == (400, "invalidSyntax")
        assert "not UTF-8" in response.body["detail"]
    organisation = operator("POST", "/admin/organisations", b'{"name": "' + odd + b'"}')
    assert (organisation.status, "not UTF-8" in organisation.body["detail"]) == (400, True)


def test_what_is_escaped_is_meant(scim):
    """A client that has U+FFFD in a name can say so in JSON."""
    made = scim("POST", "/Users", b'{"userName": "ada", "displayName": "J\\ufffdrg"}')

    assert (made.status, made.body["displayName"]) == (201, "J\ufffdrg")


# --- HEAD --------------------------------------------------------------------------------------

READ = [
    "/Users",
    "/Users?filter=userName%20eq%20%22ada%22",
    "/users",
    "/Users/{user}",
    "/Groups",
    "/Groups/{group}",
    "/Groups/{group}/members",
    "/ServiceProviderConfig",
    "/ResourceTypes",
    "/ResourceTypes/User",
    "/Schemas",
    "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    f"/Users/{ID}",
    "/Users?filter=nonsense",
]


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_a_body(scim, path):
    """Status and headers are the same; the listener sends no body (tests/dev/test_gateway.py)."""
    ids = {
        "user": scim.a_user()["id"],
        "group": scim("POST", "/Groups", {"displayName": "Crew"}).body["id"],
    }
    got, headed = (scim(method, path.format(**ids)) for method in ("GET", "HEAD"))

    same = {name: value for name, value in got.headers.items() if name != "x-amzn-requestid"}
    assert headed.status == got.status
    assert {name: headed.headers[name] for name in same} == same


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_head_of_what_is_open(services, path):
    """A monitor asks for no more."""
    assert api_client(build(services))("HEAD", path).status == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/Users", "GET, HEAD, POST"),
        (f"/Users/{ID}", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/Users/.search", "POST"),
        ("/Bulk", "POST"),
        ("/Schemas", "GET, HEAD"),
        (f"/Groups/{ID}/members", "GET, HEAD"),
    ],
)
def test_allow_lists_head_where_there_is_get(scim, path, allowed):
    """RFC 9110 section 10.2.1; and no path has OPTIONS, so that no other origin is let in."""
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - {
        *allowed.split(", ")
    }:
        response = scim(method, path)
        assert (response.status, response.headers["allow"]) == (405, allowed)


# --- parameters --------------------------------------------------------------------------------

LETTERS = ["filter", "Filter", "FILTER", "fiLter"]


@pytest.mark.parametrize("name", LETTERS)
def test_a_parameter_is_found_in_any_letters(scim, name):
    """One that is not understood would return everybody."""
    scim.a_user("ada")
    scim.a_user("bob")

    found = scim("GET", f"/Users?{name}=userName%20eq%20%22ada%22").body

    assert [each["userName"] for each in found["Resources"]] == ["ada"]


@pytest.mark.parametrize(
    ("query", "total", "shown"),
    [
        ("StartIndex=2&COUNT=1", 3, 1),
        ("startindex=3", 3, 1),
        ("Count=0", 3, 0),
        ("Attributes=userName&count=2", 3, 2),
        ("EXCLUDEDATTRIBUTES=userName", 3, 3),
        ("Cursor=&Count=2", 3, 2),
        ("SortBy=userName&sortby=id&Foo=1&foo=2", 3, 3),
    ],
)
def test_every_parameter_of_a_list_is(scim, query, total, shown):
    """Names that nobody reads are ignored, in whatever letters, twice too."""
    for name in ("ada", "bob", "cid"):
        scim.a_user(name)

    found = scim("GET", f"/Users?{query}").body

    assert (found["totalResults"], len(found["Resources"])) == (total, shown)
    attributes = {name for each in found["Resources"] for name in each}
    assert ("userName" in attributes) is (shown > 0 and "EXCLUDED" not in query)
    assert ("meta" in attributes) is (shown > 0 and "Attributes=" not in query)


@pytest.mark.parametrize("name", ["filter", "startIndex", "count", "attributes", "cursor"])
def test_one_parameter_in_two_spellings_is_400(scim, name):
    """Nobody can say which of them is meant."""
    response = scim("GET", f"/Users?{name}=1&{name.upper()}=2")

    assert (response.status, f"{name}: expected once" in response.body["detail"]) == (400, True)


def test_the_same_of_the_admin_api(operator, context):
    """Its parameters too, and the log of what was rejected is readable."""
    root = f"/admin/organisations/{context.organisation}"

    assert operator("GET", f"{root}/users?LIMIT=0").status == 400
    assert operator("GET", f"{root}/users?limit=1&Limit=1").status == 400
    assert operator("GET", f"{root}/connections?Foo=1&foo=2").status == 200


def test_a_rejected_query_is_in_the_log(scim, operator, context):
    """An entry without what could be read in two ways."""
    scim("GET", "/Users?filter=a&Filter=b&count=2")
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"

    (entry,) = operator("GET", f"{root}/log").body["items"]

    assert (entry["status"], entry["path"]) == (400, "/Users?count=2")


@pytest.mark.parametrize("odd", ["%FF", "%C3", "J%E9rg", "%ED%A0%80", "%EF%BF%BD"])
def test_a_parameter_that_is_not_utf_8_is_400(scim, odd):
    """It would find nobody, and the client would create them once more."""
    response = scim("GET", f"/Users?filter=userName%20eq%20%22{odd}%22")

    assert (response.status, "UTF-8" in response.body["detail"]) == (400, True)


# --- headers -----------------------------------------------------------------------------------


def beside_the_tables(services) -> list[str]:
    """List the paths of the console and of the token endpoints."""
    made = [*console_page.endpoints(services.settings), *oauth.endpoints(services)]
    page = read_site(services.settings)
    files = [
        f"/console/{version}/{name}" for version in (page.version, "old") for name in page.assets
    ]
    return [*(each.path.replace("{", "").replace("}", "") for each in made), "/console/", *files]


def sent_by_every_route(services):
    """Send each method of each route, without and with a credential, and some errors besides."""
    app = build(services)
    for credential in ("", OPERATOR_KEY):
        client = api_client(app, credential)
        for route in all_routes():
            path = route.path.replace("{", "").replace("}", "")
            yield route, client(route.method, path, b"{broken")
    for path in beside_the_tables(services):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            yield f"{method} {path}", client(method, path, b"{broken")
    for path in ("/", "/nothing", "/scim/nothing", "/admin/nothing"):
        yield path, client("GET", path)
        yield path, client("OPTIONS", path)


# The page and its files have nothing that is anybody's: a browser may keep them.
OF_THE_PAGE = {REVALIDATED, KEPT}


@pytest.mark.parametrize("url", ["", "https://scim.example.com", "http://127.0.0.1:8000"])
def test_every_response_has_the_headers_of_a_careful_site(services, url):
    """Nothing is kept on the way, nothing is guessed, and https stays https."""
    settings = replace(services.settings, public_url=url)
    deployed = replace(services, settings=settings)
    expected = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
    if not url.startswith("http:"):
        expected["strict-transport-security"] = "max-age=31536000"

    seen, wrong = 0, []
    for call, response in sent_by_every_route(deployed):
        names = {"strict-transport-security", *expected}
        found = {name: value for name, value in response.headers.items() if name in names}
        if found.get("cache-control") in OF_THE_PAGE and "/console" in str(call):
            found["cache-control"] = "no-store"
        seen += 1
        if found != expected:
            wrong.append((call, found))

    assert (wrong, seen > 200) == ([], True)
