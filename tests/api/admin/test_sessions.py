"""Console links and sessions over HTTP: for a browser by cookie, for a script by bearer token."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from app import build
from tests.support.builders import an_organisation, api_client, connection_body
from tests.support.environment import OPERATOR_KEY

PATH = "/admin/organisations"
OWN_PAGE = {"Origin": "https://id.example.com", "X-Passerelle": "console"}
COOKIE = "__Host-psl_session"


@pytest.fixture
def organisation(services):
    """Make an organisation, and give its id."""
    return an_organisation(services).keys.organisation


@pytest.fixture
def link_of(operator, organisation):
    """Let the operator mint a link for an admin of a name, and give the link."""

    def make(name):
        made = operator("POST", f"{PATH}/{organisation}/console-links", {"name": name})
        return made.body["url"].partition("#")[2]

    return make


@pytest.fixture
def link(link_of):
    """Make a link for an admin."""
    return link_of("Ada")


def a_session_of(operator, organisation, **body):
    """Create a link and exchange it; gives a client with the session's token."""
    asked = {"name": "Ada", **body}
    made = operator("POST", f"{PATH}/{organisation}/console-links", asked)
    link = {"link": made.body["url"].partition("#")[2]}
    nobody = operator.with_credential("")
    return operator.with_credential(nobody("POST", "/admin/sessions", link).body["token"])


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
    assert re.fullmatch(r"https://id\.example\.com/console/#psl_link_\w{63}", made.body["url"])
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


