"""Connections of one organisation: create, read, list, change. One function per operation.

A change that depends on other items of the organisation (how many connections, whether a role
exists) also increments the organisation's version, so of two concurrent ones the second one fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from chalicelib.errors import (
    BadRequest,
    Busy,
    Conflict,
    FieldError,
    Forbidden,
    InvalidFields,
    NotFound,
)
from chalicelib.organisations import audit, idempotency, organisations
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection, present
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.scim.preconditions import Precondition
from chalicelib.settings import CREDENTIAL_TYPES, CredentialType, Plan
from chalicelib.storage.clock import timestamp
from chalicelib.storage.connection_settings import preset_settings
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import EXISTS, NEW, Action, Put, Update, absent, equals
from chalicelib.storage.keys import Key
from chalicelib.storage.records import from_item, from_items, to_item, update
from chalicelib.storage.settings_items import (
    CONNECTION_ID,
    SERVED_STATES,
    Connection,
    Organisation,
    Role,
    new_connection_id,
)

# How many connections may have ended and keep users: each costs a sign-in a Get and a Query.
MOST_KEPT = 10

# The first Query of the past connections asks for so many.
PAGE = 101
PRESENT, PAST = "", "past."
CURSOR = re.compile(rf"(?P<past>past\.)?(?P<id>{CONNECTION_ID.pattern})")

# Fields that name another item of the organisation, which cannot be deleted meanwhile.
REFERENCES = frozenset({"workspace", "default_role"})
DIRECT = frozenset(ConnectionChanges.model_fields) - {"settings", "authentication"}

WITHOUT_SCIM = (
    "The organisation's plan `{plan}` does not include SCIM, so connections cannot be created. "
    "Change the plan first."
)
TOO_MANY = (
    "The organisation's plan `{plan}` allows at most {most} connection(s), and it has that many."
)
ENDED = (
    "The connection has ended or is being deleted and cannot be changed any more; create another "
    "one."
)
ALREADY_SET_UP = "This session has its connection already: change that one."
NO_WORKSPACE = "there is no such workspace in this organisation"
NO_ROLE = "there is no such role in this organisation"
PROTECTED = "a protected role cannot be given by provisioning; choose another role"
NOT_DEFAULT = "this role may not be a default role; choose one with `may_be_default`"


def version(connection: Connection) -> str:
    """Return a connection's ETag."""
    return f'W/"{connection.version}"'


def create(
    admin: AdminContext,
    body: NewConnection,
    plans: Mapping[str, Plan],
    idempotency_key: IdempotencyKey | None,
) -> Connection:
    """Create a connection, in state active; requests are accepted once it has a token.

    Raises:
        NotFound: no such organisation.
        Forbidden: its plan does not include SCIM.
        Conflict: it has as many connections as its plan allows, or is being deleted.
        InvalidFields: no such workspace or role, the role may not be a default role, or a type of
            credentials is not allowed here.
        Busy: the same request is being processed at the moment.
    """
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        _require_plan_allows_another(admin, organisation, plans)
        _require_workspace_and_role(admin, body.workspace, body.default_role)
        connection = _new(admin, body, organisation)
        canceled = admin.items.try_commit(
            _creation(admin, organisation, connection, idempotency_key)
        )
        if canceled is None:
            return connection
        if idempotency.is_lost(canceled, idempotency_key):
            raise Busy
        if canceled.items.keys() & {each.key for each in _bindings(admin, connection)}:
            raise Forbidden(ALREADY_SET_UP)
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _new(admin: AdminContext, body: NewConnection, organisation: Organisation) -> Connection:
    now = timestamp(admin.now())
    # The first that may be: what every identity provider knows comes first.
    allowed = organisation.allowed_types(admin.authentication_types)
    default = [each for each in CREDENTIAL_TYPES if each in allowed][:1]
    types = body.authentication or default
    _require_allowed(types, allowed)
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
        preset=preset_settings(body.identity_provider),
        authentication=tuple(types),
        profile=body.profile,
    )


