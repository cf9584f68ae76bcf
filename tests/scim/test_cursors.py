"""Cursors of a list: RFC 9865 section 2."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim import cursors
from chalicelib.scim.errors import InvalidCursor

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
ID = "0123456789abcdef" * 2


@given(IDS, st.text())
def test_a_cursor_is_read_as_it_was_written(after, query):
    """Of characters that need no escaping in a URL (RFC 3986 section 2.3)."""
    written = cursors.write(after, query)

    assert cursors.read(written, query) == after
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", written)


def test_an_empty_cursor_is_the_first_page():
    """RFC 9865 section 2."""
    assert cursors.read("", "User ") == ""


FORGED = [
    *("x", "%%%", "AAAA", "é", cursors.write(ID, "q")[:-1], cursors.write(ID, "q") + "A"),
    cursors.write(ID, "another query"),
]


@pytest.mark.parametrize("text", FORGED)
def test_a_cursor_that_was_not_given_is_rejected(text):
    """RFC 9865 section 2.1: in one text, whatever is wrong with it."""
    with pytest.raises(InvalidCursor, match="start again"):
        cursors.read(text, "q")
