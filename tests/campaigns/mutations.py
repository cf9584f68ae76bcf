"""`make assertions`: every form of an assertion over HTTP, and 100,000 mutations of valid ones.

    make assertions ARGS='--count 100000 --seed 1'

First the matrix of tests/support/assertion_forms.py is sent to the running demo, with issuers on
loopback; it prints the OAuth error of each and the reason that the admin sees. Then valid
assertions are mutated, each family in turn, with the knowledge of how a JWT is made and without a
key of the issuer: none may be accepted.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization

from chalicelib.auth.assertions import verify
from chalicelib.errors import InvalidClient
from chalicelib.storage.settings_items import ConnectionToken, Trust
from dev.progress import progress
from dev.run import demo
from dev.run.fake_issuer import SigningKey
from tests.support.assertion_forms import (
    OTHER,
    PUBLISHED,
    Row,
    Signer,
    encoded,
    matrix,
    moved,
    part,
)
from tests.support.builders import ApiClient
from tests.support.oauth_provider import AUDIENCE, SUBJECT, Provider
from tests.support.wire import Wire

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SIGNER = Signer("https://issuer.example", int(NOW.timestamp()))
KEYS = {key.kid: key.jwk for key in PUBLISHED}
CREDENTIAL = ConnectionToken(
    *("a" * 12, "Entra", "", "live", "", "Ada", "2027"),
    credential_type="federated",
    trust=Trust(SIGNER.issuer, SUBJECT, AUDIENCE),
)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ORDER = {"P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551}


@dataclass(frozen=True, slots=True)
class Valid:
    """A valid assertion, its key, and another assertion of the same issuer."""

    assertion: str
    other: str
    key: SigningKey

    @property
    def parts(self) -> list[str]:
        """Header, claims and signature."""
        return self.assertion.split(".")

    @property
    def header(self) -> dict[str, Any]:
        """The members of the header."""
        read: dict[str, Any] = json.loads(decoded(self.parts[0]))
        return read

    @property
    def claims(self) -> dict[str, Any]:
        """The claims."""
        read: dict[str, Any] = json.loads(decoded(self.parts[1]))
        return read


def decoded(text: str) -> bytes:
    """Decode a part of a JWT."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


Mutate = Callable[[Random, Valid], str]


def _characters(random: Random, valid: Valid) -> str:
    """Replace, insert, remove or exchange up to four characters anywhere."""
    text = list(valid.assertion)
    for _ in range(random.randint(1, 4)):
        at, other = random.randrange(len(text)), random.randrange(len(text))
        match random.randrange(4):
            case 0:
                text[at] = random.choice(BASE64URL)
            case 1:
                text.insert(at, random.choice(f"{BASE64URL}.=+/ \n\0é"))
            case 2:
                del text[at]
            case _:
                text[at], text[other] = text[other], text[at]
    return "".join(text)


HEADERS: Mapping[str, Sequence[Any]] = {
    "alg": ["none", "NONE", "HS256", "HS384", "RS256", "PS256", "ES256", "ES256K", "EdDSA", None],
    "kid": ["rsa", "ps", "ec", "other", "", None, 0, ["rsa"], "../rsa", "rsa\0"],
    "typ": ["JWT", "jwt", "at+jwt", "JOSE", "", None, 7],
    "crit": [[], ["b64"], ["exp"]],
    "b64": [True, False],
    "cty": ["JWT", ""],
    "zip": ["DEF"],
    "enc": ["A256GCM"],
    "jwk": [OTHER.jwk],
    "jku": ["https://issuer.example/keys"],
    "x5u": ["https://x.example"],
    "x5c": [["AAAA"]],
}


def _header(random: Random, valid: Valid) -> str:
    """Change members of the header, perhaps with a signature by another key."""
    header = valid.header
    for name in random.sample(sorted(HEADERS), random.randint(1, 3)):
        header[name] = random.choice(HEADERS[name])
    return _signed_anew(random, valid, part(header), valid.parts[1])


CHANGED: Mapping[str, Sequence[Any]] = {
    "iss": ["https://evil.example", "", None, 1],
    "sub": ["root", "", None, [SUBJECT]],
    "aud": ["api://other", [], [AUDIENCE], f"{AUDIENCE}/.default", None],
    "exp": [SIGNER.now + 86_400, 10**11, 1e308, "9", None],
    "iat": [SIGNER.now - 1, 0, None],
    "nbf": [SIGNER.now - 1, 0, None],
    "oid": ["x", None],
}