def _require_allowed(types: Iterable[str], allowed: frozenset[CredentialType]) -> None:
    if not {*types} <= allowed:
        expected = " or ".join(sorted(allowed)) or "nothing"
        message = f"the deployment allows this organisation {expected}"
        raise InvalidFields(FieldError("authentication", message))


def _creation(
    admin: AdminContext,
    organisation: Organisation,
    connection: Connection,
    idempotency_key: IdempotencyKey | None,
) -> list[Action]:
    item = to_item(connection)
    actions: list[Action] = [
        Put(admin.keys.connection(connection.id), item, NEW),
        organisations.version_bump(admin, organisation),
        admin.change_item(Change("connection", connection.id, connection.version)),
        audit.entry_item(
            admin, Edit("connection", connection.id, after=audited_values(connection))
        ),
    ]
    if idempotency_key:
        actions.append(idempotency_key.created_item(connection.id, admin.now()))
    return [*actions, *_bindings(admin, connection)]


def _bindings(admin: AdminContext, connection: Connection) -> Iterator[Update]:
    """Bind the setup session that creates a connection, and its link, to it: no other follows."""
    if admin.unbound_session:
        keys = [admin.keys.console_session(admin.unbound_session)]
        if admin.setup_link:
            keys.append(admin.keys.console_link(admin.setup_link))
        for key in keys:
            condition = EXISTS & absent("connection")
            yield Update(key, set={"connection": connection.id}, condition=condition)


def audited_values(connection: Connection) -> dict[str, Any]:
    """Return what an admin has set of a connection, for the audit and the feed."""
    names = ("name", "state", "workspace", "default_role", "identity_provider", "settings")
    values = {name: getattr(connection, name) for name in (*names, "after_end", "profile")}
    return {**values, "authentication": list(connection.authentication)}


def _require_plan_allows_another(
    admin: AdminContext, organisation: Organisation, plans: Mapping[str, Plan]
) -> None:
    plan = plans.get(organisation.plan, Plan(scim=False))
    if not plan.scim:
        raise Forbidden(WITHOUT_SCIM.format(plan=organisation.plan))
    served = [each for each in list_connections(admin) if each.state in SERVED_STATES]
    if len(served) >= plan.max_connections:
        raise Conflict(TOO_MANY.format(plan=organisation.plan, most=plan.max_connections))


def _require_workspace_and_role(admin: AdminContext, workspace: str, role: str) -> None:
    """Reject a workspace or a default role that cannot be used: one BatchGetItem."""
    workspace_key, role_key = admin.keys.workspace(workspace), admin.keys.role(role)
    found = admin.items.batch_get([workspace_key, role_key])
    faults = [] if workspace_key in found else [FieldError("workspace", NO_WORKSPACE)]
    fault = _problem_of_role(from_item(Role, found[role_key]) if role_key in found else None)
    if fault:
        faults.append(FieldError("default_role", fault))
    if faults:
        raise InvalidFields(*faults)


def _problem_of_role(role: Role | None) -> str | None:
    if role is None:
        return NO_ROLE
    if role.protected:
        return PROTECTED
    return None if role.may_be_default else NOT_DEFAULT


def get(admin: AdminContext, connection_id: str) -> Connection:
    """Read a connection: 1 RCU; one that is being deleted, or has ended without users, 2.

    Raises:
        NotFound: the organisation has no such connection.
    """
    return get_with_key(admin, connection_id)[1]


def get_with_key(admin: AdminContext, connection_id: str) -> tuple[Key, Connection]:
    """Read a connection and the key of its item.

    Raises:
        NotFound: the organisation has no such connection.
    """
    is_well_formed = CONNECTION_ID.fullmatch(connection_id) is not None
    for make_key in (admin.keys.connection, admin.keys.past_connection) if is_well_formed else ():
        key = make_key(connection_id)
        item = admin.items.get(key)
        if item is not None:
            return key, from_item(Connection, item)
    raise NotFound


def get_for_change(admin: AdminContext, connection_id: str) -> Connection:
    """Read a connection before something of it is changed.

    Raises:
        NotFound: the organisation has no such connection.
        Conflict: it has ended, or it or the organisation is being deleted.
    """
    organisations.get_for_change(admin)
    connection = get(admin, connection_id)
    if connection.state not in SERVED_STATES:
        raise Conflict(ENDED)
    return connection


