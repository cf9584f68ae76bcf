"""Connections of one organisation: create, read, list, change. One function per operation.

What depends on what else there is in the organisation (how many connections, whether a role is
there) raises the organisation's version in the same transaction, so two such changes never
pass each other unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.errors import Busy, Conflict, FieldError, Forbidden, InvalidFields, NotFound
from chalicelib.organisations import audit, idempotency, organisations
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection, present
from chalicelib.scim.preconditions import Precondition
from chalicelib.settings import Plan
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import NEW, Action, Put, equals
from chalicelib.storage.settings_items import (
    CONNECTION_ID,
    SERVED_STATES,
    Connection,
    Organisation,
    Role,
    changed,
    connection_from,
    new_connection_id,
    of_type,
    role_from,
)

# What a connection refers to; the referred must stay while it does.
REFERENCES = frozenset({"workspace", "default_role"})
DIRECT = frozenset(ConnectionChanges.model_fields) - {"settings"}

WITHOUT_SCIM = (
    "The organisation's plan `{plan}` does not include SCIM, so it can have no connection. "
    "Change the plan first."
)
TOO_MANY = (
    "The organisation's plan `{plan}` has {most} connection(s) at most, and that many are there."
)
ENDED = (
    "The connection has ended or is being deleted, so nothing of it can be changed any more; "
    "create another one."
)
NO_WORKSPACE = "there is no such workspace in this organisation"
NO_ROLE = "there is no such role in this organisation"
PROTECTED = "a protected role is never given by provisioning; choose another"
NOT_DEFAULT = "this role may not be a default role; choose one with `may_be_default`"


def version(connection: Connection) -> str:
    """Give a connection's ETag."""
    return f'W/"{connection.version}"'


def create(
    admin: AdminContext,
    body: NewConnection,
    plans: Mapping[str, Plan],
    idempotency_key: IdempotencyKey | None,
) -> Connection:
    """Create a connection, active at once; it serves nobody until it has a token.

    Raises:
        NotFound: no such organisation.
        Forbidden: its plan lacks SCIM.
        Conflict: it has as many connections as its plan allows, or is being deleted.
        InvalidFields: there is no such workspace or role, or the role may not be a default.
        Busy: the same request is being served at this moment.
    """
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        _require_room(admin, organisation, plans)
        _require_referred(admin, body.workspace, body.default_role)
        connection = _new(admin, body)
        canceled = admin.items.try_commit(
            _creation(admin, organisation, connection, idempotency_key)
        )
        if canceled is None:
            return connection
        if idempotency.is_concurrent_replay(canceled, idempotency_key):
            raise Busy
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _new(admin: AdminContext, body: NewConnection) -> Connection:
    now = timestamp(admin.now())
    return Connection(
        id=new_connection_id(admin.keys.organisation, admin.clock.random),
        name=body.name,
        state="active",
        workspace=body.workspace,
        default_role=body.default_role,
        identity_provider=body.identity_provider,
        created=now,
        modified=now,
        settings=body.settings.model_dump(exclude_none=True),
    )


def _creation(
    admin: AdminContext,
    organisation: Organisation,
    made: Connection,
    idempotency_key: IdempotencyKey | None,
) -> list[Action]:
    row = made.row() | {"tokens_version": made.tokens_version}
    actions: list[Action] = [
        Put(admin.keys.connection(made.id), row, NEW),
        organisations.version_bump(admin, organisation),
        admin.change_item(Change("connection", made.id, made.version)),
        audit.entry_item(admin, Edit("connection", made.id, after=settings(made))),
    ]
    if idempotency_key:
        actions.append(idempotency_key.created_item(made.id, admin.now()))
    return actions


def settings(connection: Connection) -> dict[str, Any]:
    """Give what has been set of a connection, as the audit and the feed tell it."""
    names = ("name", "state", "workspace", "default_role", "identity_provider", "settings")
    return {name: getattr(connection, name) for name in (*names, "after_end")}


def _require_room(
    admin: AdminContext, organisation: Organisation, plans: Mapping[str, Plan]
) -> None:
    plan = plans.get(organisation.plan, Plan(scim=False))
    if not plan.scim:
        raise Forbidden(WITHOUT_SCIM.format(plan=organisation.plan))
    counted = [each for each in list_connections(admin) if each.state in SERVED_STATES]
    if len(counted) >= plan.max_connections:
        raise Conflict(TOO_MANY.format(plan=organisation.plan, most=plan.max_connections))


