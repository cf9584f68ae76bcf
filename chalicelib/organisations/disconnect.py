"""The end of a connection: its tokens go, and what becomes of its users is chosen.

Users are never touched one by one: an ended connection says itself how they are read.
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
from chalicelib.storage.expressions import Action, equals
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.settings_items import DELETING, Connection, changed

# What an admin chooses for the users, and what the connection is then.
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
        "deactivate": "The connection ends; its users stay readable, every one as inactive.",
        "delete": "The connection is deleted with its users, their roles, teams and tokens.",
    }
)
NO_CHOICE = f"users: one of {', '.join(CHOICES)}."
BEING_DELETED = "The connection is being deleted; its users can no longer be kept."


def end(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    users: str,
    precondition: Precondition | None,
) -> Connection:
    """End a connection for good; repeating it is no fault, and another choice may follow.

    One transaction ends it with its tokens; then their secrets go. With `delete` the rest is
    left to the purge.

    Raises:
        NotFound: the organisation has none of this id.
        BadRequest: no such choice.
        Conflict: it is being deleted, which leaves no other choice, or the organisation is.
        PreconditionFailed: it is not at the version that the client means.
    """
    for _ in admin.items.deadline.attempts():
        before = _endable(admin, connection_id, users, precondition)
        after = replace(before, **CHOICES[users])
        revocations = list(_revocations(admin, connection_id))
        if after != before:
            after = _next(admin, after)
            if admin.items.try_commit(_ending(admin, before, after, revocations)) is not None:
                continue
        _tidy(admin, secrets, after, revocations)
        return after
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _endable(
    admin: AdminContext, connection_id: str, users: str, precondition: Precondition | None
) -> Connection:
    if users not in CHOICES:
        raise BadRequest(NO_CHOICE)
    organisations.get_for_change(admin)
    connection = connections.get(admin, connection_id)
    if precondition:
        precondition.require(connections.version(connection))
    if connection.state == DELETING and CHOICES[users]["state"] != DELETING:
        raise Conflict(BEING_DELETED)
    return connection


def _revocations(admin: AdminContext, connection_id: str) -> Iterator[Revocation]:
    """Revoke what lives; the secrets of what has ended are removed at a time of their own."""
    for row in tokens.stored_tokens(admin, connection_id):
        if row.live(admin.now()):
            yield tokens.plan_revocation(admin, connection_id, row)


def _next(admin: AdminContext, connection: Connection) -> Connection:
    """Count the change, and let nobody make a token who has counted them before."""
    return replace(
        connection,
        version=connection.version + 1,
        tokens_version=connection.tokens_version + 1,
        modified=timestamp(admin.now()),
    )


def _ending(
    admin: AdminContext, before: Connection, after: Connection, revocations: list[Revocation]
) -> list[Action]:
    as_read = equals("version", before.version) & equals("tokens_version", before.tokens_version)
    row = after.row() | {"tokens_version": after.tokens_version}
    actions: list[Action] = [
        changed(admin.keys.connection(after.id), row, as_read),
        *connections.change_records(admin, before, after),
        *(each for one in revocations for each in tokens.revocation_actions(admin, one)),
    ]
    if after.state == DELETING:
        actions.append(purge.scheduled_purge(admin, after.id))
    return actions


def _tidy(
    admin: AdminContext, secrets: Secrets, ended: Connection, revocations: list[Revocation]
) -> None:
    """Remove what nobody can use any more; the purge does it for a connection that is deleted."""
    for each in revocations:
        tokens.delete_secret(admin, secrets, each)
    if ended.state != DELETING:
        gone = [admin.keys.token(ended.id, row.id) for row in tokens.stored_tokens(admin, ended.id)]
        admin.items.batch_delete(gone)


def preview(admin: AdminContext, connection_id: str, users: str) -> dict[str, Any]:
    """Tell what the end of a connection would mean, and change nothing.

    Reads the counters, the tokens, and the row of every team for its size.

    Raises:
        NotFound: the organisation has none of this id.
        BadRequest: no such choice.
        Conflict: it is being deleted, which leaves no other choice, or the organisation is.
    """
    connection = _endable(admin, connection_id, users, None)
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
