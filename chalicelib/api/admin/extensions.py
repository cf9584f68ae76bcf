"""The handlers of a connection's own extension schemas."""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote

from chalicelib.api.admin.request_bodies import LARGE
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import ExtensionSchema, NoContent, Ok, Page, page
from chalicelib.organisations import extensions
from chalicelib.scim.catalog import dump
from chalicelib.scim.schema import Schema
from chalicelib.scim.strict_json import parse_json


def list_schemas(request: AdminRequest) -> Ok[Page[ExtensionSchema]]:
    """GET .../connections/{connection}/schemas."""
    found = extensions.list_schemas(request.admin_context(), request.connection)
    return page([_document(each) for each in found])


def get_schema(request: AdminRequest) -> Ok[ExtensionSchema]:
    """GET .../connections/{connection}/schemas/{urn}."""
    return Ok(_document(extensions.get(request.admin_context(), request.connection, _urn(request))))


def put_schema(request: AdminRequest) -> Ok[ExtensionSchema]:
    """PUT .../connections/{connection}/schemas/{urn}: in force at the next SCIM request."""
    admin = request.admin_context()
    document = parse_json(request.http.body, LARGE)
    return Ok(_document(extensions.put(admin, request.connection, _urn(request), document)))


def delete_schema(request: AdminRequest) -> NoContent:
    """DELETE .../connections/{connection}/schemas/{urn}."""
    extensions.delete(request.admin_context(), request.connection, _urn(request))
    return NoContent()


def _urn(request: AdminRequest) -> str:
    """Return the URN of the path, which API Gateway does not decode."""
    return unquote(request.http.path["urn"])


def _document(schema: Schema) -> ExtensionSchema:
    # The form of RFC 7643 section 7 is written by `dump`; its attributes nest.
    return cast("ExtensionSchema", dump(schema))
