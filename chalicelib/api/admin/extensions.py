"""The routes of a connection's own extension schemas."""

from __future__ import annotations

from urllib.parse import unquote

from chalice.app import Blueprint

from chalicelib.api.admin import requests
from chalicelib.api.admin.request_bodies import MOST_BYTES
from chalicelib.api.admin.requests import CONNECTION, AdminRequest, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import extensions
from chalicelib.scim.catalog import dump
from chalicelib.scim.strict_json import parse_json

SCHEMAS = f"{CONNECTION}/schemas"
SCHEMA = f"{SCHEMAS}/{{urn}}"


def routes(services: Services) -> Blueprint:
    """Make the blueprint of these routes."""
    return requests.routes(services, ROUTES, __name__)


def list_schemas(request: AdminRequest) -> Response:
    """GET .../connections/{connection}/schemas."""
    found = extensions.list_schemas(request.admin_context(), request.connection)
    return requests.items([dump(each) for each in found])


def get_schema(request: AdminRequest) -> Response:
    """GET .../connections/{connection}/schemas/{urn}."""
    found = extensions.get(request.admin_context(), request.connection, _urn(request))
    return requests.json(200, dump(found))


def put_schema(request: AdminRequest) -> Response:
    """PUT .../connections/{connection}/schemas/{urn}: in force at the next SCIM request."""
    admin = request.admin_context()
    document = parse_json(request.http.body, MOST_BYTES)
    return requests.json(
        200, dump(extensions.put(admin, request.connection, _urn(request), document))
    )


def delete_schema(request: AdminRequest) -> Response:
    """DELETE .../connections/{connection}/schemas/{urn}."""
    extensions.delete(request.admin_context(), request.connection, _urn(request))
    return Response(204)


def _urn(request: AdminRequest) -> str:
    """The URN of the path; API Gateway hands a path on as it came, percent-encoded."""
    return unquote(request.http.path["urn"])


ROUTES = (
    Route("GET", SCHEMAS, Who.OWN_ADMIN, list_schemas),
    Route("GET", SCHEMA, Who.OWN_ADMIN, get_schema),
    Route("PUT", SCHEMA, Who.OWN_ADMIN, put_schema),
    Route("DELETE", SCHEMA, Who.OWN_ADMIN, delete_schema),
)
