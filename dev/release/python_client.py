"""Writes the typed part of the Python client from the OpenAPI document: types, and a method each.

`make openapi` writes it with the document; mypy checks it, and a test compares it.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill, indent
from typing import Any

from dev.run.engines import ROOT

Schema = Mapping[str, Any]

FOLDER = ROOT / "clients" / "python" / "passerelle_client"
WIDTH = 100
HEAD = '"""{about}\n\nWritten by `make openapi` from the OpenAPI document: do not edit.\n"""\n'

TYPES: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
PATH_PARAMETER = re.compile(r"{(\w+)}")
PART = r"{part(\1)}"
METHODS = ("get", "post", "put", "patch", "delete")


def files(document: Schema) -> Mapping[Path, str]:
    """Return the text of each file that is written."""
    return {
        FOLDER / "types.py": types(document["components"]["schemas"]),
        FOLDER / "admin.py": admin(document["paths"]),
    }


# --- types ------------------------------------------------------------------------------------


def types(schemas: Mapping[str, Schema]) -> str:
    """Write a TypedDict for each schema."""
    head = HEAD.format(about="The bodies and responses of the admin API, as types.")
    imports = (
        "from __future__ import annotations\n\n"
        "from typing import Any, Literal, NotRequired, TypedDict\n"
    )
    return "\n\n".join([f"{head}\n{imports}", *map(_class, schemas.values())])


def _class(schema: Schema) -> str:
    required = {*schema.get("required", ())}
    lines = [f"class {schema['title']}(TypedDict):", _docstring(schema["description"], 4), ""]
    for name, each in schema["properties"].items():
        written = type_of(each)
        lines.append(_comment(each["description"]))
        lines.append(f"    {name}: {written if name in required else f'NotRequired[{written}]'}")
    return "\n".join([*lines, ""])


def type_of(schema: Schema) -> str:
    """Write a schema as a Python type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if "enum" in schema:
        return f"Literal[{', '.join(map(_literal, schema['enum']))}]"
    if schema.get("type") == "array":
        return f"list[{type_of(schema['items'])}]"
    return TYPES.get(schema.get("type", ""), "dict[str, Any]")


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else str(value)


# --- methods ----------------------------------------------------------------------------------


def admin(paths: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a class with a method for each operation."""
    head = HEAD.format(about="The admin API: a method for each operation.")
    imports = (
        "from __future__ import annotations\n\n"
        "from passerelle_client import types\n"
        "from passerelle_client.http import HttpClient, part\n"
    )
    methods = [
        _method(path, method, found[method], found.get("parameters", ()))
        for path, found in paths.items()
        for method in METHODS
        if method in found
    ]
    opening = 'class Admin(HttpClient):\n    """The admin API of one deployment."""\n'
    return "\n".join([f"{head}\n{imports}\n", opening, "\n".join(methods)])


def _method(path: str, method: str, operation: Schema, in_path: Sequence[Schema]) -> str:
    given = list(operation.get("parameters", ()))
    result = " | ".join(dict.fromkeys(_results(operation)))
    signature = [
        "self",
        *(f"{each['name']}: str" for each in in_path),
        *_body(operation),
        *(["*"] if given else []),
        *(f"{_argument(each['name'])}: {_optional(each['schema'])} = None" for each in given),
    ]
    lines = [
        f"def {operation['operationId']}(",
        *(f"    {each}," for each in signature),
        f") -> {result}:",
        _docstring(f"{operation['summary']}. {operation['description']}", 4, levels=2),
        "    self.request(" if result == "None" else f"    found: {result} = self.request(",
        *(f"        {each}," for each in _sent(path, method, operation)),
        "    )",
        *([] if result == "None" else ["    return found"]),
    ]
    return indent("\n".join([*lines, ""]), "    ")


def _results(operation: Schema) -> Iterator[str]:
    for status, response in operation["responses"].items():
        if status < "300":
            content = response.get("content", {}).get("application/json")
            yield _qualified(type_of(content["schema"])) if content else "None"


def _body(operation: Schema) -> Iterator[str]:
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        required = operation["requestBody"]["required"]
        written = _qualified(type_of(content["schema"]))
        yield f"body: {written}" if required else f"body: {written} | None = None"


def _sent(path: str, method: str, operation: Schema) -> Iterator[str]:
    yield json.dumps(method.upper())
    yield f'{"f" if "{" in path else ""}"{PATH_PARAMETER.sub(PART, path)}"'
    if "requestBody" in operation:
        yield "body=body"
    for place, name in (("query", "query"), ("header", "headers")):
        given = [each["name"] for each in operation.get("parameters", ()) if each["in"] == place]
        if given:
            written = ", ".join(f"{json.dumps(each)}: {_argument(each)}" for each in given)
            yield f"{name}={{{written}}}"


def _qualified(written: str) -> str:
    return re.sub(r"\b([A-Z]\w+)\b(?<!None)(?<!Any)(?<!Literal)", r"types.\1", written)


def _optional(schema: Schema) -> str:
    if set(schema.get("enum", ())) == {"true", "false"}:
        return "bool | None"
    return f"{'str' if 'enum' in schema else type_of(schema)} | None"


def _argument(name: str) -> str:
    argument = name.lower().replace("-", "_")
    return f"{argument}_" if keyword.iskeyword(argument) else argument


# --- texts ------------------------------------------------------------------------------------


def _docstring(text: str, blanks: int, levels: int = 1) -> str:
    first, _, rest = text.partition("\n\n")
    width = WIDTH - blanks * levels
    written = fill(f'"""{first}', width - 3)
    if rest or "\n" in written:
        written += f"\n\n{fill(rest, width)}\n" if rest else "\n"
    return indent(f'{written}"""', " " * blanks)


def _comment(text: str) -> str:
    return fill(text, WIDTH - 6, initial_indent="    # ", subsequent_indent="    # ")
