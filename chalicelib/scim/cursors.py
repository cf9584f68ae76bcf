"""Cursors of a list: RFC 9865 section 2. Pure.

A cursor names the last resource of the page before and the query that it belongs to. It holds
no state of ours, so it does not expire, and it never misses who is there throughout.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from chalicelib.scim.errors import InvalidCursor

ID_BYTES = 16
QUERY_BYTES = 8


def write(after: str, query: str) -> str:
    """Write a cursor: `after` is an id of 32 hex digits, `query` what was asked."""
    return base64.urlsafe_b64encode(bytes.fromhex(after) + _mark(query)).decode().rstrip("=")


def read(text: str, query: str) -> str:
    """Read after which id a page begins; "" where it is the first (an empty cursor).

    Raises:
        InvalidCursor: it is none of ours, or belongs to another query.
    """
    if not text:
        return ""
    try:
        held = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if len(held) != ID_BYTES + QUERY_BYTES or held[ID_BYTES:] != _mark(query):
        raise InvalidCursor
    return held[:ID_BYTES].hex()


def _mark(query: str) -> bytes:
    return hashlib.sha256(query.encode()).digest()[:QUERY_BYTES]
