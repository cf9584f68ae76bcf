"""Which terms of a filter can be looked up by key. Pure.

A path is written as `emails.value`: the attribute as its schema spells it, then the
sub-attribute in lower case (`value` if the filter names none).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

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
)
from chalicelib.scim.schema import ResourceType

PRESENT = "pr"
# The path of an attribute that the resource type does not have.
UNKNOWN = ""


class Term(NamedTuple):
    """One comparison of a filter: a path, an operator (`pr` too) and a value."""

    path: str
    op: str
    value: Scalar


def terms_of(node: Filter, resource_type: ResourceType, parent: str = "") -> Iterator[Term]:
    """Yield every comparison of a filter, those in brackets and negations too.

    `parent` is the attribute before the square brackets that `node` stands in.
    """
    match node:
        case And(terms) | Or(terms):
            for term in terms:
                yield from terms_of(term, resource_type, parent)
        case Not(term):
            yield from terms_of(term, resource_type, parent)
        case ValuePath(path, inner):
            yield from terms_of(inner, resource_type, _path(path, resource_type, parent))
        case Comparison(path, op, value):
            yield from _comparison(path, op, value, resource_type, parent)
        case Present(path):
            yield from _comparison(path, PRESENT, None, resource_type, parent)


def _comparison(
    path: AttrPath | ValuePath, op: str, value: Scalar, resource_type: ResourceType, parent: str
) -> Iterator[Term]:
    """Yield a comparison, then those in the square brackets of its path."""
    if isinstance(path, ValuePath):
        attribute = _path(path.path, resource_type, parent)
        yield Term(f"{attribute}.{(path.sub or 'value').lower()}", op, value)
        yield from terms_of(path.filter, resource_type, attribute)
        return
    whole = _path(path, resource_type, parent)
    if not parent and "." not in whole and _is_complex(path, resource_type):
        whole = f"{whole}.value"
    yield Term(whole, op, value)


def _path(path: AttrPath, resource_type: ResourceType, parent: str) -> str:
    if parent:
        return f"{parent}.{path.name.lower()}"
    target = resource_type.resolve(path.urn, path.name, path.sub)
    if target is None or target.attribute is None:
        return UNKNOWN
    if target.sub_attribute is None:
        return target.attribute.name
    return f"{target.attribute.name}.{target.sub_attribute.name.lower()}"


def _is_complex(path: AttrPath, resource_type: ResourceType) -> bool:
    target = resource_type.resolve(path.urn, path.name, path.sub)
    return bool(target and target.attribute and target.attribute.type == "complex")


def equalities(node: Filter, resource_type: ResourceType) -> dict[str, str]:
    """Return the text that each path must equal for the filter to match: the keys to look up.

    Only terms that must hold count. If two name the same path, the first is used; the whole
    filter is applied to what is found in any case.
    """
    found: dict[str, str] = {}
    for term in _required_terms(node, resource_type):
        if term.op == "eq" and isinstance(term.value, str):
            found.setdefault(term.path, term.value)
    return found


def _required_terms(node: Filter, resource_type: ResourceType) -> Iterator[Term]:
    """Yield the comparisons that must hold for the filter to match.

    Of a comparison whose path has square brackets only itself: the brackets may hold an `or`.
    """
    match node:
        case And(terms):
            for term in terms:
                yield from _required_terms(term, resource_type)
        case Comparison():
            yield next(terms_of(node, resource_type))
        case ValuePath(path, inner):
            parent = _path(path, resource_type, "")
            for part in inner.terms if isinstance(inner, And) else (inner,):
                if isinstance(part, Comparison):
                    yield next(terms_of(part, resource_type, parent))
