"""Which terms of a filter can be looked up by key. Pure.

Names a place in the resource as `emails.value`: the attribute in its schema's spelling and the
sub-attribute, `value` where the filter leaves it out.
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
# The place of what this kind of resource does not have.
UNKNOWN = ""


class Use(NamedTuple):
    """A filter's use of a place: the operator (`pr` too) and the value."""

    place: str
    op: str
    value: Scalar


def uses(node: Filter, resource_type: ResourceType, inside: str = "") -> Iterator[Use]:
    """Yield every comparison of a filter, those within brackets and negations too.

    `inside` is the attribute whose elements a filter in square brackets chooses from.
    """
    match node:
        case And(terms) | Or(terms):
            for term in terms:
                yield from uses(term, resource_type, inside)
        case Not(term):
            yield from uses(term, resource_type, inside)
        case ValuePath(path, choice):
            yield from uses(choice, resource_type, _place(path, resource_type, inside))
        case Comparison(path, op, value):
            yield from _compared(path, op, value, resource_type, inside)
        case Present(path):
            yield from _compared(path, PRESENT, None, resource_type, inside)


def _compared(
    path: AttrPath | ValuePath, op: str, value: Scalar, resource_type: ResourceType, inside: str
) -> Iterator[Use]:
    if isinstance(path, ValuePath):
        attribute = _place(path.path, resource_type, inside)
        yield Use(f"{attribute}.{(path.sub or 'value').lower()}", op, value)
        yield from uses(path.filter, resource_type, attribute)
        return
    place = _place(path, resource_type, inside)
    yield Use(place if inside or "." in place else _whole(path, resource_type, place), op, value)


def _place(path: AttrPath, resource_type: ResourceType, inside: str) -> str:
    if inside:
        return f"{inside}.{path.name.lower()}"
    target = resource_type.resolve(path.urn, path.name, path.sub)
    if target is None or target.attribute is None:
        return UNKNOWN
    names = [target.attribute.name]
    if target.sub_attribute is not None:
        names.append(target.sub_attribute.name.lower())
    return ".".join(names)


def _whole(path: AttrPath, resource_type: ResourceType, place: str) -> str:
    """A complex attribute that is compared as a whole is compared by its `value`."""
    target = resource_type.resolve(path.urn, path.name, path.sub)
    is_complex = bool(target and target.attribute and target.attribute.type == "complex")
    return f"{place}.value" if is_complex else place


def equalities(node: Filter, resource_type: ResourceType) -> dict[str, str]:
    """Tell which places must equal which text for the filter to hold: keys to look up.

    Only terms that must all hold count; of two for the same place the first is taken, and the
    filter as a whole decides in the end.
    """
    found: dict[str, str] = {}
    for use in _required(node, resource_type):
        if use.op == "eq" and isinstance(use.value, str):
            found.setdefault(use.place, use.value)
    return found


def _required(term: Filter, resource_type: ResourceType) -> Iterator[Use]:
    """Yield the uses of a term that hold whenever the term does."""
    match term:
        case And(terms):
            for inner in terms:
                yield from _required(inner, resource_type)
        case Comparison():
            yield from _first(uses(term, resource_type))
        case ValuePath(path, choice):
            inside = _place(path, resource_type, "")
            for part in choice.terms if isinstance(choice, And) else (choice,):
                if isinstance(part, Comparison):
                    yield from _first(uses(part, resource_type, inside))


def _first(found: Iterator[Use]) -> Iterator[Use]:
    """Only the comparison itself: what stands in its square brackets may hold an `or`."""
    yield next(found)
