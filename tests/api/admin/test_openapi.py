"""The published document: it names every route, and every route responds as it says."""

from __future__ import annotations

from typing import Any

from chalicelib.api.admin.published import FILE, read_document
from chalicelib.api.admin.routes import ROUTES
from dev.release import openapi
from dev.release.openapi_parameters import TAKES
from tests.support.every_route import Recorded, life

OPERATIONS = [
    (path, method) for path, found in read_document()["paths"].items() for method in found
]
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


def test_every_route_works_and_responds_as_described(operator):
    """Every response of every test is compared with the document; here, one of each route is."""
    seen: dict[tuple[str, str], str] = {}
    life(Recorded(operator, seen), operator)

    assert seen.keys() == {(route.method, route.path) for route in ROUTES}
