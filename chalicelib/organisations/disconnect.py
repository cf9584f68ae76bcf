"""Disconnecting: a connection ends with its tokens, and an admin chooses what happens to users.

No user is changed: the ended connection itself says how its users are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from chalicelib.auth.secrets import Secrets
from chalicelib.errors import BadRequest, Busy, Conflict
from chalicelib.organisations import connections, organisations, purge, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.tokens import Revocation
from chalicelib.scim.preconditions import Precondition
from chalicelib.storage import lookups
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import NEW, Action, Delete, Put, equals
from chalicelib.storage.keys import ConnectionKeys, Key
from chalicelib.storage.records import to_item, update
from chalicelib.storage.settings_items import DELETING, SERVED_STATES, Connection, Organisation

# The choices for the users, and the state of the connection after each.
CHOICES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "keep": {"state": "ended", "after_end": "keep"},
        "deactivate": {"state": "ended", "after_end": "deactivate"},
        "delete": {"state": DELETING},
    }
)
EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "keep": "The connection ends; its users and teams stay readable as they are.",
        "deactivate": "The connection ends; its users stay readable, all of them as inactive.",
        "delete": "The connection is deleted with its users, their roles, teams and tokens.",
    }
)
TOO_MANY_KEPT = (
    f"The organisation keeps the users of {connections.MOST_KEPT} ended connections, the most that "
    "it may. Delete one of those with `users=delete`, or end this one with `users=delete`."
)
UNKNOWN_CHOICE = f"users: expected one of {', '.join(CHOICES)}."
BEING_DELETED = "The connection is being deleted; its users can no longer be kept."


def end(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    users: str,
    precondition: Precondition | None,
) -> Connection:
    """End a connection for good; repeating it is not an error, and another choice may follow.

    One transaction ends it and revokes its tokens; then their secrets are deleted. With `delete`
    the purge deletes the rest.

    Raises:
        NotFound: the organisation has no such connection.
        BadRequest: no such choice.
        Conflict: it is being deleted and the choice is another one, or the organisation is, or
            it keeps the users of as many ended connections as it may.
        PreconditionFailed: it has another version than If-Match names.
    """
    for _ in admin.items.deadline.attempts():
        organisation, key, before = _get_for_disconnect(admin, connection_id, users, precondition)
        after = replace(before, **CHOICES[users])
        revocations = list(_revocations(admin, connection_id))
        if after != before:
            after = replace(
                after,
                version=before.version + 1,
                # A token that is being created fails the condition on this count.
                tokens_version=before.tokens_version + 1,
                modified=timestamp(admin.now()),
            )
            move = list(_move(admin, organisation, (key, before), after))
            actions = _actions(admin, before, after, revocations)
            if admin.items.try_commit([*move, *actions]) is not None:
                continue
        for each in revocations:
            tokens.delete_secret(admin, secrets, each)
        return after
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _get_for_disconnect(
    admin: AdminContext, connection_id: str, users: str, precondition: Precondition | None
) -> tuple[Organisation, Key, Connection]:
    if users not in CHOICES:
        raise BadRequest(UNKNOWN_CHOICE)
    organisation = organisations.get_for_change(admin)
    key, connection = connections.get_with_key(admin, connection_id)
    if precondition:
        precondition.require(connections.version(connection))
    if connection.state == DELETING and CHOICES[users]["state"] != DELETING:
        raise Conflict(BEING_DELETED)
    return organisation, key, connection


def _move(
    admin: AdminContext,
    organisation: Organisation,
    stored: tuple[Key, Connection],
    after: Connection,
) -> Iterator[Action]:
    """Write the ended connection; one that has no users to read goes where no request reads it.

    A user that is being created at this moment stays unread with it, until it is deleted.

    Raises:
        Conflict: the organisation keeps the users of as many ended connections as it may.
    """
    key, before = stored
    as_read = equals("version", before.version) & equals("tokens_version", before.tokens_version)
    past = admin.keys.past_connection(after.id)
    if key == past or _has_something_to_read(admin, after):
        yield update(key, after, as_read, also=("tokens_version",))
        if key != past and before.state in SERVED_STATES:
            _require_room(admin)
            yield organisations.version_bump(admin, organisation)
    else:
        yield Delete(key, as_read)
        yield Put(past, to_item(after), NEW)


def _has_something_to_read(admin: AdminContext, ended: Connection) -> bool:
    scope = lookups.ConnectionScope(admin.items, ConnectionKeys(ended.id))
    return ended.state != DELETING and any(lookups.count(scope, each) for each in ("U", "G"))


def _require_room(admin: AdminContext) -> None:
    """Reject one more ended connection whose users every sign-in would have to look up."""
    kept = [c for c in connections.list_connections(admin) if c.state not in SERVED_STATES]
    if len(kept) >= connections.MOST_KEPT:
        raise Conflict(TOO_MANY_KEPT)


def _revocations(admin: AdminContext, connection_id: str) -> Iterator[Revocation]:
    """Plan to revoke the valid tokens; secrets of the others are being deleted already."""
    for token in tokens.stored_tokens(admin, connection_id):
        if token.live(admin.now()):
            yield tokens.plan_revocation(admin, connection_id, token)


def _actions(
    admin: AdminContext, before: Connection, after: Connection, revocations: list[Revocation]
) -> list[Action]:
    actions: list[Action] = [
        *connections.change_records(admin, before, after),
        *(each for one in revocations for each in tokens.revocation_actions(admin, one)),
    ]
    if after.state == DELETING:
        actions.append(purge.scheduled_purge(admin, after.id))
    return actions


def preview(admin: AdminContext, connection_id: str, users: str) -> dict[str, Any]:
    """Return what ending the connection would concern, and change nothing.

    Reads the counters, the tokens, and the item of every group for its size.

    Raises:
        NotFound: the organisation has no such connection.
        BadRequest: no such choice.
        Conflict: it is being deleted and the choice is another one, or the organisation is.
    """
    _, _, connection = _get_for_disconnect(admin, connection_id, users, None)
    scope = lookups.ConnectionScope(admin.items, ConnectionKeys(connection_id))
    return {
        "connection": connection.id,
        "state": CHOICES[users]["state"],
        "users": lookups.count(scope, "U"),
        "teams": lookups.count(scope, "G"),
        "members": lookups.count_members(scope),
        "tokens": len(list(_revocations(admin, connection_id))),
        "effect": EFFECTS[users],
    }
