"""The text of a credential: its form, its checksum, what is kept of it."""

from __future__ import annotations

import inspect
import re
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth import tokens
from chalicelib.auth.tokens import TokenType, digest, matches, mint, parse

SCIM = mint("scim", Random(3))  # noqa: S311 - nobody's token


def test_a_token_has_the_form_that_secret_scanners_know():
    """psl_scim_<12: id>_<43: secret>_<6: CRC-32>, all in base 62."""
    assert re.fullmatch(r"psl_scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", SCIM.text)


@given(seed=st.integers(), token_type=st.sampled_from(get_args(TokenType)))
def test_what_is_minted_is_read_back(seed, token_type):
    """Id and secret survive the text; so does the token type."""
    credential = mint(token_type, Random(seed))  # noqa: S311 - as above

    read = parse(credential.text)

    assert read
    assert (read.token_type, read.id, read.secret) == (token_type, credential.id, credential.secret)


@given(at=st.integers(0, len(SCIM.text) - 1), character=st.sampled_from(tokens.BASE62))
def test_one_mistyped_character_is_noticed(at, character):
    """Garbage is told before anything is read: CRC-32 finds every change of one character."""
    mistyped = SCIM.text[:at] + character + SCIM.text[at + 1 :]

    assert (parse(mistyped) is None) == (mistyped != SCIM.text)


NO_TOKENS = {
    "nothing": "",
    "a blank before": f" {SCIM.text}",
    "a line break behind": f"{SCIM.text}\n",
    "the checksum left out": SCIM.text[:-7],
    "another kind": SCIM.text.replace("scim", "saml"),
    "the operator's type with this checksum": SCIM.text.replace("scim", "op"),
    "the kind in capitals": SCIM.text.upper(),
    "digits of another script": SCIM.text.replace("psl_scim_", "psl_scim_٣")[:-1],
    "very long": SCIM.text * 10_000,
}


@pytest.mark.parametrize("text", NO_TOKENS.values(), ids=NO_TOKENS.keys())
def test_anything_else_is_not_a_token(text):
    """One exact form: what is almost a token is garbage."""
    assert parse(text) is None


def test_only_the_right_secret_matches():
    """What is kept is the SHA-256 of the secret part, in hex."""
    assert matches(SCIM.secret, SCIM.digest)
    assert not matches(mint("scim", Random(4)).secret, SCIM.digest)  # noqa: S311 - as above


@pytest.mark.parametrize("kept", ["", " ", "None", digest("")[:-1], digest("").upper(), "é" * 64])
@pytest.mark.parametrize("secret", ["", " ", "None"])
def test_a_malformed_digest_matches_nothing(kept, secret):
    """An unset secret must not open to an unset token."""
    assert not matches(secret, kept)


def test_secrets_are_compared_in_constant_time():
    """`==` leaks how much of a guess is right."""
    assert "hmac.compare_digest(" in inspect.getsource(matches)


def test_neither_text_nor_secret_stands_in_a_representation():
    """What is logged or raised by mistake holds no credential."""
    written = repr(SCIM) + repr(parse(SCIM.text))

    assert SCIM.secret not in written
    assert SCIM.text not in written


def test_the_hint_shows_the_last_four_characters_only():
    """An admin recognises a token by it and cannot use it."""
    assert SCIM.hint == f"psl_scim_...{SCIM.text[-4:]}"
