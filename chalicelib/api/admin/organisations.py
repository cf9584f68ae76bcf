"""The handlers of organisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from chalicelib.api.admin.request_bodies import LISTS, read_body
from chalicelib.api.admin.requests import CREATED_IS_GONE, AdminRequest
from chalicelib.api.admin.responses import (
    NO_HEADERS,
    Accepted,
    Created,
    Headers,
    ListedOrganisation,
    Ok,
    Organisation,
    Page,
    SignOn,
    page,
)
from chalicelib.api.admin.settings import role_document, workspace_document
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.organisations import erasure, idempotency, organisations, purge
from chalicelib.organisations.inputs import NewOrganisation, OrganisationChanges
from chalicelib.organisations.organisations import OrganisationDetails
from chalicelib.scim.comparison import compose
from chalicelib.storage import grants
from chalicelib.storage.settings_items import DELETING, OrganisationSummary, new_organisation_id

OPERATOR = "operator"
UNCONFIRMED = (
    "Passerelle-Confirm: expected the name of the organisation that is to be deleted; what is not "
    "ASCII may be percent-encoded. Nothing was deleted."
)


def create_organisation(request: AdminRequest) -> Created[Organisation]:
    """POST /admin/organisations."""
    body = read_body(NewOrganisation, request.http, LISTS)
    key = request.idempotency_key(OPERATOR, body)
    admin = request.admin_context(new_organisation_id(request.services.table.clock.random))
    plans = request.services.settings.plans
    organisation = idempotency.create_once(
        admin.items,
        key,
        lambda: organisations.create(admin, body, plans, key),
        lambda created: _created_before(request, created),
    )
    url = f"{request.http.base_url}/admin/organisations/{organisation.organisation.id}"
    return Created(_document(organisation), _headers(organisation, {"Location": url}))


def _created_before(request: AdminRequest, organisation: str) -> OrganisationDetails:
    try:
        return organisations.get_details(request.admin_context(organisation))
    except NotFound:
        raise Conflict(CREATED_IS_GONE) from None


def list_organisations(request: AdminRequest) -> Ok[Page[ListedOrganisation]]:
    """GET /admin/organisations."""
    query = request.http.query
    items = request.services.table.namespace(grants.organisation_list(), request.deadline)
    if "reference" in query:
        found = organisations.list_by_reference(items, query["reference"])
    else:
        found = organisations.list_organisations(items, query.get("cursor", ""), request.page_size)
    return page([_listed(each) for each in found.items], found.next_cursor)


def get_organisation(request: AdminRequest) -> Ok[Organisation]:
    """GET /admin/organisations/{org}; of one that is being deleted, what is still there."""
    admin = request.admin_context()
    organisation = organisations.get_details(admin)
    document = _document(organisation)
    if organisation.organisation.state == DELETING:
        left = purge.progress(admin)
        document["progress"] = {
            "connections": left["connections"],
            "users": left["users"],
            "teams": left["teams"],
            "tokens": left["tokens"],
        }
    return Ok(document, _headers(organisation))


def change_organisation(request: AdminRequest) -> Ok[Organisation]:
    """PATCH /admin/organisations/{org}."""
    admin = request.admin_context()
    body = read_body(OrganisationChanges, request.http)
    plans = request.services.settings.plans
    changed = organisations.change(admin, body, plans, request.precondition())
    return Ok(_document(changed), _headers(changed))


def delete_organisation(request: AdminRequest) -> Accepted[Organisation]:
    """DELETE /admin/organisations/{org}: begins now; at the end, some time after a minute, 404.

    Raises:
        BadRequest: the header Passerelle-Confirm is not the organisation's name.
        Unavailable: the key that signs the record of it cannot be made.
    """
    admin = request.admin_context()
    if not _is_confirmed(request.http.header("passerelle-confirm"), organisations.get(admin).name):
        raise BadRequest(UNCONFIRMED)
    erasure.ensure_key(admin, request.services.secrets)
    organisation = organisations.delete(admin, request.precondition())
    return Accepted(_document(organisation), _headers(organisation))


def _is_confirmed(header: str | None, name: str) -> bool:
    """Tell whether a header is a name: percent-encoded, in UTF-8, or in UTF-8 read as Latin-1."""
    sent = (header or "").strip()
    read_anew = sent.encode("latin-1", "replace").decode("utf-8", "replace")
    return compose(name) in {compose(each) for each in (sent, unquote(sent), read_anew)}


def _headers(details: OrganisationDetails, more: Headers = NO_HEADERS) -> Headers:
    return {"ETag": organisations.version(details.organisation), **more}


def _document(details: OrganisationDetails) -> Organisation:
    organisation = details.organisation
    return {
        "id": organisation.id,
        "name": organisation.name,
        "reference": organisation.reference,
        "plan": organisation.plan,
        "state": organisation.state,
        "sso": sign_on_document(organisation.sso),
        "authentication": (
            None if organisation.authentication is None else [*organisation.authentication]
        ),
        "workspaces": [workspace_document(each) for each in details.workspaces],
        "roles": [role_document(each) for each in details.roles],
        "domains": list(details.domains),
        "created": organisation.created,
        "last_modified": organisation.modified,
    }


def sign_on_document(sso: Mapping[str, Any] | None) -> SignOn | None:
    """Return the document of how an organisation's users sign in."""
    if sso is None:
        return None
    return {
        "provider": sso["provider"],
        "redirect_url": sso["redirect_url"],
        "forced": sso["forced"],
    }


def _listed(organisation: OrganisationSummary) -> ListedOrganisation:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "plan": organisation.plan,
        "state": organisation.state,
        "reference": organisation.reference,
    }