def list_connections(admin: AdminContext) -> tuple[Connection, ...]:
    """List the connections that are served, or have ended and still have users: one Query.

    Their number is bounded by the plan and by MOST_KEPT.
    """
    return tuple(from_items(Connection, admin.items.query(admin.keys.connections())))


def list_past_connections(admin: AdminContext, after: str = "") -> Iterator[Connection]:
    """List the connections that are being deleted, or have ended without users, by id."""
    return from_items(Connection, admin.items.query(admin.keys.past_connections(after), page=PAGE))


def list_page(admin: AdminContext, cursor: str | None, size: int) -> Page[Connection]:
    """List all connections: those that are served or have users first, then the past ones.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    read = CURSOR.fullmatch(cursor) if cursor is not None else None
    if cursor is not None and read is None:
        raise BadRequest(UNKNOWN_CURSOR)
    in_past, after = (read["past"] is not None, read["id"]) if read else (False, "")
    present = () if in_past else (c for c in list_connections(admin) if c.id > after)
    past = list_past_connections(admin, after if in_past else "")
    found = chain(((PRESENT, each) for each in present), ((PAST, each) for each in past))
    taken = take_page(found, size, lambda pair: f"{pair[0]}{pair[1].id}")
    return Page([each for _, each in taken.items], taken.next_cursor)


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A connection before and after a change."""

    before: Connection
    after: Connection


def change(
    admin: AdminContext,
    connection_id: str,
    body: ConnectionChanges,
    precondition: Precondition | None,
) -> ConnectionChange:
    """Change the fields of the body; a changed state applies to the next SCIM request.

    Raises:
        NotFound: the organisation has no such connection.
        InvalidFields: no such workspace or role, or the role may not be a default role.
        Conflict: it has ended, or it or the organisation is being deleted.
        PreconditionFailed: it has another version than If-Match names.
    """
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        before = get(admin, connection_id)
        if before.state not in SERVED_STATES:
            raise Conflict(ENDED)
        if precondition:
            precondition.require(version(before))
        after = replace(before, **_changes(before, body))
        if after == before:
            return ConnectionChange(before, before)
        if "authentication" in body.model_fields_set:
            allowed = organisation.allowed_types(admin.authentication_types)
            _require_allowed(after.authentication, allowed)
        if body.model_fields_set & REFERENCES:
            _require_workspace_and_role(admin, after.workspace, after.default_role)
        after = replace(after, version=before.version + 1, modified=timestamp(admin.now()))
        if admin.items.try_commit(list(_replacement(admin, organisation, before, after))) is None:
            return ConnectionChange(before, after)
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _changes(before: Connection, body: ConnectionChanges) -> dict[str, Any]:
    changes = present(body, DIRECT)
    if changes.get("identity_provider", before.identity_provider) != before.identity_provider:
        changes["preset"] = preset_settings(body.identity_provider)
    if "authentication" in body.model_fields_set:
        changes["authentication"] = tuple(body.authentication)
    if "settings" in body.model_fields_set:
        merged = {**before.settings, **body.settings.model_dump(exclude_unset=True)}
        changes["settings"] = {name: v for name, v in merged.items() if v is not None}
    return changes


def _replacement(
    admin: AdminContext, organisation: Organisation, before: Connection, after: Connection
) -> Iterator[Action]:
    key = admin.keys.connection(after.id)
    yield update(key, after, equals("version", before.version))
    yield from change_records(admin, before, after)
    if any(getattr(before, name) != getattr(after, name) for name in REFERENCES):
        yield organisations.version_bump(admin, organisation)


def change_records(
    admin: AdminContext, before: Connection, after: Connection
) -> tuple[Action, Action]:
    """Make the items that record a change of a connection: for the audit and for the feed."""
    old, new = audited_values(before), audited_values(after)
    differing = tuple(name for name in sorted(new) if new[name] != old[name])
    return (
        audit.entry_item(admin, Edit("connection", after.id, old, new)),
        admin.change_item(Change("connection", after.id, after.version, differing)),
    )