def _require_referred(admin: AdminContext, workspace: str, role: str) -> None:
    """Check what a connection refers to: one BatchGetItem."""
    workspace_key, role_key = admin.keys.workspace(workspace), admin.keys.role(role)
    found = admin.items.batch_get([workspace_key, role_key])
    faults = [] if workspace_key in found else [FieldError("workspace", NO_WORKSPACE)]
    fault = _role_fault(role_from(found[role_key]) if role_key in found else None)
    if fault:
        faults.append(FieldError("default_role", fault))
    if faults:
        raise InvalidFields(*faults)


def _role_fault(role: Role | None) -> str | None:
    if role is None:
        return NO_ROLE
    if role.protected:
        return PROTECTED
    return None if role.may_be_default else NOT_DEFAULT


def get(admin: AdminContext, connection_id: str) -> Connection:
    """Read a connection: 1 RCU.

    Raises:
        NotFound: the organisation has none of this id.
    """
    formed = CONNECTION_ID.fullmatch(connection_id) is not None
    row = admin.items.get(admin.keys.connection(connection_id)) if formed else None
    if row is None:
        raise NotFound
    return connection_from(row)


def get_for_change(admin: AdminContext, connection_id: str) -> Connection:
    """Read a connection in order to change something of it.

    Raises:
        NotFound: the organisation has none of this id.
        Conflict: it has ended, or it or the organisation is being deleted.
    """
    organisations.get_for_change(admin)
    return _unended(get(admin, connection_id))


def _unended(connection: Connection) -> Connection:
    if connection.state not in SERVED_STATES:
        raise Conflict(ENDED)
    return connection


def list_connections(admin: AdminContext) -> tuple[Connection, ...]:
    """List the connections: one Query, which passes their tokens too."""
    rows = admin.items.query(admin.keys.connections())
    return tuple(map(connection_from, of_type("connection", rows)))


def change(
    admin: AdminContext,
    connection_id: str,
    body: ConnectionChanges,
    precondition: Precondition | None,
) -> Connection:
    """Change what the body names; a changed state acts at the next SCIM request.

    Raises:
        NotFound: the organisation has none of this id.
        InvalidFields: there is no such workspace or role, or the role may not be a default.
        Conflict: it has ended, or it or the organisation is being deleted.
        PreconditionFailed: it is not at the version that the client means.
    """
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        before = _unended(get(admin, connection_id))
        if precondition:
            precondition.require(version(before))
        after = replace(before, **_changes(before, body))
        if after == before:
            return before
        if body.model_fields_set & REFERENCES:
            _require_referred(admin, after.workspace, after.default_role)
        after = replace(after, version=before.version + 1, modified=timestamp(admin.now()))
        if admin.items.try_commit(list(_replacement(admin, organisation, before, after))) is None:
            return after
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _changes(before: Connection, body: ConnectionChanges) -> dict[str, Any]:
    changes = present(body, DIRECT)
    if "settings" in body.model_fields_set:
        merged = {**before.settings, **body.settings.model_dump(exclude_unset=True)}
        changes["settings"] = {name: v for name, v in merged.items() if v is not None}
    return changes


def _replacement(
    admin: AdminContext, organisation: Organisation, before: Connection, after: Connection
) -> Iterator[Action]:
    key = admin.keys.connection(after.id)
    yield changed(key, after.row(), equals("version", before.version))
    yield from change_records(admin, before, after)
    if any(getattr(before, name) != getattr(after, name) for name in REFERENCES):
        yield organisations.version_bump(admin, organisation)


def change_records(
    admin: AdminContext, before: Connection, after: Connection
) -> tuple[Action, Action]:
    """Note a change of a connection: in the audit, and for the organisation's feed."""
    old, new = settings(before), settings(after)
    differing = tuple(name for name in sorted(new) if new[name] != old[name])
    return (
        audit.entry_item(admin, Edit("connection", after.id, old, new)),
        admin.change_item(Change("connection", after.id, after.version, differing)),
    )
