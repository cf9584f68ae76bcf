"""Which attributes of a resource are sent: RFC 7644 section 3.9, RFC 7643 section 2.4 `returned`.

Knows what a client asked for and what the schemas allow; refuses to know where the resource came
from. `Projection.wants` lets a caller skip the reads for what nobody would see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import COMMON, Attribute, Resource, ResourceType, Schema, Target

# An attribute of a schema, by the schema's URN (the core's is "") and its name; with the name ""
# the whole extension. To it belong the sub-attributes that were named, "" for the attribute whole.
_Place = tuple[str, str]
_Paths = Mapping[_Place, frozenset[str]]
_WHOLE = ""
_NOTHING: frozenset[str] = frozenset()
_EMPTY: tuple[Any, ...] = (None, "", [], {})

# RFC 7643 section 2.2: these do not depend on what the client asks for.
_FIXED: Mapping[str, bool] = {"always": True, "never": False}

_HEAD = tuple(a for a in COMMON.attributes if a.name in ("id", "externalId"))
_TAIL = tuple(a for a in COMMON.attributes if a.name == "meta")


@dataclass(frozen=True, slots=True)
class Projection:
    """What a client wants to see: `asked` None means everything that is sent by default."""

    asked: _Paths | None
    hidden: _Paths

    @classmethod
    def parse(
        cls, attributes: str | None, excluded: str | None, resource_type: ResourceType
    ) -> Projection:
        """Read the query parameters `attributes` and `excludedAttributes`.

        Names that the schemas do not know are ignored, and so is a selection in brackets: Entra ID
        asks for `emails[type eq "work"]` and wants the e-mail addresses.

        Raises:
            InvalidValue: both are given; RFC 7644 section 3.9 has them exclude each other.
        """
        if attributes and excluded:
            raise InvalidValue(
                "Send attributes or excludedAttributes, not both (RFC 7644 section 3.9)."
            )
        asked = _paths(attributes, resource_type) if attributes else None
        return cls(asked, _paths(excluded or "", resource_type))

    def wants(self, name: str) -> bool:
        """Tell whether the core attribute `name`, sent by default, would be sent to this client."""
        place = ("", name)
        if self.asked is not None:
            return place in self.asked
        return _WHOLE not in self.hidden.get(place, _NOTHING)

    def asks(self, name: str, sub: str) -> bool:
        """Tell whether the client named a sub-attribute that is sent on request only."""
        return self.asked is not None and sub in self.asked.get(("", name), _NOTHING)


def project(
    resource: Resource, resource_type: ResourceType, projection: Projection
) -> dict[str, Any]:
    """Make the document that is sent: schemas, id, externalId, the attributes, meta.

    `schemas` names the schemas of what is sent. Nothing in it is null or empty, and nothing that
    the schemas do not know gets out. Parts are shared with `resource`: serialise, don't change.
    """
    sent = _shown(resource, _HEAD + resource_type.schema.attributes, "", projection)
    schemas = [resource_type.schema.id]
    for extension in resource_type.extensions:
        if extension.id in resource:
            held = resource[extension.id]
            if inner := _shown(held, extension.attributes, extension.id, projection):
                sent[extension.id] = inner
                schemas.append(extension.id)
    return {"schemas": schemas} | sent | _shown(resource, _TAIL, "", projection)


def _shown(
    held: Resource, attributes: tuple[Attribute, ...], urn: str, projection: Projection
) -> Resource:
    shown = {}
    for attribute in attributes:
        if attribute.name in held:
            named, hidden = _named(attribute, urn, projection), _hidden(attribute, urn, projection)
            if _is_sent(attribute, named, hidden):
                value = _kept(held[attribute.name], attribute, named, hidden)
                if value not in _EMPTY:
                    shown[attribute.name] = value
    return shown


def _named(attribute: Attribute, urn: str, projection: Projection) -> frozenset[str]:
    """Say what of an attribute the client is to see, by asking or by not having asked."""
    asked = projection.asked
    unasked = asked is None or attribute.returned == "always" or (urn != "" and (urn, "") in asked)
    explicit = asked.get((urn, attribute.name), _NOTHING) if asked else _NOTHING
    return explicit | {_WHOLE} if unasked and attribute.returned != "request" else explicit


def _hidden(attribute: Attribute, urn: str, projection: Projection) -> frozenset[str]:
    if urn and (urn, "") in projection.hidden:
        return frozenset({_WHOLE})
    return projection.hidden.get((urn, attribute.name), _NOTHING)


def _is_sent(attribute: Attribute, named: frozenset[str], hidden: frozenset[str]) -> bool:
    if attribute.returned in _FIXED:
        return _FIXED[attribute.returned]
    return bool(named) and _WHOLE not in hidden


def _kept(value: Any, attribute: Attribute, named: frozenset[str], hidden: frozenset[str]) -> Any:
    if attribute.type != "complex":
        return value
    names = [sub.name for sub in attribute.sub_attributes if _is_sub_sent(sub, named, hidden)]
    if not attribute.multi_valued:
        return _only(value, names)
    return [kept for element in value if (kept := _only(element, names))]


def _is_sub_sent(sub: Attribute, named: frozenset[str], hidden: frozenset[str]) -> bool:
    if sub.returned in _FIXED:
        return _FIXED[sub.returned]
    by_default = sub.returned == "default" and _WHOLE in named and sub.name not in hidden
    return by_default or sub.name in named


def _only(value: Resource, names: Sequence[str]) -> Resource:
    return {name: value[name] for name in names if name in value}


def _paths(text: str, resource_type: ResourceType) -> _Paths:
    paths: dict[_Place, frozenset[str]] = {}
    for path in _split(text):
        target = resource_type.locate(path)
        if target is not None:
            place, sub = _place(target)
            paths[place] = paths.get(place, _NOTHING) | {sub}
    return paths


def _place(target: Target) -> tuple[_Place, str]:
    schema: Schema | None = target.extension
    urn = schema.id if schema else ""
    name = target.attribute.name if target.attribute else ""
    return (urn, name), target.sub_attribute.name if target.sub_attribute else _WHOLE


def _split(text: str) -> Iterator[str]:
    """Yield the paths of a list: parted by commas, without what stands in brackets."""
    path: list[str] = []
    selecting = quoted = False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in _BRACKETS:
            selecting = _BRACKETS[character]
        elif character == "," and not selecting:
            yield "".join(path).strip()
            path = []
        elif not selecting:
            path.append(character)
    yield "".join(path).strip()


_BRACKETS = {"[": True, "]": False}
