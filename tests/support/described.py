"""Every response that a test gets is compared with the published document.

A shape there may leave fields open, so that a release can add some; here none may be there that
the document does not name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from jsonschema_rs import Draft202012Validator

from chalicelib.api.admin.published import read_document
from dev.run.gateway import Route


class Answered(Protocol):
    """A response as a test reads it."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, by name in lower case."""

    @property
    def body(self) -> Any:
        """Its body, parsed; None without a body."""


def require(method: str, path: str, response: Answered) -> None:
    """Compare a response of the admin API with the document; others are ignored.

    Raises:
        AssertionError: its status, its type or its body is another one.
    """
    template = template_of(path)
    operation = read_document()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        return
    where = f"{method} {template} returns {response.status}"
    assert f"{response.status}" in operation["responses"], f"{where}: {response.body}"
    content = _content(template, method, response.status)
    if not content:
        assert response.body is None, f"{where} with a body"
        return
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{where} with {media_type}"
    faults = [*_validator(template, method, response.status, media_type).iter_errors(response.body)]
    assert not faults, f"{where}: {[(each.instance_path, each.message) for each in faults]}"


@cache
def _content(template: str, method: str, status: int) -> Mapping[str, Any]:
    whole = read_document()
    described = whole["paths"][template][method.lower()]["responses"][f"{status}"]
    if "$ref" in described:
        described = whole["components"]["responses"][described["$ref"].rpartition("/")[2]]
    content: Mapping[str, Any] = described.get("content", {})
    return content


@cache
def _validator(template: str, method: str, status: int, media_type: str) -> Draft202012Validator:
    schema = _content(template, method, status)[media_type]["schema"]
    return Draft202012Validator(_closed({**schema, "components": read_document()["components"]}))


def _closed(value: Any) -> Any:
    """Let objects that name their fields have no others."""
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    closed = {name: _closed(each) for name, each in value.items()}
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def _routes() -> tuple[Route, ...]:
    """List the paths; a literal segment comes before a parameter in the same place."""
    routes = [Route(template, frozenset()) for template in read_document()["paths"]]
    return tuple(sorted(routes, key=lambda route: [s.startswith("{") for s in route.segments]))


def template_of(path: str) -> str:
    """Find the path of the document that a path matches; "" without one."""
    segments = tuple(path.split("/"))
    return next((each.template for each in _routes() if each.match(segments) is not None), "")
