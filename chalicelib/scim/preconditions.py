"""If-Match and If-None-Match: which version a client means. RFC 7644 section 3.14, RFC 9110 13.1.

Versions are weak and compared by what stands between the quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.errors import BadRequest, PreconditionFailed

ANY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions of which one must be the present one; empty: any version will do."""

    tags: frozenset[str]

    def names(self, version: str) -> bool:
        """Tell whether the present version, as an ETag, is one of them."""
        return not self.tags or _opaque(version) in self.tags

    def require(self, version: str) -> None:
        """Check the present version, as an ETag.

        Raises:
            PreconditionFailed: it is none of them.
        """
        if not self.names(version):
            raise PreconditionFailed


def entity_tags(values: tuple[str, ...]) -> Precondition | None:
    """Read a header of entity tags: `*`, or some, weak or strong; None where there is none.

    A repeated header is one list (RFC 9110 section 5.3).

    Raises:
        BadRequest: it is neither.
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
        message = 'If-Match and If-None-Match take `*` or versions as they were sent: W/"3".'
        raise BadRequest(message)
    return found[1]


_ENTITY_TAG = re.compile(r'(?:W/)?"([^"]+)"')
