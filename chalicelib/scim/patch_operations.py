"""From PATCH operations as identity providers write them to operations as the RFC means them.

RFC 7644 section 3.5.2 knows one form; Entra ID and Okta leave the path out, put paths where
names belong, and send along what a client may not write. After this module every operation names
one attribute that exists and may be written, in the schema's spelling. What the values hold is
`patch`'s business; which requests were recorded where stands in the corpus of the tests.

What the schemas do not know is passed over, as it is in POST and PUT: a client whose mapping
names one attribute too many would otherwise change nothing at all. A malformed path is always
refused, and so is a read-only attribute that a path names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from chalicelib.errors import BadRequest
from chalicelib.scim import validation
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from chalicelib.scim.filters import AttrPath, Path, parse_path
from chalicelib.scim.messages import Op, RawOperation
from chalicelib.scim.schema import Attribute, ResourceType, Schema, Target


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one attribute, in canonical spelling; an extension's bears its URN.

    `value` is as the client sent it, None where there is none. A path that is an extension's URN
    alone occurs with `remove` only.
    """

    op: Op
    path: Path
    value: Any = None


def normalise(
    operations: Sequence[RawOperation], resource_type: ResourceType
) -> tuple[Operation, ...]:
    """Give every operation a path, and leave out those that name nothing that is kept.

    Raises:
        InvalidPath: a path that is not of the grammar, or chooses elements of what has none.
        Mutability: a path that names what clients do not write.
        NoTarget: a `remove` without a path (RFC 7644 section 3.5.2.2).
        InvalidValue: `add` or `replace` without a value, or without a path and no object.
    """
    return tuple(
        one for place, raw in enumerate(operations) for one in _placed(place, raw, resource_type)
    )


def unknown(operations: Sequence[RawOperation], resource_type: ResourceType) -> Iterator[str]:
    """Name what `normalise` leaves out because the schemas do not know it."""
    for raw in operations:
        if not raw.path or raw.path.isspace():
            if isinstance(raw.value, dict):
                yield from validation.unknown(raw.value, resource_type)
        elif (
            _schema(path := parse_path(raw.path), resource_type) is None
            and _target(path, resource_type) is None
        ):
            yield raw.path


def _placed(place: int, raw: RawOperation, resource_type: ResourceType) -> Iterator[Operation]:
    """Normalise an operation; a refusal says which one it was."""
    try:
        yield from _normalised(raw, resource_type)
    except BadRequest as error:
        raise type(error)(f"Operations[{place}]: {error.detail}") from None


def _normalised(raw: RawOperation, resource_type: ResourceType) -> Iterator[Operation]:
    op = raw.op
    if op != "remove" and not raw.has_value:
        raise InvalidValue(f"{op} takes a `value` (RFC 7644 section 3.5.2).")
    if not raw.path or raw.path.isspace():
        return _pathless(op, raw.value, resource_type)
    return _at_path(op, parse_path(raw.path), raw.value, resource_type)


def _pathless(op: Op, value: Any, resource_type: ResourceType) -> Iterator[Operation]:
    """An operation for each attribute of the value, which is a part of a resource."""
    if op == "remove":
        raise NoTarget("remove takes a `path` (RFC 7644 section 3.5.2.2).")
    if not isinstance(value, dict):
        raise InvalidValue(f"{op} without a path takes an object with attributes as its value.")
    return _members_of(op, value, "", resource_type)


def _members_of(
    op: Op, value: Mapping[str, Any], prefix: str, resource_type: ResourceType
) -> Iterator[Operation]:
    """Entra ID writes paths as keys: `name.givenName`, `urn:...:User:department`.

    Read-only attributes in a value are ignored (RFC 7644 section 3.5.2.1): Okta sends the `id`
    of the group along with its new name.
    """
    for key, found in value.items():
        path = _key(prefix + key)
        if path is not None and not _read_only(_target(path, resource_type)):
            yield from _at_path(op, path, found, resource_type)


def _key(text: str) -> Path | None:
    """A key that is no path names no attribute, unless it chooses elements and does so wrongly."""
    try:
        return parse_path(text)
    except InvalidPath:
        if "[" in text:
            raise
        return None


def _at_path(op: Op, path: Path, value: Any, resource_type: ResourceType) -> Iterator[Operation]:
    schema = _schema(path, resource_type)
    if schema is not None:
        yield from _at_schema(op, schema, value, resource_type)
        return
    target = _target(path, resource_type)
    if target is None or target.attribute is None:
        return
    if _read_only(target):
        raise Mutability(f"{_spelled(path, target)} is read-only (RFC 7643 section 2.2).")
    if target.attribute.returned == "never":
        return
    yield Operation(op, _canonical(path, target), value)


def _at_schema(
    op: Op, schema: Schema, value: Any, resource_type: ResourceType
) -> Iterator[Operation]:
    """A schema's URN stands for all of its attributes; a null in its place takes them away."""
    if op == "remove" or value is None or value == "":
        if schema is resource_type.schema:
            raise Mutability(f"{schema.id} is what makes this a {resource_type.name}.")
        urn, _, name = schema.id.rpartition(":")
        yield Operation("remove", Path(AttrPath(urn, name)))
        return
    if not isinstance(value, dict):
        raise InvalidValue(f"{schema.id} takes an object with its attributes as its value.")
    yield from _members_of(op, value, f"{schema.id}:", resource_type)


def _schema(path: Path, resource_type: ResourceType) -> Schema | None:
    """The schema that a path names as a whole."""
    if path.filter is not None or path.sub is not None:
        return None
    urn = str(path.attr).lower()
    return next((schema for schema in resource_type.schemas() if schema.id.lower() == urn), None)


def _target(path: Path, resource_type: ResourceType) -> Target | None:
    return resource_type.resolve(path.attr.urn, path.attr.name, path.sub)


def _read_only(target: Target | None) -> bool:
    """Tell what clients do not write: `schemas` follows from the attributes that there are."""
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
        raise InvalidPath(f"{attribute.name} has one value, so there are no elements to choose.")
    urn = target.extension.id if target.extension else None
    return Path(AttrPath(urn, attribute.name), path.filter, sub.name if sub else None)


def _spelled(path: Path, target: Target) -> str:
    return str(_canonical(Path(path.attr, None, path.sub), target))
