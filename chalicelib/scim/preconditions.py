"""If-Match and If-None-Match: RFC 7644 section 3.14, RFC 9110 section 13.1.

Entity tags are weak and compared by the text between the quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.errors import BadRequest, PreconditionFailed

ANY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions of which one must be the current one; empty: any version."""

    tags: frozenset[str]

    def names(self, version: str) -> bool:
        """Tell whether the current version, as an ETag, is one of them."""
        return not self.tags or _opaque(version) in self.tags

    def of_document(self) -> Precondition:
        """Return the same for the part before the dot, which is the version of a user's document.

        The part after it tells bodies with other groups apart, in If-None-Match only.
        """
        return Precondition(frozenset(tag.partition(".")[0] for tag in self.tags))

    def require(self, version: str) -> None:
        """Check the current version, as an ETag.

        Raises:
            PreconditionFailed: it is not one of them.
        """
        if not self.names(version):
            raise PreconditionFailed


def entity_tags(values: tuple[str, ...]) -> Precondition | None:
    """Read a header of entity tags: `*` or a list, weak or strong; None without the header.

    A repeated header is one list (RFC 9110 section 5.3).

    Raises:
        BadRequest: it is not valid.
    """
    header = ", ".join(values)
    if not values:
        return None
    if header.strip() == ANY_VERSION:
        return Precondition(frozenset())
    return Precondition(frozenset(_opaque(tag.strip()) for tag in header.split(",")))


def _opaque(tag: str) -> str:
    found = _ENTITY_TAG.fullmatch(tag)
    if found is None:
        message = 'If-Match, If-None-Match: expected `*` or versions as in ETag, such as W/"3".'
        raise BadRequest(message)
    return found[1]


_ENTITY_TAG = re.compile(r'(?:W/)?"([^"]+)"')