OWN_ORIGIN = {"Origin": "https://id.example.com"}
OTHER_PAGES = {
    "another site": {"Origin": "https://evil.example.com"},
    "a site whose name begins with ours": {"Origin": "https://id.example.com.evil"},
    "a site whose name ends with ours": {"Origin": "https://evil-id.example.com"},
    "ours without encryption": {"Origin": "http://id.example.com"},
    "ours on another port": {"Origin": "https://id.example.com:8443"},
    "ours with a path": {"Origin": "https://id.example.com/"},
    "in capitals": {"Origin": "HTTPS://ID.EXAMPLE.COM"},
    "a sandboxed frame": {"Origin": "null"},
    "a sandboxed frame of ours": {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    "nothing in it": {"Origin": ""},
    "a browser that hides it": {"Sec-Fetch-Site": "cross-site"},
    "a link that was clicked": {"Sec-Fetch-Site": "none"},
    "a sister of ours": {"Origin": "https://www.example.com", "Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", OTHER_PAGES.values(), ids=OTHER_PAGES)
def test_no_other_page_exchanges_a_link(operator, link, headers):
    """It would put its visitor into a session of its own choice; the link is not used up."""
    nobody = operator.with_credential("")

    rejected = nobody("POST", "/admin/sessions", {"link": link}, headers)

    assert (rejected.status, "set-cookie" in rejected.headers) == (403, False)
    assert "`Origin`" in rejected.body["detail"]
    assert nobody("POST", "/admin/sessions", {"link": link}, OWN_ORIGIN).status == 201


@pytest.mark.parametrize("more", [{}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_page_gets_its_session_as_a_cookie_only(operator, link, organisation, more):
    """No script of a page can read it, its own neither."""
    nobody = operator.with_credential("")

    opened = nobody("POST", "/admin/sessions", {"link": link}, {**OWN_ORIGIN, **more})

    assert (opened.status, opened.body["organisation"]) == (201, organisation)
    assert "psl_" not in str(opened.body)
    pair = opened.headers["set-cookie"].partition(";")[0]
    assert nobody("GET", f"{PATH}/{organisation}", None, {"Cookie": pair}).status == 200


def test_the_origin_is_that_of_the_public_url(services, link):
    """Not that of API Gateway's own domain, which nobody opens."""
    settings = replace(services.settings, public_url="https://scim.acme.example/x")
    client = api_client(build(replace(services, settings=settings)))

    for origin, status in (("https://id.example.com", 403), ("https://scim.acme.example", 201)):
        exchanged = client("POST", "/admin/sessions", {"link": link}, {"Origin": origin})
        assert exchanged.status == status


def test_the_session_before_ends_with_the_next(operator, organisation, opened, link_of):
    """Two links, one browser: what was opened first is over, that of another browser is not."""
    nobody, elsewhere = operator.with_credential(""), link_of("Bob")
    bob = nobody("POST", "/admin/sessions", {"link": elsewhere}).body["token"]
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0], **OWN_ORIGIN}

    assert nobody("POST", "/admin/sessions", {"link": "psl_link_x"}, cookie).status == 401
    assert nobody("GET", f"{PATH}/{organisation}", None, cookie).status == 200
    assert nobody("POST", "/admin/sessions", {"link": link_of("Ada")}, cookie).status == 201

    assert nobody("GET", f"{PATH}/{organisation}", None, cookie).status == 401
    assert operator.with_credential(bob)("GET", f"{PATH}/{organisation}").status == 200


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
    assert admin("GET", f"{PATH}/{organisation}").status == 401
    admin = a_session_of(operator, organisation)

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


# --- links and sessions, listed and ended -------------------------------------------------------

BAD_LINKS = {
    "a setup field of an admin link": {"contact": "it@example.com"},
    "days of an admin link": {"expires_in_days": 3},
    "a connection of an admin link": {"connection": "a" * 16},
    "no day": {"purpose": "setup", "expires_in_days": 0},
    "31 days": {"purpose": "setup", "expires_in_days": 31},
    "days as text": {"purpose": "setup", "expires_in_days": "7"},
    "another purpose": {"purpose": "root"},
    "a foreign origin": {"return_url": "https://evil.example/back"},
    "a URL with a user": {"return_url": "https://app@evil.example/back"},
    "a script as URL": {"return_url": "javascript:alert(1)"},
}
BAD_NAMES = {
    "a token": "psl_scim_x",
    "a token in a sentence": "ask for psl_link_x",
    "a token in capitals": "PSL_OP_x",
    "a zero-width space": "Ada\u200b",
    "a right-to-left override": "Ada\u202e",
    "a joiner": "Ada\u200d",
    "a byte order mark": "\ufeffAda",
    "a tag": "Ada\U000e0041",
    "a private-use character": "Ada\ue000",
    "a line break": "Ada\nBob",
    "a C1 control": "A\x85da",
    "blanks": "   ",
}


@pytest.mark.parametrize("body", BAD_LINKS.values(), ids=BAD_LINKS)
def test_a_link_may_be_for_no_more_than_it_may(operator, organisation, body):
    """400, and the list stays empty."""
    path = f"{PATH}/{organisation}/console-links"

    assert operator("POST", path, {"name": "Ada", **body}).status == 400
    assert operator("GET", path).body["items"] == []


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
@pytest.mark.parametrize("field", ["name", "user", "contact"])
def test_what_nobody_sees_in_a_name_is_rejected(operator, organisation, field, name):
    """Nor is a credential that was pasted into it ever repeated."""
    body = {"name": "Ada", "purpose": "setup", field: name}

    response = operator("POST", f"{PATH}/{organisation}/console-links", body)

    assert (response.status, response.body["errors"][0]["field"]) == (400, field)
    assert "psl_link" not in str(response.body)


def test_links_are_listed_and_revoked(operator, organisation):
    """By the operator, who made them."""
    path = f"{PATH}/{organisation}/console-links"
    made = operator("POST", path, {"name": "Ada", "user": "u-1"}).body

    [listed] = operator("GET", path).body["items"]
    revoked = operator("DELETE", f"{path}/{made['id']}")

    assert (listed["id"], listed["user"], listed["purpose"]) == (made["id"], "u-1", "admin")
    assert (revoked.status, operator("GET", path).body["items"]) == (204, [])
    assert operator("DELETE", f"{path}/{made['id']}").status == 404
    link = {"link": made["url"].partition("#")[2]}
    assert operator.with_credential("")("POST", "/admin/sessions", link).status == 401


@pytest.mark.parametrize("by", ["operator", "another admin", "themselves"])
def test_a_session_is_listed_and_ended(operator, organisation, by):
    """By the operator and by any admin of the organisation."""
    path = f"{PATH}/{organisation}/sessions"
    ada = a_session_of(operator, organisation, user="u-1")
    bob = a_session_of(operator, organisation, user="u-2", name="Bob")
    send = {"operator": operator, "another admin": bob, "themselves": ada}[by]

    listed = {each["user"]: each for each in send("GET", path).body["items"]}
    ended = send("DELETE", f"{path}/{listed['u-1']['id']}")

    assert set(listed["u-1"]) == {
        *("id", "name", "user", "purpose", "created", "last_used", "expires_at")
    }
    assert ended.status == 204
    assert (ada("GET", path).status, bob("GET", path).status) == (401, 200)


@pytest.mark.parametrize(("query", "left"), [("", [401, 401]), ("?user=u-1", [401, 200])])
def test_sessions_are_ended_together(operator, organisation, query, left):
    """All of the organisation, or those of one user."""
    path = f"{PATH}/{organisation}/sessions"
    admins = [a_session_of(operator, organisation, user=user) for user in ("u-1", "u-2")]

    assert operator("DELETE", f"{path}{query}").status == 204
    assert [admin("GET", path).status for admin in admins] == left


@pytest.mark.parametrize("query", ["?users=u-1", "?User=u-1&x=1", "?name=Ada"])
def test_a_mistyped_parameter_ends_no_session(operator, admin, organisation, query):
    """It would end all of them."""
    assert operator("DELETE", f"{PATH}/{organisation}/sessions{query}").status == 400
    assert admin("GET", f"{PATH}/{organisation}").status == 200


def test_an_idle_session_is_rejected(admin, organisation, manual_clock):
    """After half an hour."""
    manual_clock.advance(minutes=30)

    assert admin("GET", f"{PATH}/{organisation}").status == 401


# --- setup sessions -----------------------------------------------------------------------------


@pytest.fixture
def setup(operator, organisation):
    """Open a setup session without a connection."""
    return a_session_of(
        operator, organisation, name="IT", purpose="setup", contact="it@acme.example"
    )


def test_a_setup_session_creates_one_connection_and_stays_with_it(operator, setup, organisation):
    """It sets up what it has created, and no other."""
    path = f"{PATH}/{organisation}/connections"

    created = setup("POST", path, connection_body())
    own = f"{path}/{created.body['id']}"

    assert created.status == 201
    assert setup("GET", own).status == 200
    assert setup("PATCH", own, {"name": "New"}).status == 200
    assert setup("POST", f"{own}/tokens", {"name": "first"}).status == 201
    assert setup("POST", f"{own}/test").status == 200
    assert setup("GET", f"{own}/log").status == 200
    assert setup("POST", path, connection_body()).status == 403
    newest = operator("GET", f"{PATH}/{organisation}/audit?actor=setup").body["items"]
    assert {"connection.created", "token.created", "connection.tested"} <= {
        each["action"] for each in newest
    }


OUTSIDE = [
    ("GET", ""),
    ("GET", "/users"),
    ("GET", "/teams"),
    ("GET", "/audit"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions"),
    ("GET", "/connections"),
    ("PUT", f"/users/{'0' * 32}/roles/editor"),
]


@pytest.mark.parametrize(("method", "path"), OUTSIDE)
def test_a_setup_session_sees_nothing_else(setup, organisation, method, path):
    """No users, no roles, no other admin's session."""
    response = setup(method, f"{PATH}/{organisation}{path}")

    assert (response.status, "setting up one connection" in response.body["detail"]) == (403, True)


def test_another_connection_is_not_there_for_a_setup_session(operator, organisation):
    """404, as for an id that nothing has; ending its own is not part of setting it up."""
    path = f"{PATH}/{organisation}/connections"
    own = operator("POST", path, connection_body()).body["id"]
    setup = a_session_of(operator, organisation, purpose="setup", connection=own)

    assert setup("GET", f"{path}/{own}").status == 200
    assert setup("GET", f"{path}/{'a' * 16}").status == 404
    assert setup("DELETE", f"{path}/{own}").status == 403
