"""Apply PATCH operations to a resource: RFC 7644 section 3.5.2.

Every step makes a new document and changes none, so a request that fails half-way leaves what was
there as it was. Takes operations as `dialects` makes them; knows nothing of storage. A group's
members are not part of its document: `members` reduces the operations on them to a net change,
without looking at who is in the group.

Where the RFC's letter would lose what identity providers mean, their practice is followed: a
complex attribute is merged on `replace` as on `add`; a choice that matches no element creates
one; what is taken away twice is away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from chalicelib.scim import validation
from chalicelib.scim.comparison import same
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from chalicelib.scim.filters import Comparison, Filter
from chalicelib.scim.matching import Predicate, compile_value_filter, terms
from chalicelib.scim.patch_operations import Operation
from chalicelib.scim.schema import Attribute, Resource, ResourceType
from chalicelib.scim.validation import CLEARED, LABELS, check_element, check_value


def apply(
    operations: Sequence[Operation], resource: Resource, resource_type: ResourceType
) -> Resource:
    """Apply the operations one after another to a canonical document; answer the new one.

    All or nothing: `resource` is not changed, whatever happens.

    Raises:
        InvalidValue: a value of another type than its attribute, or over a limit.
        InvalidFilter: a choice of elements by what cannot be compared.
        NoTarget: a choice that matches nothing and does not say what to create.
        Mutability: an immutable attribute would change, or a required one be gone at the end.
    """
    changed = resource
    for operation in operations:
        changed = _applied(operation, changed, resource_type)
    _keeps_required(resource, changed, resource_type)
    validation.required(changed, resource_type)
    validation.limits(changed, resource_type)
    return changed


# --- one operation ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    """An operation, with what the schema says of the attribute that it is about."""

    operation: Operation
    attribute: Attribute
    sub: Attribute | None
    chosen: Predicate | None

    @property
    def removes(self) -> bool:
        """It takes something away, whatever its value."""
        return self.operation.op == "remove"

    @property
    def of_all(self) -> bool:
        """It is about the attribute as a whole, not about some elements or a part of them."""
        return self.chosen is None and self.sub is None

    @property
    def where(self) -> str:
        """The path, as an error may repeat it."""
        return str(self.operation.path)[:_LONGEST_PATH]


_LONGEST_PATH: Final = 100


def _applied(operation: Operation, resource: Resource, resource_type: ResourceType) -> Resource:
    path = operation.path
    target = resource_type.resolve(path.attr.urn, path.attr.name, path.sub)
    if target is None:
        raise InvalidPath(f"{str(path)[:_LONGEST_PATH]} is no attribute of a {resource_type.name}.")
    extension, attribute = target.extension, target.attribute
    if attribute is None:
        return _put(resource, str(path.attr), CLEARED)
    chosen = None if path.filter is None else compile_value_filter(path.filter, attribute)
    change = _Change(operation, attribute, target.sub_attribute, chosen)
    if extension is None:
        return _changed(resource, change)
    return _put(resource, extension.id, _changed(resource.get(extension.id, {}), change))


def _changed(holder: Resource, change: _Change) -> Resource:
    """Change an attribute in the object that holds it: the resource, or its extension's part."""
    name = change.attribute.name
    old = holder.get(name)
    new = _many(old or [], change) if change.attribute.multi_valued else _edited(old or {}, change)
    if change.attribute.mutability == "immutable" and old is not None and new != old:
        raise _immutable(change)
    return _put(holder, name, new)


def _put(holder: Resource, name: str, value: Any) -> Resource:
    """Set an attribute in a copy; what is empty is absent (RFC 7643 section 2.5)."""
    if value is CLEARED or value in ([], {}):
        return {key: kept for key, kept in holder.items() if key != name}
    return {**holder, name: value}


def _immutable(change: _Change) -> Mutability:
    return validation.unchangeable(change.where)


def _keeps_required(before: Resource, after: Resource, resource_type: ResourceType) -> None:
    """Judged at the end: one request may remove a name and add another (RFC 7644 3.5.2.2)."""
    for attribute in resource_type.schema.attributes:
        if attribute.required and attribute.name in before and attribute.name not in after:
            raise Mutability(f"{attribute.name} is required; it can be replaced, not removed.")


# --- all the values of a multi-valued attribute -----------------------------------------------


def _many(elements: Sequence[Any], change: _Change) -> Any:
    if change.of_all:
        return _ALL[change.operation.op](elements, change)
    return _edited_where(elements, change)


