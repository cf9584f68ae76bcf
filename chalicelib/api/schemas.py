"""The routes of a connection's own extension schemas."""

from __future__ import annotations

from urllib.parse import unquote

from chalice.app import Blueprint

from chalicelib.api import calls
from chalicelib.api.bodies import MOST_BYTES
from chalicelib.api.calls import CONNECTION, Call, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import schemas
from chalicelib.scim.catalog import dump
from chalicelib.scim.messages import parse_json

SCHEMAS = f"{CONNECTION}/schemas"
SCHEMA = f"{SCHEMAS}/{{urn}}"


def routes(services: Services) -> Blueprint:
    """Make the blueprint of these routes."""
    return calls.routes(services, ROUTES, __name__)


def list_schemas(call: Call) -> Response:
    """GET .../connections/{connection}/schemas."""
    found = schemas.listed(call.administration(), call.connection)
    return calls.items([dump(each) for each in found])


def get_schema(call: Call) -> Response:
    """GET .../connections/{connection}/schemas/{urn}."""
    found = schemas.get(call.administration(), call.connection, _urn(call))
    return calls.json(200, dump(found))


def put_schema(call: Call) -> Response:
    """PUT .../connections/{connection}/schemas/{urn}: in force at the next SCIM request."""
    admin = call.administration()
    document = parse_json(call.request.body, MOST_BYTES)
    return calls.json(200, dump(schemas.put(admin, call.connection, _urn(call), document)))


def delete_schema(call: Call) -> Response:
    """DELETE .../connections/{connection}/schemas/{urn}."""
    schemas.delete(call.administration(), call.connection, _urn(call))
    return Response(204)


def _urn(call: Call) -> str:
    """The URN of the path; API Gateway hands a path on as it came, percent-encoded."""
    return unquote(call.request.path["urn"])


ROUTES = (
    Route("GET", SCHEMAS, Who.OWN_ADMIN, list_schemas),
    Route("GET", SCHEMA, Who.OWN_ADMIN, get_schema),
    Route("PUT", SCHEMA, Who.OWN_ADMIN, put_schema),
    Route("DELETE", SCHEMA, Who.OWN_ADMIN, delete_schema),
)
