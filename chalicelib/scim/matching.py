"""Does a resource match a filter? RFC 7644 section 3.4.2.2, with errata 4690 and 6607.

A filter is compiled once, against the schemas, into one function of a resource. What cannot be
compared is rejected then, so an empty directory responds as a full one does, and a filter over
thousands costs little more than a loop written by hand. Knows nothing of storage or requests.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from chalicelib.scim.comparison import (
    Instant,
    comparable_form,
    fold,
    instant,
    partial_form,
    unchanged,
)
from chalicelib.scim.errors import InvalidFilter
from chalicelib.scim.filters import (
    COMPARISONS,
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
from chalicelib.scim.schema import Attribute, Resource, ResourceType
from chalicelib.scim.sent_names import shown_name
from chalicelib.scim.strict_json import json_type

# Tells whether a resource, a complex value or a simple value satisfies something.
Predicate = Callable[[Any], bool]


def matches(node: Filter, resource: Resource, resource_type: ResourceType) -> bool:
    """Tell whether `resource` satisfies `node`.

    An absent attribute satisfies only `ne`, `eq null` and `not (... pr)`; a multi-valued one
    satisfies a comparison when any of its elements does.

    Raises:
        InvalidFilter: as `compile_filter`.
    """
    return compile_filter(node, resource_type)(resource)


def compile_filter(
    node: Filter, resource_type: ResourceType, others: Sequence[ResourceType] = ()
) -> Callable[[Resource], bool]:
    """Return a function that tells whether a resource satisfies `node`.

    An attribute that only `others` have counts as absent: a search at the root covers several
    resource types (RFC 7644 section 3.4.2.1).

    Raises:
        InvalidFilter: an attribute that the schemas do not have or never return, an operator
            that its type does not have (`gt` on a boolean), or a value of another type.
    """
    resource_types = (resource_type, *others)
    return _compile(node, lambda path: _resolve(path, resource_types))


def compile_value_filter(node: Filter, attribute: Attribute) -> Predicate:
    """Return a function that tells whether one value of `attribute` satisfies a valFilter.

    Raises:
        InvalidFilter: as `compile_filter`; the names are those of the sub-attributes.
    """
    return _compile(node, lambda path: _resolve_within(path, attribute))


def terms(node: Filter) -> tuple[Filter, ...]:
    """Split a filter into the terms that must all hold."""
    return node.terms if isinstance(node, And) else (node,)


# --- the operators ----------------------------------------------------------------------------

# Adding an operator is adding a line: RFC 7644 table 3.
OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}

_EQUALITY: Final = frozenset({"eq", "ne"})
_ORDER: Final = _EQUALITY | {"gt", "ge", "lt", "le"}
_TEXT: Final = _EQUALITY | {"co", "sw", "ew"}


# --- the types --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Comparable:
    """How a filter compares an attribute of one type."""

    operators: frozenset[str]
    expected: str
    parse: Callable[[Scalar], Any]  # a filter's value as one of the type; None where it is not


def _text(value: Scalar) -> str | None:
    """Text; an unquoted number is text too (`externalId eq 42`)."""
    return None if isinstance(value, bool) or value is None else str(value)


def _boolean(value: Scalar) -> bool | None:
    """True or false; Entra ID writes `[primary eq "True"]`."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _number(value: Scalar) -> int | float | None:
    """A number, never a boolean, which Python counts as one; text where `filters` left it text."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if isinstance(value, bool) else value


def _instant(value: Scalar) -> Instant | None:
    return instant(value) if isinstance(value, str) else None


_NUMBER: Final = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?")

# RFC 7643 section 2.3: adding a type is adding a line. Booleans and binaries have no order
# (RFC 7644 table 3); `co` on a number or a date-time would depend on how it happens to be written.
_COMPARABLE: Final[Mapping[str, _Comparable]] = {
    "string": _Comparable(_TEXT | _ORDER, "text", _text),
    "reference": _Comparable(_TEXT | _ORDER, "text", _text),
    "binary": _Comparable(_TEXT, "text", _text),
    "boolean": _Comparable(_EQUALITY, "true or false", _boolean),
    "integer": _Comparable(_ORDER, "a number", _number),
    "decimal": _Comparable(_ORDER, "a number", _number),
    "dateTime": _Comparable(_ORDER, "a date-time such as 2011-05-13T04:42:34Z", _instant),
}


# --- where a path leads -----------------------------------------------------------------------


class _Step(NamedTuple):
    name: str
    multi_valued: bool


class _Location(NamedTuple):
    """The names to follow from a resource or an element, and the attribute that the last names."""

    steps: tuple[_Step, ...]
    attribute: Attribute


# Resolves the paths of a filter: against resource types, or within one attribute.
_Scope = Callable[[AttrPath], _Location]


def _resolve(path: AttrPath, resource_types: Sequence[ResourceType]) -> _Location:
    targets = (
        resource_type.resolve(path.urn, path.name, path.sub) for resource_type in resource_types
    )
    target = next((each for each in targets if each is not None), None)
    if target is None:
        names = " or ".join(resource_type.name for resource_type in resource_types)
        shown = shown_name(str(path), resource_types)
        raise InvalidFilter(f"{shown}: not an attribute of {names}; see /Schemas.")
    extension, attribute, sub = target.extension, target.attribute, target.sub_attribute
    found = [Attribute(extension.id, "complex")] if extension else []
    found += [each for each in (attribute, sub) if each is not None]
    return _location(found, path)


def _resolve_within(path: AttrPath, parent: Attribute) -> _Location:
    """Resolve a name of a valFilter; the values of a simple attribute are called `value`."""
    if path.urn is None and path.sub is None:
        if (attribute := parent.sub(path.name)) is not None:
            return _location([attribute], path)
        if parent.type != "complex" and path.name.lower() == "value":
            return _Location((), parent)
    raise InvalidFilter(
        f"{_shown_within(path, parent)}: not a sub-attribute of {parent.name}"
        f"{_sub_attributes(parent)}"
    )


def _location(found: Sequence[Attribute], path: AttrPath) -> _Location:
    """Return the location, unless it is never returned: a filter would tell what a GET does not."""
    for attribute in found:
        if attribute.returned == "never" or attribute.mutability == "writeOnly":
            raise InvalidFilter(f"{_shown(path)}: never returned, so it cannot be filtered by.")
    return _Location(tuple(_Step(each.name, each.multi_valued) for each in found), found[-1])


def _shown(path: AttrPath) -> str:
    """Print a path that the schemas have, cut: an error may repeat it."""
    return str(path)[:_MAX_SHOWN]


def _shown_within(path: AttrPath, parent: Attribute) -> str:
    """Print a path of which perhaps only the parts are known, as in `emails[emails.type ...]`."""
    known = {parent.name.lower(), *(each.name.lower() for each in parent.sub_attributes)}
    is_known = path.urn is None and {path.name.lower(), (path.sub or path.name).lower()} <= known
    return str(path) if is_known else shown_name(str(path), ())


def _sub_attributes(attribute: Attribute) -> str:
    """End a sentence about an attribute with the sub-attributes that it has."""
    names = ", ".join(sub.name for sub in attribute.sub_attributes)
    return f", which has {names}." if names else "."


_MAX_SHOWN: Final = 100


# --- from nodes to predicates -----------------------------------------------------------------


def _compile(node: Filter, scope: _Scope) -> Predicate:
    return _COMPILERS[type(node)](node, scope)


def _comparison(node: Comparison, scope: _Scope) -> Predicate:
    if isinstance(node.path, ValuePath):
        return _chosen_comparison(node, node.path, scope)
    if node.value is None:
        return _null_comparison(node, scope)
    location = _simple(scope(node.path), node.path)
    comparable = _COMPARABLE[location.attribute.type]
    if node.op not in comparable.operators:
        known = ", ".join(op for op in COMPARISONS if op in comparable.operators)
        raise InvalidFilter(f"{_shown(node.path)}: expected one of {known}, got {node.op}.")
    wanted = comparable.parse(node.value)
    if wanted is None:
        raise InvalidFilter(
            f"{_shown(node.path)}: expected {comparable.expected}, got {json_type(node.value)}."
        )
    form_of = comparable_form if node.op in _ORDER else partial_form
    form = form_of(location.attribute)
    if isinstance(wanted, str):
        wanted = form(wanted)
    return _reach(location.steps, _Test(OPERATORS[node.op], form, wanted), absent=node.op == "ne")


def _null_comparison(node: Comparison, scope: _Scope) -> Predicate:
    """RFC 7643 section 2.5: null and no value are the same."""
    if node.op not in _EQUALITY:
        raise InvalidFilter(f"null can be compared by eq and ne only, not by {node.op}.")
    present = _present(Present(node.path), scope)
    return present if node.op == "ne" else lambda holder: not present(holder)


def _chosen_comparison(node: Comparison, path: ValuePath, scope: _Scope) -> Predicate:
    """`emails[type eq "work"].value eq "x"`: one element satisfies both.

    Where no element satisfies the value filter, the sub-attribute is absent.
    """
    compared = Comparison(AttrPath(None, path.sub or "value"), node.op, node.value)
    chosen = _value_path(ValuePath(path.path, path.filter), scope)
    both = _value_path(ValuePath(path.path, And((path.filter, compared))), scope)
    satisfied_by_absence = (node.op == "ne") != (node.value is None)
    if satisfied_by_absence:
        return lambda holder: both(holder) or not chosen(holder)
    return both


def _simple(location: _Location, path: AttrPath) -> _Location:
    """A complex attribute is compared by its `value`: `manager eq "x"`, `emails co "@b"`."""
    attribute = location.attribute
    if attribute.type != "complex":
        return location
    value = attribute.sub("value")
    if value is None:
        raise InvalidFilter(
            f"{_shown(path)}: expected a sub-attribute of this complex attribute"
            f"{_sub_attributes(attribute)}"
        )
    return _Location((*location.steps, _Step(value.name, value.multi_valued)), value)


def _present(node: Present, scope: _Scope) -> Predicate:
    if isinstance(node.path, ValuePath):
        path = node.path
        present = Present(AttrPath(None, path.sub or "value"))
        return _value_path(ValuePath(path.path, And((path.filter, present))), scope)
    return _reach(scope(node.path).steps, _has_value, absent=False)


def _has_value(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _value_path(node: ValuePath, scope: _Scope) -> Predicate:
    location = scope(node.path)
    return _reach(
        location.steps, compile_value_filter(node.filter, location.attribute), absent=False
    )


def _and(node: And, scope: _Scope) -> Predicate:
    parts = [_compile(term, scope) for term in node.terms]

    def all_hold(holder: Any) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as all() over a generator
            if not part(holder):
                return False
        return True

    return all_hold


def _or(node: Or, scope: _Scope) -> Predicate:
    parts = [_compile(term, scope) for term in node.terms]

    def one_holds(holder: Any) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as any() over a generator
            if part(holder):
                return True
        return False

    return one_holds


def _not(node: Not, scope: _Scope) -> Predicate:
    term = _compile(node.term, scope)
    return lambda holder: not term(holder)


_COMPILERS: Final[Mapping[type, Callable[[Any, _Scope], Predicate]]] = {
    Comparison: _comparison,
    Present: _present,
    ValuePath: _value_path,
    And: _and,
    Or: _or,
    Not: _not,
}


# --- predicates on values ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Test:
    """One comparison of one value, taken apart so that `_compared_at` needs no further call."""

    compare: Callable[[Any, Any], bool]
    form: Callable[[Any], Any]
    wanted: Any

    def __call__(self, value: Any) -> bool:
        """Compare a stored value."""
        return self.compare(self.form(value), self.wanted)


def _reach(steps: Sequence[_Step], test: Predicate, *, absent: bool) -> Predicate:
    """Turn a predicate on the value at the end of `steps` into one on the object they start from.

    `absent` is the result where there is no value.
    """
    for step in reversed(steps):
        if step.multi_valued:
            test = _any_at(step.name, test, absent)
        elif isinstance(test, _Test):
            test = _compared_at(step.name, test, absent)
        else:
            test = _at(step.name, test, absent)
    return test


def _compared_at(name: str, test: _Test, absent: bool) -> Predicate:  # noqa: FBT001 - see _reach
    compare, form, wanted = test.compare, test.form, test.wanted
    if compare is operator.eq and form in _QUICK:
        return _QUICK[form](name, wanted)

    def satisfied(holder: Any) -> bool:
        value = holder.get(name)
        return absent if value is None else compare(form(value), wanted)

    return satisfied


def _equal_at(name: str, wanted: Any) -> Predicate:
    return lambda holder: holder.get(name) == wanted


def _equal_folded_at(name: str, wanted: Any) -> Predicate:
    def equal(holder: Any) -> Any:
        value = holder.get(name)
        if value is None:
            return False
        return (value.lower() if value.isascii() else fold(value)) == wanted

    return equal


# The commonest terms, `active eq true` and `userName eq "x"`, without avoidable calls.
_QUICK: Final[Mapping[Callable[[Any], Any], Callable[[str, Any], Predicate]]] = {
    unchanged: _equal_at,
    fold: _equal_folded_at,
}


def _at(name: str, test: Predicate, absent: bool) -> Predicate:  # noqa: FBT001 - see _reach
    def satisfied(holder: Any) -> bool:
        value = holder.get(name)
        return absent if value is None else test(value)

    return satisfied


def _any_at(name: str, test: Predicate, absent: bool) -> Predicate:  # noqa: FBT001 - see _reach
    def satisfied(holder: Any) -> bool:
        values = holder.get(name)
        if not values:
            return absent
        for value in values:  # noqa: SIM110 - twice as fast as any() over a generator
            if test(value):
                return True
        return False

    return satisfied