def _added(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    """Add what is not there already (RFC 7644 section 3.5.2.1), and complete what is."""
    result, fresh = list(elements), set()
    for new in check_value(change.operation.value, change.attribute, change.where) or []:
        place = next((i for i, old in enumerate(result) if _says(old, new, change)), len(result))
        if place == len(result):
            result.append(new)
        elif _is_complex(new):
            result[place] = result[place] | new
        fresh.add(place)
    if len(result) > validation.MAX_VALUES:
        raise InvalidValue(f"{change.where}: at most {validation.MAX_VALUES} values are kept.")
    return _one_primary(result, fresh)


def _replaced(_: Sequence[Any], change: _Change) -> Any:
    return check_value(change.operation.value, change.attribute, change.where)


def _removed(elements: Sequence[Any], change: _Change) -> Any:
    """Remove all values, or those that the operation's value names, as Entra ID does it.

    An empty array names none of them.
    """
    value = change.operation.value
    if value is None:
        return CLEARED
    gone = check_value(value, change.attribute, change.where) or []
    return [old for old in elements if not any(_says(old, named, change) for named in gone)]


_ALL: Final[Mapping[str, Callable[[Sequence[Any], _Change], Any]]] = {
    "add": _added,
    "replace": _replaced,
    "remove": _removed,
}


def _says(old: Any, new: Any, change: _Change) -> bool:
    """Tell whether an element is the one that a client means, or says as much already.

    An element is known by its `value`, with its `type` where given (RFC 7643 section 2.4: such
    a pair occurs once); without a `value`, by all that is said of it.
    """
    if not _is_complex(new):
        return same(old, new, change.attribute)
    names = new.keys() & {"value", "type"} if "value" in new else new.keys()
    return all(name in old and _equal(old[name], new[name], name, change) for name in names)


def _equal(old: Any, new: Any, name: str, change: _Change) -> bool:
    sub = change.attribute.sub(name)
    return bool(old == new) if sub is None or sub.multi_valued else same(old, new, sub)


def _one_primary(elements: Sequence[Any], fresh: Collection[int]) -> Sequence[Any]:
    """RFC 7644 section 3.5.2: an element that becomes primary takes that from the one that was."""
    winner = next((i for i in sorted(fresh, reverse=True) if _is_primary(elements[i])), None)
    if winner is None:
        return elements
    return [
        {**element, "primary": False} if _is_primary(element) and i != winner else element
        for i, element in enumerate(elements)
    ]


def _is_primary(element: Any) -> bool:
    return _is_complex(element) and element.get("primary") is True


def _is_complex(value: Any) -> bool:
    return isinstance(value, dict)


# --- some elements, or a part of them ---------------------------------------------------------


def _edited_where(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    """Edit the elements that the path chooses; without a choice, all of them.

    Where there is none it is created, unless it would be for nothing: Entra ID sets
    `emails[type eq "work"].value` before there is such an e-mail, and clears it afterwards, too.
    """
    hits = {i for i, old in enumerate(elements) if change.chosen is None or change.chosen(old)}
    if not hits:
        return elements if _takes_away(change) else _created(elements, change)
    kept: list[Any] = []
    fresh: set[int] = set()
    for i, old in enumerate(elements):
        element = _edited(old, change) if i in hits else old
        if element is not CLEARED:
            kept.append(element)
            fresh |= {len(kept) - 1} if i in hits else set()
    return _one_primary(kept, fresh)


def _created(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    element = _edited(_described(change.operation.path.filter, change), change)
    if change.chosen is not None and not change.chosen(element):
        raise _no_target(change)
    return _one_primary([*elements, element], {len(elements)})


def _described(choice: Filter | None, change: _Change) -> Resource:
    """Make the element that a choice describes: `[type eq "work"]` means one of that type."""
    element: Resource = {}
    for term in () if choice is None else terms(choice):
        if not isinstance(term, Comparison) or term.op != "eq" or term.value is None:
            raise _no_target(change)
        sub = change.attribute.sub(str(term.path))
        if sub is not None:
            element[sub.name] = check_value(term.value, sub, change.where)
    return element


def _no_target(change: _Change) -> NoTarget:
    return NoTarget(
        f"{change.where} matches nothing, and does not say what to create, as "
        '[type eq "work"] would.'
    )


def _takes_away(change: _Change) -> bool:
    if change.removes:
        return True
    if _of_complex(change):
        return not _said(change).given
    return _checked(change.operation.value, change) is CLEARED


def _edited(old: Any, change: _Change) -> Any:
    """The new form of one value, of a singular attribute or among many; CLEARED where it goes."""
    if change.removes and change.sub is None:
        return CLEARED
    if not _of_complex(change):
        return _checked(change.operation.value, change)
    new = _merged(old, _said(change))
    if new is not CLEARED and any(
        sub.mutability == "immutable" and sub.name in old and new.get(sub.name) != old[sub.name]
        for sub in change.attribute.sub_attributes
    ):
        raise _immutable(change)
    return new


def _of_complex(change: _Change) -> bool:
    return change.attribute.type == "complex"


class _Said(NamedTuple):
    """What a change says of a complex value: what it sets, and the names of what it clears."""

    given: Resource
    cleared: AbstractSet[str]


def _said(change: _Change) -> _Said:
    value, sub = change.operation.value, change.sub
    if sub is not None:
        checked = CLEARED if change.removes else check_value(value, sub, change.where)
        return _Said({}, {sub.name}) if checked is CLEARED else _Said({sub.name: checked}, set())
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Entra ID's array around a single manager
    given = _checked(value, change) or {}
    return _Said(given, _named(value, given, change.attribute) - given.keys())


def _named(value: Any, given: Resource, attribute: Attribute) -> AbstractSet[str]:
    """The sub-attributes that a value speaks of; a null or "" speaks of all of them."""
    if not isinstance(value, dict):
        return given.keys() or {sub.name for sub in attribute.sub_attributes}
    subs = map(attribute.sub, value)
    return {sub.name for sub in subs if sub is not None and sub.mutability != "readOnly"}


def _checked(value: Any, change: _Change) -> Any:
    """One value, even of an attribute that has many."""
    check = check_element if change.attribute.multi_valued else check_value
    return check(value, change.attribute, change.where)


def _merged(old: Resource, said: _Said) -> Any:
    """Merge what is said into a complex value (RFC 7644 section 3.5.2.3: the rest stays).

    Taking away the `value` takes away all: no e-mail is left without its address. What then
    only says of which type it was, goes as well. The `$ref` of another manager is not kept.
    """
    cleared = said.cleared & old.keys()
    if "value" in cleared:
        return CLEARED
    changes = "value" in said.given and said.given["value"] != old.get("value")
    gone = cleared | {"$ref"} if changes else cleared
    new = {name: value for name, value in old.items() if name not in gone} | said.given
    return CLEARED if cleared and new.keys() <= LABELS else new
