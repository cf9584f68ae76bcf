"""A client assertion (RFC 7523) in, the federated credential that it proves out.

The signature is checked before anything that the assertion says is believed or told. Who signs is
fixed by the credential, the algorithm by the key; the library that checks signatures is loaded
with the first assertion, not with the app.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from chalicelib.auth.issuers import TENANT
from chalicelib.errors import InvalidClient
from chalicelib.storage.settings_items import ConnectionToken

MAX_CHARACTERS = 8_192
MAX_NAME = 300
# RFC 7519 section 4.1.4: a few minutes, for clocks that differ.
SKEW = timedelta(minutes=5)
# An assertion may be sent again until it expires, so that a lost response locks nobody out; but
# none that was made longer ago.
LONGEST = timedelta(hours=24)
MIN_RSA_BITS = 2048
# RFC 7519 section 5.1 and RFC 7523bis; absent is usual too.
TYPES = frozenset({"JWT", "CLIENT-AUTHENTICATION+JWT"})
# For each type of key: what may be signed with it. Never `none`, never an HMAC.
ALGORITHMS: Mapping[str, frozenset[str]] = {
    "RSA": frozenset({"RS256", "PS256"}),
    "EC": frozenset({"ES256"}),
}
# Members of a header that change what is signed (RFC 7515, 7516, 7797), or wrap another JWT.
UNSUPPORTED = frozenset({"crit", "cty", "b64", "zip", "enc"})
# The year 33,658, in seconds since 1970.
LATEST = 10**12
DEFAULT_SCOPE = "/.default"
# The URI of an application of Entra ID that nobody has chosen; a token of version 2.0 has its id.
APPLICATION = re.compile(rf"(?:api://)?(?P<id>{TENANT.pattern})")

Jwk = Mapping[str, Any]
# Finds the key of an issuer by its id; None where the issuer has no such key.
FindKey = Callable[[str, str], Jwk | None]


@dataclass(frozen=True, slots=True)
class _Unverified:
    """What an assertion says of itself; it only decides by which key it is checked."""

    algorithm: str
    kid: str
    issuer: str


def verify(
    assertion: str, credentials: Sequence[ConnectionToken], find_key: FindKey, now: datetime
) -> ConnectionToken:
    """Return the credential, of those of a connection that live, that an assertion proves.

    Raises:
        InvalidClient: none; with the actual reason for the connection's health.
        IssuerUnavailable: as `find_key`.
    """
    said = _read(assertion)
    trusting = [c for c in credentials if c.trust and c.trust.issuer == said.issuer]
    if not trusting:
        raise InvalidClient(reason="assertion_issuer")
    key = find_key(said.issuer, said.kid)
    if key is None:
        raise InvalidClient(reason="assertion_key")
    claims = _verified(assertion, said, key)
    _check_times(claims, now)
    return _credential_of(claims, trusting)


def _read(assertion: str) -> _Unverified:
    if len(assertion) > MAX_CHARACTERS:
        raise InvalidClient(reason="assertion_form")
    try:
        header_part, claims_part, signature = assertion.split(".")
        header, claims = _object(_decoded(header_part)), _object(_decoded(claims_part))
        _decoded(signature)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidClient(reason="assertion_form") from error
    named = [header.get("alg"), header.get("kid"), claims.get("iss"), header.get("typ", "JWT")]
    is_readable = all(isinstance(each, str) and 0 < len(each) <= MAX_NAME for each in named)
    if not is_readable or named[3].upper() not in TYPES or header.keys() & UNSUPPORTED:
        raise InvalidClient(reason="assertion_form")
    return _Unverified(*named[:3])


def _object(part: bytes) -> dict[str, Any]:
    """Read a part of a JWT, which is the JSON of an object in UTF-8.

    Raises:
        ValueError, TypeError: it is anything else, or names a member twice.
    """
    read = json.loads(part.decode(), object_pairs_hook=_distinct, parse_constant=_reject)
    if not isinstance(read, dict):
        raise TypeError
    return read


def _decoded(part: str) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2); each text has one way to be written.

    Raises:
        ValueError: it is written in another way.
    """
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != part:
        raise ValueError
    return raw


