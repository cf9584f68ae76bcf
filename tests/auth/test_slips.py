"""Each slip with the Authorization header has a name, and a sentence that helps."""

from __future__ import annotations

from random import Random

import pytest

from chalicelib.auth.slips import SLIPS, slip_of
from chalicelib.auth.tokens import LENGTH, mint
from chalicelib.organisations.health import FIXES

RANDOM = Random(1)  # noqa: S311 - a test must be able to run again
T = mint("scim", RANDOM).text

FORMS: list[tuple[str, list[str]]] = [
    ("missing", [""]),
    ("missing", ["   "]),
    ("no_token", ["Bearer"]),
    ("no_token", ["Bearer "]),
    ("no_token", ["bearer:"]),
    ("header_twice", [f"Bearer {T}", f"Bearer {T}"]),
    ("header_twice", [f"Bearer {T}", "Basic eA=="]),
    ("header_twice", [f"Bearer {T}, Bearer {T}"]),
    ("header_twice", [f"Bearer {T},bearer {T}"]),
    ("placeholder", ["Bearer undefined"]),
    ("placeholder", ["Bearer null"]),
    ("placeholder", ["Bearer {{token}}"]),
    ("placeholder", ["Bearer ${SCIM_TOKEN}"]),
    ("placeholder", ["Bearer <token>"]),
    ("placeholder", ["Bearer [object Object]"]),
    ("placeholder", ["Bearer YOUR_TOKEN"]),
    ("hint", [f"Bearer psl_scim_...{T[-4:]}"]),
    ("hint", [f"Bearer psl_scim_\u2026{T[-4:]}"]),
    ("hint", [f"psl_scim_...{T[-4:]}"]),
    ("header_name", [f"Authorization: Bearer {T}"]),
    ("header_name", [f"authorization Bearer {T}"]),
    ("quotes", [f'Bearer "{T}"']),
    ("quotes", [f'"Bearer {T}"']),
    ("quotes", [f"Bearer '{T}'"]),
    ("quotes", [f"Bearer \u201c{T}\u201d"]),
    ("quotes", [f"Bearer \u00ab{T}\u00bb"]),
    ("quotes", [f"Bearer `{T}`"]),
    ("quotes", [f"Bearer <{T}>"]),
    ("quotes", [f"Bearer [{T}]"]),
    ("quotes", [f'Bearer "{T}']),
    ("quotes", [f'"{T}"']),
    ("bearer_twice", [f"Bearer Bearer {T}"]),
    ("bearer_twice", [f"bearer BEARER {T}"]),
    ("bearer_twice", [f"Bearer: Bearer {T}"]),
    ("bearer_twice", ["Bearer Bearer"]),
    ("bearer_colon", [f"Bearer: {T}"]),
    ("bearer_colon", [f"Bearer:{T}"]),
    ("bearer_colon", [f"Bearer : {T}"]),
    ("bearer_colon", [f"Bearer={T}"]),
    ("basic", ["Basic dXNlcjpwYXNz"]),
    ("basic", [f"basic {T}"]),
    ("basic", ["Basic"]),
    ("url_as_token", ["Bearer https://id.example.com/scim/v2/aaaaaaaaaaaaaaaa"]),
    ("url_as_token", ["https://id.example.com/scim/v2/aaaaaaaaaaaaaaaa"]),
    ("percent", [f"Bearer%20{T}"]),
    ("percent", [f"Bearer {T}%0A"]),
    ("percent", [f"Bearer {T.replace('_', '%5F')}"]),
    ("scheme", [f"Token {T}"]),
    ("scheme", [f"OAuth {T}"]),
    ("scheme", [f"ApiKey {T}"]),
    ("scheme", [f"Bearer-Token {T}"]),
    ("scheme", [f"Digest username={T}"]),
    ("blanks", [f"Bearer  {T}"]),
    ("blanks", [f"Bearer {T[:30]} {T[30:]}"]),
    ("blanks", [f"Bearer {T}\n"]),
    ("blanks", [f"Bearer {T[:40]}\r\n{T[40:]}"]),
    ("blanks", [f"Bearer\t{T}"]),
    ("blanks", [f"Bearer \u00a0{T}"]),
    ("blanks", [f"Bearer \u200b{T}"]),
    ("blanks", [f"Bearer {T}\ufeff"]),
    ("blanks", [f"Bearer {T} x"]),
    ("joined", [f"Bearer{T}"]),
    ("joined", [f"Bearer-{T}"]),
    ("operator_key", [f"Bearer {mint('op', RANDOM).text}"]),
    ("operator_key", [mint("op", RANDOM).text]),
    ("operator_key", [f"Bearer {mint('op', RANDOM).text[:40]}"]),
    ("admin_link", [f"Bearer {mint('link', RANDOM).text}"]),
    ("admin_session", [f"Bearer {mint('session', RANDOM).text}"]),
    ("secret_as_token", [f"Bearer {mint('secret', RANDOM).text}"]),
    ("secret_as_token", [mint("secret", RANDOM).text]),
    ("bare", [T]),
    ("bare", [T[:50]]),
    ("jwt", ["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"]),
    ("id_alone", [f"Bearer {T[9:21]}"]),
    ("id_alone", [f"Bearer {T[:21]}"]),
    ("id_alone", [f"Bearer {T[:22]}"]),
    ("letters", [f"Bearer {T.upper()}"]),
    ("letters", [f"Bearer {T.swapcase()}"]),
    ("letters", [f"Bearer Psl{T[3:]}"]),
    ("cut_off", [f"Bearer {T[:-1]}"]),
    ("cut_off", [f"Bearer {T[:40]}"]),
    ("cut_off", [f"Bearer {T[:9]}"]),
    ("cut_off", [f"Bearer {T[4:]}"]),
    ("cut_off", [f"Bearer {T[9:]}"]),
    ("cut_off", [f"Bearer {T[30:]}"]),
    ("cut_off", [f"Bearer {T[-20:]}"]),
    ("too_long", [f"Bearer {T}0"]),
    ("too_long", [f"Bearer {T}{T}"]),
    ("too_long", [f"Bearer {T},"]),
    ("too_long", [f"Bearer {T}="]),
    ("mistyped", [f"Bearer {T[:-1]}{'a' if T[-1] != 'a' else 'b'}"]),
    ("mistyped", [f"Bearer {T[:30]}{'a' if T[30] != 'a' else 'b'}{T[31:]}"]),
    ("mistyped", [f"Bearer psl_scym_{T[9:]}"]),
    ("garbage", ["Bearer letmein"]),
    ("garbage", ["letmein"]),
    ("garbage", ["Bearer " + "x" * 10_000]),
    ("garbage", ["\x00\x01"]),
    ("garbage", ["Bearer \u00e9"]),
]


@pytest.mark.parametrize(("slip", "authorization"), FORMS)
def test_a_slip_has_its_name(slip, authorization):
    """The first that fits: what is around the token before what is in it."""
    assert slip_of(authorization) == slip


def test_no_header_is_a_missing_one():
    """As an empty one."""
    assert slip_of([]) == "missing"


def test_every_slip_is_tried_and_has_a_sentence_of_its_own():
    """A name without a sentence would be a riddle, and a sentence for two of them no help."""
    names = {name for name, _ in SLIPS}

    assert names == {slip for slip, _ in FORMS}
    assert names <= FIXES.keys()
    assert len(set(FIXES.values())) == len(FIXES)


def test_a_right_token_has_the_length_that_cut_and_long_ones_are_told_by():
    """And a longer header costs no more than a short one: it is cut first."""
    assert len(T) == LENGTH
