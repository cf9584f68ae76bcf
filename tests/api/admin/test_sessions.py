"""Console links and sessions over HTTP: for a browser by cookie, for a script by bearer token."""

from __future__ import annotations

import re

import pytest

from tests.support.builders import an_organisation, connection_body
from tests.support.environment import OPERATOR_KEY

PATH = "/admin/organisations"
OWN_PAGE = {"Origin": "https://id.example.com", "X-Passerelle": "console"}
COOKIE = "__Host-psl_session"


@pytest.fixture
def organisation(services):
    """Make an organisation, and give its id."""
    return an_organisation(services).keys.organisation


@pytest.fixture
def link(operator, organisation):
    """Let the operator mint a link for its admin, and give the link."""
    made = operator("POST", f"{PATH}/{organisation}/console-links", {"name": "Ada"})
    return made.body["url"].partition("#")[2]


@pytest.fixture
def opened(operator, link):
    """Exchange the link, and return the response."""
    return operator.with_credential("")("POST", "/admin/sessions", {"link": link})


@pytest.fixture
def admin(operator, opened):
    """Send requests with the session's token."""
    return operator.with_credential(opened.body["token"])


@pytest.fixture
def browser(operator, opened):
    """Send requests as a browser with the cookie does."""
    nobody = operator.with_credential("")
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}

    def send(method, target, body=None, headers=None):
        return nobody(method, target, body, {**cookie, **(headers or {})})

    return send


def test_a_link_opens_the_console_and_says_until_when(operator, organisation):
    """It is in the fragment: no server's log and no Referer header has it."""
    made = operator("POST", f"{PATH}/{organisation}/console-links", {"name": "Ada"})

    assert made.status == 201
    assert re.fullmatch(r"https://id\.example\.com/console#psl_link_\w{63}", made.body["url"])
    assert made.body["expires_at"] == "2027-01-31T12:10:00.000Z"
    assert made.headers["cache-control"] == "no-store"


def test_a_session_comes_for_a_link_as_token_and_cookie(opened, organisation):
    """The cookie is out of reach for scripts, for other sites and for plain HTTP."""
    token = opened.body["token"]

    assert opened.status == 201
    assert opened.body == {
        "token": token,
        "expires_at": "2027-01-31T20:00:00.000Z",
        "organisation": organisation,
    }
    assert opened.headers["set-cookie"] == (
        f"{COOKIE}={token}; Max-Age=28800; Path=/; HttpOnly; Secure; SameSite=Strict"
    )
    assert opened.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("hours", [0, 1])
def test_a_used_or_old_link_says_what_to_do(operator, link, manual_clock, opened, hours):
    """The text is for the admin who has opened it twice."""
    manual_clock.advance(hours=hours)

    response = operator.with_credential("")("POST", "/admin/sessions", {"link": link})

    assert response.status == 401
    assert "Open the SCIM settings from the SaaS again" in response.body["detail"]


def test_the_admin_configures_their_organisation(admin, organisation):
    """The audit shows the link's name with everything that the admin creates."""
    connection = admin("POST", f"{PATH}/{organisation}/connections", connection_body())
    tokens = f"{PATH}/{organisation}/connections/{connection.body['id']}/tokens"

    assert connection.status == 201
    assert admin("POST", tokens, {"name": "first"}).body["created_by"] == "Ada"


def test_a_browser_reads_by_its_cookie(browser, organisation):
    """No page of another site ever sees the response."""
    assert browser("GET", f"{PATH}/{organisation}").status == 200


def test_the_consoles_own_page_changes_something(browser, organisation):
    """It says that it is it."""
    made = browser("POST", f"{PATH}/{organisation}/connections", connection_body(), OWN_PAGE)

    assert made.status == 201


