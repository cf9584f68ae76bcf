"""Names of attributes that a client sends, as errors and logs may repeat them.

A key, a path or a URN can be anything, personal data too. It is shown where it names what the
schemas have, or has the form of an attribute's name (RFC 7643 section 2.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from chalicelib.scim.schema import ResourceType

HIDDEN: Final = "…"
# Not an id or a digest, which hex digits may be though they begin with a letter.
NAME: Final = re.compile(r"(?![0-9A-Fa-f-]{16,64}\Z)[A-Za-z][A-Za-z0-9_-]{0,63}")
# The longest that is looked at: a registered URN, an attribute and a sub-attribute.
MAX_CHARACTERS: Final = 400


def shown_name(text: str, resource_types: Sequence[ResourceType]) -> str:
    """Return a name or path without filters as it was sent, or `…`."""
    if len(text) > MAX_CHARACTERS:
        return HIDDEN
    is_name = NAME.fullmatch(text) or any(_is_name(text, each) for each in resource_types)
    return text if is_name else HIDDEN


def _is_name(text: str, resource_type: ResourceType) -> bool:
    if resource_type.locate(text) is not None:
        return True
    parent, _, sub = text.rpartition(".")
    if parent and NAME.fullmatch(sub) and resource_type.locate(parent) is not None:
        return True
    urn, _, name = text.rpartition(":")
    return NAME.fullmatch(name) is not None and _is_registered(urn, resource_type)


def _is_registered(urn: str, resource_type: ResourceType) -> bool:
    return urn.lower() in {schema.id.lower() for schema in resource_type.schemas()}


def logged_names(
    names: Iterable[str], most: int, resource_types: Sequence[ResourceType]
) -> Iterator[str]:
    """Yield the names that a log may have, at most `most`, then `unnamed` if there are others.

    A part that no schema has must have the form of a name, and stand behind one that a schema has:
    `emails.address` shows a wrong mapping, `ada.lovelace` may be a person.
    """
    chosen = dict.fromkeys(names)
    shown = [each for each in chosen if _is_logged(each, resource_types)][:most]
    yield from shown
    if len(shown) < len(chosen):
        yield "unnamed"


def _is_logged(name: str, resource_types: Sequence[ResourceType]) -> bool:
    return len(name) <= MAX_CHARACTERS and (
        NAME.fullmatch(name) is not None
        or any(_is_registered(name, each) or _is_name(name, each) for each in resource_types)
    )
