"""Bodies are read as strict JSON: RFC 8259, and what it leaves to the reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ApiError, PayloadTooLarge
from chalicelib.scim.errors import InvalidSyntax, InvalidValue
from chalicelib.scim.strict_json import parse_json

LIMIT = 1_048_576


def nested(levels: int) -> bytes:
    """Write an object of so many levels, arrays and objects in turn."""
    opening = ("[", '{"a":')
    closing = ("]", "}")
    inner = range(levels - 1)
    return (
        '{"a":'
        + "".join(opening[n % 2] for n in inner)
        + "1"
        + "".join(closing[n % 2] for n in reversed(inner))
        + "}"
    ).encode()


def test_a_body_is_read_as_json():
    """UTF-8, with or without a byte order mark, escapes or not, pairs of surrogates too."""
    body = '{"userName": "Zoë", "title": "\\u00e9\\ud83d\\ude00\\n", "x": [1, 1.5, null]}'.encode()
    read = {"userName": "Zoë", "title": "é😀\n", "x": [1, 1.5, None]}

    assert parse_json(body, LIMIT) == read
    assert parse_json(b"\xef\xbb\xbf" + body, LIMIT) == read


# Hostile JSON, with what the text of the error says.
HOSTILE = [
    (b"", InvalidSyntax, "not JSON"),
    (b"{", InvalidSyntax, "line 1 column 2"),
    (b'{"a": 1} x', InvalidSyntax, "not JSON"),
    (b"{'a': 1}", InvalidSyntax, "not JSON"),
    (b'{"a": 01}', InvalidSyntax, "not JSON"),
    (b'{"a": "\x01"}', InvalidSyntax, "not JSON"),
    (b'{"a": "\\x"}', InvalidSyntax, "not JSON"),
    (b'{"a": "\\ud83"}', InvalidSyntax, "not JSON"),
    (b"[]", InvalidSyntax, "expected a JSON object, got "),
    (b"null", InvalidSyntax, "expected a JSON object, got "),
    (b'"text"', InvalidSyntax, "expected a JSON object, got "),
    (b'{"a": "\xff"}', InvalidSyntax, "not UTF-8: invalid byte at 7"),
    (b'{"a": "\xed\xa0\x80"}', InvalidSyntax, "not UTF-8"),
    ('{"a": 1}'.encode("utf-16"), InvalidSyntax, "not UTF-8"),
    (nested(33), InvalidSyntax, "deeper than 32"),
    (b'{"p": [[], [], {}, {}], "a": ' + nested(32) + b"}", InvalidSyntax, "deeper than 32"),
    (b"[" * 100_000, InvalidSyntax, "deeper than 32"),
    (b'{"a":' * 100_000, InvalidSyntax, "deeper than 32"),
    (b'{"a": ' + b"1" * 5_000 + b"}", InvalidSyntax, "too many digits"),
    (b'{"a": NaN}', InvalidSyntax, "NaN is not a number"),
    (b'{"a": -Infinity}', InvalidSyntax, "-Infinity is not a number"),
    (b'{"a": 1e999}', InvalidSyntax, "too large"),
    (b'{"a": -1e999}', InvalidSyntax, "too large"),
    (b'{"active": true, "active": false}', InvalidSyntax, "the same key twice"),
    (b'{"a": [{"b": 1, "b": 1}]}', InvalidSyntax, "the same key twice"),
    (b'{"a": 1, "\\u0061": 2}', InvalidSyntax, "the same key twice"),
    (b'{"a": "\\ud800"}', InvalidValue, "U+D800 at character 7"),
    (b'{"a": "\\udc00\\ud800"}', InvalidValue, "U+DC00"),
    (b'{"a": "\\ud800x\\udc00"}', InvalidValue, "U+D800"),
    (b'{"a": "\\uD83D\\uDE00\\uDFFF"}', InvalidValue, "U+DFFF"),
    (b'{"a": "\\\\\\ud800"}', InvalidValue, "U+D800"),
    (b'{"\\udfff": 1}', InvalidValue, "U+DFFF"),
    (b'{"a": "\\u0000"}', InvalidValue, "U+0000"),
    (b'{"a": ["\\\\\\u0000"]}', InvalidValue, "U+0000"),
    (b'{"a": "\x00"}', InvalidValue, "U+0000"),
    (b" " * (LIMIT + 1), PayloadTooLarge, "at most 1,048,576"),
]


@pytest.mark.parametrize(("body", "error", "text"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_is_rejected(body, error, text):
    """Each of these is silently accepted, or ends in a 500, with plain `json.loads`."""
    with pytest.raises(error) as rejected:
        parse_json(body, LIMIT)

    assert text in rejected.value.detail


HARMLESS: list[tuple[bytes, Any]] = [
    (nested(32), None),
    (b'{"p": [[], [], {}, {}], "a": ' + nested(31) + b"}", None),
    (b'{"a": "' + b"[{" * 50 + b'"}', {"a": "[{" * 50}),
    (b'{"a": "\\"' + b"[" * 50 + b'"}', {"a": '"' + "[" * 50}),
    (b'{"a": "\\\\"}', {"a": "\\"}),
    (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
    (b'{"a": "\\\\ud800"}', {"a": "\\ud800"}),
    (b'{"a": [' + b",".join([b"{}"] * 100) + b"]}", {"a": [{}] * 100}),
    (b'{"a": ' + b"1" * 4_000 + b"}", {"a": int("1" * 4_000)}),
    (b'{"a": 1e-999}', {"a": 0.0}),
    (b"{}" + b" " * (LIMIT - 2), {}),
]


@pytest.mark.parametrize(("body", "expected"), HARMLESS, ids=range(len(HARMLESS)))
def test_a_body_that_only_looks_hostile_is_read(body, expected):
    """Brackets in texts are no nesting, an escaped backslash begins no escape."""
    read = parse_json(body, LIMIT)

    assert expected is None or read == expected


@given(st.binary() | st.text('{}[]":,\\ud8cafe01 \n').map(str.encode))
def test_any_body_is_read_or_rejected(body):
    """No other error leaves the reader, whatever the bytes."""
    try:
        read = parse_json(body, LIMIT)
    except ApiError:
        return
    assert read == json.loads(body)
