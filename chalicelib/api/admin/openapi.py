"""The published document: OpenAPI 3.1 of all routes beside SCIM, made of their own tables.

Paths, methods and callers come from the tables that the app registers, bodies from the models
that read them, answers from their types. Made when somebody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from inspect import getdoc
from itertools import groupby
from typing import Any

from chalice.app import Blueprint
from pydantic import TypeAdapter

from chalicelib import VERSION
from chalicelib.api.admin import (
    extensions,
    feed,
    log,
    organisations,
    requests,
    responses,
    self_test,
    sessions,
    settings,
    sign_in,
    users,
)
from chalicelib.api.admin.cookies import NAME as COOKIE
from chalicelib.api.admin.descriptions import DESCRIPTIONS, Description, Parameter
from chalicelib.api.admin.requests import AdminRequest, Route, Who
from chalicelib.api.admin.responses import Problem
from chalicelib.api.edge import JSON, PROBLEM, Response
from chalicelib.api.services import Services
from chalicelib.auth.tokens import TOKEN_ID
from chalicelib.organisations.inputs import LOCAL_ID_FORM
from chalicelib.storage.keys import ID_LENGTH
from chalicelib.storage.settings_items import CONNECTION_ID, ORGANISATION_ID

Document = dict[str, Any]

TITLE = "Passerelle"
ABOUT = (
    "What an organisation's admin and the SaaS do around provisioning. SCIM itself is described by "
    "its RFCs and by each connection's own /Schemas."
)
REFERENCE = "#/components/schemas/{model}"

RESOURCE_ID_FORM = f"^[0-9a-f]{{{ID_LENGTH}}}$"

# What a path may hold; a domain and a URN are texts.
FORMS: Mapping[str, str] = {
    "organisation": f"^{ORGANISATION_ID.pattern}$",
    "connection": f"^{CONNECTION_ID.pattern}$",
    "token": f"^{TOKEN_ID.pattern}$",
    "user": RESOURCE_ID_FORM,
    "team": RESOURCE_ID_FORM,
    "workspace": LOCAL_ID_FORM,
    "role": LOCAL_ID_FORM,
}
PLACES = re.compile(r"{(\w+)}")

CREDENTIALS: Mapping[Who, list[Document]] = {
    Who.ANYONE: [],
    Who.OPERATOR: [{"operator": []}],
    Who.OWN_ADMIN: [{"operator": []}, {"session": []}, {"cookie": []}],
}
SCHEMES: Document = {
    "operator": {"type": "http", "scheme": "bearer", "description": "The operator key."},
    "session": {"type": "http", "scheme": "bearer", "description": "A session's token."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A session in a browser. What changes something needs `Origin` and "
        "`X-Passerelle: console` too.",
    },
}
# What any route may be refused with, whatever it is asked.
ALWAYS = (400, 500, 503)
TEXTS: Mapping[int, str] = {
    400: "The request is not understood; `errors` names the fields of a body.",
    401: "The credential is not accepted.",
    403: "The caller may not do this, or not now.",
    404: "It is not there, or not for this caller.",
    409: "Something that is there already stands against it.",
    412: "It is not at the version that If-Match names.",
    413: "The body is larger than this service takes.",
    415: "The body is no JSON, or it is compressed.",
    429: "Too often; Retry-After says when to try again.",
    500: "A fault of the service; `request_id` is what to report.",
    503: "Busy; Retry-After says when to try again.",
}


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the published document."""
    return requests.routes(services, ROUTES, __name__)


def get_document(request: AdminRequest) -> Response:
    """GET /openapi.json, open to anyone."""
    servers = [{"url": request.http.base_url}]
    return requests.json(200, {**document(), "servers": servers})


@cache
def document() -> Document:
    """Make the document, but for the address of this deployment."""
    schemas_of, components = _schemas(list(DESCRIBED.values()))
    by_path = groupby(sorted(TABLES, key=lambda route: route.path), key=lambda route: route.path)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": ABOUT},
        "paths": {path: _path(path, found, schemas_of) for path, found in by_path},
        "components": {
            "schemas": components,
            "securitySchemes": SCHEMES,
            "responses": {"Problem": _content(schemas_of[_key(Problem)], "A refusal.", PROBLEM)},
        },
    }


# --- shapes -----------------------------------------------------------------------------------

Schemas = Mapping[str, Document]


