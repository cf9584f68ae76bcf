"""Setup links: opened again in the same browser, by a code in another, until all is set up."""

from __future__ import annotations

import pytest

from app import build
from tests.support.builders import a_customer, api_client

NONCE = "a-nonce-of-122-random-bits-"
REVOKE = "?credentials=revoke"


@pytest.fixture
def app(services):
    """The app."""
    return build(services)


@pytest.fixture
def context(services):
    """A connection."""
    return a_customer(services)


@pytest.fixture
def links(context):
    """Where the links of the organisation are."""
    return f"/admin/organisations/{context.organisation}/console-links"


@pytest.fixture
def make(operator, links, context):
    """Make a setup link; return its code and its id."""

    def make(**body):
        sent = {"name": "IT", "purpose": "setup", "connection": context.connection, **body}
        made = operator("POST", links, sent).body
        return made["url"].partition("#")[2], made["id"]

    return make


@pytest.fixture
def opened(app):
    """Open a link, with the cookie of a browser."""

    def opened(link, cookie="", **body):
        headers = {"Cookie": cookie} if cookie else {}
        return api_client(app, "")("POST", "/admin/sessions", {"link": link, **body}, headers)

    return opened


def cookie_of(response):
    """Return the cookie that a browser would send back."""
    return response.headers["set-cookie"].partition(";")[0]


def summary(app, response):
    """Read the summary of the session."""
    return api_client(app, response.body["token"])("GET", "/admin/summary").body["session"]


def test_the_same_browser_opens_a_link_again(make, opened, app, manual_clock):
    """Days later, when its session has long ended."""
    link, _ = make()
    first = opened(link)
    manual_clock.advance(days=3)
    assert api_client(app, first.body["token"])("GET", "/admin/summary").status == 401
    again = opened(link, cookie_of(first))
    assert opened(link, cookie_of(again)).status == 201


def test_another_browser_needs_the_code_that_the_first_shows(make, opened, app, operator, links):
    """The operator can read it too, and both browsers may open the link from then on."""
    link, _ = make()
    first = opened(link)
    asked = opened(link)
    assert (asked.status, asked.body["code_required"]) == (401, True)
    code = summary(app, first)["code"]
    [listed] = operator("GET", links).body["items"]
    assert (listed["code"], listed["openings"]) == (code, 1)
    second = opened(link, code=code)
    assert [opened(link, cookie_of(each)).status for each in (first, second)] == [201, 201]
    assert opened(link, code=code).status == 401


def test_ten_wrong_codes_end_the_link(make, opened, app, operator, links):
    """Who has found a link cannot try all codes."""
    link, _ = make()
    first = opened(link)
    opened(link)
    right = summary(app, first)["code"]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(10):
        assert opened(link, code=wrong).status == 401
    assert opened(link, code=right).status == 401
    assert operator("GET", links).body["items"] == []


def test_a_code_ends_after_ten_minutes(make, opened, app, manual_clock):
    """The next opening makes another one."""
    link, _ = make()
    first = opened(link)
    opened(link)
    code = summary(app, first)["code"]
    manual_clock.advance(minutes=10)
    assert opened(link, code=code).status == 401
    assert summary(app, first)["code"] is None


def test_finish_ends_the_link_and_all_its_sessions(make, opened, app):
    """All is set up; what is found later in a history opens nothing."""
    link, _ = make()
    first = opened(link)
    send = api_client(app, first.body["token"])
    assert send("POST", "/admin/sessions/current/finish").status == 204
    assert send("GET", "/admin/summary").status == 401
    assert opened(link, cookie_of(first)).status == 401


def test_a_link_ends_72_hours_after_the_first_good_request(
    make, opened, app, services, context, manual_clock
):
    """A request that was rejected is not a good one."""
    link, _ = make(expires_in_days=30)
    browser = cookie_of(opened(link))
    scim = f"/scim/v2/{context.connection}/Users"
    api_client(app, "")("GET", scim)
    manual_clock.advance(hours=80)
    browser = cookie_of(opened(link, browser))
    assert api_client(app, context.token)("GET", scim).status == 200
    manual_clock.advance(hours=71)
    browser = cookie_of(opened(link, browser))
    manual_clock.advance(hours=3)
    assert opened(link, browser).status == 401


@pytest.mark.parametrize(("query", "states"), [("", {"live"}), (REVOKE, {"live", "revoked"})])
def test_a_revoked_link_ends_its_sessions_and_on_request_its_credentials(
    make, opened, operator, links, query, states
):
    """A credential that somebody else has made stays."""
    link, link_id = make()
    send = operator.with_credential(opened(link).body["token"])
    [connection] = send("GET", "/admin/summary").body["connections"]
    tokens = f"{links.removesuffix('console-links')}connections/{connection['id']}/tokens"
    assert send("POST", tokens, {"name": "IT"}).status == 201
    assert operator("DELETE", f"{links}/{link_id}{query}").status == 204
    assert send("GET", tokens).status == 401
    assert {each["state"] for each in operator("GET", tokens).body["items"]} == states


def test_a_link_without_a_connection_stays_with_the_one_that_it_creates(operator, opened, app):
    """The next session of the link finds it, and can create no other."""
    own = f"/admin/organisations/{a_whole_organisation(operator)}"
    made = operator("POST", f"{own}/console-links", {"name": "IT", "purpose": "setup"}).body
    link = made["url"].partition("#")[2]
    first = opened(link)
    body = {"name": "Okta", "workspace": "main", "default_role": "r", "identity_provider": "okta"}
    created = api_client(app, first.body["token"])("POST", f"{own}/connections", body)
    assert created.status == 201, created.body
    again = opened(link, cookie_of(first))
    assert summary(app, again)["connection"] == created.body["id"]


def a_whole_organisation(operator):
    """Make an organisation with what a connection needs."""
    body = {
        "name": "Acme",
        "plan": "enterprise",
        "workspaces": [{"id": "main", "name": "Main"}],
        "roles": [{"id": "r", "name": "Reader", "may_be_default": True}],
    }
    return operator("POST", "/admin/organisations", body).body["id"]


@pytest.mark.parametrize("purpose", ["admin", "setup"])
def test_a_double_click_gets_the_same_session(operator, links, opened, manual_clock, purpose):
    """For ten seconds; a nonce of somebody else's does not help."""
    body = operator("POST", links, {"name": "Ada", "purpose": purpose}).body
    link = body["url"].partition("#")[2]
    first, second = (opened(link, nonce=NONCE) for _ in range(2))
    assert first.body["token"] == second.body["token"]
    assert opened(link, nonce=NONCE[::-1]).status == 401
    manual_clock.advance(seconds=11)
    assert opened(link, nonce=NONCE).status == 401


def test_an_embedded_page_gets_its_token_and_no_cookie(make, opened, app):
    """A frame of another site gets no cookie; the token stays in its memory."""
    link, _ = make(embedded=True)
    response = opened(link)
    assert "set-cookie" not in response.headers
    assert summary(app, response)["embedded"]
