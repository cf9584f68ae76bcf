"""How the identity provider signs in: each way until green, and from one to another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dev.play.gallery import ASSERTION_TYPE, AUDIENCE, SUBJECT
from dev.play.idp import Provider
from dev.run.fake_issuer import FakeIssuer, fake_issuer
from tests.console.test_mistakes import named
from tests.support.browsers import Acme, Connected, Visitor, violations

pytestmark = pytest.mark.console


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    """Run an issuer in the place of Entra ID's tenant."""
    with fake_issuer() as issuer:
        yield issuer


def pasted(visitor: Visitor, *names: str) -> list[str]:
    """Copy values of the page, one after the other, as somebody does who pastes them elsewhere."""
    return [_copied(visitor, name) for name in names]


def _copied(visitor: Visitor, name: str) -> str:
    visitor.click(f"Copy: {name}")
    text: str = visitor.page.evaluate("() => navigator.clipboard.readText()")
    return text


ADDRESSES = ("Tenant URL (SCIM URL)", "Token endpoint (token URL)", "Client identifier (client ID)")


def token(url: str, **form: str) -> Any:
    """Ask for an access token; returns the document."""
    sent = {"grant_type": "client_credentials", **form}
    return requests.post(url, data=sent, timeout=30).json()


def assertion(issuer: FakeIssuer, **changes: Any) -> dict[str, str]:
    """Return the form with what the issuer signs; changes are those of its claims."""
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 3600}
    claims = {"iss": issuer.url, "sub": SUBJECT, "aud": AUDIENCE, **times, **changes}
    signed = issuer.keys[0].sign(claims)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


def trust(visitor: Visitor, issuer: FakeIssuer) -> None:
    """Enter what the portal shows."""
    for label, value in (("Issuer", issuer.url), ("Subject", SUBJECT), ("Audience", AUDIENCE)):
        visitor.page.get_by_label(label).fill(value)
    visitor.click("Save")
    visitor.sees("Enter other values")


def test_client_credentials_from_a_setup_link_to_green(acme: Acme, visitor: Visitor):
    """Choose, create, paste four values; nothing of it needs another screen."""
    visitor.open(acme.link(purpose="setup"))
    visitor.click("Save and continue")
    visitor.page.get_by_label("Client credentials").check()
    visitor.click("Create the client secret")
    scim_url, url, client_id, secret = pasted(visitor, *ADDRESSES, "Client secret")
    found = violations(visitor.page)
    visitor.click("I have entered everything", role="link")
    visitor.sees("Waiting for a request")

    issued = token(url, client_id=client_id, client_secret=secret)
    Provider(scim_url, issued["access_token"]).look_up("/Users?count=1", 0)

    visitor.sees("Connected", seconds=10)
    [connection] = acme.send("GET", "/connections")["items"]
    assert connection["authentication"] == ["client_secret"]
    assert found == []


def test_federation_from_a_setup_link_to_green(acme: Acme, issuer: FakeIssuer, visitor: Visitor):
    """It is the first choice for Entra ID: three values come from there, three go there."""
    visitor.open(acme.link(purpose="setup"))
    visitor.click("Save and continue")
    found = violations(visitor.page)
    visitor.page.get_by_label("Issuer").fill("https://login.example.com/tenant")
    visitor.page.get_by_label("Subject").fill(SUBJECT)
    visitor.page.get_by_label("Audience").fill(AUDIENCE)
    visitor.click("Save")
    visitor.sees("This issuer is not known here")
    tenant = "https://login.microsoftonline.com/6F1D1C8E-0000-4000-8000-000000000001"
    visitor.page.get_by_label("Issuer").fill(tenant)
    visitor.click("Save")
    visitor.sees(f"{tenant.lower()}/v2.0")
    visitor.click("Enter other values")
    trust(visitor, issuer)
    scim_url, url, client_id = pasted(visitor, *ADDRESSES)
    found += violations(visitor.page)

    issued = token(url, client_id=client_id, **assertion(issuer))
    Provider(scim_url, issued["access_token"]).look_up("/Users?count=1", 0)

    visitor.sees("Incoming requests")
    visitor.sees("Read the list of users", seconds=10)
    assert found == []


def test_only_ways_that_are_allowed_and_that_the_provider_knows_are_offered(
    acme: Acme, visitor: Visitor
):
    """Okta knows a token only; an organisation may exclude it for Entra ID."""
    acme.send("PATCH", "", {"authentication": ["client_secret", "federated"]})
    visitor.open(acme.link())
    visitor.click("Save and continue")
    visitor.page.get_by_label("Client credentials").wait_for()
    assert visitor.page.get_by_label("Secret token").count() == 0
    acme.send("PATCH", "", {"authentication": None})
    visitor.page.reload()
    visitor.page.locator("#screen h1").wait_for()
    visitor.go("setup/choose")
    visitor.page.get_by_label("Okta").check()
    visitor.click("Save and continue")

    visitor.page.get_by_role("button", name="Create the token").wait_for()
    assert visitor.page.get_by_label("Client credentials").count() == 0
    acme.send("PATCH", "", {"authentication": ["federated"]})
    visitor.page.reload()
    visitor.sees("Okta cannot sign in here")


