"""An identity provider gets access tokens for a client secret or an assertion, and uses them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from chalice.app import Chalice

from app import build
from chalicelib.api.oauth import RATE
from chalicelib.api.services import Services
from chalicelib.auth.issuers import Issuers
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.auth.tokens import checksum
from chalicelib.outbound import OutboundClient
from dev.run.fake_issuer import FakeIssuer, SigningKey, fake_issuer
from tests.support.builders import (
    ApiClient,
    Response,
    ScimClient,
    a_customer,
    api_client,
    scim_client,
)
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all

FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUBJECT, AUDIENCE = "sync-fabric", "api://scim"


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider of one connection: how it asks for a token, and what it may do."""

    services: Services
    app: Chalice
    connection: str

    @property
    def admin(self) -> ApiClient:
        """A client of the admin API."""
        return api_client(self.app, OPERATOR_KEY)

    @property
    def path(self) -> str:
        """The connection's path in the admin API."""
        return f"/admin/organisations/{self.connection[:10]}/connections/{self.connection}"

    def accept(self, *types: str) -> None:
        """Let the connection accept these types of credentials only."""
        assert self.admin("PATCH", self.path, {"authentication": types}).status == 200

    def create(self, **body: Any) -> Any:
        """Create a credential."""
        created = self.admin("POST", f"{self.path}/credentials", {"name": "Entra", **body})
        assert created.status == 201, created.body
        return created.body

    def token(self, headers: Any = None, **form: Any) -> Response:
        """Ask for an access token."""
        sent = urlencode({"grant_type": "client_credentials", **form}).encode()
        path = f"/oauth2/{self.connection}/token"
        return api_client(self.app)("POST", path, sent, headers, content_type=FORM)

    def scim(self, credential: str) -> ScimClient:
        """Return a SCIM client with this bearer token."""
        return scim_client(self.app, self.connection, credential)

    def reasons(self) -> dict[str, int]:
        """Read why requests were rejected."""
        health = self.admin("GET", self.path).body["health"]
        return {each["reason"]: each["count"] for each in health["refusals"]}


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    """Run an issuer with two keys."""
    with fake_issuer() as running:
        yield running


@pytest.fixture
def provider(services, context, issuer):
    """Let the deployment trust the issuer, and the connection accept all types."""
    ring = KeyRing(Issuers({issuer.url: issuer.keys_url}), OutboundClient(allow_loopback=True))
    trusting = replace(services, key_ring=ring)
    made = Provider(trusting, build(trusting), context.connection)
    made.accept("token", "client_secret", "federated")
    return made


def with_secret(provider: Provider) -> dict[str, str]:
    """Create a client secret; return what the client sends."""
    created = provider.create(type="client_secret")
    return {"client_id": created["client_id"], "client_secret": created["client_secret"]}


def federated(provider: Provider, issuer: FakeIssuer) -> Any:
    """Create a federated credential."""
    return provider.create(
        type="federated", issuer=issuer.url, subject=SUBJECT, audience=f"{AUDIENCE}/.default"
    )


def assertion(
    provider: Provider, issuer: FakeIssuer, key: int = 0, **claims: Any
) -> dict[str, str]:
    """Return what the client sends: an assertion that holds now."""
    now = int(provider.services.table.clock.now().timestamp())
    whole = {"iss": issuer.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 600}
    signed = issuer.keys[key].sign({**whole, **claims})
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


def test_a_client_secret_gets_an_access_token_that_provisions(provider):
    """By the body, without a scope or with the one that there is."""
    sent = with_secret(provider)

    issued = provider.token(**sent, scope="scim")

    assert (issued.status, issued.body["token_type"], issued.body["expires_in"]) == (
        200,
        "Bearer",
        3600,
    )
    assert issued.headers["cache-control"] == "no-store"
    created = provider.scim(issued.body["access_token"])("POST", "/Users", {"userName": "ada"})
    assert created.status == 201


def test_basic_has_both_parts_form_encoded(provider):
    """RFC 6749 section 2.3.1."""
    sent = with_secret(provider)
    pair = f"{quote(sent['client_id'])}:{quote(sent['client_secret']).replace('_', '%5F')}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    assert provider.token(headers).status == 200


def test_an_assertion_gets_an_access_token(provider, issuer):
    """The same one again too: a lost response must not lock a provider out."""
    federated(provider, issuer)
    sent = assertion(provider, issuer)

    assert [provider.token(**sent).status for _ in range(2)] == [200, 200]
    assert provider.token(**sent, client_id=provider.connection).status == 200
    assert issuer.asked == 1


