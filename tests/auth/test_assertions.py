"""A client assertion proves a federated credential, or names the one thing that is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import jwt
import pytest

from chalicelib.auth.assertions import verify
from chalicelib.errors import InvalidClient
from chalicelib.storage.settings_items import ConnectionToken, Trust
from dev.run.fake_issuer import SigningKey

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER = "https://login.microsoftonline.com/6f1d1c8e-0000-4000-8000-000000000001/v2.0"
TRUST = Trust(ISSUER, "sync-fabric", "api://scim")
CREDENTIAL = ConnectionToken(
    "a" * 12, "Entra", "", "live", "", "Ada", "2027", credential_type="federated", trust=TRUST
)
RSA, OTHER = SigningKey.rsa("rsa"), SigningKey.rsa("other")
PS, EC = replace(RSA, kid="ps", algorithm="PS256"), SigningKey.ec("ec")
PUBLISHED = {key.kid: key.jwk for key in (RSA, PS, EC)}
CLAIMS = {
    "iss": ISSUER,
    "sub": "sync-fabric",
    "aud": "api://scim",
    "iat": SECONDS,
    "nbf": SECONDS,
    "exp": SECONDS + 3600,
}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid assertion with changes; None leaves one out."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}


def verified(assertion: str, credential: ConnectionToken = CREDENTIAL) -> ConnectionToken:
    """Verify an assertion now, against the published keys."""
    return verify(assertion, [credential], lambda _, kid: PUBLISHED.get(kid), NOW)


def reason(assertion: str, trust: Trust = TRUST) -> str | None:
    """Return why an assertion is rejected; None where it is accepted."""
    try:
        verified(assertion, replace(CREDENTIAL, trust=trust))
    except InvalidClient as error:
        return error.reason
    return None


ACCEPTED: Mapping[str, dict[str, Any]] = {
    "as Entra sends it": {},
    "audience as the portal shows it": {"aud": "api://scim/.default"},
    "audience as a list": {"aud": ["api://scim"]},
    "both forms of the audience": {"aud": ["api://scim", "api://scim/.default"]},
    "expired within the skew": {"exp": SECONDS - 299},
    "made in the near future": {"iat": SECONDS + 299, "nbf": SECONDS + 299},
    "without nbf": {"nbf": None},
    "made 23 hours ago": {"iat": SECONDS - 23 * 3600, "nbf": None},
    "times with fractions": {"exp": SECONDS + 0.5},
    "other claims": {"oid": "x", "tid": "y", "jti": "z", "ünï": {"deep": [[[]]]}},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted(name):
    """Each with the key and algorithm of the issuer."""
    assert verified(RSA.sign(claims(**ACCEPTED[name]))) is CREDENTIAL


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
    assert reason(RSA.sign(claims(aud=said)), replace(TRUST, audience=entered)) == expected


@pytest.mark.parametrize("key", [RSA, PS, EC], ids=lambda key: key.algorithm)
def test_each_algorithm_is_accepted_with_its_key(key):
    """And the same assertion again: a lost response must not lock a provider out."""
    assertion = key.sign(claims())

    assert verified(assertion) is verified(assertion) is CREDENTIAL


REJECTED: Mapping[str, tuple[dict[str, Any], str]] = {
    "foreign issuer": ({"iss": "https://evil.example"}, "assertion_issuer"),
    "issuer of another tenant": ({"iss": ISSUER.replace("1/", "2/")}, "assertion_issuer"),
    "issuer with a slash": ({"iss": ISSUER + "/"}, "assertion_issuer"),
    "issuer in capitals": ({"iss": ISSUER.upper()}, "assertion_issuer"),
    "no issuer": ({"iss": None}, "assertion_form"),
    "issuer as a list": ({"iss": [ISSUER]}, "assertion_form"),
    "foreign audience": ({"aud": "api://other"}, "assertion_audience"),
    "foreign audience in a list": ({"aud": ["api://scim", "api://other"]}, "assertion_audience"),
    "audience that begins alike": ({"aud": "api://scim2"}, "assertion_audience"),
    "default of another": ({"aud": "api://scim/.default/.default"}, "assertion_audience"),
    "empty audience": ({"aud": ""}, "assertion_audience"),
    "no audiences": ({"aud": []}, "assertion_audience"),
    "no audience": ({"aud": None}, "assertion_audience"),
    "audience as a number": ({"aud": 1}, "assertion_audience"),
    "audience as an object": ({"aud": {"api://scim": 1}}, "assertion_audience"),
    "foreign subject": ({"sub": "somebody"}, "assertion_subject"),
    "subject that looks alike": ({"sub": "sync\u2010fabric"}, "assertion_subject"),
    "subject as a list": ({"sub": ["sync-fabric"]}, "assertion_subject"),
    "no subject": ({"sub": None}, "assertion_subject"),
    "expired": ({"exp": SECONDS - 301}, "assertion_expired"),
    "no end": ({"exp": None}, "assertion_claims"),
    "end as a text": ({"exp": str(SECONDS + 60)}, "assertion_claims"),
    "end as a truth": ({"exp": True}, "assertion_claims"),
    "endless": ({"exp": 10**30}, "assertion_claims"),
    "as long as a double": ({"exp": 1e308}, "assertion_claims"),
    "infinite": ({"exp": float("inf")}, "assertion_form"),
    "not a number": ({"exp": float("nan")}, "assertion_form"),
    "not a number in another claim": ({"oid": [float("nan")]}, "assertion_form"),
    "before 1970": ({"exp": -1}, "assertion_claims"),
    "not yet": ({"nbf": SECONDS + 301}, "assertion_early"),
    "made in the future": ({"iat": SECONDS + 301, "nbf": None}, "assertion_early"),
    "not made": ({"iat": None}, "assertion_claims"),
    "nbf as a text": ({"nbf": "now"}, "assertion_claims"),
    "made 25 hours ago": ({"iat": SECONDS - 25 * 3600, "nbf": None}, "assertion_expired"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_what_a_claim_may_not_say(name):
    """The reason names the claim; the signature is right in each."""
    changes, expected = REJECTED[name]

    assert reason(RSA.sign(claims(**changes))) == expected


def part(document: Any) -> str:
    """Encode a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def unsigned(header: Mapping[str, Any]) -> str:
    """Return an assertion whose signature is empty."""
    return f"{part(header)}.{part(claims())}."


