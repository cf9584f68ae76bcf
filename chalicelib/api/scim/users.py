"""The handlers of /Users. RFC 7644 section 3."""

from __future__ import annotations

from chalicelib.api.edge import Response
from chalicelib.api.scim.lists import USERS, list_resources, with_plus_signs
from chalicelib.api.scim.scim_request import MAX_USER_BYTES, ScimRequest
from chalicelib.api.scim.scim_response import not_modified, resource_response
from chalicelib.directory import deletes, users
from chalicelib.scim import messages


def list_users(request: ScimRequest) -> Response:
    """GET /Users (section 3.4.2)."""
    response = list_resources(request, USERS, request.http.query)
    if response.document and response.document["totalResults"] == 0:
        again = with_plus_signs(request.http.query)
        return list_resources(request, USERS, again) if again else response
    return response


def search_users(request: ScimRequest) -> Response:
    """POST /Users/.search (section 3.4.3)."""
    return list_resources(request, USERS, messages.parse_search(request.body(MAX_USER_BYTES)))


def create_user(request: ScimRequest) -> Response:
    """POST /Users (section 3.3)."""
    projection = request.projection(request.user_type)
    document = request.resource(request.body(MAX_USER_BYTES), request.user_type)
    created = users.create(request.context, document)
    return resource_response(created, request.user_type, projection, status=201)


def get_user(request: ScimRequest) -> Response:
    """GET /Users/{id} (section 3.4.1)."""
    projection = request.projection(request.user_type)
    user = users.get(request.context, request.id, with_groups=projection.wants("groups"))
    return not_modified(request, user) or resource_response(user, request.user_type, projection)


def replace_user(request: ScimRequest) -> Response:
    """PUT /Users/{id} (section 3.5.1).

    A body without `active`, or with an empty one, leaves a deactivated user deactivated.
    """
    body = request.body(MAX_USER_BYTES)
    return _change(request, request.replacement(body, request.user_type))


def patch_user(request: ScimRequest) -> Response:
    """PATCH /Users/{id} (section 3.5.2)."""
    operations = request.operations(request.body(MAX_USER_BYTES), request.user_type)
    return _change(request, request.patch(operations, request.user_type))


def _change(request: ScimRequest, edit: users.Edit) -> Response:
    projection = request.projection(request.user_type)
    changed = users.change(request.context, request.id, edit, request.precondition)
    return resource_response(changed, request.user_type, projection)


def delete_user(request: ScimRequest) -> Response:
    """DELETE /Users/{id} (section 3.6)."""
    deletes.delete_user(request.context, request.id, request.precondition)
    return Response(204)
