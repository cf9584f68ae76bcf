"""The published document: it names every route, and every route responds as it says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from chalicelib.api.admin.published import FILE, read_document
from chalicelib.api.admin.routes import ROUTES
from dev.release import openapi
from dev.release.openapi_details import Undescribed, described
from dev.release.openapi_parameters import TAKES
from tests.support.builders import a_leaver
from tests.support.every_route import Recorded, life

OPERATIONS = [
    (path, method) for path, found in read_document()["paths"].items() for method in found
]
SCHEMAS: dict[str, Any] = read_document()["components"]["schemas"]
METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_document_is_there_for_anyone(operator):
    """Names and shapes are no secret; the address is this deployment's."""
    response = operator.with_credential("")("GET", "/openapi.json")

    assert response.status == 200
    assert response.body["openapi"] == "3.1.0"
    assert response.body["servers"] == [{"url": "https://id.example.com"}]


def test_the_file_is_what_the_code_makes():
    """Where a route or a shape has changed, `make openapi` writes it anew."""
    assert FILE.read_text(encoding="utf-8") == openapi.text()


def test_only_handlers_of_the_table_have_parameters():
    """An entry for a handler that no route has is left over."""
    assert TAKES.keys() <= {route.handler for route in ROUTES}


def test_every_route_is_described_and_nothing_else():
    """What a client reads is what the app serves."""
    named = {(m.upper(), path) for path, m in OPERATIONS if m in METHODS}

    assert named == {(route.method, route.path) for route in ROUTES}


def test_every_operation_has_a_name_of_its_own():
    """Generated clients name their functions after it."""
    names = [
        read_document()["paths"][path][method]["operationId"]
        for path, method in OPERATIONS
        if method in METHODS
    ]

    assert len(set(names)) == len(names)


def references(value: Any) -> set[str]:
    """Collect what a part of the document refers to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere_and_every_shape_is_used():
    """A schema that nothing refers to is left over from a response that has changed."""
    shapes = {f"#/components/schemas/{name}" for name in read_document()["components"]["schemas"]}

    assert references(read_document()) == {*shapes, "#/components/responses/Problem"}


def test_every_route_works_and_responds_as_described(operator, services):
    """Every response of every test is compared with the document; here, one of each route is."""
    seen: dict[tuple[str, str], str] = {}
    life(Recorded(operator, seen), operator, partial(a_leaver, services))

    assert seen.keys() == {(route.method, route.path) for route in ROUTES}


# --- what generators and readers need ----------------------------------------------------------

# Objects whose fields nobody can name: SCIM documents, changed values, OpenAPI itself.
OPEN = {
    *("User.scim", "Team.scim", "AuditEntry.before", "AuditEntry.after"),
    *("LogEntry.before", "LogEntry.after", "OpenApi.info", "OpenApi.paths", "OpenApi.components"),
}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all operations by name."""
    for path, method in OPERATIONS:
        if method in METHODS:
            operation = read_document()["paths"][path][method]
            yield operation["operationId"], {**read_document()["paths"][path], **operation}


def contents(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each body and response inside a part of the document."""
    if isinstance(value, dict):
        yield from value.get("content", {}).values()
        for each in value.values():
            yield from contents(each)


def properties() -> dict[str, dict[str, Any]]:
    """Return all properties by schema and name."""
    return {
        f"{schema}.{name}": each
        for schema, found in SCHEMAS.items()
        for name, each in found.get("properties", {}).items()
    }


def test_every_schema_and_property_is_described():
    """A title of its own for each schema, none for a property; a text for both; no default.

    openapi-typescript makes what has a default a property that must be sent.
    """
    assert {each["title"] for each in SCHEMAS.values()} == SCHEMAS.keys()
    assert [name for name, each in SCHEMAS.items() if not each.get("description")] == []
    assert [name for name, each in properties().items() if not each.get("description")] == []
    assert [name for name, each in properties().items() if {"title", "default"} & {*each}] == []


def test_a_property_without_a_text_is_named():
    """`make openapi` fails and says where the text belongs."""
    schemas = {**SCHEMAS, "Bowl": {"properties": {"fruit": {"type": "string"}}}}

    with pytest.raises(Undescribed, match=r"openapi_texts\.py: no text for Bowl\.fruit"):
        described(schemas)


def test_a_text_without_a_property_is_named():
    """It is left over from one that has gone."""
    kept = {name: each for name, each in SCHEMAS.items() if name != "Tag"}

    with pytest.raises(Undescribed, match=r"no property for Tag\.description, Tag\.name"):
        described(kept)


def test_every_list_and_object_is_typed():
    """So that generated clients have types for them."""

    def untyped(value: Any) -> bool:
        if isinstance(value, list):
            return any(map(untyped, value))
        if not isinstance(value, dict):
            return False
        is_open = value.get("type") == "object" and not value.get("properties")
        is_list = value.get("type") == "array" and not value.get("items")
        return is_open or is_list or any(map(untyped, value.values()))

    assert {name for name, each in properties().items() if untyped(each)} == OPEN


def test_every_operation_has_an_example_and_a_topic():
    """Of what is sent or returned; one without either has its path, or a problem, as example."""
    topics = {each["name"] for each in read_document()["tags"]}
    without = [
        name
        for name, operation in operations()
        if not all({"example", "examples"} & each.keys() for each in contents(operation))
    ]

    assert without == []
    assert {tag for _, operation in operations() for tag in operation["tags"]} == topics


def test_every_example_is_as_its_schema_says():
    """A reader copies it; so it has the right fields, and values of the right form."""
    components = {"components": read_document()["components"]}
    checked = 0
    for content in contents(read_document()):
        named = [each["value"] for each in content.get("examples", {}).values()]
        validator = Draft202012Validator({**content["schema"], **components})
        for example in named or [content["example"]]:
            validator.validate(example)
            checked += 1

    assert checked > len(list(operations()))


def test_every_body_that_is_shown_is_accepted():
    """Also by what no schema says: exactly one of, allowed only with."""
    for handler, takes in TAKES.items():
        operation = dict(operations())[handler.__name__]
        if takes.body is not None and hasattr(takes.body, "model_validate"):
            (content,) = operation["requestBody"]["content"].values()
            parameter = operation.get("parameters", [{}])[-1] if takes.in_path else {}
            path = {takes.in_path: parameter.get("example")} if takes.in_path else {}
            takes.body.model_validate({**content["example"], **path})
