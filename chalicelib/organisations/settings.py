"""What an organisation has, one by one: workspaces, roles and verified domains.

Every change raises the organisation's version, so it never passes unseen by a connection that
begins to use what is being deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import Busy, Conflict, NotFound
from chalicelib.organisations import audit, connections, organisations
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.storage import keys as table_keys
from chalicelib.storage.directory_items import SHAPE, Change
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Item, Put, equals
from chalicelib.storage.keys import Key, setting_of
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    Organisation,
    Role,
    Workspace,
    role_from,
    workspace_from,
)
from chalicelib.storage.table import chunks
from chalicelib.storage.transactions import MOST_ACTIONS

# Which of a connection's fields names one; a domain is named by none.
USES: Mapping[str, str] = {"workspace": "workspace", "role": "default_role"}

# What an id or a domain may consist of; anything else is not there, and never asked for.
FORM = re.compile(r"[A-Za-z0-9._-]{1,253}")

IN_USE = "The {kind} `{id}` is used by the connection `{name}` ({connection}); change that first."
TAKEN = "domain: it belongs to another organisation."


@dataclass(frozen=True, slots=True)
class OrganisationSetting:
    """One thing that an organisation has: its kind and id, its row, and what stands beside it.

    `beside` is the row, of all organisations, that makes a domain unique.
    """

    kind: str
    id: str
    key: Key
    row: Item
    beside: Key | None = None

    def told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the audit tells of a row of it."""
        return {"id": self.id} | {name: row[name] for name in self.row if name != "shape"}

    def is_as(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row says what this one does."""
        return all(row.get(name) == value for name, value in self.row.items())


def put_workspace(admin: AdminContext, wanted: Workspace) -> Workspace:
    """Create a workspace, or give it another name.

    Raises:
        NotFound: no such organisation.
        Conflict: the organisation is being deleted.
    """
    _put(admin, _workspace(admin, wanted))
    return wanted


def put_role(admin: AdminContext, wanted: Role) -> Role:
    """Create a role, or change it.

    Raises:
        NotFound: no such organisation.
        Conflict: a connection gives it as its default role, which it no longer might be; or the
            organisation is being deleted.
    """
    _put(admin, _role(admin, wanted), free=not wanted.may_be_default)
    return wanted


def put_domain(admin: AdminContext, domain: str) -> str:
    """Say that a domain belongs to the organisation, which has verified it.

    Raises:
        NotFound: no such organisation.
        Conflict: it belongs to another organisation, or this one is being deleted.
    """
    _put(admin, _domain(admin, domain))
    return domain


def delete_workspace(admin: AdminContext, workspace_id: str) -> None:
    """Delete a workspace.

    Raises:
        NotFound: the organisation has none of this id.
        Conflict: a connection uses it; names it. Or the organisation is being deleted.
    """
    row = _there(admin, admin.keys.workspace(workspace_id))
    _delete(admin, _workspace(admin, workspace_from(row)))


def delete_role(admin: AdminContext, role_id: str) -> None:
    """Delete a role; whoever has it has it no longer.

    Raises:
        NotFound: the organisation has none of this id.
        Conflict: a connection uses it; names it. Or the organisation is being deleted.
    """
    row = _there(admin, admin.keys.role(role_id))
    _delete(admin, _role(admin, role_from(row)))


def delete_domain(admin: AdminContext, domain: str) -> None:
    """Let go of a domain; another organisation may have it then.

    Raises:
        NotFound: it is none of the organisation's.
        Conflict: the organisation is being deleted.
    """
    owned = _domain(admin, domain.lower())
    _there(admin, owned.key)
    _delete(admin, owned)


def _workspace(admin: AdminContext, workspace: Workspace) -> OrganisationSetting:
    key = admin.keys.workspace(workspace.id)
    return OrganisationSetting("workspace", workspace.id, key, workspace.row())


def _role(admin: AdminContext, role: Role) -> OrganisationSetting:
    return OrganisationSetting("role", role.id, admin.keys.role(role.id), role.row())


def _domain(admin: AdminContext, domain: str) -> OrganisationSetting:
    beside = table_keys.verified_domain(domain)
    return OrganisationSetting(
        "domain", domain, admin.keys.domain(domain), {"shape": SHAPE}, beside
    )


def _there(admin: AdminContext, key: Key) -> Item:
    formed = FORM.fullmatch(setting_of(key).id) is not None
    row = admin.items.get(key) if formed else None
    if row is None:
        raise NotFound
    return row


def _put(admin: AdminContext, wanted: OrganisationSetting, *, free: bool = False) -> None:
    """Write a belonging; `free`: no connection may use it as it will be."""
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        found = connections.list_connections(admin)
        row = admin.items.get(wanted.key)
        if row is not None and wanted.is_as(row):
            return
        if free:
            _require_unused(found, wanted)
        notes = _concerned(admin, wanted, found) if row is None else []
        if _committed(admin, organisation, list(_writing(admin, wanted, row)), notes):
            return
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _writing(
    admin: AdminContext, wanted: OrganisationSetting, before: Item | None
) -> Iterator[Action]:
    yield Put(wanted.key, wanted.row)
    old = wanted.told(before) if before else {}
    yield audit.entry_item(admin, Edit(wanted.kind, wanted.id, old, wanted.told(wanted.row)))
    if before is None and wanted.beside:
        yield Put(wanted.beside, {"org": admin.keys.organisation}, NEW)


def _delete(admin: AdminContext, owned: OrganisationSetting) -> None:
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        found = connections.list_connections(admin)
        _require_unused(found, owned)
        notes = _concerned(admin, owned, found)
        if _committed(admin, organisation, list(_deletion(admin, owned)), notes):
            return
        _there(admin, owned.key)
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _deletion(admin: AdminContext, owned: OrganisationSetting) -> Iterator[Action]:
    yield Delete(owned.key, EXISTS)
    yield audit.entry_item(admin, Edit(owned.kind, owned.id, before=owned.told(owned.row)))
    if owned.beside:
        yield Delete(owned.beside, equals("org", admin.keys.organisation))


def _concerned(
    admin: AdminContext, changed: OrganisationSetting, found: tuple[Connection, ...]
) -> list[Put]:
    """Note for the feed that users are to be read again: a role comes or goes for all of them."""
    concerned = found if changed.kind == "role" else ()
    return [admin.change_item(Change("connection", c.id, c.version, ("roles",))) for c in concerned]


def _require_unused(found: tuple[Connection, ...], owned: OrganisationSetting) -> None:
    field = USES.get(owned.kind)
    users = [c for c in found if field and getattr(c, field) == owned.id and c.state != DELETING]
    if users:
        names = {"name": users[0].name, "connection": users[0].id}
        raise Conflict(IN_USE.format(kind=owned.kind, id=owned.id, **names), **names)


def _committed(
    admin: AdminContext, organisation: Organisation, actions: list[Action], notes: list[Put]
) -> bool:
    """Write; False where something else in the organisation came first.

    Notes that do not fit the transaction go ahead of it: the feed gives its last minute again.

    Raises:
        Conflict: another organisation has the domain.
    """
    raised = organisations.version_bump(admin, organisation)
    room = MOST_ACTIONS - len(actions) - 1
    for ahead in chunks(notes[room:], MOST_ACTIONS):
        admin.items.commit(ahead)
    canceled = admin.items.try_commit([raised, *actions, *notes[:room]])
    if canceled and not {raised.key, actions[0].key} & canceled.items.keys():
        raise Conflict(TAKEN)
    return canceled is None
