"""Does a resource match a filter? RFC 7644 section 3.4.2.2, with errata 4690 and 6607.

A filter is compiled once, against the schemas, into one function of a resource: what cannot be
compared is refused then, so an empty directory answers as a full one does, and a list of
thousands costs little more than a loop written by hand. Knows schemas and values; knows nothing
of tenants, storage or requests.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

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

# Something that is true or false of a resource, of a complex value or of a plain value.
Predicate = Callable[[Any], bool]


def matches(node: Filter, resource: Resource, resource_type: ResourceType) -> bool:
    """Tell whether `resource` satisfies `node`.

    An absent attribute satisfies only `ne`, `eq null` and `not (... pr)`; a multi-valued one
    satisfies a comparison when any of its elements does.

    Raises:
        InvalidFilter: as `compile_filter`.
    """
    return compile_filter(node, resource_type)(resource)


def check(node: Filter, resource_type: ResourceType) -> None:
    """See that a filter can be answered for this kind of resource, whatever there is of it.

    Raises:
        InvalidFilter: as `compile_filter`.
    """
    compile_filter(node, resource_type)


def compile_filter(
    node: Filter, resource_type: ResourceType, others: Sequence[ResourceType] = ()
) -> Callable[[Resource], bool]:
    """Make a function that tells whether a resource satisfies `node`, to be used on many.

    What only `others` have counts as absent, as a search over several kinds wants it (RFC 7644
    section 3.4.2.1).

    Raises:
        InvalidFilter: an attribute that the schemas do not have or never return, an operator
            that its type does not have (`gt` on a boolean), or a value of another type.
    """
    resource_types = (resource_type, *others)
    return _compile(node, lambda path: _place(path, resource_types))


def compile_choice(node: Filter, attribute: Attribute) -> Predicate:
    """Make a function that tells whether an element of `attribute` satisfies a valFilter.

    Raises:
        InvalidFilter: as `compile_filter`; the names are those of the sub-attributes.
    """
    return _compile(node, lambda path: _place_within(path, attribute))


def terms(node: Filter) -> tuple[Filter, ...]:
    """Split a filter into terms that must all hold: what a planner can look up, and the rest."""
    return node.terms if isinstance(node, And) else (node,)


def fold(text: str) -> str:
    """Bring a text to the form in which two that differ in case only are equal.

    Character by character, so that a text never equals one of another length: "ß" is not "ss".
    Canonically equivalent texts (NFC) are the same text and come out equal, too.
    """
    if text.isascii():
        return text.lower()
    composed = _exactly(text)
    folded = composed.casefold()
    # Folding never shortens: as many characters as before means that each became one.
    if len(folded) != len(composed):
        folded = "".join(map(_fold_character, composed))
    return _exactly(folded)


def same(left: Any, right: Any, attribute: Attribute) -> bool:
    """Tell whether two values of a simple attribute are equal as its schema compares them."""
    normal = _TYPES[attribute.type].normal(attribute)
    return bool(normal(left) == normal(right))


# --- the operators ----------------------------------------------------------------------------

# Adding an operator is adding a row: RFC 7644 table 3.
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


class Instant(NamedTuple):
    """A moment as whole seconds since year 1, UTC, and the digits after the second's point.

    Not a datetime: `0001-01-01T00:00:00+14:00` lies before the first one that Python has, and
    Microsoft sends seven digits. Digits without trailing zeros order as the fractions do.
    """

    seconds: int
    fraction: str


def instant(text: str) -> Instant | None:
    """Read an xsd:dateTime (RFC 7643 section 2.3.5), or a bare date; None where it is neither.

    Without an offset it is taken for UTC.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        days = date(year, month, day).toordinal()
    except ValueError:
        return None
    seconds = ((days * 24 + hour) * 60 + minute - _offset(found["offset"])) * 60 + second
    return Instant(seconds, (found["fraction"] or "").rstrip("0"))


_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.(?P<fraction>[0-9]{1,12}))?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-5][0-9])?)?"
)


def _offset(text: str | None) -> int:
    """The minutes that a local time is ahead of UTC."""
    if text is None or text in "Zz":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:])
    return -minutes if text[0] == "-" else minutes


