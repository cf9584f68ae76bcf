"""Responses with one resource, and SCIM errors. RFC 7644 sections 3.3, 3.12 and 3.14."""

from __future__ import annotations

from chalicelib.api.edge import Response
from chalicelib.api.scim.scim_request import ScimRequest
from chalicelib.errors import ApiError
from chalicelib.scim.messages import error_body
from chalicelib.scim.preconditions import entity_tags
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource, ResourceType


def resource_response(
    resource: Resource, resource_type: ResourceType, projection: Projection, *, status: int = 200
) -> Response:
    """Return a resource with its version and location (section 3.3, RFC 7643 section 3.1)."""
    location = resource["meta"]["location"]
    headers = {
        "ETag": resource["meta"]["version"],
        "Location": location,
        "Content-Location": location,
    }
    return Response(status, project(resource, resource_type, projection), headers)


def not_modified(request: ScimRequest, resource: Resource) -> Response | None:
    """Return 304 where If-None-Match names the resource's version, else None (section 3.14)."""
    known = entity_tags(request.http.headers.get("if-none-match", ()))
    version = resource["meta"]["version"]
    if known is None or not known.names(version):
        return None
    return Response(304, headers={"ETag": version})


def scim_error(error: ApiError, _request_id: str = "") -> Response:
    """Return an error with its SCIM body (section 3.12)."""
    return Response(error.status, error_body(error), error.headers)
