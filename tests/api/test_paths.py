"""Paths: one canonical form; a SCIM URL that was entered with a slip is told what to correct."""

from __future__ import annotations

import pytest

from app import build
from chalicelib.api import edge, routes
from tests.support.builders import a_customer, api_client

BASE = "https://id.example.com"
# Where the connection's id stands in the forms below.
C = "{c}"
NOBODY = "a" * 16


@pytest.fixture
def send(services, context):
    """Send requests with the connection's token, or another credential."""
    app = build(services)

    def send(path, credential=context.token, method="GET"):
        return api_client(app, credential)(method, path.replace(C, context.connection))

    return send


@pytest.fixture
def rejections(operator, context):
    """Read by reason how often the connection's requests were rejected."""
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    return lambda: {
        each["reason"]: each["count"] for each in operator("GET", root).body["health"]["refusals"]
    }


SAME = ["//Users", "///Users", "/Users/", "/Users//", "//Users///"]


@pytest.mark.parametrize("below", [*SAME, "//users", "//Schemas", "//.search", "//Groups/"])
def test_empty_segments_are_dropped(send, below):
    """A tenant URL with a slash at its end makes a provider ask for `//Users`."""
    method = "POST" if "search" in below else "GET"
    status = 200 if method == "GET" else 400  # the empty body is not a search

    for before in (f"/scim/v2/{C}", f"//scim//v2//{C}", f"/scim/v2/{C}/"):
        assert send(f"{before}{below}?count=1", method=method).status == status


# Segments that something else could take for a separator or another spelling.
NEVER_DECODED = [
    "/Users%2F",
    "/%2FUsers",
    "%2FUsers",
    "/%55sers",
    "/Users;x=1",
    "/Users%3Bx",
    "/Users/%2e%2e/Groups",
    "/Users/../Groups",
    "/./Users",
    "/%2e/Users",
    "/Users%00",
    "/Users%20",
    "/Users.",
    "\\Users",
    "/%5CUsers",
    "/Users/%2e%2e%2fGroups",
]


@pytest.mark.parametrize("below", NEVER_DECODED)
def test_nothing_is_decoded_into_a_separator(send, below):
    """Two programs that read a path differently let the wrong client in."""
    for credential in ({}, {"credential": ""}):
        assert send(f"/scim/v2/{C}{below}", **credential).status in {401, 404}


# The path that a provider asks for; whether the connection can be told; words of the response.
WRONG = [
    # the connection's own URL
    ("/scim/v2/{c}", True, "the SCIM URL itself"),
    ("/scim/v2/{c}/", True, "the SCIM URL itself"),
    # with an endpoint at its end
    ("/scim/v2/{c}/Users/Users", True, "too long"),
    ("/scim/v2/{c}/users/Users", True, "too long"),
    ("/scim/v2/{c}/Users/Groups", True, "too long"),
    ("/scim/v2/{c}/Groups/Users", True, "too long"),
    ("/scim/v2/{c}/Users//ServiceProviderConfig", True, "too long"),
    ("/scim/v2/{c}/Users/Schemas", True, "too long"),
    ("/scim/v2/{c}/Users/Users/" + "0" * 32, True, "too long"),
    ("/scim/v2/{c}/v2/Users", True, "too long"),
    ("/scim/v2/{c}/scim/v2/Users", True, "too long"),
    ("/scim/v2/{c}/scim/v2/{c}/Users", True, "too long"),
    # other letters
    ("/SCIM/V2/{c}/Users", True, "other letters"),
    ("/scim/V2/{c}/Users", True, "other letters"),
    ("/Scim/v2/{c}/Groups/" + "0" * 32, True, "other letters"),
    ("/scim/v2/{c}/USERS", True, "expected /Users."),
    ("/scim/v2/{c}/gROUPS/" + "0" * 32, True, "expected /Groups/{id}."),
    ("/scim/v2/{c}/serviceproviderconfig", True, "expected /ServiceProviderConfig."),
    ("/scim/v2/{c}/resourcetypes", True, "expected /ResourceTypes."),
    # a part missing, changed or twice
    ("/v2/{c}/Users", True, "begins differently"),
    ("/scim/{c}/Users", True, "begins differently"),
    ("/scim/v1/{c}/Users", True, "begins differently"),
    ("/scim/v2/v2/{c}/Users", True, "begins differently"),
    ("/scim/v2/scim/v2/{c}/Users", True, "begins differently"),
    ("/{c}/Users", True, "begins differently"),
    ("/{c}", True, "begins differently"),
    ("/scim/v2", False, "incomplete"),
    ("/scim", False, "incomplete"),
    ("/scim/v2/Users", False, "incomplete"),
    ("/scim/v2/Users/Users", False, "incomplete"),
    ("/scim/v2/Users/" + "0" * 32, False, "incomplete"),
    ("/scim/v2/ServiceProviderConfig", False, "incomplete"),
    ("/v2", False, "incomplete"),
    ("/v2/Users", False, "incomplete"),
    ("/Users", False, "incomplete"),
    ("/users", False, "incomplete"),
    ("/Groups/" + "0" * 32, False, "incomplete"),
    ("/ServiceProviderConfig", False, "incomplete"),
    ("/", False, "incomplete"),
    ("", False, "incomplete"),
    # none of ours
    ("/scim/v2/{c}/Foo", True, "No SCIM endpoint"),
    ("/scim/v2/{c}/Users/" + "0" * 32 + "/emails", True, "No SCIM endpoint"),
    ("/favicon.ico", False, "has the form"),
    ("/scim%2Fv2%2F{c}%2FUsers", False, "has the form"),
    ("/admin", False, "openapi.json"),
    ("/admin/nothing", False, "openapi.json"),
]


