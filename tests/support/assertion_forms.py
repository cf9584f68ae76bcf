"""Assertions of every form, each with what its client is told and its admin sees."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from time import sleep
from typing import Any

import jwt

from dev.run.fake_issuer import SigningKey, fake_issuer
from tests.support.oauth_provider import AUDIENCE, SUBJECT, Outcome, Provider

RSA, OTHER = SigningKey.rsa("rsa"), SigningKey.rsa("other")
PS, EC = replace(RSA, kid="ps", algorithm="PS256"), SigningKey.ec("ec")
PUBLISHED = (RSA, PS, EC)


@dataclass(frozen=True, slots=True)
class Signer:
    """What an assertion is made for: its issuer, and the moment in seconds since 1970."""

    issuer: str
    now: int

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a valid assertion with changes; None leaves one out."""
        valid = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + 3600,
        }
        return {name: value for name, value in {**valid, **changes}.items() if value is not None}

    def sign(self, key: SigningKey = RSA, /, **changes: Any) -> str:
        """Sign a valid assertion, with other claims."""
        return key.sign(self.claims(**changes))

    def unsigned(self, **header: Any) -> str:
        """Return an assertion whose signature is empty."""
        return f"{part(header)}.{part(self.claims())}."

    def with_hmac(self, algorithm: str) -> str:
        """Sign with the public key as if it were a shared secret."""
        signing = f"{part({'alg': algorithm, 'kid': 'rsa'})}.{part(self.claims())}"
        hmac = jwt.get_algorithm_by_name(algorithm)
        return f"{signing}.{encoded(hmac.sign(signing.encode(), json.dumps(RSA.jwk).encode()))}"

    def sign_raw(self, payload: bytes) -> str:
        """Let the issuer sign any bytes."""
        return jwt.PyJWS().encode(payload, RSA.private, "RS256", headers={"kid": "rsa"})


