"""Names of attributes that a client sends, as errors and logs may repeat them.

A key, a path or a URN can be anything, personal data too. It is shown where it names what the
schemas have, or has the form of an attribute's name (RFC 7643 section 2.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

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


class LoggedNames(NamedTuple):
    """Names that a log may have, and how many others there are."""

    names: tuple[str, ...]
    unnamed: int


def logged_names(
    names: Iterable[str], most: int, resource_types: Sequence[ResourceType]
) -> LoggedNames:
    """Choose the names that a log may have, at most `most`, and count the others.

    A part that no schema has must have the form of a name, and stand behind one that a schema has:
    `emails.address` shows a wrong mapping, `ada.lovelace` may be a person. A URN is spelled as the
    schema has it.
    """
    urns = {schema.id.lower(): schema.id for each in resource_types for schema in each.schemas()}
    chosen = {name: _logged(name, urns, resource_types) for name in names}
    shown = tuple(dict.fromkeys(each for each in chosen.values() if each is not None))[:most]
    return LoggedNames(shown, sum(each not in shown for each in chosen.values()))


def _logged(
    name: str, urns: Mapping[str, str], resource_types: Sequence[ResourceType]
) -> str | None:
    if len(name) > MAX_CHARACTERS:
        return None
    if name.lower() in urns:
        return urns[name.lower()]
    if not (NAME.fullmatch(name) or any(_is_name(name, each) for each in resource_types)):
        return None
    urn, _, path = name.rpartition(":")
    return f"{urns[urn.lower()]}:{path}" if urn.lower() in urns else name
