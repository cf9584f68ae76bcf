"""One authenticated SCIM request: what its handler sees of it, and how a refusal is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.api.edge import Request, Response
from chalicelib.auth.authenticate import ConnectionPrincipal
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import ApiError, NotFound
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.messages import error_body
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.scim.projection import Projection
from chalicelib.scim.schema import ResourceType
from chalicelib.storage.keys import is_id


@dataclass(frozen=True, slots=True)
class ScimRequest:
    """An authenticated request, with the tenant that it may touch."""

    http: Request
    context: ConnectionContext
    principal: ConnectionPrincipal

    @property
    def id(self) -> str:
        """The id of the resource in the path.

        Raises:
            NotFound: it has not the form of an id, so there is nothing to read.
        """
        named = self.http.path.get("id", "")
        if not is_id(named):
            raise NotFound
        return named

    @property
    def user_type(self) -> ResourceType:
        """What a User is in this connection."""
        return self.context.user_type

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """The resource types of this connection."""
        return self.user_type, GROUP

    @property
    def precondition(self) -> Precondition | None:
        """The If-Match header."""
        return entity_tags(self.http.headers.get("if-match", ()))

    def projection(self, resource_type: ResourceType) -> Projection:
        """What of a resource is asked for."""
        query = self.http.query
        return Projection.parse(
            query.get("attributes"), query.get("excludedAttributes"), resource_type
        )


Handler = Callable[[ScimRequest], Response]
Offer = Mapping[str, Handler]


def scim_error(error: ApiError, _request_id: str = "") -> Response:
    """Answer a refusal with a SCIM Error body: RFC 7644 section 3.12."""
    return Response(error.status, error_body(error), error.headers)
