"""If-Match: which version a client means to change. RFC 7644 section 3.14, RFC 9110 13.1.1.

Versions are weak and compared by what stands between the quotes.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.scim.errors import BadRequest, PreconditionFailed

ANY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions of which one must be the present one; empty: any version will do."""

    tags: frozenset[str]

    def require(self, version: str) -> None:
        """Check the present version, as an ETag.

        Raises:
            PreconditionFailed: it is none of them.
        """
        if self.tags and _opaque(version) not in self.tags:
            raise PreconditionFailed


def if_match(header: str | None) -> Precondition | None:
    """Read an If-Match header: `*`, or entity tags, weak or strong; None where there is none.

    Raises:
        BadRequest: it is neither.
    """
    if header is None:
        return None
    if header.strip() == ANY_VERSION:
        return Precondition(frozenset())
    return Precondition(frozenset(_opaque(tag.strip()) for tag in header.split(",")))


def _opaque(tag: str) -> str:
    text = tag.removeprefix("W/")
    if len(text) < 3 or text[0] != '"' or text[-1] != '"':  # noqa: PLR2004 - quotes and a character
        message = 'If-Match takes `*` or versions as they were sent, for example W/"3".'
        raise BadRequest(message)
    return text[1:-1]
