"""An identity provider gets access tokens for a client secret or an assertion, and uses them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from app import build
from chalicelib.api.oauth import RATE
from chalicelib.auth.tokens import checksum
from dev.run.fake_issuer import FakeIssuer, SigningKey, fake_issuer
from tests.support.builders import a_customer
from tests.support.invariants import read_all
from tests.support.oauth_provider import ASSERTION_TYPE, FORM, GRANT, basic, provider_of, trusting


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    """Run an issuer with two keys."""
    with fake_issuer() as running:
        yield running


@pytest.fixture
def provider(services, context):
    """Let the deployment trust issuers on loopback, and the connection accept all types."""
    app = build(trusting(services, {}))
    return provider_of(app, context.connection, services.table.clock.now)


def test_a_client_secret_gets_an_access_token_that_provisions(provider):
    """By the body, without a scope or with the one that there is."""
    sent = provider.client_secret()

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
    sent = provider.client_secret()
    pair = f"{quote(sent['client_id'])}:{quote(sent['client_secret']).replace('_', '%5F')}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    assert provider.token(headers).status == 200


def test_an_assertion_gets_an_access_token(provider, issuer):
    """The same one again too: a lost response must not lock a provider out."""
    provider.federated(issuer.url)
    sent = provider.assertion(issuer)

    assert [provider.token(**sent).status for _ in range(2)] == [200, 200]
    assert provider.token(**sent, client_id=provider.connection).status == 200
    assert issuer.asked == 1


def test_a_new_key_of_the_issuer_is_found(provider, issuer, manual_clock):
    """Within a minute of the last fetch the sender is told to come again, not that it is wrong."""
    provider.federated(issuer.url)
    assert provider.token(**provider.assertion(issuer)).status == 200
    issuer.keys.append(SigningKey.rsa("key-3"))
    sent = provider.assertion(issuer, 2)

    early = provider.token(**sent)
    manual_clock.advance(seconds=61)

    assert (early.status, early.headers["retry-after"]) == (503, "5")
    assert provider.token(**sent).status == 200


def test_invented_keys_make_no_requests_and_hide_nothing(provider, issuer, manual_clock):
    """A flood of them costs the issuer one request a minute; who has a key gets tokens as ever."""
    provider.federated(issuer.url)
    right = provider.assertion(issuer)
    assert provider.token(**right).status == 200
    for minute in range(2):
        manual_clock.advance(seconds=61)
        for number in range(10):
            issuer.keys[1] = replace(issuer.keys[1], kid=f"invented-{number}")
            forged = provider.assertion(issuer, 1)
            issuer.keys[1] = replace(issuer.keys[1], kid="key-2")
            assert provider.token(**forged).status == (503 if number else 401)
        assert issuer.asked == minute + 2
        assert provider.token(**right).status == 200


def test_a_key_proves_what_its_own_issuer_says(provider, issuer):
    """Both are trusted, and both have a key of this id."""
    with fake_issuer() as other:
        provider.federated(issuer.url)
        provider.federated(other.url)
        assert provider.token(**provider.assertion(other)).status == 200
        for own, foreign in ((issuer, other), (other, issuer)):
            confused = provider.assertion(foreign, iss=own.url)
            assert provider.token(**confused).status == 401
    assert provider.reasons() == {"assertion_signature": 2}


def test_known_keys_outlive_their_issuer_for_a_day(provider, manual_clock):
    """Then the client is told to come again, never that it is wrong."""
    with fake_issuer() as issuer:
        provider.federated(issuer.url)
        assert provider.token(**provider.assertion(issuer)).status == 200
    told = []
    for _ in range(3):
        manual_clock.advance(hours=11.95)
        told.append(provider.token(**provider.assertion(issuer)).status)

    assert told == [200, 200, 503]
    assert provider.reasons() == {"keys_unreachable": 1}


INVALID_REQUEST = (400, "invalid_request", "token_request")
TWO_WAYS = {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE, "client_secret": "y"}
# The parameters beside the grant type, or the whole body; then status, code and reason.
REJECTED_FORMS: dict[str, tuple[Any, tuple[int, str, str]]] = {
    "no grant type": ({"grant_type": ""}, INVALID_REQUEST),
    "another grant": (
        {"grant_type": "password"},
        (400, "unsupported_grant_type", "token_request"),
    ),
    "the grant in capitals": (
        {"grant_type": "CLIENT_CREDENTIALS"},
        (400, "unsupported_grant_type", "token_request"),
    ),
    "another scope": ({"scope": "scim admin"}, (400, "invalid_scope", "scope")),
    "no credential": ({}, (401, "invalid_client", "client_missing")),
    "a type of assertion alone": (
        {"client_assertion_type": ASSERTION_TYPE},
        (401, "invalid_client", "client_missing"),
    ),
    "wrong id": (
        {"client_id": "x", "client_secret": "y"},
        (401, "invalid_client", "client_id"),
    ),
    "empty secret": (
        {"client_id": "x", "client_secret": ""},
        (401, "invalid_client", "client_missing"),
    ),
    "another type of assertion": (
        {"client_assertion": "x"},
        (400, "invalid_request", "assertion_form"),
    ),
    "not an assertion": (
        {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE},
        (401, "invalid_client", "assertion_form"),
    ),
    "two ways": (TWO_WAYS, (400, "invalid_request", "client_twice")),
    "a parameter twice": (b"grant_type=client_credentials&scope=scim&scope=scim", INVALID_REQUEST),
    "empty and then not": (b"grant_type=&grant_type=client_credentials", INVALID_REQUEST),
    "an unknown one twice": (b"grant_type=client_credentials&x=1&x=", INVALID_REQUEST),
    "half an escape": (b"grant_type=client_credentials&scope=%4", INVALID_REQUEST),
    "no escape": (b"grant_type=client_credentials&scope=%zz", INVALID_REQUEST),
    "bytes that are no UTF-8": (b"grant_type=%ff", INVALID_REQUEST),
    "bytes that are no ASCII": ("grant_type=\u00e9".encode(), INVALID_REQUEST),
    "30 parameters": (b"&".join(b"a%d=b" % number for number in range(30)), INVALID_REQUEST),
    "20,000 bytes": (b"a=" + b"b" * 20_000, INVALID_REQUEST),
    "nothing": (b"", INVALID_REQUEST),
    "JSON": (b'{"grant_type": "client_credentials"}', INVALID_REQUEST),
}


def test_what_is_no_request_for_a_token(provider):
    """RFC 6749 section 5.2: the code, a text, never a value; a 401 names the scheme."""
    for name, (form, expected) in REJECTED_FORMS.items():
        send = (
            partial(provider.post, form)
            if isinstance(form, bytes)
            else partial(provider.token, **form)
        )
        rejected, outcome = provider.outcome(send)

        assert outcome == expected, name
        assert ("www-authenticate" in rejected.headers) == (rejected.status == 401)
        assert set(rejected.body) == {"error", "error_description", "request_id"}
        assert re.fullmatch(r"[ !#-\[\]-~]+", rejected.body["error_description"])
        assert rejected.headers["cache-control"] == "no-store"


# The Authorization header, made of id and secret, with other parameters; then code and reason.
HEADERS: dict[str, tuple[Any, dict[str, str], tuple[str | None, str | None]]] = {
    "as it should be": (basic, {}, (None, None)),
    "the scheme in small letters": (lambda *p: basic(*p).replace("B", "b", 1), {}, (None, None)),
    "with an unknown parameter": (basic, {"resource": "https://x.example"}, (None, None)),
    "another id in the form": (basic, {"client_id": "x"}, ("invalid_request", "client_id")),
    "the secret in the form too": (
        basic,
        {"client_secret": "x"},
        ("invalid_request", "client_twice"),
    ),
    "an assertion too": (basic, TWO_WAYS, ("invalid_request", "client_twice")),
    "a bearer token": (lambda _, s: f"Bearer {s}", {}, ("invalid_client", "client_scheme")),
    "no base64": (lambda *p: f"Basic {':'.join(p)}", {}, ("invalid_client", "client_scheme")),
    "no UTF-8": (lambda *_: "Basic /w==", {}, ("invalid_client", "client_scheme")),
    "no colon": (lambda i, _: basic(i, "")[:-2], {}, ("invalid_client", "client_scheme")),
    "nothing": (lambda *_: "Basic ", {}, ("invalid_client", "client_id")),
    "the id in capitals": (lambda i, s: basic(i.upper(), s), {}, ("invalid_client", "client_id")),
    "a blank behind the secret": (
        lambda i, s: basic(i, f"{s} "),
        {},
        ("invalid_client", "client_secret"),
    ),
    "a token in its place": (
        lambda i, s: basic(i, s.replace("secret", "scim", 1)),
        {},
        ("invalid_client", "token_as_secret"),
    ),
    "encoded twice": (
        lambda i, s: basic(i, s.replace("_", "%255F")),
        {},
        ("invalid_client", "client_secret"),
    ),
}


def test_what_the_header_may_say(provider):
    """client_secret_basic, exactly."""
    sent = provider.client_secret().values()
    for name, (write, form, expected) in HEADERS.items():
        headers = {"Authorization": write(*sent)}

        _, (_, *outcome) = provider.outcome(partial(provider.token, headers, **form))

        assert tuple(outcome) == expected, name


def test_nothing_in_the_url_counts(provider):
    """RFC 6749 section 2.3.1: a URL stands in logs."""
    sent = {"grant_type": "client_credentials", **provider.client_secret()}
    path = f"/oauth2/{provider.connection}/token?{urlencode(sent)}"
    anyone = provider.anyone

    assert anyone("POST", path, b"grant_type=client_credentials", content_type=FORM).status == 401
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        rejected = anyone(method, path)
        assert (rejected.status, rejected.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("media_type", [f"{FORM}; charset=UTF-8", FORM.upper()])
def test_the_media_type_has_any_case_and_parameters(provider, media_type):
    """Entra ID names a charset."""
    body = urlencode(GRANT | provider.client_secret()).encode()

    assert provider.post(body, media_type).status == 200


NOBODY = {
    "form of an id": lambda provider: "a" * len(provider.connection),
    "of the same organisation": lambda provider: provider.connection[:10] + "aaaaaa",
    "another form": lambda _: "x" * 5_000,
}


@pytest.mark.parametrize("name", NOBODY)
def test_where_no_connection_is_nothing_is_written(provider, services, name):
    """Or a stranger could fill the table with counters, and the memory with buckets of rates."""
    before = read_all(services.table)
    nobody = replace(provider, connection=NOBODY[name](provider))

    forms = [form for form, _ in REJECTED_FORMS.values() if isinstance(form, dict)]
    statuses = {nobody.token(**form).status for form in forms}

    assert statuses == {400, 401}
    assert read_all(services.table) == before


def test_a_stranger_does_not_use_up_the_rate_of_a_connection(provider):
    """Only what the client itself asks for counts; an access token holds for an hour."""
    sent = provider.client_secret()
    wrong = sent | {"client_secret": sent["client_secret"][:-1] + "_"}

    assert {provider.token(**wrong).status for _ in range(2 * RATE.burst)} == {401}
    statuses = [provider.token(**sent).status for _ in range(2 * RATE.burst)]
    assert (statuses[0], statuses[-1]) == (200, 429)


def test_json_is_not_accepted(provider):
    """The text says what is."""
    path = f"/oauth2/{provider.connection}/token"

    rejected = provider.anyone("POST", path, {"grant_type": "client_credentials"})

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
    sent = provider.client_secret()
    scim = provider.scim(provider.token(**sent).body["access_token"])

    manual_clock.advance(seconds=3601)

    assert scim("GET", "/Users").status == 401
    assert provider.reasons() == {"access_expired": 1}
    assert provider.token(**sent).status == 200


def test_no_text_is_taken_for_one_of_another_type(provider):
    """A client secret, written as a static token or an access token, lets nobody in."""
    secret = provider.client_secret()["client_secret"]
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
    access = other.token(**other.client_secret()).body["access_token"]

    assert other.scim(access)("GET", "/Users").status == 200
    assert provider.scim(access)("GET", "/Users").status == 401
    own = provider.client_secret()
    assert other.token(**own).status == 401
    assert other.token(**own | {"client_id": other.connection}).status == 401
    assert provider.token(**own | {"client_id": other.connection}).status == 401
    assert provider.token(**own).status == 200


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
    provider.federated(issuer.url)
    told = [
        provider.token(**provider.assertion(issuer, **claims)).body["error_description"]
        for claims in ({"aud": "other"}, {"sub": "other"}, {"iss": "https://x"}, {"exp": 1})
    ]

    assert provider.reasons() == {
        f"assertion_{word}": 1 for word in ("audience", "subject", "issuer", "expired")
    }
    assert len(set(told)) == 4


def test_the_metadata_stands_in_both_places(provider):
    """RFC 8414 section 3; whether the connection exists is not said."""
    well_known, anyone = "/.well-known/oauth-authorization-server", provider.anyone
    issuer = f"/oauth2/{provider.connection}"
    found = [anyone("GET", path) for path in (f"{well_known}{issuer}", f"{issuer}{well_known}")]

    assert [each.status for each in found] == [200, 200]
    assert found[0].body == found[1].body
    assert found[0].body["token_endpoint"] == f"{found[0].body['issuer']}/token"
    assert anyone("GET", f"/oauth2/{'a' * 16}{well_known}").status == 200
    assert anyone("GET", f"/oauth2/x{well_known}").status == 404