def test_a_new_key_of_the_issuer_is_found(provider, issuer, manual_clock):
    """Within a minute of the last fetch the sender is told to come again, not that it is wrong."""
    federated(provider, issuer)
    assert provider.token(**assertion(provider, issuer)).status == 200
    issuer.keys.append(SigningKey.rsa("key-3"))
    sent = assertion(provider, issuer, 2)

    early = provider.token(**sent)
    manual_clock.advance(seconds=61)

    assert (early.status, early.headers["retry-after"]) == (503, "5")
    assert provider.token(**sent).status == 200


REJECTED_FORMS = {
    "no grant type": ({"grant_type": ""}, 400, "invalid_request"),
    "another grant": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "another scope": ({"scope": "scim admin"}, 400, "invalid_scope"),
    "no credential": ({}, 401, "invalid_client"),
    "wrong id": ({"client_id": "x", "client_secret": "y"}, 401, "invalid_client"),
    "empty secret": ({"client_id": "x", "client_secret": ""}, 401, "invalid_client"),
    "another type of assertion": ({"client_assertion": "x"}, 400, "invalid_request"),
    "not an assertion": (
        {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE},
        401,
        "invalid_client",
    ),
    "two ways": (
        {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE, "client_secret": "y"},
        400,
        "invalid_request",
    ),
}


@pytest.mark.parametrize("name", REJECTED_FORMS)
def test_what_is_no_request_for_a_token(provider, name):
    """RFC 6749 section 5.2: the code, a text, never a value; a 401 names the scheme."""
    form, status, code = REJECTED_FORMS[name]

    rejected = provider.token(**form)

    assert (rejected.status, rejected.body["error"]) == (status, code)
    assert ("www-authenticate" in rejected.headers) == (status == 401)
    assert set(rejected.body) == {"error", "error_description", "request_id"}


BODIES = (
    b"grant_type=client_credentials&grant_type=client_credentials",
    b"grant_type=%ff",
    "grant_type=\u00e9".encode(),
    b"&".join(b"a%d=b" % number for number in range(30)),
    b"a=" + b"b" * 20_000,
    b"",
)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_form(provider, body):
    """Or one that two readers could read differently."""
    path = f"/oauth2/{provider.connection}/token"

    rejected = api_client(provider.app)("POST", path, body, content_type=FORM)

    assert (rejected.status, rejected.body["error"]) == (400, "invalid_request")


NOBODY = {
    "form of an id": lambda provider: "a" * len(provider.connection),
    "of the same organisation": lambda provider: provider.connection[:10] + "aaaaaa",
    "another form": lambda _: "x" * 5_000,
}


@pytest.mark.parametrize("name", NOBODY)
def test_where_no_connection_is_nothing_is_written(provider, name):
    """Or a stranger could fill the table with counters, and the memory with buckets of rates."""
    before = read_all(provider.services.table)
    nobody = replace(provider, connection=NOBODY[name](provider))

    statuses = {nobody.token(**form).status for form, *_ in REJECTED_FORMS.values()}

    assert statuses == {400, 401}
    assert read_all(provider.services.table) == before


def test_a_stranger_does_not_use_up_the_rate_of_a_connection(provider):
    """Only what the client itself asks for counts; an access token holds for an hour."""
    sent = with_secret(provider)
    wrong = sent | {"client_secret": sent["client_secret"][:-1] + "_"}

    assert {provider.token(**wrong).status for _ in range(2 * RATE.burst)} == {401}
    assert {provider.token(**sent).status for _ in range(RATE.burst)} == {200}
    assert provider.token(**sent).status == 429


def test_json_is_not_accepted(provider):
    """The text says what is."""
    path = f"/oauth2/{provider.connection}/token"

    rejected = api_client(provider.app)("POST", path, {"grant_type": "client_credentials"})

    assert (rejected.status, rejected.body["error"]) == (400, "invalid_request")
    assert FORM in rejected.body["error_description"]


