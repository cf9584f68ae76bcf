"""The handlers of erasures: delete one person, and the signed records of what was deleted."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import ErasureRecord, Ok, Page, page
from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import NotFound
from chalicelib.organisations import audit, erasure, users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.storage import grants, lookups
from chalicelib.storage.erasure_items import Erasure
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.settings_items import ORGANISATION_ID


def erase_user(request: AdminRequest) -> Ok[ErasureRecord]:
    """DELETE /admin/organisations/{org}/users/{user}: erase a person; returns the signed record.

    For a connection that has ended, or an identity provider that does not delete. One that still
    has the user assigned creates them again. Repeating it completes what was interrupted.

    Raises:
        NotFound: no such user, and no record of one.
        Unavailable: the key that signs the record cannot be read.
    """
    admin, uid = request.admin_context(), request.http.path["user"]
    known = erasure.find(admin, uid)
    try:
        connection = users.get(admin, uid).connection.id
    except NotFound:
        if known is None:
            raise
        return Ok(_document(_complete(request, admin, known)))
    erasure.ensure_key(admin, request.services.secrets)
    ordered = erasure.order_user(admin, uid, connection)
    deletes.delete_user(_directory(request, connection), uid)
    return Ok(_document(_complete(request, admin, ordered)))


def _directory(request: AdminRequest, connection: str) -> ConnectionContext:
    keys = ConnectionKeys(connection)
    return ConnectionContext(
        items=request.services.table.namespace(grants.scim(keys), request.deadline),
        keys=keys,
        base_url="",
        default_role="",
        token_id=request.principal.actor.by,
        request_id=request.http.request_id,
    )


def _complete(request: AdminRequest, admin: AdminContext, ordered: Erasure) -> Erasure:
    """Sign the record, once, and write it with an entry of the audit."""
    if ordered.completed is not None or ordered.user is None or ordered.connection is None:
        return ordered
    scope = lookups.ConnectionScope(admin.items, ConnectionKeys(ordered.connection))
    left = {"user": 0, "memberships": len(lookups.left_groups(scope, ordered.user))}
    done = erasure.completed(admin, request.services.secrets, ordered, left)
    entry = audit.entry_item(admin, Edit("user", ordered.user, action="erased"))
    admin.items.commit([erasure.completion(done), entry])
    return done


def list_erasures(request: AdminRequest) -> Ok[Page[ErasureRecord]]:
    """GET /admin/erasures?organisation=: the records of what was erased, each with its signature.

    Raises:
        NotFound: `organisation` does not have the form of an id.
    """
    query = request.http.query
    organisation = query.get("organisation", "")
    if organisation and ORGANISATION_ID.fullmatch(organisation) is None:
        raise NotFound
    items = request.services.table.namespace(grants.erasures(), request.deadline)
    found = erasure.list_records(items, organisation, query.get("cursor", ""), request.page_size)
    return page([_document(each) for each in found.items], found.next_cursor)


def _document(record: Erasure) -> ErasureRecord:
    return {
        "id": record.id,
        "erased": "organisation" if record.user is None else "user",
        "organisation": record.organisation,
        "user": record.user,
        "ordered_at": record.ordered,
        "completed_at": record.completed,
        "record": record.text,
        "signature": record.signature,
        "public_key": record.public_key,
    }
