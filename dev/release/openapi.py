"""`make openapi`: write the OpenAPI 3.1 document of the admin API.

Paths, methods and access come from the table of routes, responses from the types that handlers
return, bodies from the models that read them. The app serves the file as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from itertools import groupby
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from chalicelib import VERSION
from chalicelib.api.admin.cookies import NAME as COOKIE
from chalicelib.api.admin.files import FILES
from chalicelib.api.admin.published import FILE
from chalicelib.api.admin.requests import Access, Handler, Route
from chalicelib.api.admin.responses import File, JsonResponse, NoContent, Problem
from chalicelib.api.admin.routes import ROUTES
from chalicelib.api.edge import JSON, PROBLEM
from chalicelib.auth.tokens import TOKEN_ID
from chalicelib.organisations.inputs import LOCAL_ID_FORM
from chalicelib.storage.keys import ID_LENGTH
from chalicelib.storage.settings_items import CONNECTION_ID, ORGANISATION_ID
from dev.release import python_client
from dev.release.openapi_details import Examples, Untitled, described, renamed
from dev.release.openapi_parameters import TAKES, Parameter, Takes
from dev.release.openapi_texts import IN_PATH, TAG_OF, TAGS

Document = dict[str, Any]

TITLE = "Passerelle"
ABOUT = (
    "What an organisation's admin and the SaaS do around provisioning. SCIM itself is described by "
    "its RFCs and by each connection's own /Schemas."
)
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
REFERENCE = "#/components/schemas/{model}"

RESOURCE_ID_FORM = f"^[0-9a-f]{{{ID_LENGTH}}}$"

# The form of a path parameter; a domain and a URN are texts.
FORMS: Mapping[str, str] = {
    "organisation": f"^{ORGANISATION_ID.pattern}$",
    "connection": f"^{CONNECTION_ID.pattern}$",
    "token": f"^{TOKEN_ID.pattern}$",
    "link": f"^{TOKEN_ID.pattern}$",
    "session": f"^{TOKEN_ID.pattern}$",
    "user": RESOURCE_ID_FORM,
    "team": RESOURCE_ID_FORM,
    "workspace": LOCAL_ID_FORM,
    "role": LOCAL_ID_FORM,
}
PATH_PARAMETER = re.compile(r"{(\w+)}")

# Who may make a request, with the scope that an operator key needs.
WHO: Mapping[Access, str] = {
    Access.ANYONE: "Open to anyone.",
    Access.OPERATOR: "Needs an operator key with the scope `{scope}`.",
    Access.OWN_ADMIN: "Needs a session of an admin, or an operator key with the scope `{scope}`.",
    Access.SETUP: "Needs a session, also one of a setup link, or an operator key with the scope "
    "`{scope}`.",
}

SECURITY: Mapping[Access, list[Document]] = {
    Access.ANYONE: [],
    Access.OPERATOR: [{"operator": []}],
    Access.OWN_ADMIN: [{"operator": []}, {"session": []}, {"cookie": []}],
    Access.SETUP: [{"operator": []}, {"session": []}, {"cookie": []}],
}
SECURITY_SCHEMES: Document = {
    "operator": {"type": "http", "scheme": "bearer", "description": "The operator key."},
    "session": {"type": "http", "scheme": "bearer", "description": "A session's token."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A session in a browser. A request that changes something needs `Origin` "
        "and `X-Passerelle: console` too.",
    },
}
# The errors of every route.
ALWAYS = (400, 500, 503)
ERRORS: Mapping[int, str] = {
    400: "The request cannot be understood; `errors` names the fields of a body.",
    401: "The credential is not accepted.",
    403: "The principal may not do this, or not now.",
    404: "It does not exist, or not for this principal.",
    409: "It conflicts with something that exists already.",
    412: "Its version is not the one that If-Match names.",
    413: "The body is larger than the limit.",
    415: "The body is not JSON, or it is compressed.",
    429: "Too many requests; Retry-After says when to try again.",
    500: "A fault of the service; report the `request_id`.",
    503: "Busy; Retry-After says when to try again.",
}


def main(_: Sequence[str]) -> int:
    """Write the file, and the part of the Python client that is made of it."""
    FILE.write_text(text(), encoding="utf-8")
    for path, written in python_client.files(document()).items():
        path.write_text(written, encoding="utf-8")
    print(f"Written: {FILE.name}, {len(ROUTES)} operations.")
    return 0


def text() -> str:
    """Return the document as it is written."""
    return json.dumps(document(), indent=1) + "\n"


def document() -> Document:
    """Make the document, without the URL of a deployment."""
    shapes = _schemas()
    by_path = groupby(sorted(ROUTES, key=lambda route: route.path), key=lambda route: route.path)
    problem = {"description": "An error.", "content": {PROBLEM: shapes.content(Problem)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": ABOUT, "license": LICENSE},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {path: _path(path, routes, shapes) for path, routes in by_path},
        "components": {
            "schemas": shapes.components,
            "securitySchemes": SECURITY_SCHEMES,
            "responses": {"Problem": problem},
        },
    }


# --- what handlers return ---------------------------------------------------------------------


@cache
def returns(handler: Handler) -> Mapping[int, Any]:
    """Return the shape of each status that a handler's return type declares; None: no body."""
    found = {}
    for declared in _declared(handler):
        origin = get_origin(declared) or declared
        if issubclass(origin, JsonResponse):
            (found[origin.STATUS],) = get_args(declared)
        elif issubclass(origin, NoContent):
            found[origin.STATUS] = None
    return found


def _declared(handler: Handler) -> Sequence[Any]:
    declared = get_type_hints(handler)["return"]
    return get_args(declared) if get_origin(declared) in {Union, UnionType} else (declared,)