ENDS = {
    "revoked": lambda p, made: p.admin("DELETE", f"{p.path}/credentials/{made['id']}"),
    "rotated": lambda p, made: p.admin(
        "POST", f"{p.path}/credentials/{made['id']}/rotate", {"overlap_hours": 0}
    ),
    "paused": lambda p, _: p.admin("PATCH", p.path, {"state": "paused"}),
    "type taken": lambda p, _: p.admin("PATCH", p.path, {"authentication": ["token"]}),
    "type taken from the organisation": lambda p, _: p.admin(
        "PATCH", p.path.rpartition("/connections")[0], {"authentication": ["token"]}
    ),
    "suspended": lambda p, _: p.admin(
        "PATCH", p.path.rpartition("/connections")[0], {"state": "suspended"}
    ),
    "plan": lambda p, _: p.admin("PATCH", p.path.rpartition("/connections")[0], {"plan": "free"}),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_access_token_ends_with_what_it_was_issued_for(provider, end):
    """At the very next request; and no other is issued."""
    made = provider.create(type="client_secret")
    sent = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    scim = provider.scim(provider.token(**sent).body["access_token"])
    assert scim("GET", "/Users").status == 200

    assert ENDS[end](provider, made).status < 300

    assert scim("GET", "/Users").status in {401, 403}
    assert provider.token(**sent).status in {400, 401}


def test_an_access_token_ends_after_an_hour(provider, manual_clock):
    """The provider gets the next one by itself."""
    sent = with_secret(provider)
    scim = provider.scim(provider.token(**sent).body["access_token"])

    manual_clock.advance(seconds=3601)

    assert scim("GET", "/Users").status == 401
    assert provider.reasons() == {"access_expired": 1}
    assert provider.token(**sent).status == 200


def test_no_text_is_taken_for_one_of_another_type(provider):
    """A client secret, written as a static token or an access token, lets nobody in."""
    secret = with_secret(provider)["client_secret"]
    body = secret.removeprefix("psl_secret_").rpartition("_")[0]

    for form in ("psl_scim_", "psl_test_", "psl_access_"):
        text = f"{form}{body}"
        forged = f"{text}_{checksum(text)}"
        assert provider.scim(forged)("GET", "/Users").status == 401
    assert provider.scim(secret)("GET", "/Users").status == 401


def test_an_access_token_of_another_connection_is_rejected(provider, services):
    """Both connections accept it; each knows its own only."""
    other = replace(provider, connection=a_customer(services).connection)
    other.accept("client_secret")
    access = other.token(**with_secret(other)).body["access_token"]

    assert other.scim(access)("GET", "/Users").status == 200
    assert provider.scim(access)("GET", "/Users").status == 401
    assert other.token(**with_secret(provider)).status == 401


def test_a_connection_accepts_no_type_that_it_was_not_told_to(provider):
    """The static token stops when the connection has moved on."""
    static = provider.scim(provider.create(type="token")["token"])
    assert static("GET", "/Users").status == 200

    provider.accept("client_secret")

    assert static("GET", "/Users").status == 401
    assert provider.reasons() == {"type": 1}


def test_the_deployment_limits_the_types(provider, issuer):
    """A connection cannot accept what its organisation may not, and trusts no foreign issuer."""
    organisation = provider.path.rpartition("/connections")[0]
    provider.admin("PATCH", organisation, {"authentication": ["federated"]})

    wider = provider.admin("PATCH", provider.path, {"authentication": ["token"]})
    body = {"type": "federated", "name": "x", "subject": "s", "audience": "a"}
    foreign = provider.admin(
        "POST", f"{provider.path}/credentials", {**body, "issuer": f"{issuer.url}/"}
    )

    assert (wider.status, wider.body["errors"][0]["field"]) == (400, "authentication")
    assert (foreign.status, foreign.body["errors"][0]["field"]) == (400, "issuer")


def test_a_tenant_of_entra_says_issuer_and_keys(provider):
    """The admin enters what the portal shows; nothing is fetched for it."""
    tenant = "6f1d1c8e-0000-4000-8000-000000000001"

    made = provider.create(
        type="federated", tenant=tenant, cloud="china", subject="s", audience="a"
    )

    assert made["issuer"] == f"https://login.partner.microsoftonline.cn/{tenant}/v2.0"
    assert made["token"] is made["client_secret"] is None


def test_the_admin_sees_why_an_assertion_was_rejected(provider, issuer):
    """The provider's own log has one text."""
    federated(provider, issuer)
    told = [
        provider.token(**assertion(provider, issuer, **claims)).body["error_description"]
        for claims in ({"aud": "other"}, {"sub": "other"}, {"iss": "https://x"}, {"exp": 1})
    ]

    assert provider.reasons() == {
        f"assertion_{word}": 1 for word in ("audience", "subject", "issuer", "expired")
    }
    assert len(set(told)) == 4


def test_the_metadata_stands_in_both_places(provider):
    """RFC 8414 section 3; whether the connection exists is not said."""
    well_known, anyone = "/.well-known/oauth-authorization-server", api_client(provider.app)
    issuer = f"/oauth2/{provider.connection}"
    found = [anyone("GET", path) for path in (f"{well_known}{issuer}", f"{issuer}{well_known}")]

    assert [each.status for each in found] == [200, 200]
    assert found[0].body == found[1].body
    assert found[0].body["token_endpoint"] == f"{found[0].body['issuer']}/token"
    assert anyone("GET", f"/oauth2/{'a' * 16}{well_known}").status == 200
    assert anyone("GET", f"/oauth2/x{well_known}").status == 404