def encoded(raw: bytes) -> str:
    """Write bytes in base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def part(document: Any) -> str:
    """Encode a part of a JWT."""
    return encoded(json.dumps(document).encode())


def moved(assertion: str, at: int, to: str) -> str:
    """Replace one part of an assertion."""
    parts = assertion.split(".")
    parts[at] = to
    return ".".join(parts)


Make = Callable[[Signer], str]

ACCEPTED: Mapping[str, Make] = {
    "as Entra sends it": lambda s: s.sign(),
    "signed with PS256": lambda s: s.sign(PS),
    "signed with ES256": lambda s: s.sign(EC),
    "audience as the portal shows it": lambda s: s.sign(aud=f"{AUDIENCE}/.default"),
    "audience as a list": lambda s: s.sign(aud=[AUDIENCE]),
    "both forms of the audience": lambda s: s.sign(aud=[AUDIENCE, f"{AUDIENCE}/.default"]),
    "expired within the skew": lambda s: s.sign(exp=s.now - 290),
    "made in the near future": lambda s: s.sign(iat=s.now + 290, nbf=s.now + 290),
    "without nbf": lambda s: s.sign(nbf=None),
    "made 23 hours ago": lambda s: s.sign(iat=s.now - 23 * 3600, nbf=None),
    "times with fractions": lambda s: s.sign(exp=s.now + 0.5),
    "other claims": lambda s: s.sign(oid="x", jti="z", ünï={"deep": [[[]]]}),
    "typ in small letters": lambda s: RSA.sign(s.claims(), typ="jwt"),
    "typ of client authentication": lambda s: RSA.sign(s.claims(), typ="client-authentication+jwt"),
    "a thumbprint in the header": lambda s: RSA.sign(s.claims(), x5t="abc"),
}

# What a claim may not say; the signature of each is right.
CLAIMS: Mapping[str, tuple[Make, str]] = {
    "foreign issuer": (lambda s: s.sign(iss="https://evil.example"), "assertion_issuer"),
    "issuer with a slash": (lambda s: s.sign(iss=f"{s.issuer}/"), "assertion_issuer"),
    "issuer in capitals": (lambda s: s.sign(iss=s.issuer.upper()), "assertion_issuer"),
    "issuer with a blank": (lambda s: s.sign(iss=f"{s.issuer} "), "assertion_issuer"),
    "no issuer": (lambda s: s.sign(iss=None), "assertion_form"),
    "issuer as a list": (lambda s: s.sign(iss=[s.issuer]), "assertion_form"),
    "foreign audience": (lambda s: s.sign(aud="api://other"), "assertion_audience"),
    "one more audience": (lambda s: s.sign(aud=[AUDIENCE, "api://other"]), "assertion_audience"),
    "audience that begins alike": (lambda s: s.sign(aud=f"{AUDIENCE}2"), "assertion_audience"),
    "audience in capitals": (lambda s: s.sign(aud=AUDIENCE.upper()), "assertion_audience"),
    "default of another": (
        lambda s: s.sign(aud=f"{AUDIENCE}/.default/.default"),
        "assertion_audience",
    ),
    "empty audience": (lambda s: s.sign(aud=""), "assertion_audience"),
    "no audiences": (lambda s: s.sign(aud=[]), "assertion_audience"),
    "no audience": (lambda s: s.sign(aud=None), "assertion_audience"),
    "audience as a number": (lambda s: s.sign(aud=1), "assertion_audience"),
    "audience as an object": (lambda s: s.sign(aud={AUDIENCE: 1}), "assertion_audience"),
    "foreign subject": (lambda s: s.sign(sub="somebody"), "assertion_subject"),
    "subject that looks alike": (lambda s: s.sign(sub="sync\u2010fabric"), "assertion_subject"),
    "subject in capitals": (lambda s: s.sign(sub=SUBJECT.upper()), "assertion_subject"),
    "subject as a list": (lambda s: s.sign(sub=[SUBJECT]), "assertion_subject"),
    "no subject": (lambda s: s.sign(sub=None), "assertion_subject"),
    "expired": (lambda s: s.sign(exp=s.now - 310), "assertion_expired"),
    "made 25 hours ago": (
        lambda s: s.sign(iat=s.now - 25 * 3600, nbf=None),
        "assertion_expired",
    ),
    "no end": (lambda s: s.sign(exp=None), "assertion_claims"),
    "end as a text": (lambda s: s.sign(exp=str(s.now + 60)), "assertion_claims"),
    "end as a truth": (lambda s: s.sign(exp=True), "assertion_claims"),
    "endless": (lambda s: s.sign(exp=10**30), "assertion_claims"),
    "as long as a double": (lambda s: s.sign(exp=1e308), "assertion_claims"),
    "before 1970": (lambda s: s.sign(exp=-1), "assertion_claims"),
    "not made": (lambda s: s.sign(iat=None), "assertion_claims"),
    "nbf as a text": (lambda s: s.sign(nbf="now"), "assertion_claims"),
    "not yet": (lambda s: s.sign(nbf=s.now + 310), "assertion_early"),
    "made in the future": (lambda s: s.sign(iat=s.now + 310, nbf=None), "assertion_early"),
    "infinite": (lambda s: s.sign(exp=float("inf")), "assertion_form"),
    "not a number": (lambda s: s.sign(oid=[float("nan")]), "assertion_form"),
}

DEEP = encoded(b"[" * 5_000 + b"]" * 5_000)[:8_000]


def _whole(signer: Signer) -> str:
    return json.dumps(signer.claims())


# What is not signed by the issuer, is no assertion, or could be read in two ways.
FORGED: Mapping[str, tuple[Make, str]] = {
    "no algorithm": (lambda s: s.unsigned(alg="none", kid="rsa"), "assertion_algorithm"),
    "None": (lambda s: s.unsigned(alg="None", kid="rsa"), "assertion_algorithm"),
    "empty algorithm": (lambda s: s.unsigned(alg="", kid="rsa"), "assertion_form"),
    "algorithm as a list": (lambda s: s.unsigned(alg=["RS256"], kid="rsa"), "assertion_form"),
    "no signature": (lambda s: s.unsigned(alg="RS256", kid="rsa"), "assertion_signature"),
    "HS256 with the public key": (lambda s: s.with_hmac("HS256"), "assertion_algorithm"),
    "HS512 with the public key": (lambda s: s.with_hmac("HS512"), "assertion_algorithm"),
    "another key of that name": (
        lambda s: s.sign(replace(OTHER, kid="rsa")),
        "assertion_signature",
    ),
    "RS512": (lambda s: s.sign(replace(RSA, algorithm="RS512")), "assertion_algorithm"),
    "signature of another algorithm": (
        lambda s: moved(s.sign(EC), 0, part({"alg": "RS256", "kid": "rsa"})),
        "assertion_signature",
    ),
    "RSA key for ES256": (lambda s: s.unsigned(alg="ES256", kid="rsa"), "assertion_algorithm"),
    "no kid": (lambda s: s.unsigned(alg="RS256"), "assertion_form"),
    "kid as a number": (lambda s: s.unsigned(alg="RS256", kid=1), "assertion_form"),
    "kid of 301 characters": (lambda s: RSA.sign(s.claims(), kid="k" * 301), "assertion_form"),
    "access token": (lambda s: RSA.sign(s.claims(), typ="at+jwt"), "assertion_form"),
    "typ as a number": (lambda s: s.unsigned(alg="RS256", kid="rsa", typ=1), "assertion_form"),
    "critical extension": (
        lambda s: RSA.sign(s.claims(), crit=["b64"], b64=False),
        "assertion_form",
    ),
    "nested": (lambda s: RSA.sign(s.claims(), cty="JWT"), "assertion_form"),
    "compressed": (lambda s: RSA.sign(s.claims(), zip="DEF"), "assertion_form"),
    "oversized": (lambda s: s.sign(more="x" * 5_900), "assertion_form"),
    "deeply nested": (lambda s: moved(s.sign(), 1, DEEP), "assertion_form"),
    "claims as a list": (lambda s: moved(s.sign(), 1, part([s.claims()])), "assertion_form"),
    "claims of another": (
        lambda s: moved(s.sign(), 1, part(s.claims(sub="root"))),
        "assertion_signature",
    ),
    "a claim that stands twice": (
        lambda s: s.sign_raw(f'{_whole(s)[:-1]}, "sub": "root"}}'.encode()),
        "assertion_form",
    ),
    "in UTF-16": (lambda s: s.sign_raw(_whole(s).encode("utf-16")), "assertion_form"),
    "behind a byte order mark": (
        lambda s: s.sign_raw(_whole(s).encode("utf-8-sig")),
        "assertion_form",
    ),
    "not in UTF-8": (
        lambda s: s.sign_raw(_whole(s).replace("sync", "\xe9").encode("latin-1")),
        "assertion_form",
    ),
    "a number of 5,000 digits": (
        lambda s: s.sign_raw(_whole(s).replace(str(s.now), "9" * 5_000, 1).encode()),
        "assertion_form",
    ),
    "with more behind it": (lambda s: s.sign_raw(_whole(s).encode() * 2), "assertion_form"),
    "two parts": (lambda s: s.sign().rpartition(".")[0], "assertion_form"),
    "four parts": (lambda s: f"{s.sign()}.x", "assertion_form"),
    "padding": (lambda s: moved(s.sign(), 1, part(s.claims()) + "="), "assertion_form"),
    "a blank before it": (lambda s: f" {s.sign()}", "assertion_form"),
    "line break": (lambda s: f"{s.sign()}\n", "assertion_form"),
    "unicode": (lambda s: moved(s.sign(), 0, "\uff45yJ"), "assertion_form"),
    "no JSON": (lambda _: "a.b.c", "assertion_form"),
}

# What names a key that the issuer does not have; it has not been asked for a minute.
UNKNOWN_KEY: Mapping[str, Make] = {
    "unknown kid": lambda s: s.sign(OTHER),
    "kid as a path": lambda s: RSA.sign(s.claims(), kid="../../keys"),
    "its own key": lambda s: OTHER.sign(s.claims(), jwk=OTHER.jwk),
    "key from elsewhere": lambda s: OTHER.sign(s.claims(), jku="https://x.example/keys"),
}


# --- what an issuer may respond with in the place of its keys --------------------------------

Respond = Callable[[BaseHTTPRequestHandler], None]


def _sends(
    body: bytes, status: int = 200, length: int | None = None, location: str | None = None
) -> Respond:
    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        if location:
            request.send_header("Location", location)
        request.end_headers()
        request.wfile.write(body)

    return respond


def _publishes(*jwks: Mapping[str, Any]) -> Respond:
    return _sends(json.dumps({"keys": jwks}).encode())


def _trickles(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b" ")
        sleep(0.05)


def _without(jwk: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in jwk.items() if key != name}


UNREACHABLE = (503, "temporarily_unavailable", "keys_unreachable")
NO_KEYS = (503, "temporarily_unavailable", "keys_response")
NO_SUCH_KEY = (401, "invalid_client", "assertion_key")
WRONG_KEY = (401, "invalid_client", "assertion_algorithm")
SHORT = SigningKey.rsa("rsa", bits=1024)

KEY_SETS: Mapping[str, tuple[Respond, Outcome]] = {
    "slow": (_trickles, UNREACHABLE),
    "huge": (_sends(b" " * 300_000), UNREACHABLE),
    "cut off": (_sends(b'{"keys": [', length=1_000), UNREACHABLE),
    "redirecting": (_sends(b"", 302, location="http://127.0.0.1/keys"), NO_KEYS),
    "redirecting to a private address": (_sends(b"", 307, location="https://10.0.0.1/"), NO_KEYS),
    "failing": (_sends(b"", 500), NO_KEYS),
    "not found": (_sends(b"{}", 404), NO_KEYS),
    "a page": (_sends(b"<html>"), NO_KEYS),
    "deeply nested": (_sends(b"[" * 100_000), NO_KEYS),
    "no set": (_sends(b'{"keys": {}}'), NO_KEYS),
    "1,000 keys": (_publishes(*[{"kid": str(each)} for each in range(1_000)]), NO_KEYS),
    "no keys": (_publishes(), NO_SUCH_KEY),
    "a key for encryption": (_publishes(RSA.jwk | {"use": "enc"}), NO_SUCH_KEY),
    "a key without an id": (_publishes(_without(RSA.jwk, "kid")), NO_SUCH_KEY),
    "a shared secret": (_publishes({"kty": "oct", "kid": "rsa", "k": "AAAA"}), NO_SUCH_KEY),
    "a type that is a list": (_publishes(RSA.jwk | {"kty": ["RSA"]}), NO_SUCH_KEY),
    "a modulus that is a number": (_publishes(RSA.jwk | {"n": 5}), NO_SUCH_KEY),
    "no modulus": (_publishes(_without(RSA.jwk, "n")), WRONG_KEY),
    "an exponent of one": (_publishes(RSA.jwk | {"e": "AQ"}), WRONG_KEY),
    "a key of 1,024 bits": (_publishes(SHORT.jwk), WRONG_KEY),
    "a key on another curve": (
        _publishes({"kty": "EC", "kid": "rsa", "crv": "P-384", "x": "AA", "y": "AA"}),
        WRONG_KEY,
    ),
    "a key for another algorithm": (_publishes(RSA.jwk | {"alg": "PS256"}), WRONG_KEY),
}

# Where the keys of an issuer are that an operator has entered wrongly, or an attacker's name leads.
ADDRESSES: Mapping[str, str] = {
    "https://private.example": "https://10.0.0.1/keys",
    "https://metadata.example": "https://169.254.169.254/keys",
    "https://six.example": "https://[::ffff:10.0.0.1]/keys",
    "https://port.example": "https://93.184.216.34:8443/keys",
    "https://plain.example": "http://93.184.216.34/keys",
}


# --- the matrix -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One assertion: what was expected, and what its client and its admin have seen."""

    name: str
    expected: Outcome
    seen: Outcome


