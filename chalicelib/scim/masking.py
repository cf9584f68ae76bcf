"""What may be kept of values that a log tells about: enough to follow a change, no more. Pure.

Text is shown by its first character and the class of its length, so that `alice@example.com`
becomes `a… (up to 32)`: one sees that a value came, went or became another, and not which. Ids
that this service makes, numbers, booleans and the names of attributes stand as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from chalicelib.errors import BadRequest
from chalicelib.scim.filters import (
    And,
    AttrPath,
    Comparison,
    Filter,
    Not,
    Or,
    Present,
    ValuePath,
    parse_filter,
)

OUR_ID: Final = re.compile(r"[0-9a-f]{32}")
# Up to so many characters: a length alone would tell short words apart.
LENGTHS: Final = (8, 16, 32, 64)
MOST_ELEMENTS: Final = 5
HIDDEN: Final = "…"

# The query parameters that are shown at all; those of which nothing personal is made, as sent.
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,10}")
NAMES: Final = re.compile(r"[A-Za-z0-9_.:,$\- ]{1,200}")
ADDRESS: Final = re.compile(r"[^\s\"'<>]+@[^\s\"'<>]+")
# From the first quotation mark to the last: what is quoted may hold some itself.
QUOTED: Final = re.compile(r'"(.*)"', re.DOTALL)


def masked(value: Any) -> Any:
    """Mask a JSON value: its form stays, its texts are hidden, long arrays are cut."""
    match value:
        case str():
            return value if OUR_ID.fullmatch(value) else _text(value)
        case dict():
            return {name: masked(each) for name, each in value.items()}
        case list() if len(value) > MOST_ELEMENTS:
            cut = [masked(each) for each in value[:MOST_ELEMENTS]]
            return [*cut, f"{HIDDEN} {len(value) - MOST_ELEMENTS} more"]
        case list():
            return [masked(each) for each in value]
    return value


def _text(text: str) -> str:
    """Write `a… (up to 32)`; of the shortest texts not even the first character."""
    if len(text) <= 2:  # noqa: PLR2004 - one or two characters would be most of it
        return HIDDEN
    most = next((f"up to {most}" for most in LENGTHS if len(text) <= most), "longer")
    return f"{text[0]}{HIDDEN} ({most})"


def masked_filter(text: str) -> str:
    """Mask the values of a filter; one that cannot be read is hidden as a whole."""
    try:
        return str(_without_values(parse_filter(text)))
    except BadRequest:
        return HIDDEN


def _without_values(node: Filter) -> Filter:
    """Copy a filter with its values masked; the parser has bounded its depth."""
    match node:
        case And(terms):
            return And(tuple(_without_values(term) for term in terms))
        case Or(terms):
            return Or(tuple(_without_values(term) for term in terms))
        case Not(term):
            return Not(_without_values(term))
        case ValuePath():
            return replace(node, filter=_without_values(node.filter))
        case Comparison(path, op, value):
            return Comparison(_path(path), op, masked(value))
        case Present(path):
            return Present(_path(path))


def _path(path: AttrPath | ValuePath) -> AttrPath | ValuePath:
    if isinstance(path, ValuePath):
        return replace(path, filter=_without_values(path.filter))
    return path


def _if_formed(form: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text if form.fullmatch(text) else HIDDEN


PARAMETERS: Final[Mapping[str, Callable[[str], str]]] = {
    "filter": masked_filter,
    "startIndex": _if_formed(NUMBER),
    "count": _if_formed(NUMBER),
    "cursor": lambda _: HIDDEN,
    "attributes": _if_formed(NAMES),
    "excludedAttributes": _if_formed(NAMES),
    "aadOptscim062020": lambda _: "",
}


def masked_query(query: Mapping[str, str]) -> str:
    """Write a query string without personal data: values masked, unknown parameters left out."""
    shown = [f"{name}={mask(query[name])}" for name, mask in PARAMETERS.items() if name in query]
    return f"?{'&'.join(shown)}" if shown else ""


def masked_detail(detail: str) -> str:
    """Mask the text of a refusal: its first line, without addresses and with its quotes masked."""
    unquoted = QUOTED.sub(lambda quoted: f'"{masked(quoted[1])}"', detail)
    return ADDRESS.sub(HIDDEN, unquoted.partition("\n")[0])
