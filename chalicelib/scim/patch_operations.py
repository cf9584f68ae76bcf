"""Turn PATCH operations as providers send them into operations as RFC 7644 section 3.5.2 has them.

The RFC knows one form; Entra ID and Okta leave the path out, put paths where names belong, and
send what clients cannot write. After this module every operation names one attribute that exists
and can be written, in the schema's spelling. The values are `patch`'s business; the recorded
requests are in the corpus of the tests.

Attributes that the schemas do not know are ignored, as in POST and PUT: otherwise a client whose
mapping has one attribute too many would change nothing at all. A malformed path is always
rejected, and so is a read-only attribute that a path names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, cast

from chalicelib.errors import BadRequest, PayloadTooLarge
from chalicelib.scim import validation
from chalicelib.scim.client_values import is_understood, unwrap
from chalicelib.scim.errors import (
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    NoTarget,
    in_operation,
)
from chalicelib.scim.filters import AttrPath, Path, parse_path
from chalicelib.scim.ignored import Ignored
from chalicelib.scim.messages import MAX_SPREAD_OPERATIONS, Op, RawOperation
from chalicelib.scim.schema import Attribute, ResourceType, Schema, Target
from chalicelib.scim.strict_json import json_type


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one attribute, in canonical spelling; that of an extension has its URN.

    `value` is as the client sent it, None without one. A path that is an extension's URN
    alone occurs with `remove` only. `index` is the operation's place in the request, for errors.
    """

    op: Op
    path: Path
    value: Any = None
    index: int = field(default=0, compare=False)


class Normalised(NamedTuple):
    """The operations of a PATCH that change something, and what of it is ignored."""

    operations: tuple[Operation, ...]
    ignored: tuple[Ignored, ...]


def normalise(
    operations: Sequence[RawOperation], resource_type: ResourceType, resource_id: str | None = None
) -> Normalised:
    """Give every operation a path, and leave out those on attributes that are not stored.

    Clients send back what they have read: a path of `schemas`, of `meta`, of a read-only
    sub-attribute, or of `id` with the resource's own id changes nothing.

    Raises:
        InvalidPath: a path that is not of the grammar, or a value filter on a single value.
        Mutability: a path of another read-only attribute, or another `id`.
        NoTarget: a `remove` without a path (RFC 7644 section 3.5.2.2).
        InvalidValue: `add` or `replace` without a value, or without a path and not an object.
        PayloadTooLarge: more operations than `MAX_SPREAD_OPERATIONS`, once they are spread, or
            more than `MAX_TERMS` terms in their value filters.
    """
    _check_spread(operations, resource_type)
    changes: list[Operation] = []
    ignored: list[Ignored] = []
    for index, raw in enumerate(operations):
        try:
            for each in _normalise(raw, resource_type):
                if isinstance(each, Ignored):
                    ignored.append(replace(each, index=index))
                elif not _is_own_id(each, resource_id):
                    changes.append(replace(each, index=index))
        except BadRequest as error:
            raise in_operation(error, index) from None
    return Normalised(tuple(changes), tuple(ignored))


def require_paths(operations: Sequence[RawOperation]) -> None:
    """Reject operations without a path, as the SCIM interoperability profile demands.

    Raises:
        InvalidSyntax: says which one, and how it is to be written.
    """
    for index, raw in enumerate(operations):
        if not (raw.path or "").strip():
            detail = (
                "path: missing; this connection follows the interoperability profile. Expected an "
                'operation for each attribute: {"op": "replace", "path": "active", "value": false}.'
            )
            raise in_operation(InvalidSyntax(detail), index)


def _check_spread(operations: Sequence[RawOperation], resource_type: ResourceType) -> None:
    """Count what operations stand for before any of them is read: a value may have any size."""
    urns = frozenset(schema.id.lower() for schema in resource_type.schemas())
    paths = [
        path
        for raw in operations
        for path in _spread_paths((raw.path or "").strip(), raw.value, urns)
    ]
    if len(paths) > MAX_SPREAD_OPERATIONS:
        raise PayloadTooLarge(
            f"Operations: a request may have at most {MAX_SPREAD_OPERATIONS:,} operations, where "
            "each attribute of a value without a path counts as one; this one has "
            f"{len(paths):,}. Send them in several requests."
        )
    terms = sum(_count_terms(path) for path in paths)
    if terms > MAX_TERMS:
        raise PayloadTooLarge(
            f"Operations: the value filters of a request may have at most {MAX_TERMS:,} terms "
            f"together; these have {terms:,}. Send the operations in several requests."
        )


def _spread_paths(path: str, value: Any, urns: AbstractSet[str]) -> Iterator[str]:
    """Yield the paths that a value at a path stands for; a schema's URN is no attribute."""
    if isinstance(value, dict) and (not path or path.lower() in urns):
        for key, inner in value.items():
            yield from _spread_paths(key or " ", inner, urns)
    else:
        yield path


# A term costs about 7 µs to read, and then as much for every 30 values that it is applied to.
MAX_TERMS: Final = 10_000
_JOINT: Final = re.compile(r"(?<=[ \t()\[\]\"])(?:and|or)(?=[ \t()\[\]\"])", re.IGNORECASE)


def _count_terms(path: str) -> int:
    """Count the terms of a path's value filter, or more: a text in it may look like several."""
    return 1 + len(_JOINT.findall(path)) if "[" in path else 0


def _is_own_id(operation: Operation, resource_id: str | None) -> bool:
    """Tell whether an operation sets the id to what it is.

    Raises:
        Mutability: it sets or removes the id otherwise.
    """
    if operation.path.attr.name != "id" or operation.path.attr.urn is not None:
        return False
    if operation.op == "remove" or resource_id is None or operation.value != resource_id:
        raise _read_only("id")
    return True