def _distinct(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    listed = list(pairs)
    found = dict(listed)
    if len(found) < len(listed):
        raise ValueError
    return found


def _reject(_: str) -> NoReturn:
    """Reject NaN and Infinity, which are no JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError


def _verified(assertion: str, said: _Unverified, key: Jwk) -> Mapping[str, Any]:
    """Check the signature, and return what the assertion says.

    Raises:
        InvalidClient: it was not made with this key, or with another algorithm than it is for.
    """
    # Loaded here: it takes as long to load as all the rest of the app.
    import jwt  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    allowed = ALGORITHMS.get(key["kty"], frozenset())
    if said.algorithm not in allowed or key.get("alg", said.algorithm) != said.algorithm:
        raise InvalidClient(reason="assertion_algorithm")
    try:
        public = jwt.PyJWK(dict(key), said.algorithm)
        if isinstance(public.key, RSAPublicKey) and public.key.key_size < MIN_RSA_BITS:
            raise InvalidClient(reason="assertion_algorithm")
        signed = jwt.PyJWS().decode(assertion, public.key, algorithms=[said.algorithm])
    except jwt.InvalidKeyError as error:
        # The published key is of another type, or on another curve.
        raise InvalidClient(reason="assertion_algorithm") from error
    except jwt.PyJWTError as error:
        raise InvalidClient(reason="assertion_signature") from error
    return _object(signed)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Check when an assertion was made and how long it holds (RFC 7523 section 3).

    Raises:
        InvalidClient: it has expired, is of the future, or is too old; says by how much, now that
            its signature is known to be right.
    """
    seconds, skew = now.timestamp(), SKEW.total_seconds()
    expires, made = _seconds(claims, "exp"), _seconds(claims, "iat")
    begins = _seconds(claims, "nbf") if "nbf" in claims else made
    if expires <= seconds - skew:
        told = f"The assertion expired {seconds - expires:,.0f} s ago by this service's clock."
        raise InvalidClient(told, reason="assertion_expired")
    early = max(made, begins) - seconds
    if early > skew:
        told = f"The assertion begins to be valid {early:,.0f} s from now by this service's clock."
        raise InvalidClient(told, reason="assertion_early")
    if made < seconds - LONGEST.total_seconds():
        told = "The assertion was made more than 24 hours ago: expected a new one."
        raise InvalidClient(told, reason="assertion_expired")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value: Any = claims.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < LATEST:  # no NaN either
        told = f"{name}: expected a number of seconds since 1970 (RFC 7519 section 2)."
        raise InvalidClient(told, reason="assertion_claims")
    return float(value)


def _credential_of(
    claims: Mapping[str, Any], trusting: Sequence[ConnectionToken]
) -> ConnectionToken:
    """Find the credential of subject and audience; the issuer is right.

    Raises:
        InvalidClient: says which of the two is not the one that was entered.
    """
    of_subject = [
        (c, c.trust) for c in trusting if c.trust and c.trust.subject == claims.get("sub")
    ]
    if not of_subject:
        told = "sub: expected the subject that was entered for this connection."
        raise InvalidClient(told, reason="assertion_subject")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    for credential, trust in of_subject:
        if named and all(_is_audience(each, trust.audience) for each in named):
            return credential
    told = "aud: expected the audience that was entered for this connection, and no other."
    raise InvalidClient(told, reason="assertion_audience")


def _is_audience(said: Any, entered: str) -> bool:
    """Return whether two audiences name the same application.

    Entra's portal shows `api://{id}/.default`; the claim has `api://{id}`, or the id alone.
    """
    return isinstance(said, str) and _application(said) == _application(entered)


def _application(audience: str) -> str:
    named = audience.removesuffix(DEFAULT_SCOPE)
    match = APPLICATION.fullmatch(named)
    return match["id"] if match else named
