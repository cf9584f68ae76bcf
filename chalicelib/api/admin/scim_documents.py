"""`?include=scim`: the SCIM document of a user or team, for the SaaS that shows or copies it.

A user has at most 100 groups in it, and a group no members; neither ever has a password. Lists end
a page where its documents reach 1 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from chalicelib.api.admin import responses
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, page
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import group_resource, user_resource
from chalicelib.errors import BadRequest
from chalicelib.organisations.groups import OrganisationGroup
from chalicelib.organisations.paging import Page
from chalicelib.organisations.users import OrganisationUser
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.messages import MAX_RESPONSE_BYTES, fit_response
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.settings_items import Connection

Item = TypeVar("Item")
Document = TypeVar("Document", bound=Mapping[str, Any])

# A page that has them ends there.
MAX_PAGE_BYTES = 1_000_000
MAX_GROUPS = 100
ALL = Projection(None, {})


def fitted_page(
    found: Page[Item],
    document: Callable[[Item, ScimDocuments | None], Document],
    cursor: Callable[[Item], str],
    scim: ScimDocuments | None,
) -> Ok[responses.Page[Document]]:
    """Return a page of a list, which ends early where it is too large for one response.

    `cursor` makes the cursor that continues after an item.
    """
    documents = [document(each, scim) for each in found.items]
    kept = fit_response(documents, MAX_RESPONSE_BYTES if scim is None else MAX_PAGE_BYTES)
    if len(kept) == len(documents):
        return page(kept, found.next_cursor)
    return page(kept, cursor(found.items[len(kept) - 1]))


@dataclass(slots=True)
class ScimDocuments:
    """Makes the SCIM documents of one response; the schemas of a connection are read once."""

    request: AdminRequest
    _contexts: dict[str, ConnectionContext] = field(default_factory=dict)

    @classmethod
    def asked_for(cls, request: AdminRequest) -> ScimDocuments | None:
        """Return it where the request asks for documents: `?include=scim`.

        Raises:
            BadRequest: it asks for something else.
        """
        include = request.http.query.get("include")
        if include not in {None, "scim"}:
            raise BadRequest("include: expected scim.")
        return cls(request) if include else None

    def of_user(self, found: OrganisationUser) -> Resource:
        """Make a user's document, with those of their groups that were read."""
        context = self._context(found.connection)
        resource = user_resource(context, found.user, islice(found.groups or (), MAX_GROUPS))
        return project(resource, context.user_type, ALL)

    def of_group(self, found: OrganisationGroup) -> Resource:
        """Make a group's document, without members."""
        context = self._context(found.connection)
        return project(group_resource(context, found.group, None), GROUP, ALL)

    def _context(self, connection: Connection) -> ConnectionContext:
        if connection.id not in self._contexts:
            services, http = self.request.services, self.request.http
            items = self.request.admin_context().items
            self._contexts[connection.id] = ConnectionContext(
                items=items,
                keys=ConnectionKeys(connection.id),
                base_url=f"{http.base_url}/scim/v2/{connection.id}",
                default_role=connection.default_role,
                token_id="",
                request_id=http.request_id,
                user_type=services.user_types.of(items, connection.id, connection.schemas_version),
            )
        return self._contexts[connection.id]
