"""Users and groups as SCIM resources: their documents, and what the service adds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from chalicelib.directory.context import ConnectionContext
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import TooMany
from chalicelib.scim.messages import MAX_RESPONSE_BYTES
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.directory_items import Document, Group, User
from chalicelib.storage.keys import ID_LENGTH, digest

# How much of the hash of a user's groups their ETag has.
VERSION_DIGITS = 16


def user_version(user: User, groups: Sequence[Document] = ()) -> str:
    """Return a user's ETag: the version of the document and, if the body has groups, their hash.

    If-Match compares the first part only: joining a group does not change a user.
    """
    if not groups:
        return f'W/"{user.version}"'
    shown = json.dumps([[group["value"], group["display"]] for group in groups])
    return f'W/"{user.version}.{digest(shown)[:VERSION_DIGITS]}"'


def group_version(group: Group) -> str:
    """Return a group's ETag; it changes with the document and with the members."""
    return f'W/"{group.version}.{group.memberships}"'


def user_resource(context: ConnectionContext, user: User, groups: Iterable[Group]) -> Resource:
    """Represent a user who is a member of `groups`."""
    joined = [
        {
            "value": group.id,
            "$ref": f"{context.base_url}/Groups/{group.id}",
            "display": group.document["displayName"],
            "type": "direct",
        }
        for group in groups
    ]
    resource = _resource(context, context.user_type, user, user_version(user, joined))
    return resource | ({"groups": joined} if joined else {})


def group_resource(
    context: ConnectionContext, group: Group, uids: Sequence[str] | None
) -> Resource:
    """Represent a group with these users as members; None if the members were not read."""
    resource = _resource(context, GROUP, group, group_version(group))
    return resource if uids is None else resource | {"members": [member(context, u) for u in uids]}


def _resource(
    context: ConnectionContext, resource_type: ResourceType, stored: User | Group, version: str
) -> Resource:
    used = (schema.id for schema in resource_type.extensions if schema.id in stored.document)
    return {
        "schemas": [resource_type.schema.id, *used],
        "id": stored.id,
        **stored.document,
        "meta": {
            "resourceType": resource_type.name,
            "created": stored.created,
            "lastModified": stored.modified,
            "location": f"{context.base_url}{resource_type.endpoint}/{stored.id}",
            "version": version,
        },
    }


def member(context: ConnectionContext, uid: str) -> Document:
    """Represent a member of a group."""
    return {"value": uid, "$ref": f"{context.base_url}/Users/{uid}", "type": "User"}


def max_members_in_response(context: ConnectionContext) -> int:
    """Return how many members of a group one response holds: about 37,000."""
    return MAX_RESPONSE_BYTES // (len(json.dumps(member(context, "0" * ID_LENGTH))) + 1)


def require_returnable(context: ConnectionContext, group: Group) -> None:
    """Check that one response holds a group's members.

    Raises:
        TooMany: it does not; the text says how to read them.
    """
    largest = max_members_in_response(context)
    if group.size > largest:
        message = (
            f"members: the group {group.id} has {group.size:,} members; one response holds at "
            f"most {largest:,}. Read the group with excludedAttributes=members, and its members "
            f"from /Groups/{group.id}/members."
        )
        raise TooMany(message)
