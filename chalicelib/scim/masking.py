"""Mask personal values for the provisioning log: enough to follow a change, no more.

Text is reduced to its first character and the class of its length: `alice@example.com` becomes
`a… (up to 32)`, which shows that a value was set, cleared or changed, and not what it was. Numbers
are hidden, and so are booleans but `active` and `primary`. An id is shown where the request has
found what it names: 32 hex digits may be anything. Names are shown as `sent_names` says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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
    Scalar,
    ValuePath,
    parse_filter,
)
from chalicelib.scim.schema import ResourceType
from chalicelib.scim.sent_names import HIDDEN, shown_name

# The booleans that an admin looks for; another one may be somebody's state of health.
SHOWN_BOOLEANS: Final = frozenset({"active", "primary"})
# The attributes whose values may be ids that this service has made.
ID_PATHS: Final = frozenset({"id", "members", "members.value", "groups", "groups.value"})
# Classes of length: an exact length would tell short words apart.
LENGTHS: Final = (8, 16, 32, 64)
MAX_ELEMENTS: Final = 5

# Numbers of a page; longer ones could be anything.
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,6}")
MAX_NAMES: Final = 20
# From the beginning of a word, each character of which is looked at once: without that, a long word
# without `@` would be read again from each of its characters.
ADDRESS: Final = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>@]*+@[^\s\"'<>]++")
# From the first quotation mark to the last: the quoted text may contain some itself.
QUOTED: Final = re.compile(r'"(.*)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Known:
    """What a request's text may be shown of: schemas, and the ids that the request has found."""

    resource_types: Sequence[ResourceType]
    ids: Collection[str] = ()

    def name(self, text: str) -> str:
        """Return a name, or `…`."""
        return shown_name(text, self.resource_types)


def masked(value: Any, name: str = "") -> Any:
    """Mask the value of an attribute: its structure is kept, its scalars are masked, arrays cut.

    Keys are kept: the values that are masked have been checked against the schemas.
    """
    match value:
        case None:
            return None
        case bool():
            return value if name in SHOWN_BOOLEANS else HIDDEN
        case str():
            return _text(value)
        case dict():
            return {key: masked(each, key) for key, each in value.items()}
        case list():
            kept = [masked(each, name) for each in value[:MAX_ELEMENTS]]
            left = len(value) - MAX_ELEMENTS
            return [*kept, f"{HIDDEN} {left} more"] if left > 0 else kept
    return HIDDEN


def _text(text: str) -> str:
    """Return `a… (up to 32)`; only `…` for the shortest, whose first character would be most."""
    if len(text) <= 2:  # noqa: PLR2004 - see above
        return HIDDEN
    length = next((f"up to {limit}" for limit in LENGTHS if len(text) <= limit), "longer")
    return f"{text[0]}{HIDDEN} ({length})"


def masked_filter(text: str, known: Known) -> str:
    """Mask the values of a filter; one that cannot be parsed is masked as a whole."""
    try:
        return _filter(parse_filter(text), known)
    except BadRequest:
        return HIDDEN


def _filter(node: Filter, known: Known) -> str:
    """Print a filter with its values masked; the parser has bounded its depth."""
    match node:
        case And(terms) | Or(terms):
            word = " and " if isinstance(node, And) else " or "
            return word.join(_term(term, known) for term in terms)
        case Not(term):
            return f"not ({_filter(term, known)})"
        case ValuePath():
            return _path(node, known)
        case Comparison(path, op, value):
            return f"{_path(path, known)} {op} {_compared(path, value, known)}"
        case Present(path):
            return f"{_path(path, known)} pr"


def _term(node: Filter, known: Known) -> str:
    printed = _filter(node, known)
    return f"({printed})" if isinstance(node, And | Or) else printed


def _path(path: AttrPath | ValuePath, known: Known) -> str:
    if isinstance(path, AttrPath):
        return known.name(str(path))
    sub = f".{known.name(path.sub)}" if path.sub else ""
    return f"{known.name(str(path.path))}[{_filter(path.filter, known)}]{sub}"


def _compared(path: AttrPath | ValuePath, value: Scalar, known: Known) -> str:
    name = str(path).lower() if isinstance(path, AttrPath) else ""
    is_id = value in known.ids and name in ID_PATHS
    shown = value if is_id else masked(value, name)
    return json.dumps(shown, ensure_ascii=False)


def _number(text: str, _: Known) -> str:
    return text if NUMBER.fullmatch(text) else HIDDEN


def _names(text: str, known: Known) -> str:
    names = text.split(",", MAX_NAMES)
    return ",".join(known.name(each.strip()) for each in names)


PARAMETERS: Final[Mapping[str, Callable[[str, Known], str]]] = {
    "filter": masked_filter,
    "startIndex": _number,
    "count": _number,
    "cursor": lambda _text, _known: HIDDEN,
    "attributes": _names,
    "excludedAttributes": _names,
    "aadOptscim062020": lambda _text, _known: "",
}


def masked_query(query: Mapping[str, str], known: Known) -> str:
    """Return a query string without personal data: values masked, unknown parameters left out."""
    shown = [
        f"{name}={mask(query[name], known)}" for name, mask in PARAMETERS.items() if name in query
    ]
    return f"?{'&'.join(shown)}" if shown else ""


def masked_detail(detail: str) -> str:
    """Mask the text of an error: its first line, without addresses and with quoted text masked.

    What else it says of the request are names, by `sent_names`.
    """
    unquoted = QUOTED.sub(lambda quoted: f'"{masked(quoted[1])}"', detail)
    return ADDRESS.sub(HIDDEN, unquoted.partition("\n")[0])
