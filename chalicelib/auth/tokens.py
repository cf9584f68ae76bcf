"""The text of a credential: how it is made, parsed and compared. Pure.

    psl_scim_<id: 12>_<secret: 43>_<checksum: 6>      a connection's token
    psl_test_...                                      the token of a self-test's run
    psl_op_<id: 12>_<secret: 43>_<checksum: 6>        the operator key
    psl_link_...                                      a link to the console, for one use
    psl_session_...                                   the session that a link is exchanged for
    psl_secret_...                                    a client secret of a connection
    psl_access_<id: 24>_<secret: 43>_<checksum: 6>    an access token; its id begins with that of
                                                      the credential that it was issued for

All in base 62. The fixed beginning lets secret scanners recognise one; the checksum (CRC-32 of
all before it) tells a mistyped one from a wrong one before anything is read. Whether a credential
is still valid is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
import zlib
from dataclasses import dataclass, field
from random import Random
from typing import Literal, cast

TokenType = Literal["scim", "test", "op", "link", "session", "secret", "access"]
SCIM: TokenType = "scim"
TEST: TokenType = "test"
ACCESS: TokenType = "access"
CLIENT_SECRET: TokenType = "secret"  # noqa: S105 - the name of a type
OPERATOR: TokenType = "op"
SESSION: TokenType = "session"

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
SECRET_BITS = 256
SECRET_LENGTH = 43  # 62 ** 43 is just above 2 ** 256
CHECKSUM_LENGTH = 6  # 62 ** 6 is above 2 ** 32
HINT_LENGTH = 4
# Of the text of a connection's token.
LENGTH = len("psl_scim_") + ID_LENGTH + 1 + SECRET_LENGTH + 1 + CHECKSUM_LENGTH

FORM = re.compile(
    r"(?P<body>psl_(?:(?P<token_type>scim|test|op|link|session|secret)_(?P<id>[0-9A-Za-z]{12})"
    r"|access_(?P<access>[0-9A-Za-z]{24}))"
    r"_(?P<secret>[0-9A-Za-z]{43}))_(?P<checksum>[0-9A-Za-z]{6})"
)
TOKEN_ID = re.compile(r"[0-9A-Za-z]{12}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Credential:
    """A parsed credential: what its text says, none of it verified."""

    token_type: TokenType
    id: str
    secret: str = field(repr=False)

    @property
    def issued_for(self) -> str:
        """The id of the credential that an access token was issued for; else its own."""
        return self.id[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A new credential: `text` is shown once, `hint` is what may be shown for ever."""

    id: str
    secret: str = field(repr=False)
    text: str = field(repr=False)
    hint: str

    @property
    def digest(self) -> str:
        """What is stored of it."""
        return digest(self.secret)


def mint(token_type: TokenType, random: Random, issued_for: str = "") -> NewCredential:
    """Make a credential of 256 random bits; `random` must be fit for secrets.

    `issued_for` is the id of the credential that an access token is issued for.
    """
    length = 2 * ID_LENGTH if token_type == ACCESS else ID_LENGTH
    chance = base62(random.getrandbits(6 * length), length)
    token_id = issued_for + chance[len(issued_for) :]
    return _credential(token_type, token_id, random.getrandbits(SECRET_BITS))


def derive(token_type: TokenType, source: str, nonce: str) -> NewCredential:
    """Make the same credential each time, of another one and a nonce.

    Who has `source` alone cannot make it: `nonce` must be as hard to guess.
    """
    found = hmac.digest(source.encode(), f"{token_type} {nonce}".encode(), "sha512")
    token_id = base62(int.from_bytes(found[32:48]), ID_LENGTH)
    return _credential(token_type, token_id, int.from_bytes(found[:32]))


def _credential(token_type: TokenType, token_id: str, secret_bits: int) -> NewCredential:
    secret = base62(secret_bits, SECRET_LENGTH)
    body = f"psl_{token_type}_{token_id}_{secret}"
    text = f"{body}_{checksum(body)}"
    return NewCredential(token_id, secret, text, hint_of(token_type, text))


def hint_of(token_type: TokenType, text: str) -> str:
    """Return what may be shown of a credential for ever: how it begins and ends."""
    return f"psl_{token_type}_...{text[-HINT_LENGTH:]}"


def parse(text: str) -> Credential | None:
    """Parse a credential; None if its form or its checksum is wrong."""
    match = FORM.fullmatch(text)
    if match is None or checksum(match["body"]) != match["checksum"]:
        return None
    token_type = cast("TokenType", match["token_type"] or ACCESS)
    return Credential(token_type, match["id"] or match["access"], match["secret"])


def digest(secret: str) -> str:
    """Return what may be stored of a secret: SHA-256 in hex.

    256 random bits cannot be guessed, so no salt and no slow hash is needed.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def is_digest(stored: str) -> bool:
    """Return whether a stored text is a digest: an empty or damaged one must match nothing."""
    return DIGEST.fullmatch(stored) is not None


def matches(secret: str, stored: str) -> bool:
    """Compare a secret with a stored digest in constant time; a malformed one never matches."""
    return is_digest(stored) and hmac.compare_digest(digest(secret), stored)


def checksum(body: str) -> str:
    """Return the checksum that follows `body`."""
    return base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def base62(number: int, length: int) -> str:
    """Write a number in base 62, the highest digit first, modulo 62 to the `length`."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(BASE62))
        digits.append(BASE62[digit])
    return "".join(reversed(digits))
