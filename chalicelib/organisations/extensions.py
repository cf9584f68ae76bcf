"""A connection's own extension schemas of the User, set as data: RFC 7643 section 7.

They are in force at the next request: each change raises the connection's `schemas_version`,
under which containers keep what they have built.
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

MOST_SCHEMAS = 10
MOST_ATTRIBUTES = 100
# The URN is part of a sort key (1,024 bytes), and every read of the organisation passes the row.
MOST_URN_CHARACTERS = 200
MOST_SCHEMA_CHARACTERS = 100_000
URN_PREFIX = "urn:"
BUILT_IN = frozenset(
    schema.id.lower() for kind in catalog.RESOURCE_TYPES.values() for schema in kind.schemas()
)

TOO_LONG = f"make a schema of more than {MOST_SCHEMA_CHARACTERS:,} characters"
TOO_MANY = f"The connection has {MOST_SCHEMAS} schemas of its own, the most that it may have."


def list_schemas(admin: AdminContext, connection_id: str) -> tuple[Schema, ...]:
    """List a connection's own schemas.

    Raises:
        NotFound: the organisation has no such connection.
    """
    connections.get(admin, connection_id)
    rows = admin.items.query(admin.keys.schemas(connection_id))
    return tuple(catalog.load(json.loads(row["doc"])) for row in rows)


def get(admin: AdminContext, connection_id: str, urn: str) -> Schema:
    """Read one of a connection's own schemas.

    Raises:
        NotFound: there is none of that URN.
    """
    connections.get(admin, connection_id)
    formed = len(urn) <= MOST_URN_CHARACTERS
    row = admin.items.get(admin.keys.schema(connection_id, urn)) if formed else None
    if row is None:
        raise NotFound
    return catalog.load(json.loads(row["doc"]))


def put(admin: AdminContext, connection_id: str, urn: str, document: Mapping[str, Any]) -> Schema:
    """Set a schema, whether there was one of that URN or not.

    Raises:
        NotFound: the organisation has no such connection.
        InvalidFields: it is no schema, or its `id` is not the URN of the path.
        Conflict: the connection has ten others, or has ended.
    """
    schema = _read(document, urn)
    text = json.dumps(catalog.dump(schema), separators=(",", ":"))
    if len(text) > MOST_SCHEMA_CHARACTERS:
        raise InvalidFields(FieldError("attributes", TOO_LONG))
    row = with_schema({"doc": text})
    for _ in admin.items.deadline.attempts():
        # In this order: a schema set after the first read fails the condition on the version.
        version = connections.get_for_change(admin, connection_id).schemas_version
        found = list_schemas(admin, connection_id)
        before = [each for each in found if _same(each.id, urn)]
        if len(found) - len(before) >= MOST_SCHEMAS:
            raise Conflict(TOO_MANY)
        whose = {"connection": connection_id}
        edit = Edit("schema", urn, _told(before), _told([schema]) | whose)
        action = Put(admin.keys.schema(connection_id, urn), row)
        actions = _writing(admin, connection_id, version, action, edit)
        if admin.items.try_commit(actions) is None:
            return schema
    raise Busy  # pragma: no cover - attempts() never ends without raising


def delete(admin: AdminContext, connection_id: str, urn: str) -> None:
    """Take a schema away; what users have of it stays with them, unseen.

    Raises:
        NotFound: there is none of that URN.
        Conflict: the connection has ended.
    """
    for _ in admin.items.deadline.attempts():
        version = connections.get_for_change(admin, connection_id).schemas_version
        told = _told([get(admin, connection_id, urn)]) | {"connection": connection_id}
        gone = Delete(admin.keys.schema(connection_id, urn), EXISTS)
        edit = Edit("schema", urn, before=told)
        actions = _writing(admin, connection_id, version, gone, edit)
        if admin.items.try_commit(actions) is None:
            return


def _writing(
    admin: AdminContext, connection_id: str, version: int, action: Action, edit: Edit
) -> list[Action]:
    change = Change("connection", connection_id, attributes=("schemas",))
    raised = Update(
        admin.keys.connection(connection_id),
        set={"schemas_version": version + 1},
        condition=_at(version),
    )
    return [action, raised, audit.entry_item(admin, edit), admin.change_item(change)]


def _told(schemas: Sequence[Schema]) -> dict[str, Any]:
    """Say for the audit what each attribute is: a whole definition would make long pages."""
    flat = [pair for schema in schemas for pair in _flat(schema.attributes, "")]
    told = {path: ", ".join(_characteristics(each)) for path, each in flat}
    return {"attributes": told} if told else {}


def _flat(attributes: Iterable[Attribute], prefix: str) -> Iterator[tuple[str, Attribute]]:
    for each in attributes:
        yield f"{prefix}{each.name}", each
        yield from _flat(each.sub_attributes, f"{prefix}{each.name}.")


def _characteristics(attribute: Attribute) -> Iterator[str]:
    yield attribute.type
    flags = {
        "multiValued": attribute.multi_valued,
        "required": attribute.required,
        "caseExact": attribute.case_exact,
    }
    yield from (name for name, holds in flags.items() if holds)
    yield from (attribute.mutability, f"returned {attribute.returned}")


def _at(version: int) -> Condition:
    """A connection that never had a schema of its own has no count of them."""
    return equals("schemas_version", version) if version else EXISTS & absent("schemas_version")


def _read(document: Mapping[str, Any], urn: str) -> Schema:
    try:
        schema = catalog.load(document)
    except InvalidValue as error:
        field, _, message = error.detail.partition(": ")
        raise InvalidFields(FieldError(field, message)) from error
    faults = [fault for fault, wrong in _faults(schema, urn) if wrong]
    faults += _unkept(schema.attributes, "attributes")
    if faults:
        raise InvalidFields(*faults)
    return schema


def _faults(schema: Schema, urn: str) -> tuple[tuple[FieldError, bool], ...]:
    found, many = schema.id.lower(), f"from 1 to {MOST_ATTRIBUTES} are taken"
    long = f"may have {MOST_URN_CHARACTERS} characters at most"
    return (
        (FieldError("id", long), len(schema.id) > MOST_URN_CHARACTERS),
        (FieldError("id", "must be the URN that the path names"), not _same(schema.id, urn)),
        (FieldError("id", "must begin with `urn:`"), not found.startswith(URN_PREFIX)),
        (FieldError("id", "is one of the protocol's; choose a URN of your own"), found in BUILT_IN),
        (FieldError("attributes", many), not 1 <= len(schema.attributes) <= MOST_ATTRIBUTES),
    )


def _unkept(attributes: Sequence[Attribute], where: str) -> Iterator[FieldError]:
    """Find what a definition promises and this service would not keep."""
    for position, attribute in enumerate(attributes):
        place = f"{where}[{position}]"
        if attribute.uniqueness != "none":
            yield FieldError(
                f"{place}.uniqueness", "must be `none`: only names are kept unique here"
            )
        if attribute.required and attribute.returned == "never":
            yield FieldError(
                f"{place}.required", "must be false: what is never returned is not kept"
            )
        yield from _unkept(attribute.sub_attributes, f"{place}.subAttributes")


def _same(urn: str, other: str) -> bool:
    return urn.lower() == other.lower()