def _read_only(name: str) -> Mutability:
    return Mutability(f"{name}: read-only (RFC 7643 section 2.2).")


def _normalise(raw: RawOperation, resource_type: ResourceType) -> Iterator[Operation | Ignored]:
    op, value = raw.op, raw.value
    if op != "remove" and not raw.has_value:
        raise InvalidValue(f"{op}: `value` is missing (RFC 7644 section 3.5.2).")
    if raw.path and not raw.path.isspace():
        return _at_path(op, parse_path(raw.path), value, resource_type)
    if op == "remove":
        raise NoTarget("remove: `path` is missing (RFC 7644 section 3.5.2.2).")
    if not isinstance(value, dict):
        raise InvalidValue(
            f"value: expected an object with attributes, as {op} has no path; "
            f"got {json_type(value)}."
        )
    return _at_keys(op, value, "", resource_type)


def _at_keys(
    op: Op, value: Mapping[str, Any], prefix: str, resource_type: ResourceType
) -> Iterator[Operation | Ignored]:
    """Yield an operation for each key of a value: Entra ID writes paths, as `name.givenName`.

    Read-only attributes in a value are ignored (RFC 7644 section 3.5.2.1): Okta sends the `id`
    of the group along with its new name.
    """
    for key, found in value.items():
        path = _path_of_key(prefix + key)
        if path is None:
            yield Ignored(prefix + key)
        elif not _is_read_only(_target(path, resource_type)):
            yield from _at_path(op, path, found, resource_type)


def _path_of_key(text: str) -> Path | None:
    """Read a key as a path; None for one that is not, unless it has a malformed value filter."""
    try:
        return parse_path(text)
    except InvalidPath:
        if "[" in text:
            raise
        return None


def _at_path(
    op: Op, path: Path, value: Any, resource_type: ResourceType
) -> Iterator[Operation | Ignored]:
    schema = _schema(path, resource_type)
    if schema is not None:
        yield from _at_schema(op, schema, value, resource_type)
        return
    target = _target(path, resource_type)
    if target is None or target.attribute is None:
        yield Ignored(_name(path))
        return
    if not _is_read_only(target):
        yield from _at_attribute(Operation(op, _canonical(path, target), value), target)
    elif target.attribute.name == "id":
        yield Operation(op, Path(AttrPath(None, "id")), value)
    elif target.attribute.name not in _ECHOED and (target.sub_attribute is None or path.filter):
        raise _read_only(str(_canonical(Path(path.attr, None, path.sub), target)))


def _at_attribute(operation: Operation, target: Target) -> Iterator[Operation | Ignored]:
    """Yield an operation on an attribute that clients write, unless it is ignored."""
    attribute, value = cast("Attribute", target.attribute), operation.value
    empty = operation.op == "remove" or unwrap(value, attribute) in (None, "")
    if validation.is_always_set(target) and empty:
        yield Ignored(attribute.name, "always_set")
    elif attribute.returned != "never":
        whole = target.sub_attribute is None
        if whole:
            yield from validation.ignored_in_value(value, target, _name(operation.path))
        if not whole or is_understood(value, attribute):
            yield operation


def _name(path: Path) -> str:
    """Return the attribute that a path names, without its value filter, which may hold data."""
    return str(Path(path.attr, None, path.sub))


# Attributes of the core that a client may send back as it has read them, perhaps outdated.
_ECHOED: Final = frozenset({"schemas", "meta"})


def _at_schema(
    op: Op, schema: Schema, value: Any, resource_type: ResourceType
) -> Iterator[Operation | Ignored]:
    """Yield operations for a schema's URN, which stands for all of its attributes.

    A `remove` or an empty value removes the extension.
    """
    if op == "remove" or value is None or value == "":
        if schema is resource_type.schema:
            raise Mutability(f"{schema.id}: the core schema cannot be removed.")
        urn, _, name = schema.id.rpartition(":")
        yield Operation("remove", Path(AttrPath(urn, name)))
        return
    if not isinstance(value, dict):
        raise InvalidValue(f"{schema.id}: expected an object, got {json_type(value)}.")
    yield from _at_keys(op, value, f"{schema.id}:", resource_type)


def _schema(path: Path, resource_type: ResourceType) -> Schema | None:
    """Return the schema that a path names as a whole."""
    if path.filter is not None or path.sub is not None:
        return None
    urn = str(path.attr).lower()
    return next((schema for schema in resource_type.schemas() if schema.id.lower() == urn), None)


def _target(path: Path, resource_type: ResourceType) -> Target | None:
    return resource_type.resolve(path.attr.urn, path.attr.name, path.sub)


def _is_read_only(target: Target | None) -> bool:
    """Tell whether clients cannot write it; `schemas` follows from the attributes."""
    if target is None or target.attribute is None:
        return False
    parts: tuple[Attribute | None, ...] = (target.attribute, target.sub_attribute)
    return target.attribute.name == "schemas" or any(
        part is not None and part.mutability == "readOnly" for part in parts
    )


def _canonical(path: Path, target: Target) -> Path:
    """Spell a path as the schemas do, the sub-attribute apart from the attribute."""
    attribute, sub = cast("Attribute", target.attribute), target.sub_attribute
    if path.filter is not None and not attribute.multi_valued:
        raise InvalidPath(f"{attribute.name}: a single value cannot be selected by a filter.")
    urn = target.extension.id if target.extension else None
    return Path(AttrPath(urn, attribute.name), path.filter, sub.name if sub else None)
