"""The handlers of discovery, and of /Me. RFC 7644 sections 3.11 and 4."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from chalicelib.api.edge import Response
from chalicelib.api.scim.scim_request import ScimRequest
from chalicelib.errors import Forbidden, NotFound, NotImplemented_
from chalicelib.scim import discovery, messages
from chalicelib.scim.strict_json import Document

NO_FILTER = "filter: the discovery endpoints do not support it (RFC 7644 section 4). Leave it out."
NO_ME = (
    "/Me stands for the user who makes the request; the token of a connection belongs to no user. "
    "Use /Users with a filter on userName."
)


def get_service_provider_config(request: ScimRequest) -> Response:
    """GET /ServiceProviderConfig (section 4)."""
    _reject_filter(request)
    principal = request.principal
    document = discovery.service_provider_config(
        request.context.base_url,
        principal.authentication,
        f"{request.http.base_url}/console/",
        interop=principal.is_interop,
    )
    return Response(200, document)


def list_resource_types(request: ScimRequest) -> Response:
    """GET /ResourceTypes (section 4)."""
    return _list(request, _resource_types(request))


def get_resource_type(request: ScimRequest) -> Response:
    """GET /ResourceTypes/{id} (section 4)."""
    return _get(request, _resource_types(request))


def list_schemas(request: ScimRequest) -> Response:
    """GET /Schemas (section 4)."""
    return _list(request, _schemas(request))


def get_schema(request: ScimRequest) -> Response:
    """GET /Schemas/{id} (section 4)."""
    return _get(request, _schemas(request))


def me(_: ScimRequest) -> Response:
    """Any method of /Me (section 3.11).

    Raises:
        NotImplemented_: always; the token of a connection belongs to no user.
    """
    raise NotImplemented_(NO_ME)


def _resource_types(request: ScimRequest) -> list[Document]:
    return discovery.resource_types(request.context.base_url, request.resource_types)


def _schemas(request: ScimRequest) -> list[Document]:
    return discovery.schemas(request.context.base_url, request.resource_types)


def _list(request: ScimRequest, documents: Sequence[Document]) -> Response:
    _reject_filter(request)
    return Response(200, messages.list_response(documents, len(documents), 1))


def _get(request: ScimRequest, documents: Sequence[Document]) -> Response:
    _reject_filter(request)
    # A client may write the colons of a URN as %3A; API Gateway does not decode a path.
    wanted = unquote(request.http.path["id"]).lower()
    for document in documents:
        if document["id"].lower() == wanted:
            return Response(200, document)
    raise NotFound


def _reject_filter(request: ScimRequest) -> None:
    if "filter" in request.http.query:
        raise Forbidden(NO_FILTER)
