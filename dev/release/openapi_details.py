"""Completes the schemas of the document: titles, the text of each property, and examples.

Generators name their classes by titles, so each schema has one of its own and a property none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from chalicelib.storage.connection_settings import SETTINGS
from dev.errors import VerbError
from dev.release.openapi_texts import INSIDE, LEFT_OUT, PROPERTIES, Text

Schema = dict[str, Any]

# How pydantic writes the name of `Page[User]`.
PAGE_OF = re.compile(r"\bPage_(\w+?)_(?=\")")
SETTINGS_TEXTS: Mapping[str, Text] = {
    f"{schema}.{name}": Text(setting.text, setting.default)
    for schema in ("ConnectionSettings", "ChosenSettings")
    for name, setting in SETTINGS.items()
}
TEXTS: Mapping[str, Text] = {**PROPERTIES, **SETTINGS_TEXTS}


class Undescribed(VerbError):
    """A property has no text in dev/release/openapi_texts.py, or a text there has no property."""


class Untitled(GenerateJsonSchema):
    """Makes schemas in which a property has no title."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say no: `id` needs no title `Id`."""
        del schema
        return False


def renamed(value: Any) -> Any:
    """Give the pages of lists names that a programmer would give: `UserPage`."""
    return json.loads(PAGE_OF.sub(r"\1Page", json.dumps(value)))


def described(components: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the schemas, each with its title and each property with its text.

    Raises:
        Undescribed: names the properties without a text, and the texts without a property.
    """
    used = {key for key, _ in _texts(components)}
    texts = [f"{name}.{each}" for name, each in _properties(components) if not text_of(name, each)]
    left = sorted(TEXTS.keys() - used)
    if texts or left:
        raise Undescribed(
            f"dev/release/openapi_texts.py: no text for {', '.join(texts) or 'nothing'}; no "
            f"property for {', '.join(left) or 'nothing'}."
        )
    return {name: _described(name, schema) for name, schema in components.items()}


def text_of(schema: str, name: str) -> Text | None:
    """Find the text of a property: that of its schema, else the common one."""
    return TEXTS.get(f"{schema}.{name}") or TEXTS.get(name)


def _properties(components: Mapping[str, Schema]) -> Iterator[tuple[str, str]]:
    for name, schema in components.items():
        yield from ((name, each) for each in schema.get("properties", {}))


def _texts(components: Mapping[str, Schema]) -> Iterator[tuple[str, Text]]:
    for schema, name in _properties(components):
        key = f"{schema}.{name}" if f"{schema}.{name}" in TEXTS else name
        if key in TEXTS:
            yield key, TEXTS[key]


def _described(name: str, schema: Schema) -> Schema:
    properties = {
        each: _property(own, text_of(name, each) or Text(""))
        for each, own in schema.get("properties", {}).items()
    }
    return {**schema, "title": name, **({"properties": properties} if properties else {})}


def _property(schema: Schema, text: Text) -> Schema:
    """Describe a property; a default becomes words.

    Generators make what has a default a property that is always sent.
    """
    kept = {name: each for name, each in schema.items() if name != "default"}
    default = schema.get("default")
    words = f" Default: `{json.dumps(default)}`." if isinstance(default, str | bool | int) else ""
    return {**kept, "description": f"{text.text}{words}"}


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of the schemas, made of those of their properties."""

    components: Mapping[str, Schema]
    _made: dict[str, Any] = field(default_factory=dict)

    def content(self, schema: Schema) -> Schema:
        """Return a body or response: its schema with an example, or one of each alternative."""
        options = _options(schema)
        if len(options) == 1:
            return {"schema": schema, "example": self.of(schema)}
        named = [(_name(each) or "list", each) for each in options]
        return {
            "schema": schema,
            "examples": {name: {"value": self.of(each)} for name, each in named},
        }

    def of(self, schema: Schema) -> Any:
        """Make an example of a schema."""
        option = _options(schema)[0]
        name = _name(option)
        if name:
            if name not in self._made:
                self._made[name] = self._of_component(name)
            return self._made[name]
        if option.get("type") == "array":
            return [self.of(each) for each in _options(option["items"])]
        # Only the list of roles has a text beside objects: the id of one.
        return "reader" if option.get("type") == "string" else {}

    def _of_component(self, name: str) -> Any:
        properties = self.components[name].get("properties", {})
        found = {each: text_of(name, each) or Text("") for each in properties}
        return {
            each: self.of(properties[each]) if text.example is INSIDE else text.example
            for each, text in found.items()
            if text.example is not LEFT_OUT
        }


def _options(schema: Schema) -> list[Schema]:
    """List the alternatives of a schema, but null."""
    return [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]


def _name(schema: Schema) -> str:
    """Return the name of the component that a schema refers to; else ""."""
    return str(schema.get("$ref", "")).rpartition("/")[2]