def matrix(
    provider: Provider,
    addresses: Mapping[str, str] = ADDRESSES,
    impatient: Provider | None = None,
) -> Iterator[Row]:
    """Send every assertion of this module to a connection that accepts federated credentials.

    The deployment trusts issuers on loopback, and those of `addresses`. `impatient` is of another
    one, which waits for a slow issuer less long: a busy machine makes every issuer slow.
    """
    yield from _of_one_issuer(provider)
    for name, make in UNKNOWN_KEY.items():
        with fake_issuer(*PUBLISHED) as issuer:
            yield _row(provider, f"key: {name}", make, issuer.url, NO_SUCH_KEY)
    for name, (respond, expected) in KEY_SETS.items():
        asked = (impatient or provider) if respond is _trickles else provider
        with fake_issuer(*PUBLISHED, respond=respond) as issuer:
            yield _row(asked, f"key set: {name}", Signer.sign, issuer.url, expected)
    with fake_issuer(RSA) as issuer:
        pass
    yield _row(provider, "key set: down", Signer.sign, issuer.url, UNREACHABLE)
    address = (503, "temporarily_unavailable", "keys_address")
    for issuer_url, keys_url in addresses.items():
        yield _row(provider, f"key set: {keys_url}", Signer.sign, issuer_url, address)


