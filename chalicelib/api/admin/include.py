"""`?include=scim`: the SCIM document of a user or team, for the SaaS that shows or copies it.

Lists end a page where its documents reach 1 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from chalicelib.api.admin import responses
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, page
from chalicelib.errors import BadRequest
from chalicelib.organisations.paging import Page
from chalicelib.organisations.scim_documents import ScimDocuments
from chalicelib.scim.messages import MAX_RESPONSE_BYTES, fit_response

Item = TypeVar("Item")
Document = TypeVar("Document", bound=Mapping[str, Any])

# A page that has them ends there.
MAX_PAGE_BYTES = 1_000_000


def scim_documents(request: AdminRequest) -> ScimDocuments | None:
    """Return what makes documents where the request asks for them: `?include=scim`.

    Raises:
        BadRequest: it asks for something else.
    """
    include = request.http.query.get("include")
    if include not in {None, "scim"}:
        raise BadRequest("include: expected scim.")
    if not include:
        return None
    items, types = request.admin_context().items, request.services.user_types
    return ScimDocuments(items, request.http.base_url, types)


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
