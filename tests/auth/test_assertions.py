"""A client assertion proves a federated credential, or names the one thing that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib.auth.assertions import verify
from chalicelib.errors import InvalidClient
from chalicelib.storage.settings_items import ConnectionToken, Trust
from tests.campaigns.mutations import FAMILIES, accepted, complement
from tests.support.assertion_forms import (
    ACCEPTED,
    CLAIMS,
    EC,
    FORGED,
    OTHER,
    PUBLISHED,
    RSA,
    UNKNOWN_KEY,
    Signer,
    encoded,
)
from tests.support.oauth_provider import AUDIENCE, SUBJECT

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER = "https://login.microsoftonline.com/6f1d1c8e-0000-4000-8000-000000000001/v2.0"
TRUST = Trust(ISSUER, SUBJECT, AUDIENCE)
CREDENTIAL = ConnectionToken(
    "a" * 12, "Entra", "", "live", "", "Ada", "2027", credential_type="federated", trust=TRUST
)
SIGNER = Signer(ISSUER, SECONDS)
KEYS = {key.kid: key.jwk for key in PUBLISHED}


def verified(assertion: str, credential: ConnectionToken = CREDENTIAL) -> ConnectionToken:
    """Verify an assertion now, against the published keys."""
    return verify(assertion, [credential], lambda _, kid: KEYS.get(kid), NOW)


def reason(assertion: str, trust: Trust = TRUST) -> str | None:
    """Return why an assertion is rejected; None where it is accepted."""
    try:
        verified(assertion, replace(CREDENTIAL, trust=trust))
    except InvalidClient as error:
        return error.reason
    return None


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted(name):
    """The same one again too: a lost response must not lock a provider out."""
    assertion = ACCEPTED[name](SIGNER)

    assert verified(assertion) is verified(assertion) is CREDENTIAL


REJECTED = {**CLAIMS, **FORGED, **{n: (make, "assertion_key") for n, make in UNKNOWN_KEY.items()}}


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_rejected(name):
    """The reason names what is wrong."""
    make, expected = REJECTED[name]

    assert reason(make(SIGNER)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": SECONDS - 299}, None),
        ({"exp": SECONDS - 300}, "assertion_expired"),
        ({"iat": SECONDS + 300, "nbf": None}, None),
        ({"nbf": SECONDS + 300.5}, "assertion_early"),
        ({"iat": SECONDS - 86_400, "nbf": None}, None),
        ({"iat": SECONDS - 86_401, "nbf": None}, "assertion_expired"),
    ],
)
def test_the_bounds_of_time(changes, expected):
    """Five minutes of skew; made at most 24 hours ago."""
    assert reason(SIGNER.sign(**changes)) == expected


APPLICATION = "b5ba7a93-4452-4522-aeb4-a2b5da870c16"
URI = f"api://{APPLICATION}"


@pytest.mark.parametrize(
    ("entered", "said", "expected"),
    [
        (f"{URI}/.default", URI, None),
        (f"{URI}/.default", APPLICATION, None),
        (APPLICATION, URI, None),
        (URI, f"{APPLICATION}0", "assertion_audience"),
        (URI, f"https://{APPLICATION}", "assertion_audience"),
        (URI, APPLICATION.replace("6", "7"), "assertion_audience"),
        ("api://scim", "scim", "assertion_audience"),
    ],
)
def test_the_id_of_an_application_is_its_audience_too(entered, said, expected):
    """A token of version 2.0 has the id alone where the portal shows the URI."""
    assert reason(SIGNER.sign(aud=said), replace(TRUST, audience=entered)) == expected


def test_another_connections_credential_is_not_proved():
    """The assertion is valid; this connection trusts nobody."""
    with pytest.raises(InvalidClient) as rejected:
        verify(SIGNER.sign(), [], lambda _, kid: KEYS.get(kid), NOW)

    assert rejected.value.reason == "assertion_issuer"


def test_the_text_tells_nothing_before_the_signature_is_checked():
    """And after it by how much the clocks differ."""
    with pytest.raises(InvalidClient) as forged:
        verified(SIGNER.sign(replace(OTHER, kid="rsa"), exp=SECONDS - 900))
    with pytest.raises(InvalidClient) as expired:
        verified(SIGNER.sign(exp=SECONDS - 900))

    assert "900" not in forged.value.detail
    assert "expired 900 s ago" in expired.value.detail


@pytest.mark.parametrize("family", FAMILIES)
def test_no_mutation_of_a_valid_assertion_is_accepted(family, record_property):
    """`make assertions` tries 100,000 of them."""
    assert not [*accepted([family], range(60), seed=1)]
    record_property("mutations of assertions", 60)


def test_the_other_half_of_an_ecdsa_signature_proves_the_same():
    """Of each signature (r, s) anyone can make (r, n - s): RFC 7518 demands neither.

    Nothing rests on a signature's bytes: it proves the same claims, which may be sent again anyway.
    """
    assertion = SIGNER.sign(EC)
    other = complement(assertion)

    assert other != assertion
    assert verified(other) is verified(assertion)


def test_a_short_key_is_rejected():
    """A published key of 1,024 bits; it could be factored."""
    jwk = {**RSA.jwk, "n": encoded(b"\xd1" * 128)}

    with pytest.raises(InvalidClient) as rejected:
        verify(SIGNER.sign(), [CREDENTIAL], lambda *_: jwk, NOW)
    assert rejected.value.reason == "assertion_algorithm"


def test_an_hour_more_or_less_is_said_in_seconds():
    """The text helps who has a wrong clock."""
    with pytest.raises(InvalidClient) as early:
        verified(SIGNER.sign(iat=SECONDS + 3600, nbf=None, exp=SECONDS + 7200))

    assert "3,600 s from now" in early.value.detail
