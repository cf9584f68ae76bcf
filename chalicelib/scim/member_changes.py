"""What a PATCH of a group changes of its members, without knowing who they are.

A group's members are not part of its document: the operations on them are reduced to a net
change, which is written without reading the group's members (RFC 7644 section 3.5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.errors import BadRequest
from chalicelib.scim.errors import InvalidFilter, InvalidPath, InvalidValue, in_operation
from chalicelib.scim.filters import And, AttrPath, Comparison, Filter, Or
from chalicelib.scim.patch_operations import Operation
from chalicelib.scim.schema import ResourceType


@dataclass(frozen=True, slots=True)
class MemberChange:
    """The net effect of a request on the members of a group, as ids of users.

    `replace` has all members where the request names all, and `add` and `remove` are empty then;
    otherwise `add` and `remove` have no id in common.
    """

    replace: frozenset[str] | None = None
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()


def split_members(
    operations: Sequence[Operation], resource_type: ResourceType
) -> tuple[tuple[Operation, ...], MemberChange]:
    """Split operations into those on other attributes and the net change of the members.

    The order counts: a user who is added and then removed is removed.

    Raises:
        InvalidValue: a member without an id, or a group as a member.
        InvalidPath, InvalidFilter: members selected by anything but their `value`.
    """
    members = resource_type.schema.find("members")
    others: list[Operation] = []
    net = _NetChange()
    for operation in operations:
        if members is None or operation.path.attr != AttrPath(None, members.name):
            others.append(operation)
        else:
            try:
                _apply(operation, net)
            except BadRequest as error:
                raise in_operation(error, operation.index) from None
    return tuple(others), net.frozen()


def member_ids(value: Any) -> frozenset[str]:
    """Read the ids in a value of `members`: an array or one member, as an object or a bare id.

    Raises:
        InvalidValue: a member without an id, or a group as a member.
    """
    if isinstance(value, dict) and {key.lower() for key in value} == {"members"}:
        (value,) = value.values()  # the attribute's own name around its value
    if value is None or value == "":
        return frozenset()
    elements = value if isinstance(value, list) else [value]
    return frozenset(_id(element, f"members[{i}]") for i, element in enumerate(elements))


@dataclass(slots=True)
class _NetChange:
    """What the operations so far change, in any group: all the members, or some more and less."""

    all: set[str] | None = None
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def add(self, ids: AbstractSet[str]) -> None:
        if self.all is not None:
            self.all |= ids
        else:
            self.added |= ids
            self.removed -= ids

    def remove(self, ids: AbstractSet[str]) -> None:
        if self.all is not None:
            self.all -= ids
        else:
            self.removed |= ids
            self.added -= ids

    def replace(self, ids: AbstractSet[str]) -> None:
        self.all, self.added, self.removed = set(ids), set(), set()

    def frozen(self) -> MemberChange:
        replace = None if self.all is None else frozenset(self.all)
        return MemberChange(replace, frozenset(self.added), frozenset(self.removed))


_BY_VALUE_ONLY: Final = "members can be selected by value only"


def _apply(operation: Operation, net: _NetChange) -> None:
    op, path, value = operation.op, operation.path, operation.value
    if path.sub is not None or (path.filter is not None and op != "remove"):
        raise InvalidPath(f'{_BY_VALUE_ONLY}, and only to remove them: members[value eq "<id>"].')
    if path.filter is not None:
        net.remove(_selected(path.filter))
    elif op == "remove" and value is None:
        net.replace(frozenset())
    else:
        getattr(net, op)(member_ids(value))


def _selected(node: Filter) -> AbstractSet[str]:
    """Return the ids in `value eq "a"`, or in several of these joined by `or`.

    Each may have `and type eq "User"`; members of another type do not exist.
    """
    if isinstance(node, Or):
        return frozenset().union(*map(_selected, node.terms))
    if isinstance(node, And):
        others = [term for term in node.terms if _operand(term, "type") is None]
        types = {_operand(term, "type") for term in node.terms} - {None}
        if len(others) == 1:
            ids = _selected(others[0])
            return ids if types <= {"user"} else frozenset()
    value = _operand(node, "value")
    if value is None:
        raise InvalidFilter(
            f'{_BY_VALUE_ONLY}: value eq "<id>", each with `and type eq "User"` or without, '
            "several joined by `or`."
        )
    return member_ids(str(node.value)) if isinstance(node, Comparison) else frozenset()


def _operand(node: Filter, name: str) -> str | None:
    """Return the value that `name` is compared with by eq, in lower case; None otherwise."""
    if isinstance(node, Comparison) and str(node.path).lower() == name and node.op == "eq":
        return str(node.value).lower()
    return None


def _id(element: Any, where: str) -> str:
    parts = (
        {key.lower(): part for key, part in element.items()} if isinstance(element, dict) else {}
    )
    if str(parts.get("type")).lower() == "group":
        raise InvalidValue(f"{where}: a member must be a user; nested groups are not supported.")
    found = parts.get("value") if parts else element
    if not isinstance(found, str) or not found:
        raise InvalidValue(f"{where}: expected the id of a user, as text or in `value`.")
    return found
