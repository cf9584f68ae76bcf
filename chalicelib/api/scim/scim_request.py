"""One authenticated SCIM request, as its handler sees it, and its body. RFC 7644 section 3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.api.edge import Request, Response
from chalicelib.auth.authenticate import ConnectionPrincipal
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import NotFound, UnsupportedMediaType
from chalicelib.scim import messages, patch, patch_operations, strict_json, validation
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.ignored import Ignored, reject_ignored
from chalicelib.scim.patch_operations import Operation
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.scim.projection import Projection
from chalicelib.scim.schema import ResourceType
from chalicelib.scim.strict_json import Document
from chalicelib.storage.keys import is_id

ROOT = "/scim/v2/{connection}"

MAX_USER_BYTES = 1_000_000
# A group may come with all of its members.
MAX_GROUP_BYTES = 5_500_000

# The value of the setting `unknown_attributes` that rejects them.
STRICT = "strict"


@dataclass(frozen=True, slots=True)
class ScimRequest:
    """An authenticated request, with the part of the directory that it may read and change."""

    http: Request
    context: ConnectionContext
    principal: ConnectionPrincipal

    @property
    def id(self) -> str:
        """The id of the resource in the path.

        Raises:
            NotFound: it does not have the form of an id, so there is nothing to read.
        """
        resource_id = self.http.path.get("id", "")
        if not is_id(resource_id):
            raise NotFound
        return resource_id

    @property
    def user_type(self) -> ResourceType:
        """The resource type User of this connection, with its own extensions."""
        return self.context.user_type

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """The resource types of this connection."""
        return self.user_type, GROUP

    @property
    def precondition(self) -> Precondition | None:
        """The If-Match header; None if it is missing."""
        return entity_tags(self.http.headers.get("if-match", ()))

    def projection(self, resource_type: ResourceType) -> Projection:
        """Read which attributes the response is to have: `attributes`, `excludedAttributes`."""
        query = self.http.query
        return Projection.parse(
            query.get("attributes"), query.get("excludedAttributes"), resource_type
        )

    def body(self, max_bytes: int) -> Document:
        """Read the JSON object of the request's body.

        Raises:
            UnsupportedMediaType: it is compressed.
            PayloadTooLarge, InvalidSyntax, InvalidValue: as `messages.parse_json`.
        """
        # RFC 9110 section 8.4: `identity` says that nothing was done to the body.
        if self.http.header("content-encoding") not in {None, "identity"}:
            raise UnsupportedMediaType
        return strict_json.parse_json(self.http.body, max_bytes)

    def resource(self, body: Document, resource_type: ResourceType) -> Document:
        """Validate the resource of a POST or PUT against its schemas.

        Raises:
            InvalidSyntax: the connection is strict, and the schemas do not know all attributes.
            InvalidValue: as `validation.check`.
        """
        self._ignore(validation.ignored_in(body, resource_type), resource_type)
        return validation.check(body, resource_type)

    def replacement(
        self, body: Document, resource_type: ResourceType
    ) -> Callable[[Document], Document]:
        """Validate the resource of a PUT; returns what makes a stored document the new one.

        Raises:
            InvalidSyntax, InvalidValue: as `resource`; the function that is returned too.
        """
        ignored = self._ignore(validation.ignored_in(body, resource_type), resource_type)
        document = validation.read(body, resource_type)
        return lambda present: validation.replaced(document, present, ignored, resource_type)

    def patch(
        self, operations: Sequence[Operation], resource_type: ResourceType
    ) -> Callable[[Document], Document]:
        """Return what applies operations to a stored document, as the connection's settings say.

        A lenient connection creates the value that a value filter describes.
        """
        settings = self.principal.settings
        creates = settings.unknown_attributes != STRICT or settings.creates_missing_values
        rules = patch.PatchRules(creates, replaces_whole=self.principal.is_interop)
        in_time = self.context.items.deadline.each
        return lambda present: patch.apply(in_time(operations), present, resource_type, rules)

    def operations(self, body: Document, resource_type: ResourceType) -> tuple[Operation, ...]:
        """Validate the operations of a PATCH against the schemas of its resource.

        Raises:
            InvalidPath, InvalidValue: as `normalise`; where the connection is strict, also for
                what it would ignore.
        """
        raw = messages.parse_patch(body)
        if self.principal.is_interop:
            patch_operations.require_paths(raw)
        normalised = patch_operations.normalise(raw, resource_type, self.id)
        self._ignore(normalised.ignored, resource_type)
        return normalised.operations

    def _ignore(
        self, ignored: Iterable[Ignored], resource_type: ResourceType
    ) -> tuple[Ignored, ...]:
        """Record what of the request is ignored, unless the connection rejects it."""
        found = tuple(ignored)
        self.context.trace.add_ignored(found)
        if self.principal.settings.unknown_attributes == STRICT:
            reject_ignored(found, resource_type, interop=self.principal.is_interop)
        return found


Handler = Callable[[ScimRequest], Response]
# The methods of one path, each with its handler.
Methods = Mapping[str, Handler]