FOREIGN = {
    "a form of another site": {"Origin": "https://evil.example.com"},
    "another site that guesses the header": {**OWN_PAGE, "Origin": "https://evil.example.com"},
    "a site whose name begins with ours": {**OWN_PAGE, "Origin": "https://id.example.com.evil"},
    "ours without encryption": {**OWN_PAGE, "Origin": "http://id.example.com"},
    "a sandboxed frame": {**OWN_PAGE, "Origin": "null"},
    "no origin": {"X-Passerelle": "console"},
    "no header": {"Origin": "https://id.example.com"},
    "nothing": {},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_no_other_page_changes_anything(browser, admin, organisation, headers):
    """A browser adds the cookie to whatever request a page makes it send."""
    path = f"{PATH}/{organisation}/connections"

    assert browser("POST", path, connection_body(), headers).status == 403
    assert browser("DELETE", "/admin/sessions/current", None, headers).status == 403
    assert admin("GET", path).body["items"] == []


def test_a_cookie_does_not_help_a_wrong_token(browser, organisation):
    """A request with Authorization is judged by that alone."""
    wrong = {"Authorization": "Bearer letmein"}

    assert browser("GET", f"{PATH}/{organisation}", headers=wrong).status == 401


@pytest.mark.parametrize(
    "cookies",
    ["{0}; {0}", "{0}; __Host-psl_session=x", "x{0}", "psl_session={1}", "__Host-psl_session=", ""],
)
def test_only_one_cookie_of_the_exact_name_counts(operator, opened, organisation, cookies):
    """Two could be read differently by something before us."""
    pair = opened.headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": cookies.format(pair, opened.body["token"])}

    assert (
        operator.with_credential("")("GET", f"{PATH}/{organisation}", None, headers).status == 401
    )


def test_a_cookie_is_found_among_others(operator, opened, organisation):
    """The SaaS may set its own for the same host."""
    pair = opened.headers["set-cookie"].partition(";")[0]

    response = operator.with_credential("")(
        "GET", f"{PATH}/{organisation}", None, {"Cookie": f"theme=dark; {pair}"}
    )

    assert response.status == 200


def test_a_session_is_ended_by_its_admin(admin, organisation):
    """At the very next request; the browser forgets its cookie."""
    ended = admin("DELETE", "/admin/sessions/current")

    assert ended.status == 204
    assert ended.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0;")
    assert admin("GET", f"{PATH}/{organisation}").status == 401


def test_the_operator_has_no_session_to_end(operator):
    """The operator's key ends when it is replaced; the response says so."""
    response = operator("DELETE", "/admin/sessions/current")

    assert response.status == 404
    assert "operator key" in response.body["detail"]


def test_the_admin_of_a_suspended_organisation_reads_and_leaves(operator, admin, organisation):
    """They see why nothing is provisioned, and change nothing until it is active again."""
    operator("PATCH", f"{PATH}/{organisation}", {"state": "suspended"})

    rejected = admin("POST", f"{PATH}/{organisation}/connections", connection_body())

    assert admin("GET", f"{PATH}/{organisation}").body["state"] == "suspended"
    assert rejected.status == 403
    assert "suspended" in rejected.body["detail"]
    assert admin("DELETE", "/admin/sessions/current").status == 204


def test_the_operator_key_is_not_accepted_as_a_cookie(operator, organisation):
    """A browser sends cookies by itself; the key of the whole deployment stays out of it."""
    headers = {"Cookie": f"{COOKIE}={OPERATOR_KEY}"}

    assert (
        operator.with_credential("")("GET", f"{PATH}/{organisation}", None, headers).status == 401
    )


@pytest.mark.parametrize("name", ["operator", " Operator", "SWEEPER"])
def test_an_admin_cannot_have_the_name_of_the_operator(operator, organisation, name):
    """People name themselves in the SaaS; the audit would say that the operator has done it."""
    response = operator("POST", f"{PATH}/{organisation}/console-links", {"name": name})

    assert (response.status, response.body["errors"][0]["field"]) == (400, "name")


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "Ada", "for": "Ada"}, b"{"])
def test_a_link_is_for_somebody(operator, organisation, body):
    """The audit shows their name with every change."""
    assert operator("POST", f"{PATH}/{organisation}/console-links", body).status == 400


def test_an_unknown_organisation_has_no_console_links(operator):
    """A well-formed id that no session has."""
    assert operator("POST", f"{PATH}/{'b' * 10}/console-links", {"name": "Ada"}).status == 404