def with_hmac(algorithm: str) -> str:
    """Sign with the public key as if it were a shared secret."""
    signing = f"{part({'alg': algorithm, 'kid': 'rsa'})}.{part(claims())}"
    mac = jwt.get_algorithm_by_name(algorithm).sign(signing.encode(), json.dumps(RSA.jwk).encode())
    return f"{signing}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def moved(assertion: str, at: int, to: str) -> str:
    """Replace one part of an assertion."""
    parts = assertion.split(".")
    parts[at] = to
    return ".".join(parts)


DEEP = base64.urlsafe_b64encode(b"[" * 5_000 + b"]" * 5_000).decode().rstrip("=")[:8_000]

FORGED: Mapping[str, tuple[Callable[[], str], str]] = {
    "no algorithm": (lambda: unsigned({"alg": "none", "kid": "rsa"}), "assertion_algorithm"),
    "None": (lambda: unsigned({"alg": "None", "kid": "rsa"}), "assertion_algorithm"),
    "empty algorithm": (lambda: unsigned({"alg": "", "kid": "rsa"}), "assertion_form"),
    "algorithm as a list": (lambda: unsigned({"alg": ["RS256"], "kid": "rsa"}), "assertion_form"),
    "no signature": (lambda: unsigned({"alg": "RS256", "kid": "rsa"}), "assertion_signature"),
    "HS256 with the public key": (lambda: with_hmac("HS256"), "assertion_algorithm"),
    "HS512 with the public key": (lambda: with_hmac("HS512"), "assertion_algorithm"),
    "another key of that name": (
        lambda: replace(OTHER, kid="rsa").sign(claims()),
        "assertion_signature",
    ),
    "RS512": (lambda: replace(RSA, algorithm="RS512").sign(claims()), "assertion_algorithm"),
    "signature of another algorithm": (
        lambda: moved(EC.sign(claims()), 0, part({"alg": "RS256", "kid": "rsa"})),
        "assertion_signature",
    ),
    "RSA key for ES256": (lambda: unsigned({"alg": "ES256", "kid": "rsa"}), "assertion_algorithm"),
    "unknown kid": (lambda: OTHER.sign(claims()), "assertion_key"),
    "no kid": (lambda: unsigned({"alg": "RS256"}), "assertion_form"),
    "kid as a path": (lambda: RSA.sign(claims(), kid="../../keys"), "assertion_key"),
    "kid of 301 characters": (lambda: RSA.sign(claims(), kid="k" * 301), "assertion_form"),
    "its own key": (lambda: OTHER.sign(claims(), jwk=OTHER.jwk), "assertion_key"),
    "key from elsewhere": (lambda: OTHER.sign(claims(), jku="https://x.example"), "assertion_key"),
    "access token": (lambda: RSA.sign(claims(), typ="at+jwt"), "assertion_form"),
    "typ as a number": (
        lambda: unsigned({"alg": "RS256", "kid": "rsa", "typ": 1}),
        "assertion_form",
    ),
    "critical extension": (lambda: RSA.sign(claims(), crit=["b64"], b64=False), "assertion_form"),
    "nested": (lambda: RSA.sign(claims(), cty="JWT"), "assertion_form"),
    "oversized": (lambda: RSA.sign(claims(more="x" * 9_000)), "assertion_form"),
    "deeply nested": (lambda: moved(RSA.sign(claims()), 1, DEEP), "assertion_form"),
    "claims as a list": (lambda: moved(RSA.sign(claims()), 1, part([claims()])), "assertion_form"),
    "claims of another": (
        lambda: moved(RSA.sign(claims()), 1, part(claims(sub="root"))),
        "assertion_signature",
    ),
    "two parts": (lambda: RSA.sign(claims()).rpartition(".")[0], "assertion_form"),
    "four parts": (lambda: RSA.sign(claims()) + ".x", "assertion_form"),
    "padding": (lambda: moved(RSA.sign(claims()), 1, part(claims()) + "="), "assertion_form"),
    "blank": (lambda: " " + RSA.sign(claims()), "assertion_form"),
    "line break": (lambda: RSA.sign(claims()) + "\n", "assertion_form"),
    "unicode": (lambda: moved(RSA.sign(claims()), 0, "\uff45yJ"), "assertion_form"),
    "no JSON": (lambda: "a.b.c", "assertion_form"),
    "nothing": (lambda: "", "assertion_form"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_rejected(name):
    """Whatever its claims say: they are those of a valid one."""
    make, expected = FORGED[name]

    assert reason(make()) == expected


WHOLE = json.dumps(claims())
READ_IN_TWO_WAYS = {
    "a claim that stands twice": (WHOLE[:-1] + ', "sub": "root"}').encode(),
    "in UTF-16": WHOLE.encode("utf-16"),
    "behind a byte order mark": WHOLE.encode("utf-8-sig"),
    "not in UTF-8": WHOLE.replace("sync", "\xe9").encode("latin-1"),
    "an endless number": WHOLE.replace(str(SECONDS), "9" * 5_000).encode(),
    "with more behind it": f"{WHOLE}{WHOLE}".encode(),
}


@pytest.mark.parametrize("name", READ_IN_TWO_WAYS)
def test_what_two_readers_could_read_differently_is_rejected(name):
    """Though the issuer itself has signed it."""
    signed = jwt.PyJWS().encode(
        READ_IN_TWO_WAYS[name], RSA.private, "RS256", headers={"kid": "rsa"}
    )

    assert reason(signed) == "assertion_form"


PUBLISHED_BADLY = {
    "on another curve": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
    "a point beside the curve": EC.jwk | {"x": EC.jwk["y"]},
    "no modulus": {"kty": "RSA", "e": "AQAB"},
    "an exponent of one": RSA.jwk | {"e": "AQ"},
    "a shared secret": {"kty": "oct", "k": "AAAA"},
}


@pytest.mark.parametrize("name", PUBLISHED_BADLY)
def test_a_published_key_that_is_none_proves_nothing(name):
    """Nor is it an internal error."""
    signer = EC if PUBLISHED_BADLY[name]["kty"] == "EC" else RSA

    with pytest.raises(InvalidClient) as rejected:
        verify(signer.sign(claims()), [CREDENTIAL], lambda *_: PUBLISHED_BADLY[name], NOW)
    assert rejected.value.reason == "assertion_algorithm"


def test_another_connections_credential_is_not_proved():
    """The assertion is valid; this connection trusts nobody."""
    with pytest.raises(InvalidClient) as rejected:
        verify(RSA.sign(claims()), [], lambda _, kid: PUBLISHED.get(kid), NOW)

    assert rejected.value.reason == "assertion_issuer"


def test_the_text_tells_nothing_before_the_signature_is_checked():
    """And after it by how much the clocks differ."""
    with pytest.raises(InvalidClient) as forged:
        verified(replace(OTHER, kid="rsa").sign(claims(exp=SECONDS - 900)))
    with pytest.raises(InvalidClient) as expired:
        verified(RSA.sign(claims(exp=SECONDS - 900)))

    assert "900" not in forged.value.detail
    assert "expired 900 s ago" in expired.value.detail


@pytest.mark.parametrize("seed", range(4))
def test_no_mutation_of_a_valid_assertion_is_accepted(seed):
    """`make assertions` tries 100,000 of them."""
    random, assertion = Random(seed), RSA.sign(claims())  # noqa: S311 - repeatable
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

    for _ in range(100):
        at = random.randrange(len(assertion))
        mutated = assertion[:at] + random.choice(alphabet) + assertion[at + random.randrange(3) :]
        assert mutated == assertion or reason(mutated) is not None


def test_a_short_key_is_rejected():
    """A published key of 1,024 bits; it could be factored."""
    jwk = {**RSA.jwk, "n": base64.urlsafe_b64encode(b"\xd1" * 128).decode().rstrip("=")}

    with pytest.raises(InvalidClient) as rejected:
        verify(RSA.sign(claims()), [CREDENTIAL], lambda *_: jwk, NOW)
    assert rejected.value.reason == "assertion_algorithm"


def test_an_hour_more_or_less_is_said_in_seconds():
    """The text helps who has a wrong clock."""
    with pytest.raises(InvalidClient) as early:
        verified(RSA.sign(claims(iat=SECONDS + 3600, nbf=None, exp=SECONDS + 7200)))

    assert "3,600 s from now" in early.value.detail
