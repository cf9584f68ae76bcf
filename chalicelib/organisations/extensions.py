"""A connection's own extension schemas of the User (RFC 7643 section 7).

They apply to the next request: each change increments the connection's `schemas_version`, by
which processes cache the resource type that they have built.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.errors import Busy, Conflict, FieldError, InvalidFields, NotFound
from chalicelib.organisations import audit, connections
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.scim import catalog
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import Attribute, Schema
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import (
    EXISTS,
    Action,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.records import with_schema

MAX_SCHEMAS = 10
MAX_ATTRIBUTES = 100
# The URN is part of a sort key (1,024 bytes), and every read of the settings reads the item too.
MAX_URN_CHARACTERS = 200
MAX_SCHEMA_CHARACTERS = 100_000
URN_PREFIX = "urn:"
BUILT_IN = frozenset(
    schema.id.lower() for each in catalog.RESOURCE_TYPES.values() for schema in each.schemas()
)

TOO_LONG = f"a schema may have at most {MAX_SCHEMA_CHARACTERS:,} characters of JSON"
TOO_MANY = f"A connection may have at most {MAX_SCHEMAS} schemas, and this one has that many."


def list_schemas(admin: AdminContext, connection_id: str) -> tuple[Schema, ...]:
    """List a connection's own schemas.

    Raises:
        NotFound: the organisation has no such connection.
    """
    connections.get(admin, connection_id)
    items = admin.items.query(admin.keys.schemas(connection_id))
    return tuple(catalog.load(json.loads(item["doc"])) for item in items)


def get(admin: AdminContext, connection_id: str, urn: str) -> Schema:
    """Read one of a connection's own schemas.

    Raises:
        NotFound: the connection has no schema of this URN.
    """
    connections.get(admin, connection_id)
    is_well_formed = len(urn) <= MAX_URN_CHARACTERS
    item = admin.items.get(admin.keys.schema(connection_id, urn)) if is_well_formed else None
    if item is None:
        raise NotFound
    return catalog.load(json.loads(item["doc"]))


def put(admin: AdminContext, connection_id: str, urn: str, document: Mapping[str, Any]) -> Schema:
    """Create or replace a schema.

    Raises:
        NotFound: the organisation has no such connection.
        InvalidFields: it is not a valid schema, or its `id` is not the URN of the path.
        Conflict: the connection has ten others, or has ended.
    """
    schema = _parse(document, urn)
    text = json.dumps(catalog.dump(schema), separators=(",", ":"))
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise InvalidFields(FieldError("attributes", TOO_LONG))
    item = with_schema({"doc": text})
    for _ in admin.items.deadline.attempts():
        # In this order: a schema set after the first read fails the condition on the version.
        version = connections.get_for_change(admin, connection_id).schemas_version
        present = list_schemas(admin, connection_id)
        before = [each for each in present if _is_same_urn(each.id, urn)]
        if len(present) - len(before) >= MAX_SCHEMAS:
            raise Conflict(TOO_MANY)
        after = _audited([schema]) | {"connection": connection_id}
        edit = Edit("schema", urn, _audited(before), after)
        action = Put(admin.keys.schema(connection_id, urn), item)
        actions = _with_records(admin, connection_id, version, action, edit)
        if admin.items.try_commit(actions) is None:
            return schema
    raise Busy  # pragma: no cover - attempts() never ends without raising


def delete(admin: AdminContext, connection_id: str, urn: str) -> None:
    """Delete a schema; users keep their values of it, but they are no longer returned.

    Raises:
        NotFound: the connection has no schema of this URN.
        Conflict: the connection has ended.
    """
    for _ in admin.items.deadline.attempts():
        version = connections.get_for_change(admin, connection_id).schemas_version
        before = _audited([get(admin, connection_id, urn)]) | {"connection": connection_id}
        edit = Edit("schema", urn, before=before)
        action = Delete(admin.keys.schema(connection_id, urn), EXISTS)
        actions = _with_records(admin, connection_id, version, action, edit)
        if admin.items.try_commit(actions) is None:
            return


def _with_records(
    admin: AdminContext, connection_id: str, version: int, action: Action, edit: Edit
) -> list[Action]:
    change = Change("connection", connection_id, attributes=("schemas",))
    version_bump = Update(
        admin.keys.connection(connection_id),
        set={"schemas_version": version + 1},
        condition=_is_at_version(version),
    )
    return [action, version_bump, audit.entry_item(admin, edit), admin.change_item(change)]


def _audited(schemas: Sequence[Schema]) -> dict[str, Any]:
    """Describe each attribute for the audit: a whole definition would make long pages."""
    attributes = [pair for schema in schemas for pair in _flatten(schema.attributes, "")]
    described = {path: ", ".join(_characteristics(each)) for path, each in attributes}
    return {"attributes": described} if described else {}


def _flatten(attributes: Iterable[Attribute], prefix: str) -> Iterator[tuple[str, Attribute]]:
    for each in attributes:
        yield f"{prefix}{each.name}", each
        yield from _flatten(each.sub_attributes, f"{prefix}{each.name}.")


def _characteristics(attribute: Attribute) -> Iterator[str]:
    yield attribute.type
    flags = {
        "multiValued": attribute.multi_valued,
        "required": attribute.required,
        "caseExact": attribute.case_exact,
    }
    yield from (name for name, is_set in flags.items() if is_set)
    yield from (attribute.mutability, f"returned {attribute.returned}")


def _is_at_version(version: int) -> Condition:
    """A connection that never had a schema has no `schemas_version`."""
    return equals("schemas_version", version) if version else EXISTS & absent("schemas_version")


def _parse(document: Mapping[str, Any], urn: str) -> Schema:
    try:
        schema = catalog.load(document)
    except InvalidValue as error:
        field, _, message = error.detail.partition(": ")
        raise InvalidFields(FieldError(field, message)) from error
    faults = [fault for fault, is_wrong in _faults(schema, urn) if is_wrong]
    faults += _unsupported(schema.attributes, "attributes")
    if faults:
        raise InvalidFields(*faults)
    return schema


def _faults(schema: Schema, urn: str) -> tuple[tuple[FieldError, bool], ...]:
    lowered, count = schema.id.lower(), len(schema.attributes)
    too_long = f"may have at most {MAX_URN_CHARACTERS} characters"
    wrong_count = f"expected 1 to {MAX_ATTRIBUTES}, got {count}"
    of_scim = "is a schema of SCIM itself; choose a URN of your own"
    return (
        (FieldError("id", too_long), len(schema.id) > MAX_URN_CHARACTERS),
        (FieldError("id", "must be the URN that the path names"), not _is_same_urn(schema.id, urn)),
        (FieldError("id", "must begin with `urn:`"), not lowered.startswith(URN_PREFIX)),
        (FieldError("id", of_scim), lowered in BUILT_IN),
        (FieldError("attributes", wrong_count), not 1 <= count <= MAX_ATTRIBUTES),
    )


def _unsupported(attributes: Sequence[Attribute], where: str) -> Iterator[FieldError]:
    """Yield the characteristics that a definition asks for and Passerelle does not support."""
    for index, attribute in enumerate(attributes):
        place = f"{where}[{index}]"
        if attribute.uniqueness != "none":
            message = "must be `none`: uniqueness of such an attribute is not supported"
            yield FieldError(f"{place}.uniqueness", message)
        if attribute.required and attribute.returned == "never":
            message = "must be false: an attribute that is never returned is not stored"
            yield FieldError(f"{place}.required", message)
        yield from _unsupported(attribute.sub_attributes, f"{place}.subAttributes")


def _is_same_urn(urn: str, other: str) -> bool:
    return urn.lower() == other.lower()