def test_a_way_that_the_organisation_no_longer_allows_is_left(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """The connection accepts nothing any more, until its admin chooses what is allowed."""
    acme.send("PATCH", "", {"authentication": ["client_secret", "federated"]})
    visitor.open(acme.link())
    visitor.go("credentials")
    visitor.sees("This connection does not accept this way")
    assert visitor.page.get_by_role("button", name="Create a credential").count() == 0
    visitor.click("Accept: Client credentials")

    visitor.page.get_by_role("button", name="Create a credential").wait_for()
    assert acme.send("GET", connected.path)["authentication"] == ["client_secret"]


def test_each_mistake_at_the_token_endpoint_is_named_with_its_fix(
    acme: Acme, connected: Connected, issuer: FakeIssuer, visitor: Visitor
):
    """Within five seconds, while the page listens."""
    made = _both(acme, connected, issuer)
    with fake_issuer() as closed:
        _trusting(acme, connected, closed)
    visitor.open(acme.link())
    visitor.go("setup/test")
    visitor.sees("Waiting for a request")
    right = {"client_id": connected.id, "client_secret": made["client_secret"]}
    with fake_issuer() as other:
        unknown = assertion(other)
    mistakes: dict[str, dict[str, str]] = {
        "client_secret": {**right, "client_secret": made["client_secret"][:-9]},
        "token_as_secret": {**right, "client_secret": connected.token},
        "client_id": {**right, "client_id": "entra"},
        "scope": {**right, "scope": "https://graph.microsoft.com/.default"},
        "assertion_audience": assertion(issuer, aud="api://other"),
        "assertion_subject": assertion(issuer, sub="other"),
        "assertion_issuer": unknown,
        "assertion_expired": assertion(issuer, exp=int(time.time()) - 3600),
        "keys_unreachable": assertion(closed),
    }
    for reason, form in mistakes.items():
        assert "error" in token(_token_url(connected), **form), reason
        named(visitor, reason)
    assert connected.request(f"Bearer {made['client_secret']}") == 401
    named(visitor, "secret_as_token")
    acme.send("DELETE", f"{connected.path}/credentials/{made['id']}")
    assert "error" in token(_token_url(connected), **right)
    named(visitor, "revoked")


def _token_url(connected: Connected) -> str:
    return connected.scim_url.replace("/scim/v2/", "/oauth2/") + "/token"


def _both(acme: Acme, connected: Connected, issuer: FakeIssuer) -> Any:
    """Let the connection accept all ways, with a client secret and an issuer."""
    ways = ["token", "client_secret", "federated"]
    acme.send("PATCH", connected.path, {"authentication": ways})
    _trusting(acme, connected, issuer)
    secret = {"type": "client_secret", "name": "Entra ID"}
    return acme.send("POST", f"{connected.path}/credentials", secret)


def _trusting(acme: Acme, connected: Connected, issuer: FakeIssuer) -> None:
    values = {"issuer": issuer.url, "subject": SUBJECT, "audience": AUDIENCE}
    body = {"type": "federated", "name": "Entra ID", **values}
    acme.send("POST", f"{connected.path}/credentials", body)


def test_a_connection_moves_from_a_token_to_client_credentials(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """Both are accepted until the new one was used; then the page offers to end the old way."""
    assert connected.request(f"Bearer {connected.token}") == 200
    visitor.open(acme.link())
    visitor.go("credentials")
    visitor.click("Accept: Client credentials")
    visitor.page.get_by_role("radio", name="Client credentials").check()
    visitor.page.get_by_label("Name", exact=True).fill("Entra ID gallery")
    visitor.click("Create a credential")
    url, client_id, secret = pasted(visitor, *ADDRESSES[1:], "Client secret")
    issued = token(url, client_id=client_id, client_secret=secret)
    assert connected.request(f"Bearer {connected.token}") == 200
    assert visitor.page.get_by_text("In use").count() == 0
    assert connected.request(f"Bearer {issued['access_token']}") == 200

    visitor.sees("In use: Client credentials", seconds=15)
    visitor.click("Accept only: Client credentials")
    visitor.sees("This cuts off “first”")
    assert violations(visitor.page) == []
    visitor.click("Accept only: Client credentials")
    visitor.sees("This connection does not accept this way")
    assert connected.request(f"Bearer {connected.token}") == 401
    assert connected.request(f"Bearer {issued['access_token']}") == 200
