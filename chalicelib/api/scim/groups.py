"""The handlers of /Groups. RFC 7644 section 3."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.api.edge import Response
from chalicelib.api.scim.lists import GROUPS, list_resources, read_count
from chalicelib.api.scim.scim_request import MAX_GROUP_BYTES, MAX_USER_BYTES, ScimRequest
from chalicelib.api.scim.scim_response import not_modified, resource_response
from chalicelib.directory import deletes, groups
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.members import UnknownUser
from chalicelib.directory.whole_groups import WholeGroup
from chalicelib.errors import BadRequest, NotFound
from chalicelib.scim import member_changes, messages, validation
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import InvalidCursor, InvalidValue, TooMany, in_operation
from chalicelib.scim.member_changes import MemberChange
from chalicelib.scim.patch_operations import Operation
from chalicelib.scim.projection import Projection
from chalicelib.scim.schema import Resource
from chalicelib.scim.strict_json import Document
from chalicelib.storage.keys import is_id

# A PATCH returns the group up to this size where the connection's setting is `auto`.
MAX_RETURNED_MEMBERS = 100


def list_groups(request: ScimRequest) -> Response:
    """GET /Groups (section 3.4.2)."""
    return list_resources(request, GROUPS, request.http.query)


def search_groups(request: ScimRequest) -> Response:
    """POST /Groups/.search (section 3.4.3)."""
    return list_resources(request, GROUPS, messages.parse_search(request.body(MAX_USER_BYTES)))


def create_group(request: ScimRequest) -> Response:
    """POST /Groups (section 3.3)."""
    projection = request.projection(GROUP)
    document, members = _read_group(request)
    created = groups.create(request.context, document, members or frozenset())
    return resource_response(created, GROUP, projection, status=201)


def get_group(request: ScimRequest) -> Response:
    """GET /Groups/{id} (section 3.4.1)."""
    projection = request.projection(GROUP)
    group = _get(request, projection)
    return not_modified(request, group) or resource_response(group, GROUP, projection)


def replace_group(request: ScimRequest) -> Response:
    """PUT /Groups/{id} (section 3.5.1).

    A body without `members` keeps or clears them as the connection's setting says: some clients
    leave out what they do not change, others what is empty.
    """
    projection = request.projection(GROUP)
    document, members = _read_group(request)
    sent = members is not None
    if not sent and request.principal.settings.put_without_members == "clear":
        members = frozenset()
    change = GroupChange(lambda _: document, MemberChange(members), request.precondition, sent)
    written = groups.change(request.context, request.id, change)
    return _changed_group(request, projection, written)


def patch_group(request: ScimRequest) -> Response:
    """PATCH /Groups/{id} (section 3.5.2).

    Returns what the connection's setting says, 204 or a small group as it is now; a request with
    `attributes` always gets them (section 3.5.2).
    """
    projection = request.projection(GROUP)
    sent = request.operations(request.body(MAX_GROUP_BYTES), GROUP)
    operations, members = member_changes.split_members(sent, GROUP)
    edit = request.patch(operations, GROUP) if operations else None
    try:
        groups.change(request.context, request.id, GroupChange(edit, members, request.precondition))
    except UnknownUser as error:
        raise _in_operation(error, sent) from None
    if request.http.query.get("attributes"):
        return _changed_group(request, projection)
    if request.principal.settings.group_patch_answer == "auto":
        group = groups.find_small(request.context, request.id, MAX_RETURNED_MEMBERS)
        if group is not None:
            return resource_response(group, GROUP, projection)
    return Response(204)


def _in_operation(error: UnknownUser, operations: Iterable[Operation]) -> BadRequest:
    """Name the operation that names the unknown user."""
    index = next(
        each.index
        for each in operations
        if each.path.attr.name == "members" and error.uid in member_changes.member_ids(each.value)
    )
    return in_operation(InvalidValue(error.detail), index)


def list_members(request: ScimRequest) -> Response:
    """GET /Groups/{id}/members: a group's members by cursor, however many they are.

    Not in RFC 7644; in the form of RFC 9865: `nextCursor` is absent on the last page.
    """
    after = request.http.query.get("cursor", "")
    if after and not is_id(after):
        raise InvalidCursor
    found = groups.list_members(request.context, request.id, after, read_count(request.http.query))
    next_cursor = {"nextCursor": found.next_cursor} if found.next_cursor else {}
    return Response(200, messages.list_response(found.members, found.total, None) | next_cursor)


def delete_group(request: ScimRequest) -> Response:
    """DELETE /Groups/{id} (section 3.6)."""
    deletes.delete_group(request.context, request.id, request.precondition)
    return Response(204)


def _read_group(request: ScimRequest) -> tuple[Document, frozenset[str] | None]:
    """Split a group's body into its document and the ids of its members; None if not sent.

    An empty list of members is sent: the group is to have none.
    """
    body = request.body(MAX_GROUP_BYTES)
    document = request.resource(body, GROUP)
    members = document.pop("members", [])
    targets = (GROUP.locate(key) for key, _ in validation.entries(body, GROUP))
    if not any(t and t.attribute and t.attribute.name == "members" for t in targets):
        return document, None
    return document, member_changes.member_ids(members)


def _get(
    request: ScimRequest, projection: Projection, written: WholeGroup | None = None
) -> Resource:
    return groups.get(
        request.context,
        request.id,
        with_members=projection.wants("members"),
        with_display=projection.asks("members", "display"),
        written=written,
    )


def _changed_group(
    request: ScimRequest, projection: Projection, written: WholeGroup | None = None
) -> Response:
    """Return a changed group; 204 where it has more members than one response may have.

    204 also where another request has deleted it since. An error would say that nothing has
    happened, but the change is made.
    """
    try:
        return resource_response(_get(request, projection, written), GROUP, projection)
    except (TooMany, NotFound):
        return Response(204)
