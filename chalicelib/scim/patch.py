"""Apply PATCH operations to a resource: RFC 7644 section 3.5.2.

Every step makes a new document and changes none, so a request that fails half-way leaves the
resource as it was. Takes operations as `patch_operations` normalises them; those on a group's
members go to `member_changes`. Knows nothing of storage.

Where the RFC's letter would lose what identity providers mean, their practice is followed: a
complex attribute is merged on `replace` as on `add`; a value filter that matches no element
creates one; removing what is not there succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from chalicelib.errors import BadRequest
from chalicelib.scim import validation
from chalicelib.scim.client_values import unwrap
from chalicelib.scim.comparison import comparable_form
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget, in_operation
from chalicelib.scim.filters import Comparison, Filter, Path
from chalicelib.scim.matching import Predicate, compile_value_filter, terms
from chalicelib.scim.names import check_new_names, name_attribute
from chalicelib.scim.patch_operations import Operation
from chalicelib.scim.schema import Attribute, Resource, ResourceType
from chalicelib.scim.sent_names import shown_name
from chalicelib.scim.validation import CLEARED, LABELS, check_element, check_value


@dataclass(frozen=True, slots=True)
class PatchRules:
    """What a `replace` does where clients expect different things.

    Without `creates_missing` one whose value filter matches nothing is an error (RFC 7644 section
    3.5.2.3); with it the value that the filter describes is created, as Entra ID expects. With
    `replaces_whole` one of a complex attribute, such as `name`, clears what its value leaves out
    (SCIM interoperability profile); without it that stays.
    """

    creates_missing: bool = True
    replaces_whole: bool = False


LENIENT: Final = PatchRules()


def apply(
    operations: Iterable[Operation],
    resource: Resource,
    resource_type: ResourceType,
    rules: PatchRules = LENIENT,
) -> Resource:
    """Apply the operations in their order to a canonical document and return the new one.

    All or nothing: `resource` itself is never changed.

    Raises:
        InvalidValue: a value of another type than its attribute, or over a limit.
        InvalidFilter: a value filter that compares what cannot be compared.
        NoTarget: a value filter that matches nothing and does not say what to create.
        Mutability: an immutable attribute would change, or a required one would be removed.
    """
    changed, name = resource, name_attribute(resource_type)
    for operation in operations:
        try:
            changed = _apply(operation, changed, resource_type, rules)
            if operation.path.attr.name == name:
                check_new_names(changed, resource, resource_type)
        except BadRequest as error:
            raise in_operation(error, operation.index) from None
    _check_required_kept(resource, changed, resource_type)
    validation.check_required(changed, resource_type)
    validation.check_limits(changed, resource_type)
    return changed


# --- one operation ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    """An operation with what the schema says of its attribute.

    `selects` is the value filter of its path, None where it has none; `creates` tells whether a
    value is created where it selects none, `whole` whether a value takes the place of the old one.
    """

    operation: Operation
    attribute: Attribute
    sub: Attribute | None
    selects: Predicate | None
    creates: bool
    whole: bool

    @property
    def removes(self) -> bool:
        """Tell whether it is a `remove`, which may have a value too."""
        return self.operation.op == "remove"

    @property
    def where(self) -> str:
        """The path without its value filter, which may hold data: an error repeats it."""
        return _shown(self.operation.path)


_MAX_SHOWN: Final = 100


def _shown(path: Path) -> str:
    name = str(path.attr)[:_MAX_SHOWN]
    return name + ("[...]" if path.filter else "") + (f".{path.sub}" if path.sub else "")


def _apply(
    operation: Operation,
    resource: Resource,
    resource_type: ResourceType,
    rules: PatchRules,
) -> Resource:
    path = operation.path
    target = resource_type.resolve(path.attr.urn, path.attr.name, path.sub)
    if target is None:
        shown = shown_name(f"{path.attr}{f'.{path.sub}' if path.sub else ''}", [resource_type])
        message = f"{shown}: not an attribute of {resource_type.name}."
        raise InvalidPath(message)
    extension, attribute = target.extension, target.attribute
    if attribute is None:
        return _put(resource, str(path.attr), CLEARED)
    selects = None if path.filter is None else compile_value_filter(path.filter, attribute)
    creates = rules.creates_missing or operation.op != "replace" or selects is None
    whole = rules.replaces_whole and operation.op == "replace" and target.sub_attribute is None
    change = _Change(operation, attribute, target.sub_attribute, selects, creates, whole)
    if extension is None:
        return _change_in(resource, change)
    return _put(resource, extension.id, _change_in(resource.get(extension.id, {}), change))


def _change_in(holder: Resource, change: _Change) -> Resource:
    """Change an attribute in the object that has it: the resource, or that of an extension."""
    name = change.attribute.name
    old = holder.get(name)
    if change.attribute.multi_valued:
        new = _change_values(old or [], change)
        if change.attribute.type == "complex" and new is not CLEARED:
            new = validation.unique_values(new, change.attribute)
    else:
        new = _edit({} if change.whole else old or {}, change)
    if change.attribute.mutability == "immutable" and old is not None and new != old:
        raise validation.immutable_error(change.where)
    return _put(holder, name, new)


def _put(holder: Resource, name: str, value: Any) -> Resource:
    """Set an attribute in a copy; an empty one is absent (RFC 7643 section 2.5)."""
    if value is CLEARED or value in ([], {}):
        return {key: kept for key, kept in holder.items() if key != name}
    return {**holder, name: value}


def _check_required_kept(before: Resource, after: Resource, resource_type: ResourceType) -> None:
    """Check at the end: one request may remove a name and add another (RFC 7644 3.5.2.2)."""
    for attribute in resource_type.schema.attributes:
        if attribute.required and attribute.name in before and attribute.name not in after:
            raise Mutability(f"{attribute.name}: required, it can be replaced but not removed.")


# --- all the values of a multi-valued attribute -----------------------------------------------


def _change_values(elements: Sequence[Any], change: _Change) -> Any:
    if change.selects is None and change.sub is None:
        return _ON_ALL[change.operation.op](elements, change)
    return _edit_selected(elements, change)


def _add(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    """Add what is not there already (RFC 7644 section 3.5.2.1), and complete what is."""
    result, fresh = list(elements), set()
    for new in check_value(change.operation.value, change.attribute, change.where) or []:
        names = _identifying(new)
        wanted = _identity(new, names, change)
        found = (i for i, old in enumerate(result) if _identity(old, names, change) == wanted)
        position = next(found, len(result))
        if position == len(result):
            result.append(new)
        elif isinstance(new, dict):
            result[position] = result[position] | new
        fresh.add(position)
    _check_count(result, change)
    return _keep_one_primary(result, fresh)


def _check_count(elements: Sequence[Any], change: _Change) -> None:
    """Reject too many values while they are added: each operation looks at all of them."""
    if len(elements) > validation.MAX_VALUES:
        raise InvalidValue(
            f"{change.where}: at most {validation.MAX_VALUES} values are stored; "
            f"there would be {len(elements)}."
        )


def _replace(_: Sequence[Any], change: _Change) -> Any:
    return check_value(change.operation.value, change.attribute, change.where)


def _remove(elements: Sequence[Any], change: _Change) -> Any:
    """Remove all values, or those in the operation's value, as Entra ID does it.

    An empty array removes none.
    """
    value = change.operation.value
    if value is None:
        return CLEARED
    gone: dict[tuple[str, ...], set[Any]] = {}
    for each in check_value(value, change.attribute, change.where) or []:
        names = _identifying(each)
        gone.setdefault(names, set()).add(_identity(each, names, change))
    return [
        old
        for old in elements
        if not any(_identity(old, names, change) in found for names, found in gone.items())
    ]


_ON_ALL: Final[Mapping[str, Callable[[Sequence[Any], _Change], Any]]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


def _identifying(element: Any) -> tuple[str, ...]:
    """Return the sub-attributes by which a client means a stored element.

    Its `value`, with its `type` where given (RFC 7643 section 2.4: such a pair occurs once);
    without a `value`, all that are given.
    """
    if not isinstance(element, dict):
        return ()
    names = element.keys() & {"value", "type"} if "value" in element else element.keys()
    return tuple(sorted(names))


def _identity(element: Any, names: tuple[str, ...], change: _Change) -> Any:
    """Return what is equal for two elements that are the same by `names`; None if it lacks one.

    Compared as a set's elements are: as many lookups as elements, not as many as pairs.
    """
    if not isinstance(element, dict):
        return comparable_form(change.attribute)(element)
    if not all(name in element for name in names):
        return None
    return tuple(_comparable(element[name], change.attribute.sub(name)) for name in names)


def _comparable(value: Any, sub: Attribute | None) -> Any:
    if sub is None or sub.multi_valued:
        return json.dumps(value, sort_keys=True)
    return comparable_form(sub)(value)


def _keep_one_primary(elements: Sequence[Any], fresh: Collection[int]) -> Sequence[Any]:
    """Let the last of the `fresh` elements that is primary be the only one (section 3.5.2)."""
    winner = next((i for i in sorted(fresh, reverse=True) if _is_primary(elements[i])), None)
    if winner is None:
        return elements
    return [
        {**element, "primary": False} if _is_primary(element) and i != winner else element
        for i, element in enumerate(elements)
    ]


def _is_primary(element: Any) -> bool:
    return isinstance(element, dict) and element.get("primary") is True


# --- some elements, or a sub-attribute of them ------------------------------------------------


def _edit_selected(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    """Edit the elements that the value filter selects; without one, all of them.

    A missing element is created, unless the change only clears: Entra ID sets
    `emails[type eq "work"].value` before there is such an e-mail, and clears it afterwards, too.
    """
    hits = {i for i, old in enumerate(elements) if change.selects is None or change.selects(old)}
    if not hits:
        return elements if _only_clears(change) else _create(elements, change)
    kept: list[Any] = []
    edited: set[int] = set()
    for i, old in enumerate(elements):
        element = _edit(old, change) if i in hits else old
        if element is CLEARED:
            continue
        if i in hits:
            edited.add(len(kept))
        kept.append(element)
    return _keep_one_primary(kept, edited)


def _create(elements: Sequence[Any], change: _Change) -> Sequence[Any]:
    if not change.creates:
        raise NoTarget(f"{change.where}: no value matches.")
    element = _edit(_described(change.operation.path.filter, change), change)
    if change.selects is not None and not change.selects(element):
        raise _no_target(change)
    created = [*elements, element]
    _check_count(created, change)
    return _keep_one_primary(created, {len(elements)})


def _described(node: Filter | None, change: _Change) -> Resource:
    """Return the element that a value filter describes: `[type eq "work"]` is one of that type."""
    element: Resource = {}
    for term in () if node is None else terms(node):
        if not isinstance(term, Comparison) or term.op != "eq" or term.value is None:
            raise _no_target(change)
        sub = change.attribute.sub(str(term.path))
        if sub is not None:
            element[sub.name] = check_value(term.value, sub, change.where)
    return element


def _no_target(change: _Change) -> NoTarget:
    return NoTarget(
        f"{change.where}: no value matches, and the filter does not say what to create, as "
        '[type eq "work"] would.'
    )


def _only_clears(change: _Change) -> bool:
    if change.removes:
        return True
    if change.attribute.type == "complex":
        return not _update_of(change).given
    return _check_one(change.operation.value, change) is CLEARED


def _edit(old: Any, change: _Change) -> Any:
    """Return the new form of one value, of a singular attribute or among many, or CLEARED."""
    if change.removes and change.sub is None:
        return CLEARED
    if change.attribute.type != "complex":
        return _check_one(change.operation.value, change)
    new = _merge(old, _update_of(change))
    if new is not CLEARED and any(
        sub.mutability == "immutable" and sub.name in old and new.get(sub.name) != old[sub.name]
        for sub in change.attribute.sub_attributes
    ):
        raise validation.immutable_error(change.where)
    return new


class _Update(NamedTuple):
    """What a change does to a complex value: the values it sets and the names it clears."""

    given: Resource
    cleared: AbstractSet[str]


def _update_of(change: _Change) -> _Update:
    value, sub = change.operation.value, change.sub
    if sub is not None:
        checked = CLEARED if change.removes else check_value(value, sub, change.where)
        return (
            _Update({}, {sub.name}) if checked is CLEARED else _Update({sub.name: checked}, set())
        )
    value = unwrap(value, change.attribute)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # an array around one selected value
    given = _check_one(value, change) or {}
    return _Update(given, _names_in(value, given, change.attribute) - given.keys())


def _names_in(value: Any, given: Resource, attribute: Attribute) -> AbstractSet[str]:
    """Return the sub-attributes that a value has; a null or "" means all of them."""
    if not isinstance(value, dict):
        return given.keys() or {sub.name for sub in attribute.sub_attributes}
    subs = map(attribute.sub, value)
    return {sub.name for sub in subs if sub is not None and sub.mutability != "readOnly"}


def _check_one(value: Any, change: _Change) -> Any:
    """Check one value, even of a multi-valued attribute."""
    check = check_element if change.attribute.multi_valued else check_value
    return check(value, change.attribute, change.where)


def _merge(old: Resource, update: _Update) -> Any:
    """Merge an update into a complex value: what it does not name stays (section 3.5.2.3).

    Clearing the `value` clears the whole: no e-mail is left without its address. Where only labels
    are left, they are cleared too. The `$ref` of another manager is not kept.
    """
    cleared = update.cleared & old.keys()
    if "value" in cleared:
        return CLEARED
    changes = "value" in update.given and update.given["value"] != old.get("value")
    gone = cleared | {"$ref"} if changes else cleared
    new = {name: value for name, value in old.items() if name not in gone} | update.given
    return CLEARED if cleared and new.keys() <= LABELS else new