def _claims(random: Random, valid: Valid) -> str:
    """Change claims; the signature stays, or is one by another key."""
    claims = valid.claims
    for name in random.sample(sorted(CHANGED), random.randint(1, 3)):
        claims[name] = random.choice(CHANGED[name])
    return _signed_anew(random, valid, valid.parts[0], part(claims))


def _signed_anew(random: Random, valid: Valid, header: str, claims: str) -> str:
    signing = f"{header}.{claims}"
    secret = random.choice([b"", json.dumps(valid.key.jwk).encode(), _pem(valid.key)])
    match random.randrange(4):
        case 0:
            return f"{signing}."
        case 1:
            # Not by the library's HMAC, which does not take a public key for a secret.
            mac = jwt.get_algorithm_by_name("HS256").sign(signing.encode(), secret or b"secret")
            return f"{signing}.{encoded(mac)}"
        case 2:
            other = replace(OTHER, algorithm=random.choice(["RS256", "PS256"]))
            of = jwt.get_algorithm_by_name(other.algorithm)
            return f"{signing}.{encoded(of.sign(signing.encode(), other.private))}"
        case _:
            return f"{signing}.{valid.parts[2]}"


def _pem(key: SigningKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.private.public_key().public_bytes(serialization.Encoding.PEM, form)


def _same_json(random: Random, valid: Valid) -> str:
    """Write the same JSON in another way, so that it means the same and is other bytes."""
    at = random.randrange(2)
    members = [*[valid.header, valid.claims][at].items()]
    random.shuffle(members)
    text = json.dumps(dict(members), indent=random.choice([None, 0, 1, 7]))
    match random.randrange(4):
        case 0:
            name, value = random.choice(members)
            text = f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
        case 1:
            text = text.replace('"', f'"\\u{ord(members[0][0][0]):04x}', 1)
        case 2:
            text = f"{' ' * random.randint(1, 9)}{text}\n"
        case _:
            pass
    raw = text.encode(random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    return moved(valid.assertion, at, encoded(raw))


def _same_bytes(random: Random, valid: Valid) -> str:
    """Write a part in another way that decodes to the same bytes for a lenient reader."""
    at = random.randrange(3)
    text = valid.parts[at]
    where = random.randrange(1, len(text))
    filling = random.choice([" ", "\n", "\r\n", "\t", "=", "==", "*", "\0", "é", "%0A"])
    free = 2 if len(text) % 4 == 3 else 4 if len(text) % 4 == 2 else 0
    last = BASE64URL.index(text[-1]) ^ random.randrange(2**free if free else 1)
    ways = [
        text + "=" * random.randint(1, 4),
        text[:where] + filling + text[where:],
        text.replace("-", "+").replace("_", "/"),
        text[:-1] + BASE64URL[last],
        "".join(f"%{ord(c):02X}" if n == where else c for n, c in enumerate(text)),
        "".join(chr(ord(c) + 0xFEE0) if n == where else c for n, c in enumerate(text)),
    ]
    return moved(valid.assertion, at, random.choice(ways))


def _signature(random: Random, valid: Valid) -> str:
    """Change the bytes of the signature as its mathematics would allow."""
    raw = decoded(valid.parts[2])
    number, half = int.from_bytes(raw), len(raw) // 2
    ways = [
        raw[: random.randrange(len(raw))],
        raw + random.randbytes(random.randint(1, 9)),
        b"\0" * random.randint(1, 4) + raw,
        b"\0" * len(raw),
        b"\xff" * len(raw),
        random.randbytes(len(raw)),
        raw[half:] + raw[:half],
        (number ^ 1 << random.randrange(8 * len(raw))).to_bytes(len(raw)),
        (number + 1).to_bytes(len(raw) + 1),
        _with_modulus(valid.key, raw),
        decoded(valid.other.split(".")[2]),
    ]
    return moved(valid.assertion, 2, encoded(random.choice(ways)))


def _with_modulus(key: SigningKey, raw: bytes) -> bytes:
    """Add the modulus of RSA, or the order of the curve to both numbers: equal modulo that."""
    if key.jwk["kty"] == "RSA":
        modulus = int.from_bytes(decoded(key.jwk["n"]))
        return (int.from_bytes(raw) + modulus).to_bytes(len(raw) + 1)
    numbers = [int.from_bytes(half) + ORDER["P-256"] for half in (raw[:32], raw[32:])]
    return b"".join(number.to_bytes(33) for number in numbers)


def complement(assertion: str) -> str:
    """Return an assertion with the other ECDSA signature of the same text: (r, n - s)."""
    raw = decoded(assertion.split(".")[2])
    s = ORDER["P-256"] - int.from_bytes(raw[32:])
    return moved(assertion, 2, encoded(raw[:32] + s.to_bytes(32)))


def _structure(random: Random, valid: Valid) -> str:
    """Put the parts together in another way, or with those of another assertion."""
    header, claims, signature = valid.parts
    whole = {"protected": header, "payload": claims, "signature": signature}
    theirs = valid.other.split(".")
    theirs[random.randrange(3)] = random.choice(valid.parts)
    ways = [
        json.dumps(whole),
        json.dumps({"payload": claims, "signatures": [whole]}),
        f"{header}..{signature}",
        f"{header}.{claims}.{signature}." + random.choice(["", signature, claims]),
        ".".join(random.sample(valid.parts, 3)),
        f"{header}.{part(valid.assertion)}.{signature}",
        f"{header}.{encoded(valid.assertion.encode())}.{signature}",
        f"Bearer {valid.assertion}",
        valid.assertion * 2,
        f"{valid.assertion},{valid.assertion}",
        ".".join(theirs),
        valid.assertion[: random.randrange(len(valid.assertion))],
        random.choice([str.upper, str.lower, str.swapcase])(valid.assertion),
    ]
    return random.choice(ways)


FAMILIES: Mapping[str, Mutate] = {
    "characters": _characters,
    "header": _header,
    "claims": _claims,
    "the same JSON": _same_json,
    "the same bytes": _same_bytes,
    "signature": _signature,
    "structure": _structure,
}


def accepted(families: Sequence[str], numbers: Iterable[int], seed: int) -> Iterator[str]:
    """Try mutations of each family; yield those that were accepted."""
    random = Random(seed)  # noqa: S311 - repeatable
    valid = [Valid(SIGNER.sign(key), SIGNER.sign(key, jti="other"), key) for key in PUBLISHED]
    texts = {text for each in valid for text in (each.assertion, each.other)}
    for number in numbers:
        mutate = FAMILIES[families[number % len(families)]]
        mutated = mutate(random, random.choice(valid))
        while mutated in texts:
            mutated = mutate(random, random.choice(valid))
        if _is_accepted(mutated):
            yield mutated


def main(arguments: Sequence[str]) -> int:
    """Play the matrix and try the mutations; 0 when all is as expected.

    Raises:
        DemoFailed: no server runs where LOCAL_DIR says.
    """
    parser = argparse.ArgumentParser(prog="make assertions")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    wrong = sum(map(_print, matrix(_provider(demo.running(os.environ)), {})))
    tried = progress(range(options.count), options.count, "mutations")
    found = [*accepted([*FAMILIES], tried, options.seed)]
    print(f"\n{options.count:,} mutations (seed {options.seed}), {len(found)} accepted.")
    print("\n".join(found))
    return 1 if wrong or found else 0


def _provider(described: Mapping[str, Any]) -> Provider:
    """Make a connection of the running demo that accepts all types of credentials."""
    made = demo.beside(described, "entra")
    anyone = ApiClient(Wire(urlsplit(described["admin_url"]).netloc))
    key = described["operator_key"]
    provider = Provider(anyone, made.connection, lambda: datetime.now(UTC), key)
    provider.accept("token", "client_secret", "federated")
    return provider


def _print(row: Row) -> bool:
    """Print what an assertion was told; return whether it is wrong."""
    is_wrong = row.seen != row.expected
    status, code, reason = row.seen
    outcome = f"{status} {code or '-':24} {reason or '-'}"
    print(f"  {'WRONG' if is_wrong else 'ok':5} {row.name:52} {outcome}", flush=True)
    return is_wrong


def _is_accepted(assertion: str) -> bool:
    try:
        verify(assertion, [CREDENTIAL], lambda _, kid: KEYS.get(kid), NOW)
    except InvalidClient:
        return False
    return True