def _of_one_issuer(provider: Provider) -> Iterator[Row]:
    wait = (503, "temporarily_unavailable", "keys_wait")
    with fake_issuer(*PUBLISHED) as issuer, _trusted(provider, issuer.url):
        signer = _signer(provider, issuer.url)
        for name, make in ACCEPTED.items():
            yield Row(f"accepted: {name}", (200, None, None), provider.prove(make(signer)))
        for name, (make, reason) in {**CLAIMS, **FORGED}.items():
            expected = (401, "invalid_client", reason)
            yield Row(name, expected, provider.prove(make(signer)))
        again = signer.sign()
        for time in ("first", "second"):
            yield Row(f"accepted: the {time} time", (200, None, None), provider.prove(again))
        yield Row("key: rotated a moment ago", wait, provider.prove(signer.sign(OTHER)))


def _row(provider: Provider, name: str, make: Make, issuer: str, expected: Outcome) -> Row:
    with _trusted(provider, issuer):
        return Row(name, expected, provider.prove(make(_signer(provider, issuer))))


def _signer(provider: Provider, issuer: str) -> Signer:
    return Signer(issuer, int(provider.now().timestamp()))


@contextmanager
def _trusted(provider: Provider, issuer: str) -> Iterator[None]:
    """Let the connection trust an issuer for a while: it may have five credentials."""
    credential = provider.federated(issuer)["id"]
    yield
    provider.revoke(credential)
