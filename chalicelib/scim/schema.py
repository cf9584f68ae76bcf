"""What an attribute, a schema and a resource type are: RFC 7643 sections 2, 6 and 7.

Schemas are data: values of these classes, read from JSON in the form of RFC 7643 section 7.
Nothing here knows which schemas exist (`catalog`) or what to do with a value (`validation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

AttributeType = Literal[
    "string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"
]
MutabilityRule = Literal["readOnly", "readWrite", "immutable", "writeOnly"]
ReturnedRule = Literal["always", "never", "default", "request"]
UniquenessRule = Literal["none", "server", "global"]

# A SCIM resource or a complex value as a JSON object, names in the schema's spelling.
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute definition, with the characteristics of RFC 7643 section 2.2."""

    name: str
    type: AttributeType = "string"
    multi_valued: bool = False
    description: str = ""
    required: bool = False
    canonical_values: tuple[str, ...] = ()
    case_exact: bool = False
    mutability: MutabilityRule = "readWrite"
    returned: ReturnedRule = "default"
    uniqueness: UniquenessRule = "none"
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple[Attribute, ...] = ()
    # No characteristic of the RFC: how the names of groups are compared is our own choice.
    is_group_name: bool = field(default=False, compare=False)
    _by_name: Mapping[str, Attribute] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the sub-attributes: names are compared without case (RFC 7643 section 2.1)."""
        object.__setattr__(self, "_by_name", {a.name.lower(): a for a in self.sub_attributes})

    def sub(self, name: str) -> Attribute | None:
        """Find a sub-attribute by name, in any case."""
        return self._by_name.get(name.lower())


@dataclass(frozen=True, slots=True)
class Schema:
    """A named set of attributes; `id` is its URN."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    _by_name: Mapping[str, Attribute] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the attributes by name without case."""
        object.__setattr__(self, "_by_name", {a.name.lower(): a for a in self.attributes})

    def find(self, name: str) -> Attribute | None:
        """Find an attribute by name, in any case."""
        return self.at(name.lower())

    def at(self, folded: str) -> Attribute | None:
        """Find an attribute by its name in lower case."""
        return self._by_name.get(folded)


# RFC 7643 section 3.1: part of every resource, defined in no schema.
COMMON = Schema(
    id="",
    name="Common attributes",
    description="What every resource has (RFC 7643 section 3.1)",
    attributes=(
        Attribute("schemas", "reference", multi_valued=True, case_exact=True, returned="always"),
        Attribute(
            "id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server"
        ),
        Attribute("externalId", case_exact=True),
        Attribute(
            "meta",
            "complex",
            mutability="readOnly",
            sub_attributes=(
                Attribute("resourceType", case_exact=True, mutability="readOnly"),
                Attribute("created", "dateTime", mutability="readOnly"),
                Attribute("lastModified", "dateTime", mutability="readOnly"),
                Attribute("location", "reference", case_exact=True, mutability="readOnly"),
                Attribute("version", case_exact=True, mutability="readOnly"),
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path points: an attribute of the core (`extension` None) or of an extension.

    `attribute` None means the extension object as a whole.
    """

    extension: Schema | None
    attribute: Attribute | None
    sub_attribute: Attribute | None = None


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource type: its core schema and its extensions (RFC 7643 section 6)."""

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()

    def extended(self, schemas: Iterable[Schema]) -> ResourceType:
        """Return this resource type with further extensions."""
        return replace(self, extensions=(*self.extensions, *schemas))

    def without(self, name: str) -> ResourceType:
        """Return this resource type without one attribute of its core schema."""
        kept = tuple(each for each in self.schema.attributes if each.name != name)
        return replace(self, schema=replace(self.schema, attributes=kept))

    def schemas(self) -> Iterator[Schema]:
        """Yield the core schema, then the extensions."""
        yield self.schema
        yield from self.extensions

    def extension(self, urn: str) -> Schema | None:
        """Find an extension by its URN, in any case."""
        wanted = urn.lower()
        return next((s for s in self.extensions if s.id.lower() == wanted), None)

    def core(self, name: str) -> Attribute | None:
        """Find a core or common attribute by name, in any case."""
        folded = name.lower()
        return self.schema.at(folded) or COMMON.at(folded)

    def resolve(self, urn: str | None, name: str, sub: str | None = None) -> Target | None:
        """Find the attribute that a path names; None where the schemas do not have it.

        Without a URN the core is searched first and then the extensions, because Entra ID writes
        `manager` for the enterprise attribute. The last part of a URN may be in `name`, as in
        `urn:...:2.0` + `User`, or a dot may stand before the attribute, as in `User` +
        `department`: identity providers write both.
        """
        if urn is None:
            return self._bare(name, sub)
        for schema in self.schemas():
            spelled = schema.id.lower()
            if urn.lower() == spelled:
                return self._within(schema, name, sub)
            if f"{urn}:{name}".lower() == spelled:
                return self._within(schema, sub, None)
        return None

    def locate(self, path: str) -> Target | None:
        """Find the attribute that a text names: `resolve` for keys and attribute lists.

        Accepts `name`, `name.givenName`, a schema's URN before either, an extension's URN alone.
        A body may name 80,000 attributes that no schema has, so what has no colon is no URN.
        """
        for schema in self.schemas() if ":" in path else ():
            urn, rest = path[: len(schema.id)], path[len(schema.id) :]
            if urn.lower() == schema.id.lower() and rest[:1] in ("", ":", "."):
                name, _, sub = rest[1:].partition(".")
                return self._within(schema, name or None, sub or None)
        name, _, sub = path.partition(".")
        return self._bare(name, sub or None)

    def _bare(self, name: str, sub: str | None) -> Target | None:
        folded = name.lower()
        if (attribute := self.schema.at(folded) or COMMON.at(folded)) is not None:
            return _with_sub(None, attribute, sub)
        for schema in self.extensions:
            if (attribute := schema.at(folded)) is not None:
                return _with_sub(schema, attribute, sub)
        return None

    def _within(self, schema: Schema, name: str | None, sub: str | None) -> Target | None:
        extension = None if schema is self.schema else schema
        if name is None:
            return Target(extension, None) if extension else None
        attribute = schema.find(name) or (None if extension else COMMON.find(name))
        return None if attribute is None else _with_sub(extension, attribute, sub)


def _with_sub(extension: Schema | None, attribute: Attribute, sub: str | None) -> Target | None:
    if sub is None:
        return Target(extension, attribute)
    found = attribute.sub(sub)
    return None if found is None else Target(extension, attribute, found)