# --- shapes -----------------------------------------------------------------------------------

Schemas = Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The schemas of all bodies and responses: a reference to each shape, and what it leads to."""

    references: Mapping[str, Document]
    components: Mapping[str, Document]
    examples: Examples

    def content(self, shape: Any) -> Document:
        """Describe a body or a response of a shape, with an example."""
        return self.examples.content(self.references[str(shape)])


def _schemas() -> Shapes:
    """Make the schemas of all bodies and responses."""
    shapes = [Problem]
    for route in ROUTES:
        takes = TAKES.get(route.handler, Takes())
        body = None if takes.in_path else takes.body
        shapes += [each for each in (body, *returns(route.handler).values()) if each is not None]
    distinct = {str(shape): shape for shape in shapes}
    inputs = [(name, "validation", TypeAdapter(shape)) for name, shape in distinct.items()]
    made, schemas = TypeAdapter.json_schemas(
        inputs,  # type: ignore[arg-type]
        ref_template=REFERENCE,
        schema_generator=Untitled,
    )
    components = described({**renamed(schemas.get("$defs", {})), **_without_what_the_path_has()})
    components = dict(sorted(components.items()))
    references = {name: renamed(schema) for (name, _), schema in made.items()}
    return Shapes({**references, **_in_path_references()}, components, Examples(components))


def _without_what_the_path_has() -> Document:
    """Make the schemas of bodies one field of which is in the path: it is not required there."""
    found = {}
    for route in ROUTES:
        takes = TAKES.get(route.handler, Takes())
        if takes.in_path:
            own = TypeAdapter(takes.body).json_schema(
                ref_template=REFERENCE, schema_generator=Untitled
            )
            required = [name for name in own["required"] if name != takes.in_path]
            found[_body_name(route)] = {**own, "required": required}
    return found


def _in_path_references() -> Schemas:
    named = [route for route in ROUTES if TAKES.get(route.handler, Takes()).in_path]
    return {
        _body_name(route): {"$ref": REFERENCE.format(model=_body_name(route))} for route in named
    }


def _body_name(route: Route) -> str:
    """Name the body of a PUT after its operation: `PutWorkspace`."""
    return route.handler.__name__.title().replace("_", "")


# --- paths ------------------------------------------------------------------------------------


def _path(path: str, routes: Iterable[Route], shapes: Shapes) -> Document:
    parameters = [_path_parameter(name) for name in PATH_PARAMETER.findall(path)]
    operations = {route.method.lower(): _operation(route, shapes) for route in routes}
    return {"parameters": parameters, **operations} if parameters else operations


def _path_parameter(name: str) -> Document:
    schema = {"type": "string", "minLength": 1}
    if name in FORMS:
        schema["pattern"] = FORMS[name]
    text, example = IN_PATH[name]
    found = {"name": name, "in": "path", "required": True, "schema": schema}
    return {**found, "description": text, "example": example}


def _operation(route: Route, shapes: Shapes) -> Document:
    takes = TAKES.get(route.handler, Takes())
    name = route.handler.__name__
    module = route.handler.__module__.rpartition(".")[2]
    operation: Document = {
        "operationId": name,
        "summary": name.replace("_", " ").capitalize(),
        "description": _description(route),
        "tags": [TAG_OF[module]],
        "security": SECURITY[route.access],
        "responses": dict(_responses(route, takes, shapes)),
    }
    if takes.parameters:
        operation["parameters"] = [_parameter(each) for each in takes.parameters]
    if takes.body is not None:
        content = shapes.content(_body_name(route) if takes.in_path else takes.body)
        operation["requestBody"] = {"required": not takes.optional, "content": {JSON: content}}
    return operation


def _description(route: Route) -> str:
    """Take the docstring of the handler, after its method and path, and say who may ask."""
    first = (getdoc(route.handler) or "").partition("\n")[0].partition(": ")[2]
    who = WHO[route.access].format(scope=route.scope)
    return f"{first[:1].upper()}{first[1:]} {who}".strip()


def _parameter(parameter: Parameter) -> Document:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "schema": parameter.schema,
    }


def _responses(route: Route, takes: Takes, shapes: Shapes) -> Iterator[tuple[str, Document]]:
    for status, shape in returns(route.handler).items():
        if shape is None:
            yield f"{status}", {"description": "Done."}
            continue
        content = {JSON: shapes.content(shape)}
        if File in _declared(route.handler):
            content |= {media_type: _file(media_type, content[JSON]) for media_type in FILES}
        yield f"{status}", {"description": "As asked.", "content": content}
    for status in sorted(_errors(route, takes)):
        problem = {"$ref": "#/components/responses/Problem", "description": ERRORS[status]}
        yield f"{status}", problem


def _file(media_type: str, page: Document) -> Document:
    """Describe a page as a file; its example is that of the page."""
    items = page["example"]["items"]
    _, write = FILES[media_type]
    return {"schema": {"type": "string"}, "example": write([*items[0]], items)}


def _errors(route: Route, takes: Takes) -> set[int]:
    """Return the statuses of the errors that follow from a route and from what it takes."""
    rules: Sequence[tuple[bool, tuple[int, ...]]] = (
        (True, ALWAYS),
        (route.access is not Access.ANYONE, (401, 403)),
        (bool(PATH_PARAMETER.search(route.path)), (404,)),
        (route.changes_settings and route.access is not Access.ANYONE, (409,)),
        (any(each.name == "If-Match" for each in takes.parameters), (412,)),
        (takes.body is not None, (413, 415)),
        (route.access in {Access.OWN_ADMIN, Access.SETUP} and route.changes_settings, (429,)),
    )
    return {status for holds, found in rules if holds for status in found} | {*takes.errors}
