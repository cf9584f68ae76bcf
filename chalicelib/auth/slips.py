"""What is wrong with an Authorization header, as one word for the health of the connection. Pure.

The sender gets the same 401 for all of them; the admin, who has pasted the token into a form of the
identity provider, is told which slip it was. None is forgiven: a header that two programs could
read differently lets nobody in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from chalicelib.auth.tokens import LENGTH

# A header is cut before it is read: no slip needs more of it.
MAX_CHARACTERS = 1_000

MISSING, TWICE = "missing", "header_twice"

# Every character is looked at once: no expression repeats what another part of it could match.
BEARER_TWICE = re.compile(r"bearer[\s:]{1,9}bearer", re.IGNORECASE)
BEARER_COLON = re.compile(r"bearer\s{0,9}[:=]", re.IGNORECASE)
QUOTE = re.compile("[\"'`\u00b4\u2018-\u201e\u00ab\u00bb<>{}\\[\\]()]")
# What pasting brings along, seen or not.
BLANK = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]")
ID_ALONE = re.compile(r"(?:psl_)?(?:scim_)?[0-9A-Za-z]{12}_?")
# The end of a token: its secret, or a part of it, and the checksum.
END_OF_TOKEN = re.compile(r"(?:scim_)?[0-9A-Za-z]{1,43}+(?:_[0-9A-Za-z]{43})?_[0-9A-Za-z]{6}")
PLACEHOLDERS = frozenset(
    {"undefined", "null", "none", "nan", "true", "false", "token", "secret", "yourtoken", "xxx"}
)
MARKS_OF_PLACEHOLDERS = ("{{", "${", "<token", "[object", "your_", "your-")


def slip_of(authorization: Sequence[str]) -> str:
    """Name the slip of an Authorization header that holds no token of a connection.

    `authorization` holds the values of the header, one for each time that it was sent.
    """
    if len(authorization) > 1:
        return TWICE
    text = authorization[0][:MAX_CHARACTERS].strip(" ") if authorization else ""
    return next(name for name, is_it in SLIPS if is_it(text))


def _word(text: str) -> str:
    """Return the first word, in small letters: the scheme where there is one."""
    return text.partition(" ")[0].lower()


def _token(text: str) -> str:
    """Return what follows `Bearer `, else all of it."""
    return text.partition(" ")[2] if _word(text) == "bearer" else text


def _is_placeholder(text: str) -> bool:
    token = _token(text).lower()
    return token in PLACEHOLDERS or any(mark in token for mark in MARKS_OF_PLACEHOLDERS)


def _is_other_scheme(text: str) -> bool:
    return " " in text and _word(text) != "bearer" and not text.startswith("psl_")


def _begins(*beginnings: str) -> Callable[[str], bool]:
    return lambda text: _token(text).startswith(beginnings)


def _is_jwt(text: str) -> bool:
    return _token(text).startswith("eyJ") and _token(text).count(".") == 2  # noqa: PLR2004


def _is_cut_off(text: str) -> bool:
    token = _token(text)
    begins = token.startswith("psl_") and len(token) < LENGTH
    return begins or END_OF_TOKEN.fullmatch(token) is not None


# The first that fits names the slip: what is wrong around the token before what is wrong in it.
SLIPS: Sequence[tuple[str, Callable[[str], bool]]] = (
    (MISSING, lambda text: not text),
    ("no_token", lambda text: text.lower() in {"bearer", "bearer:"}),
    ("placeholder", _is_placeholder),
    ("hint", lambda text: "..." in text or "\u2026" in text),
    ("header_name", lambda text: text.lower().startswith("authorization")),
    ("quotes", lambda text: QUOTE.search(text) is not None),
    ("bearer_twice", lambda text: BEARER_TWICE.match(text) is not None),
    ("bearer_colon", lambda text: BEARER_COLON.match(text) is not None),
    ("basic", lambda text: _word(text) == "basic"),
    ("url_as_token", lambda text: "://" in text),
    (TWICE, lambda text: ", bearer" in text.lower() or ",bearer" in text.lower()),
    ("percent", lambda text: "%" in text),
    ("scheme", _is_other_scheme),
    ("blanks", lambda text: BLANK.search(_token(text)) is not None),
    ("joined", lambda text: _word(text) != "bearer" and text.lower().startswith("bearer")),
    ("operator_key", _begins("psl_op_")),
    ("admin_link", _begins("psl_link_")),
    ("admin_session", _begins("psl_session_")),
    ("secret_as_token", _begins("psl_secret_")),
    ("bare", lambda text: _word(text) != "bearer" and text.startswith("psl_")),
    ("jwt", _is_jwt),
    ("id_alone", lambda text: ID_ALONE.fullmatch(_token(text)) is not None),
    ("letters", lambda text: _token(text)[:4] != "psl_" == _token(text)[:4].lower()),
    ("cut_off", _is_cut_off),
    (
        "too_long",
        lambda text: text.lower().startswith("bearer psl_") and len(_token(text)) > LENGTH,
    ),
    ("mistyped", _begins("psl_")),
    ("garbage", lambda _: True),
)