# --- the types --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Comparing:
    """How values of one type are compared: which operators, and in which form."""

    operators: frozenset[str]
    due: str
    wanted: Callable[[Scalar], Any]  # a filter's value as one of the type; None where it is none
    normal: Callable[[Attribute], Callable[[Any], Any]]  # to the form that is compared


def _text(value: Scalar) -> str | None:
    """Text; a number without quotation marks is text as well (`externalId eq 42`)."""
    return None if isinstance(value, bool) or value is None else str(value)


def _boolean(value: Scalar) -> bool | None:
    """True or false; Entra ID writes `[primary eq "True"]`."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _number(value: Scalar) -> int | float | None:
    """A number, never a boolean, though Python thinks so; text where `filters` left it as text."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return None if isinstance(value, bool) else value


def _moment(value: Scalar) -> Instant | None:
    return instant(value) if isinstance(value, str) else None


_NUMBER: Final = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?")


def _exactly(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _by_case(attribute: Attribute) -> Callable[[Any], Any]:
    return _exactly if attribute.case_exact else fold


def _as_is(value: Any) -> Any:
    return value


# RFC 7643 section 2.3: adding a type is adding a row. Booleans and binaries have no order
# (RFC 7644 table 3); `co` on a number or a time would depend on how it happens to be written.
_TYPES: Final[Mapping[str, _Comparing]] = {
    "string": _Comparing(_TEXT | _ORDER, "text", _text, _by_case),
    "reference": _Comparing(_TEXT | _ORDER, "text", _text, _by_case),
    "binary": _Comparing(_TEXT, "text", _text, lambda _: _exactly),
    "boolean": _Comparing(_EQUALITY, "true or false", _boolean, lambda _: _as_is),
    "integer": _Comparing(_ORDER, "a number", _number, lambda _: _as_is),
    "decimal": _Comparing(_ORDER, "a number", _number, lambda _: _as_is),
    "dateTime": _Comparing(
        _ORDER, "a time such as 2011-05-13T04:42:34Z", _moment, lambda _: instant
    ),
}


# --- where a path leads -----------------------------------------------------------------------


class _Step(NamedTuple):
    name: str
    multi_valued: bool


class _Place(NamedTuple):
    """The names to follow from a resource or an element, and what is found behind the last."""

    steps: tuple[_Step, ...]
    attribute: Attribute


_Scope = Callable[[AttrPath], _Place]


def _place(path: AttrPath, resource_types: Sequence[ResourceType]) -> _Place:
    targets = (
        resource_type.resolve(path.urn, path.name, path.sub) for resource_type in resource_types
    )
    target = next((each for each in targets if each is not None), None)
    if target is None:
        names = " or a ".join(resource_type.name for resource_type in resource_types)
        raise InvalidFilter(f"{_named(path)} is no attribute of a {names}; /Schemas lists them.")
    extension, attribute, sub = target.extension, target.attribute, target.sub_attribute
    found = [Attribute(extension.id, "complex")] if extension else []
    found += [each for each in (attribute, sub) if each is not None]
    return _through(found, path)


def _place_within(path: AttrPath, parent: Attribute) -> _Place:
    """Resolve a name of a valFilter; elements of a simple attribute are called `value`."""
    if path.urn is None and path.sub is None:
        if (attribute := parent.sub(path.name)) is not None:
            return _through([attribute], path)
        if parent.type != "complex" and path.name.lower() == "value":
            return _Place((), parent)
    raise InvalidFilter(f"{_named(path)} is no sub-attribute of {parent.name}{_parts(parent)}")


def _through(found: Sequence[Attribute], path: AttrPath) -> _Place:
    """Make the place, unless it is never shown: a filter would tell what a read does not."""
    for attribute in found:
        if attribute.returned == "never" or attribute.mutability == "writeOnly":
            raise InvalidFilter(f"{_named(path)} is never returned, so no filter can read it.")
    return _Place(tuple(_Step(each.name, each.multi_valued) for each in found), found[-1])


def _named(path: AttrPath) -> str:
    """The path as an error may repeat it."""
    return str(path)[:_LONGEST_NAME]


def _parts(attribute: Attribute) -> str:
    """The end of a sentence on an attribute: what it has."""
    names = ", ".join(sub.name for sub in attribute.sub_attributes)
    return f"; it has {names}." if names else "."


_LONGEST_NAME: Final = 100


# --- from nodes to predicates -----------------------------------------------------------------


def _compile(node: Filter, scope: _Scope) -> Predicate:
    return _COMPILERS[type(node)](node, scope)


def _comparison(node: Comparison, scope: _Scope) -> Predicate:
    if isinstance(node.path, ValuePath):
        return _choice_compared(node, node.path, scope)
    if node.value is None:
        return _null(node, scope)
    place = _simple(scope(node.path), node.path)
    resource_type = _TYPES[place.attribute.type]
    if node.op not in resource_type.operators:
        can = ", ".join(op for op in COMPARISONS if op in resource_type.operators)
        raise InvalidFilter(f"{_named(node.path)} cannot be compared with {node.op}; {can} can.")
    wanted = resource_type.wanted(node.value)
    if wanted is None:
        raise InvalidFilter(f"{_named(node.path)} is compared with {resource_type.due}.")
    normal = resource_type.normal(place.attribute)
    if isinstance(wanted, str):
        wanted = normal(wanted)
    return _reach(place.steps, _Test(OPERATORS[node.op], normal, wanted), absent=node.op == "ne")


def _null(node: Comparison, scope: _Scope) -> Predicate:
    """RFC 7643 section 2.5: null and no value are the same."""
    if node.op not in _EQUALITY:
        raise InvalidFilter(f"null can be compared with eq and ne, not with {node.op}.")
    present = _present(Present(node.path), scope)
    return present if node.op == "ne" else lambda holder: not present(holder)


def _choice_compared(node: Comparison, path: ValuePath, scope: _Scope) -> Predicate:
    """`emails[type eq "work"].value eq "x"`: one element satisfies both.

    Where no element is chosen, the sub-attribute is absent.
    """
    compared = Comparison(AttrPath(None, path.sub or "value"), node.op, node.value)
    chosen = _value_path(ValuePath(path.path, path.filter), scope)
    both = _value_path(ValuePath(path.path, And((path.filter, compared))), scope)
    if _satisfied_by_nothing(node):
        return lambda holder: both(holder) or not chosen(holder)
    return both


def _satisfied_by_nothing(node: Comparison) -> bool:
    return (node.op == "ne") != (node.value is None)


def _simple(place: _Place, path: AttrPath) -> _Place:
    """A complex attribute is compared by its `value`: `manager eq "x"`, `emails co "@b"`."""
    attribute = place.attribute
    if attribute.type != "complex":
        return place
    value = attribute.sub("value")
    if value is None:
        raise InvalidFilter(f"{_named(path)} is complex, compare a part of it{_parts(attribute)}")
    return _Place((*place.steps, _Step(value.name, value.multi_valued)), value)


def _present(node: Present, scope: _Scope) -> Predicate:
    if isinstance(node.path, ValuePath):
        path = node.path
        there = Present(AttrPath(None, path.sub or "value"))
        return _value_path(ValuePath(path.path, And((path.filter, there))), scope)
    return _reach(scope(node.path).steps, _has_value, absent=False)


def _has_value(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _value_path(node: ValuePath, scope: _Scope) -> Predicate:
    place = scope(node.path)
    chosen = compile_choice(node.filter, place.attribute)
    return _reach(place.steps, chosen, absent=False)


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
    """One comparison of one value, taken apart so that `_at` can do it without a further call."""

    compare: Callable[[Any, Any], bool]
    normal: Callable[[Any], Any]
    wanted: Any

    def __call__(self, value: Any) -> bool:
        """Compare a stored value."""
        return self.compare(self.normal(value), self.wanted)


def _reach(steps: Sequence[_Step], test: Predicate, *, absent: bool) -> Predicate:
    """Make a predicate on the value behind `steps` one on what they start from.

    `absent` is the answer where there is no value.
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
    compare, normal, wanted = test.compare, test.normal, test.wanted
    if compare is operator.eq and normal in _QUICK:
        return _QUICK[normal](name, wanted)

    def satisfied(holder: Any) -> bool:
        value = holder.get(name)
        return absent if value is None else compare(normal(value), wanted)

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


# The commonest terms, `active eq true` and `userName eq "x"`, without calls that can be spared.
_QUICK: Final[Mapping[Callable[[Any], Any], Callable[[str, Any], Predicate]]] = {
    _as_is: _equal_at,
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


def _fold_character(character: str) -> str:
    """Simple case folding: of what full folding makes longer, the lower case, if that is one."""
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character
