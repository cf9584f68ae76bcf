"""Which attributes of a resource are returned: RFC 7644 section 3.9, RFC 7643 section 7.

Knows what a client requested and what the schemas allow, not where the resource comes from.
`Projection.wants` spares the reads for attributes that would not be returned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import COMMON, Attribute, Resource, ResourceType, Schema, Target

# How many attributes a request may name; the schemas have fewer than 200.
MAX_NAMES = 1_000

# An attribute, by its schema's URN ("" for the core) and its name ("" for the whole extension).
# Its paths are the sub-attributes that were named ("" for the whole attribute).
_Key = tuple[str, str]
_Paths = Mapping[_Key, frozenset[str]]
_WHOLE = ""
_NOTHING: frozenset[str] = frozenset()
_EMPTY: tuple[Any, ...] = (None, "", [], {})
# Clients tell a group without members from one whose members were not asked for.
_RETURNED_EMPTY = frozenset({"members"})

# RFC 7643 section 7: these do not depend on the request.
_FIXED: Mapping[str, bool] = {"always": True, "never": False}

_HEAD = tuple(a for a in COMMON.attributes if a.name in ("id", "externalId"))
# A value filter or a quoted text, up to its end or to the end of the list; both may have commas.
_VALUE_FILTER = re.compile(r'\[(?:"[^"]*(?:"|\Z)|[^"\]])*+(?:\]|\Z)|"[^"]*(?:"|\Z)|\]')
_TAIL = tuple(a for a in COMMON.attributes if a.name == "meta")


@dataclass(frozen=True, slots=True)
class Projection:
    """What a client requested: `requested` None means all that is returned by default."""

    requested: _Paths | None
    excluded: _Paths

    @classmethod
    def parse(
        cls, attributes: str | None, excluded: str | None, resource_type: ResourceType
    ) -> Projection:
        """Read the parameters `attributes` and `excludedAttributes`.

        Names that the schemas do not know are ignored, and so is a value filter: Entra ID sends
        `emails[type eq "work"]` and expects the e-mail addresses.

        Raises:
            InvalidValue: both are given (RFC 7644 section 3.9).
        """
        if attributes and excluded:
            raise InvalidValue("attributes, excludedAttributes: expected one of them, got both.")
        requested = _paths(attributes, resource_type) if attributes else None
        return cls(requested, _paths(excluded or "", resource_type))

    def wants(self, name: str) -> bool:
        """Tell whether the core attribute `name`, returned by default, is to be returned."""
        key = ("", name)
        if self.requested is not None:
            return key in self.requested
        return _WHOLE not in self.excluded.get(key, _NOTHING)

    def asks(self, name: str, sub: str) -> bool:
        """Tell whether the client named a sub-attribute that is returned on request only."""
        return self.requested is not None and sub in self.requested.get(("", name), _NOTHING)


def project(
    resource: Resource, resource_type: ResourceType, projection: Projection
) -> dict[str, Any]:
    """Return the document of a response: schemas, id, externalId, the attributes, meta.

    `schemas` names the schemas of what is returned. Nothing is null or empty but the members of a
    group without any, and nothing that the schemas do not know is returned. Parts are shared with
    `resource`: serialise, don't change.
    """
    document = _project(resource, _HEAD + resource_type.schema.attributes, "", projection)
    schemas = [resource_type.schema.id]
    for extension in resource_type.extensions:
        if extension.id in resource:
            values = resource[extension.id]
            if inner := _project(values, extension.attributes, extension.id, projection):
                document[extension.id] = inner
                schemas.append(extension.id)
    return {"schemas": schemas} | document | _project(resource, _TAIL, "", projection)


def _project(
    values: Resource, attributes: tuple[Attribute, ...], urn: str, projection: Projection
) -> Resource:
    projected = {}
    for attribute in attributes:
        if attribute.name in values:
            included = _included(attribute, urn, projection)
            excluded = _excluded(attribute, urn, projection)
            if _is_returned(attribute, included, excluded):
                value = _value(values[attribute.name], attribute, included, excluded)
                if value not in _EMPTY or _has_none(attribute, values):
                    projected[attribute.name] = value
    return projected


def _has_none(attribute: Attribute, values: Resource) -> bool:
    """Tell whether an attribute is returned although it is empty: not because of the projection."""
    return attribute.name in _RETURNED_EMPTY and values[attribute.name] == []


def _included(attribute: Attribute, urn: str, projection: Projection) -> frozenset[str]:
    """Return the sub-attributes to include, "" for the whole, as requested or by default."""
    requested = projection.requested
    by_default = (
        requested is None
        or attribute.returned == "always"
        or (urn != "" and (urn, "") in requested)
    )
    explicit = requested.get((urn, attribute.name), _NOTHING) if requested else _NOTHING
    return explicit | {_WHOLE} if by_default and attribute.returned != "request" else explicit


def _excluded(attribute: Attribute, urn: str, projection: Projection) -> frozenset[str]:
    if urn and (urn, "") in projection.excluded:
        return frozenset({_WHOLE})
    return projection.excluded.get((urn, attribute.name), _NOTHING)


def _is_returned(attribute: Attribute, included: frozenset[str], excluded: frozenset[str]) -> bool:
    if attribute.returned in _FIXED:
        return _FIXED[attribute.returned]
    return bool(included) and _WHOLE not in excluded


def _value(
    value: Any, attribute: Attribute, included: frozenset[str], excluded: frozenset[str]
) -> Any:
    if attribute.type != "complex":
        return value
    names = [
        sub.name for sub in attribute.sub_attributes if _is_sub_returned(sub, included, excluded)
    ]
    if not attribute.multi_valued:
        return _only(value, names)
    return [each for element in value if (each := _only(element, names))]


def _is_sub_returned(sub: Attribute, included: frozenset[str], excluded: frozenset[str]) -> bool:
    if sub.returned in _FIXED:
        return _FIXED[sub.returned]
    by_default = sub.returned == "default" and _WHOLE in included and sub.name not in excluded
    return by_default or sub.name in included


def _only(value: Resource, names: Sequence[str]) -> Resource:
    return {name: value[name] for name in names if name in value}


def _paths(text: str, resource_type: ResourceType) -> _Paths:
    if text.count(",") >= MAX_NAMES:
        raise InvalidValue(
            f"attributes, excludedAttributes: a request may name at most {MAX_NAMES:,} attributes."
        )
    paths: dict[_Key, frozenset[str]] = {}
    for path in _VALUE_FILTER.sub("", text).split(","):
        target = resource_type.locate(path.strip())
        if target is not None:
            key, sub = _key(target)
            paths[key] = paths.get(key, _NOTHING) | {sub}
    return paths


def _key(target: Target) -> tuple[_Key, str]:
    schema: Schema | None = target.extension
    urn = schema.id if schema else ""
    name = target.attribute.name if target.attribute else ""
    return (urn, name), target.sub_attribute.name if target.sub_attribute else _WHOLE
