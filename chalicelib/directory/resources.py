"""Users and teams as SCIM resources: what the row holds, and what the service adds to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from chalicelib.directory.context import ConnectionContext
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import TooMany
from chalicelib.scim.messages import MAX_RESPONSE_BYTES
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.directory_items import Document, Group, User
from chalicelib.storage.keys import ID_LENGTH


def user_version(user: User) -> str:
    """Give a user's ETag; memberships do not change it."""
    return f'W/"{user.version}"'


def group_version(group: Group) -> str:
    """Give a team's ETag; it changes with the document and with the members."""
    return f'W/"{group.version}.{group.memberships}"'


def user_resource(context: ConnectionContext, user: User, groups: Iterable[Group]) -> Resource:
    """Represent a user who is in `groups`."""
    joined = [_group_of_user(context, group) for group in groups]
    own = {"groups": joined} if joined else {}
    return _resource(context.user_type, context, user, user_version(user)) | own


def group_resource(context: ConnectionContext, group: Group, members: Sequence[str]) -> Resource:
    """Represent a team with these members, by their ids."""
    own = {"members": [member(context, uid) for uid in members]} if members else {}
    return _resource(GROUP, context, group, group_version(group)) | own


def _resource(
    resource_type: ResourceType, context: ConnectionContext, row: User | Group, version: str
) -> Resource:
    return {
        "schemas": schemas_of(resource_type, row.document),
        "id": row.id,
        **row.document,
        "meta": {
            "resourceType": resource_type.name,
            "created": row.created,
            "lastModified": row.modified,
            "location": f"{context.base_url}{resource_type.endpoint}/{row.id}",
            "version": version,
        },
    }


def schemas_of(resource_type: ResourceType, document: Document) -> list[str]:
    """Name the core schema and the extensions that the document uses."""
    return [resource_type.schema.id, *(s.id for s in resource_type.extensions if s.id in document)]


def most_members(context: ConnectionContext) -> int:
    """Tell how many members one answer holds: about 37,000."""
    return MAX_RESPONSE_BYTES // (len(json.dumps(member(context, "0" * ID_LENGTH))) + 1)


def require_answerable(context: ConnectionContext, group: Group) -> None:
    """Check that one answer holds a team's members.

    Raises:
        TooMany: it does not; says how they are read.
    """
    most = most_members(context)
    if group.size > most:
        message = (
            f"The group {group.id} has {group.size:,} members; one answer holds {most:,}. Read it "
            f"with excludedAttributes=members, and them from /Groups/{group.id}/members."
        )
        raise TooMany(message)


def member(context: ConnectionContext, uid: str) -> Document:
    """Represent a member of a team."""
    return {"value": uid, "$ref": f"{context.base_url}/Users/{uid}", "type": "User"}


def _group_of_user(context: ConnectionContext, group: Group) -> Document:
    return {
        "value": group.id,
        "$ref": f"{context.base_url}/Groups/{group.id}",
        "display": group.document["displayName"],
        "type": "direct",
    }