def _schemas(described: Iterable[Description]) -> tuple[Schemas, Document]:
    """Make the schemas of all bodies and answers: how each is referred to, and the whole."""
    shapes = [Problem]
    for each in described:
        body = None if each.in_path else each.takes
        shapes += [shape for shape in (body, *each.gives.values()) if shape is not None]
    distinct = {_key(shape): shape for shape in shapes}
    inputs = [(name, "validation", TypeAdapter(shape)) for name, shape in distinct.items()]
    references, whole = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
    found = {name: schema for (name, _), schema in references.items()}
    return found, _without_nothing(whole.get("$defs", {}))


def _key(shape: Any) -> str:
    return str(shape)


def _without_nothing(value: Any) -> Any:
    """Leave out defaults of null: they stand for "not sent", which no client can send."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if (name, each) != ("default", None)}
        return {name: _without_nothing(each) for name, each in kept.items()}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value


# --- paths ------------------------------------------------------------------------------------


def _path(path: str, found: Iterable[Route], schemas_of: Schemas) -> Document:
    places = [_place(name) for name in PLACES.findall(path)]
    operations = {route.method.lower(): _operation(route, schemas_of) for route in found}
    return {"parameters": places, **operations} if places else operations


def _place(name: str) -> Document:
    schema = {"type": "string", "minLength": 1}
    if name in FORMS:
        schema["pattern"] = FORMS[name]
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(route: Route, schemas_of: Schemas) -> Document:
    described = DESCRIBED[route.handler]
    name = route.handler.__name__
    operation: Document = {
        "operationId": name,
        "summary": name.replace("_", " ").capitalize(),
        "description": _told(route),
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "security": CREDENTIALS[route.who],
        "responses": dict(_responses(route, described, schemas_of)),
    }
    if described.parameters:
        operation["parameters"] = [_parameter(each) for each in described.parameters]
    if described.takes is not None:
        content = {JSON: {"schema": _body(described, schemas_of)}}
        operation["requestBody"] = {"required": not described.optional, "content": content}
    return operation


def _body(described: Description, schemas_of: Schemas) -> Document:
    """Refer to a body's schema; a field that the path names already is not required in it."""
    if described.in_path is None:
        return schemas_of[_key(described.takes)]
    own = TypeAdapter(described.takes).json_schema(ref_template=REFERENCE)
    required = [name for name in own["required"] if name != described.in_path]
    body: Document = _without_nothing({**own, "required": required})
    return body


def _told(route: Route) -> str:
    """Take what the handler's docstring says of it, behind its method and path."""
    first = (getdoc(route.handler) or "").partition("\n")[0]
    return first.partition(": ")[2].rstrip(".").capitalize() or f"For the {route.who.value}"


def _parameter(parameter: Parameter) -> Document:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "schema": parameter.schema,
    }


def _responses(
    route: Route, described: Description, schemas_of: Schemas
) -> Iterator[tuple[str, Document]]:
    for status, shape in described.gives.items():
        text = "Done." if shape is None else "As asked."
        schema = None if shape is None else schemas_of[_key(shape)]
        answer = _content(schema, text, JSON)
        for media_type in described.files:
            answer["content"][media_type] = {"schema": {"type": "string"}}
        yield f"{status}", answer
    for status in sorted(_refusals(route, described)):
        yield (
            f"{status}",
            {"$ref": "#/components/responses/Problem"} | {"description": TEXTS[status]},
        )


def _content(schema: Document | None, text: str, media_type: str) -> Document:
    if schema is None:
        return {"description": text}
    return {"description": text, "content": {media_type: {"schema": schema}}}


def _refusals(route: Route, described: Description) -> set[int]:
    """Tell which refusals a route may answer with, by its kind and by its own line."""
    kinds: Sequence[tuple[bool, tuple[int, ...]]] = (
        (True, ALWAYS),
        (route.who is not Who.ANYONE, (401,)),
        (route.who is Who.OPERATOR or route.method != "GET", (403,)),
        (bool(PLACES.search(route.path)), (404,)),
        (route.changes and route.who is not Who.ANYONE, (409,)),
        (any(each.name == "If-Match" for each in described.parameters), (412,)),
        (described.takes is not None, (413, 415)),
    )
    return {status for holds, found in kinds if holds for status in found} | {*described.refuses}


ROUTES = (Route("GET", "/openapi.json", Who.ANYONE, get_document),)
TABLES: tuple[Route, ...] = (
    *organisations.ROUTES,
    *settings.ROUTES,
    *feed.ROUTES,
    *log.ROUTES,
    *users.ROUTES,
    *extensions.ROUTES,
    *self_test.ROUTES,
    *sessions.ROUTES,
    *sign_in.ROUTES,
    *ROUTES,
)
DESCRIBED = {**DESCRIPTIONS, get_document: Description({200: responses.OpenApi})}