@pytest.mark.parametrize(("path", "known", "words"), WRONG)
def test_a_wrong_url_says_what_to_correct(send, rejections, path, known, words):
    """In SCIM's form below /scim; counted where the connection's own token came along."""
    scim = path.lower().strip("/").split("/")[0] == "scim"
    media_type = "application/scim+json" if scim else "application/problem+json"
    for method in ("GET", "POST", "DELETE"):
        response = send(path, method=method)
        assert (response.status, response.headers["content-type"]) == (404, media_type)
        assert words in response.body["detail"]
    assert rejections() == ({"url": 3} if known else {})


@pytest.mark.parametrize("path", [path for path, _, _ in WRONG])
def test_a_wrong_url_tells_a_stranger_nothing_of_a_connection(send, context, rejections, path):
    """Below a connection's URL the one 401; elsewhere the same as for a connection of nobody."""
    for credential in ("", "letmein"):
        found, nobody = send(path, credential), send(path.replace(C, NOBODY), credential)

        assert found.status == nobody.status == (401 if path.startswith("/scim/v2/{c}") else 404)
        assert found.body["detail"].replace(context.connection, NOBODY) == nobody.body["detail"]
    assert "url" not in rejections()


def test_the_url_of_another_connection_is_a_foreign_token_there(services, operator, send, context):
    """The admin of that one sees that somebody has mixed the two up."""
    other = a_customer(services)
    root = f"/admin/organisations/{other.organisation}/connections/{other.connection}"

    assert send(f"/scim/v2/{other.connection}/Users").status == 401
    assert send(f"/SCIM/V2/{other.connection}/Users").status == 404

    refusals = operator("GET", root).body["health"]["refusals"]
    assert {each["reason"] for each in refusals} == {"foreign"}


def test_an_id_in_capitals_is_other_letters(send, rejections, context):
    """Some forms write every letter of a URL large."""
    response = send(f"/scim/v2/{context.connection.upper()}/Users")

    assert (response.status, "other letters" in response.body["detail"]) == (404, True)
    assert f"{BASE}/scim/v2/{context.connection}" in response.body["detail"]
    assert rejections() == {"url": 1}


def test_the_health_says_how_to_correct_the_url(send, operator, context):
    """Beside the token's reasons, with the time and the program that asked."""
    send("/scim/v2/{c}/Users/Users")
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"

    (told,) = operator("GET", root).body["health"]["refusals"]

    assert (told["reason"], told["count"]) == ("url", 1)
    assert "Copy the SCIM URL" in told["fix"]


def test_what_is_authenticated_is_what_is_dispatched(services, context):
    """One reading of the path, before both: no form of it is authenticated as another's."""
    other = a_customer(services)
    router = routes.all_paths(services)
    for path in (f"//scim/v2/{context.connection}//Users", f"/scim/v2/{context.connection}/Users/"):
        endpoint, parameters = router.find(edge.segments(path))
        assert (endpoint.path, dict(parameters)) == (
            "/scim/v2/{connection}/Users",
            {"connection": context.connection},
        )
    climbing = f"/scim/v2/{context.connection}/../{other.connection}/Users"
    assert api_client(build(services), other.token)("GET", climbing).status == 401


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/health", "/admin/organisations", "/sign-in"])
def test_another_method_of_a_path_is_405_that_names_the_right_ones(services, path, method):
    """The app responds itself, and not API Gateway with a 403 about signatures."""
    allowed = {
        "/health": "GET, HEAD",
        "/admin/organisations": "GET, HEAD, POST",
        "/sign-in": "POST",
    }[path]
    response = api_client(build(services), "Bearer x")(method, path)

    if method in allowed.split(", "):
        assert response.status in {200, 401}
    else:
        assert (response.status, response.headers["allow"]) == (405, allowed)
        assert response.headers["content-type"] == "application/problem+json"
