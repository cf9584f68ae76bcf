"""The schemas and resource types of this service: RFC 7643 section 8.7.1, as corrected.

The schemas are the JSON files under `data/`, in the form of RFC 7643 section 7; this module turns
that form into `Schema` values and back. Checking values is `validation`'s business, and the
documents of /Schemas are `discovery`'s.

The files differ from the printed text of section 8.7.1 in

- the verified errata: `Group.displayName` is required (5368), `groups.$ref` points to groups only
  (8471), `manager.value` is caseExact (8472), every schema names its own schema (8417); 5606,
  5607, 8415 and 8435 correct the schema of schemas: `load` accepts `binary` and several
  `referenceTypes`, and rejects a complex attribute inside another;
- the same reasoning for the other ids (`groups.value`, `members.value`), and caseExact on every
  reference, since section 2.3.7 calls references case exact;
- what the RFC leaves open: `Group.displayName` is unique on the server, `members` are users only
  and their `display` is returned on request;
- canonicalValues on every `type`: without them Microsoft's validator addresses the element as
  `[primary eq true]` and then misses it. They are suggestions, other values are accepted. Where
  the RFC offers none: `WindowsAzureActiveDirectoryRole` is the type that Entra ID itself gives to
  roles; entitlements are licenses or permissions, certificates are named after their key's use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import (
    Attribute,
    AttributeType,
    MutabilityRule,
    ResourceType,
    ReturnedRule,
    Schema,
    UniquenessRule,
)
from chalicelib.scim.strict_json import json_type

SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"

_DATA = Path(__file__).parent / "data"


# RFC 7643 section 2.1, with the leading `$` of `$ref` that the errata of RFC 7644 allow.
_NAME = re.compile(r"\$?[A-Za-z][\w-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Characteristic:
    """A key of an attribute definition, its field in `Attribute`, and its allowed values."""

    key: str
    field: str
    expected: str
    allowed: Callable[[Any], bool]


def _keyword(key: str, field: str, literal: object) -> _Characteristic:
    words = get_args(literal)
    return _Characteristic(key, field, f"one of {', '.join(words)}", lambda value: value in words)


def _flag(key: str, field: str) -> _Characteristic:
    return _Characteristic(key, field, "true or false", lambda value: isinstance(value, bool))


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


# RFC 7643 section 7, in the order in which a definition is written.
_CHARACTERISTICS = (
    _keyword("type", "type", AttributeType),
    _flag("multiValued", "multi_valued"),
    _Characteristic("description", "description", "a string", _is_text),
    _flag("required", "required"),
    _Characteristic("canonicalValues", "canonical_values", "an array of strings", _is_words),
    _flag("caseExact", "case_exact"),
    _keyword("mutability", "mutability", MutabilityRule),
    _keyword("returned", "returned", ReturnedRule),
    _keyword("uniqueness", "uniqueness", UniquenessRule),
    _Characteristic("referenceTypes", "reference_types", "an array of strings", _is_words),
)

# RFC 7643 section 2.3 says of each type whether it knows case and uniqueness; where it does not,
# the key is left out, as the RFC's own documents do.
_TYPES_WITH = {
    "caseExact": frozenset({"string", "reference", "binary"}),
    "uniqueness": frozenset({"string", "decimal", "integer", "reference"}),
}


def load(document: Mapping[str, Any]) -> Schema:
    """Read a schema document (RFC 7643 section 7); unknown keys are ignored.

    Raises:
        InvalidValue: a key is missing or has a value that section 7 does not allow; names its path.
    """
    return Schema(
        id=_text(document, "id"),
        name=_text(document, "name"),
        description=_text(document, "description") if document.get("description") else "",
        attributes=_attributes(document.get("attributes"), "attributes", nested=False),
    )


def dump(schema: Schema) -> dict[str, Any]:
    """Return the document of a `Schema`: every characteristic is written out, nothing is null."""
    return {
        "schemas": [SCHEMA_URN],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": [_definition(attribute) for attribute in schema.attributes],
    }


def _text(document: Mapping[str, Any], key: str, where: str = "") -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"{where}{key}: expected a string, got {_got(value)}.")
    return value


def _got(value: object) -> str:
    return "an empty string" if value == "" else json_type(value)


def _attributes(found: object, where: str, *, nested: bool) -> tuple[Attribute, ...]:
    if not isinstance(found, list):
        raise InvalidValue(f"{where}: expected an array of definitions, got {_got(found)}.")
    read = tuple(
        _attribute(document, f"{where}[{position}]", nested=nested)
        for position, document in enumerate(found)
    )
    if len({attribute.name.lower() for attribute in read}) < len(read):
        raise InvalidValue(f"{where}: two definitions have the same name, compared without case.")
    return read


def _attribute(document: object, where: str, *, nested: bool) -> Attribute:
    if not isinstance(document, Mapping):
        raise InvalidValue(f"{where}: expected an object, got {_got(document)}.")
    name = _text(document, "name", f"{where}.")
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"{where}.name: expected an attribute name (RFC 7643 section 2.1).")
    fields = _fields(document, where)
    if fields.get("type") != "complex":
        return Attribute(name, **fields)
    if nested:
        raise InvalidValue(
            f"{where}.type: expected a simple type; complex attributes cannot be nested."
        )
    subs = _attributes(document.get("subAttributes"), f"{where}.subAttributes", nested=True)
    return Attribute(name, **fields, sub_attributes=subs)


def _fields(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    fields = {}
    for known in _CHARACTERISTICS:
        value = document.get(known.key)
        if value is None:
            continue
        if not known.allowed(value):
            raise InvalidValue(
                f"{where}.{known.key}: expected {known.expected}, got {_got(value)}."
            )
        fields[known.field] = tuple(value) if isinstance(value, list) else value
    # RFC 7643 section 7: a writeOnly attribute is never returned, whatever `returned` says.
    return fields | ({"returned": "never"} if fields.get("mutability") == "writeOnly" else {})


def _definition(attribute: Attribute) -> dict[str, Any]:
    definition: dict[str, Any] = {"name": attribute.name}
    for known in _CHARACTERISTICS:
        value = getattr(attribute, known.field)
        if isinstance(value, tuple):
            if value:
                definition[known.key] = list(value)
        elif known.key not in _TYPES_WITH or attribute.type in _TYPES_WITH[known.key]:
            definition[known.key] = value
    if attribute.sub_attributes:
        definition["subAttributes"] = [_definition(sub) for sub in attribute.sub_attributes]
    return definition


def _read(name: str, group_name: str = "") -> Schema:
    """Read a schema of the package; `group_name` is the path of what is the name of a group."""
    schema = load(json.loads((_DATA / name).read_text(encoding="utf-8")))
    return replace(schema, attributes=_marked(schema.attributes, group_name.split(".")))


def _marked(attributes: tuple[Attribute, ...], path: Sequence[str]) -> tuple[Attribute, ...]:
    def marked(attribute: Attribute) -> Attribute:
        if attribute.name != path[0]:
            return attribute
        if len(path) == 1:
            return replace(attribute, is_group_name=True)
        return replace(attribute, sub_attributes=_marked(attribute.sub_attributes, path[1:]))

    return tuple(map(marked, attributes))


ENTERPRISE_USER = _read("enterprise_user.json")

USER = ResourceType(
    name="User",
    endpoint="/Users",
    description="User Account",
    schema=_read("user.json", group_name="groups.display"),
    extensions=(ENTERPRISE_USER,),
)

GROUP = ResourceType(
    name="Group",
    endpoint="/Groups",
    description="Group",
    schema=_read("group.json", group_name="displayName"),
)

# By the name that stands in the URL; User first, since some clients read the first one only.
RESOURCE_TYPES: Mapping[str, ResourceType] = MappingProxyType({"Users": USER, "Groups": GROUP})
