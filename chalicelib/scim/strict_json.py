"""Read JSON strictly: RFC 8259, and what it leaves to the reader.

Python's `json` accepts duplicate keys, NaN, infinite numbers, unpaired surrogates and nesting that
overflows the stack; everything here exists to reject one of these. Knows nothing of SCIM.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NoReturn

from chalicelib.errors import PayloadTooLarge
from chalicelib.scim.errors import InvalidSyntax, InvalidValue

MAX_DEPTH = 32

Document = dict[str, Any]


def parse_json(body: bytes, limit: int) -> Document:
    """Read a body that must be a JSON object.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidValue: as `parse_value`; or it is not an object.
    """
    document = parse_value(body, limit)
    if not isinstance(document, dict):
        raise InvalidSyntax(f"The body: expected a JSON object, got {json_type(document)}.")
    return document


def parse_value(body: bytes, limit: int) -> Any:
    """Read a body that may be any JSON value.

    Raises:
        PayloadTooLarge: more than `limit` bytes.
        InvalidSyntax: not UTF-8 (U+FFFD counts as that), not JSON, nested deeper than 32 levels,
            a duplicate key, or a number that neither a double nor an integer of 4,300 digits can
            hold.
        InvalidValue: U+0000 or an unpaired surrogate: databases and logs cannot store them.
    """
    if len(body) > limit:
        raise PayloadTooLarge(
            f"The body may have at most {limit:,} bytes; this one has {len(body):,}."
        )
    try:
        # A byte order mark may stand before JSON and is to be ignored (RFC 8259 section 8.1).
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSyntax(f"The body is not UTF-8: invalid byte at {error.start}.") from None
    # API Gateway has put it where bytes were not UTF-8. A client that means it writes \ufffd.
    if "\ufffd" in text:
        raise InvalidSyntax(f"The body is not UTF-8 at character {text.index(chr(0xFFFD))}.")
    _check_depth(text)
    _check_characters(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_float=_finite,
            parse_constant=_reject_constant,
        )
    except json.JSONDecodeError as error:
        raise InvalidSyntax(
            f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}."
        ) from None
    except ValueError:
        raise InvalidSyntax("The body contains a number with too many digits.") from None


def json_type(value: Any) -> str:
    """Name the JSON type of a value with its article, as error texts do: `a string`, `null`."""
    return _TYPE_NAMES.get(type(value), "a number")


_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    type(None): "null",
}

# A string with its escapes, whether it ends or not: each character is read once, so quotes that
# never close cost nothing extra.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_DEPTH_CHANGE: Mapping[str, int] = {"[": 1, "{": 1, "]": -1, "}": -1}

# An escape; a surrogate pair counts as one. The group holds those that cannot be stored.
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\(?:u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|(u0000|u[dD][89a-fA-F]{_HEX}{{2}})|.)",
    re.DOTALL,
)


def _check_depth(text: str) -> None:
    """Reject deep nesting before the JSON reader recurses into it."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = _NOT_BRACKETS.sub("", _STRING.sub("", text))
    if max(accumulate(_DEPTH_CHANGE[bracket] for bracket in brackets), default=0) > MAX_DEPTH:
        raise InvalidSyntax(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_characters(text: str) -> None:
    """Reject what JSON can write and nothing can store: U+0000 and unpaired surrogates."""
    if "\0" in text:
        raise InvalidValue(f"The body contains U+0000 at character {text.index(chr(0))}.")
    if "\\u" not in text:
        return
    for escape in _ESCAPE.finditer(text):
        if escape[1] is not None:
            raise InvalidValue(
                f"The body contains U+{escape[1][1:].upper()} at character {escape.start()}: "
                "U+0000 and unpaired surrogates cannot be stored."
            )


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidSyntax("An object of the body has the same key twice (RFC 8259 section 4).")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidSyntax("The body contains a number that is too large for a double.")
    return number


def _reject_constant(name: str) -> NoReturn:
    raise InvalidSyntax(f"The body is not JSON: {name} is not a number (RFC 8259 section 6).")
