"""Mask personal values for the provisioning log: enough to follow a change, no more.

Text is reduced to its first character and the class of its length: `alice@example.com` becomes
`a… (up to 32)`, which shows that a value was set, cleared or changed, and not what it was. Ids
that this service makes, numbers, booleans and the names of attributes are logged as they are.
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
# Classes of length: an exact length would tell short words apart.
LENGTHS: Final = (8, 16, 32, 64)
MAX_ELEMENTS: Final = 5
HIDDEN: Final = "…"

# Parameters whose values are of these forms are logged as sent.
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,10}")
NAMES: Final = re.compile(r"[A-Za-z0-9_.:,$\- ]{1,200}")
ADDRESS: Final = re.compile(r"[^\s\"'<>]+@[^\s\"'<>]+")
# From the first quotation mark to the last: the quoted text may contain some itself.
QUOTED: Final = re.compile(r'"(.*)"', re.DOTALL)


def masked(value: Any) -> Any:
    """Mask a JSON value: its structure is kept, its strings are masked, long arrays are cut."""
    match value:
        case str():
            return value if OUR_ID.fullmatch(value) else _text(value)
        case dict():
            return {name: masked(each) for name, each in value.items()}
        case list() if len(value) > MAX_ELEMENTS:
            cut = [masked(each) for each in value[:MAX_ELEMENTS]]
            return [*cut, f"{HIDDEN} {len(value) - MAX_ELEMENTS} more"]
        case list():
            return [masked(each) for each in value]
    return value


def _text(text: str) -> str:
    """Return `a… (up to 32)`; only `…` for the shortest, whose first character would be most."""
    if len(text) <= 2:  # noqa: PLR2004 - see above
        return HIDDEN
    length = next((f"up to {limit}" for limit in LENGTHS if len(text) <= limit), "longer")
    return f"{text[0]}{HIDDEN} ({length})"


def masked_filter(text: str) -> str:
    """Mask the values of a filter; one that cannot be parsed is masked as a whole."""
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


def _if_matches(form: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text if form.fullmatch(text) else HIDDEN


PARAMETERS: Final[Mapping[str, Callable[[str], str]]] = {
    "filter": masked_filter,
    "startIndex": _if_matches(NUMBER),
    "count": _if_matches(NUMBER),
    "cursor": lambda _: HIDDEN,
    "attributes": _if_matches(NAMES),
    "excludedAttributes": _if_matches(NAMES),
    "aadOptscim062020": lambda _: "",
}


def masked_query(query: Mapping[str, str]) -> str:
    """Return a query string without personal data: values masked, unknown parameters left out."""
    shown = [f"{name}={mask(query[name])}" for name, mask in PARAMETERS.items() if name in query]
    return f"?{'&'.join(shown)}" if shown else ""


def masked_detail(detail: str) -> str:
    """Mask the text of an error: its first line, without addresses and with quoted text masked."""
    unquoted = QUOTED.sub(lambda quoted: f'"{masked(quoted[1])}"', detail)
    return ADDRESS.sub(HIDDEN, unquoted.partition("\n")[0])
