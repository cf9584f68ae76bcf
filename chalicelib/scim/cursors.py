"""Cursors of a list: RFC 9865 section 2. Pure.

A cursor names the last resource of the previous page and the query that it belongs to. Nothing is
stored for it, so it does not expire, and no resource that exists throughout is missed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from chalicelib.scim.errors import InvalidCursor

ID_BYTES = 16
QUERY_BYTES = 8


def write(after: str, query: str) -> str:
    """Return the cursor of the page after a resource: its id of 32 hex digits, and the query."""
    return base64.urlsafe_b64encode(bytes.fromhex(after) + _query_hash(query)).decode().rstrip("=")


def read(text: str, query: str) -> str:
    """Return the id after which a page begins; "" for the first page (an empty cursor).

    Raises:
        InvalidCursor: this service did not write it, or it belongs to another query.
    """
    if not text:
        return ""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    if len(decoded) != ID_BYTES + QUERY_BYTES or decoded[ID_BYTES:] != _query_hash(query):
        raise InvalidCursor
    return decoded[:ID_BYTES].hex()


def _query_hash(query: str) -> bytes:
    return hashlib.sha256(query.encode()).digest()[:QUERY_BYTES]
