"""Settings of an organisation, one at a time: workspaces, roles and verified domains.

Every change also increments the organisation's version, so a connection cannot begin to use what
is being deleted.
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
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import (
    EXISTS,
    Action,
    Condition,
    Delete,
    Item,
    Put,
    equals_or_absent,
)
from chalicelib.storage.keys import Key, setting_of
from chalicelib.storage.records import SCHEMA_ATTRIBUTE, from_item, to_item, with_schema
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    Organisation,
    Role,
    Workspace,
)
from chalicelib.storage.table import chunks
from chalicelib.storage.transactions import MAX_ACTIONS

# The field of a connection that names a setting; none names a domain.
USED_AS: Mapping[str, str] = {"workspace": "workspace", "role": "default_role"}

# The characters of ids and domains; anything else cannot exist and is not looked up.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,253}")

IN_USE = (
    "The {setting_type} `{id}` is used by the connection `{name}` ({connection}): change the "
    "connection first."
)
TAKEN = "domain: it belongs to another organisation."


@dataclass(frozen=True, slots=True)
class OrganisationSetting:
    """A workspace, a role or a domain, with its item and the uniqueness item of a domain."""

    setting_type: str
    id: str
    key: Key
    item: Item
    uniqueness_key: Key | None = None

    def audited_values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the audit says about an item of this setting."""
        return {"id": self.id} | {
            name: item[name] for name in self.item if name != SCHEMA_ATTRIBUTE
        }

    def is_stored_as(self, item: Mapping[str, Any]) -> bool:
        """Tell whether a stored item says the same as this setting."""
        return all(item.get(name) == value for name, value in self.item.items())


def put_workspace(admin: AdminContext, workspace: Workspace) -> Workspace:
    """Create a workspace, or rename it.

    Raises:
        NotFound: no such organisation.
        Conflict: the organisation is being deleted.
    """
    _put(admin, _workspace(admin, workspace))
    return workspace


def put_role(admin: AdminContext, role: Role) -> Role:
    """Create a role, or change it.

    Raises:
        NotFound: no such organisation.
        Conflict: it would no longer be allowed as a default role, and is one of a connection; or
            the organisation is being deleted.
    """
    _put(admin, _role(admin, role), must_be_unused=not role.may_be_default)
    return role


def put_domain(admin: AdminContext, domain: str) -> str:
    """Add a domain that the organisation has verified.

    Raises:
        NotFound: no such organisation.
        Conflict: it belongs to another organisation, or this one is being deleted.
    """
    _put(admin, _domain(admin, domain))
    return domain


def delete_workspace(admin: AdminContext, workspace_id: str) -> None:
    """Delete a workspace.

    Raises:
        NotFound: the organisation has no such workspace.
        Conflict: a connection uses it, and is named; or the organisation is being deleted.
    """
    item = _get(admin, admin.keys.workspace(workspace_id))
    _delete(admin, _workspace(admin, from_item(Workspace, item)))


def delete_role(admin: AdminContext, role_id: str) -> None:
    """Delete a role; users who have it lose it.

    Raises:
        NotFound: the organisation has no such role.
        Conflict: a connection uses it, and is named; or the organisation is being deleted.
    """
    item = _get(admin, admin.keys.role(role_id))
    _delete(admin, _role(admin, from_item(Role, item)))


def delete_domain(admin: AdminContext, domain: str) -> None:
    """Remove a domain; another organisation may then have it.

    Raises:
        NotFound: the organisation has no such domain.
        Conflict: the organisation is being deleted.
    """
    setting = _domain(admin, domain.lower())
    _get(admin, setting.key)
    _delete(admin, setting)


def _workspace(admin: AdminContext, workspace: Workspace) -> OrganisationSetting:
    key = admin.keys.workspace(workspace.id)
    return OrganisationSetting("workspace", workspace.id, key, to_item(workspace))


def _role(admin: AdminContext, role: Role) -> OrganisationSetting:
    return OrganisationSetting("role", role.id, admin.keys.role(role.id), to_item(role))


def _domain(admin: AdminContext, domain: str) -> OrganisationSetting:
    uniqueness_key = table_keys.verified_domain(domain)
    return OrganisationSetting(
        "domain", domain, admin.keys.domain(domain), with_schema({}), uniqueness_key
    )


def _get(admin: AdminContext, key: Key) -> Item:
    is_well_formed = WELL_FORMED.fullmatch(setting_of(key).id) is not None
    item = admin.items.get(key) if is_well_formed else None
    if item is None:
        raise NotFound
    return item


def _put(
    admin: AdminContext, setting: OrganisationSetting, *, must_be_unused: bool = False
) -> None:
    """Write a setting; `must_be_unused`: reject it where a connection uses it."""
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        present = connections.list_connections(admin)
        before = admin.items.get(setting.key)
        if before is not None and setting.is_stored_as(before):
            return
        if must_be_unused:
            _require_unused(present, setting)
        changes = _change_items(admin, setting, present) if before is None else []
        actions = list(_put_actions(admin, setting, before))
        if _try_write(admin, organisation, actions, changes):
            return
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _put_actions(
    admin: AdminContext, setting: OrganisationSetting, before: Item | None
) -> Iterator[Action]:
    old = setting.audited_values(before) if before else {}
    edit = Edit(setting.setting_type, setting.id, old, setting.audited_values(setting.item))
    yield Put(setting.key, setting.item)
    yield audit.entry_item(admin, edit)
    if before is None and setting.uniqueness_key:
        yield Put(setting.uniqueness_key, {"org": admin.keys.organisation}, _own(admin))


def _delete(admin: AdminContext, setting: OrganisationSetting) -> None:
    for _ in admin.items.deadline.attempts():
        organisation = organisations.get_for_change(admin)
        present = connections.list_connections(admin)
        _require_unused(present, setting)
        changes = _change_items(admin, setting, present)
        if _try_write(admin, organisation, list(_delete_actions(admin, setting)), changes):
            return
        _get(admin, setting.key)
    raise Busy  # pragma: no cover - attempts() never ends without raising


def _delete_actions(admin: AdminContext, setting: OrganisationSetting) -> Iterator[Action]:
    before = setting.audited_values(setting.item)
    yield Delete(setting.key, EXISTS)
    yield audit.entry_item(admin, Edit(setting.setting_type, setting.id, before=before))
    if setting.uniqueness_key:
        yield Delete(setting.uniqueness_key, _own(admin))


def _own(admin: AdminContext) -> Condition:
    """Require that no other organisation has a domain; a restore may keep half of ours."""
    return equals_or_absent("org", admin.keys.organisation)


def _change_items(
    admin: AdminContext, setting: OrganisationSetting, present: tuple[Connection, ...]
) -> list[Put]:
    """Tell the feed to read the users of all connections again where a role comes or goes."""
    concerned = present if setting.setting_type == "role" else ()
    return [admin.change_item(Change("connection", c.id, c.version, ("roles",))) for c in concerned]


def _require_unused(present: tuple[Connection, ...], setting: OrganisationSetting) -> None:
    field = USED_AS.get(setting.setting_type)
    for each in present:
        if field and getattr(each, field) == setting.id and each.state != DELETING:
            names = {"name": each.name, "connection": each.id}
            message = IN_USE.format(setting_type=setting.setting_type, id=setting.id, **names)
            raise Conflict(message, **names)


def _try_write(
    admin: AdminContext, organisation: Organisation, actions: list[Action], changes: list[Put]
) -> bool:
    """Write; False where another change of the organisation came first.

    Change items that do not fit the transaction are written before it: the feed returns its last
    minute again.

    Raises:
        Conflict: another organisation has the domain.
    """
    version_bump = organisations.version_bump(admin, organisation)
    room = MAX_ACTIONS - len(actions) - 1
    for part in chunks(changes[room:], MAX_ACTIONS):
        admin.items.commit(part)
    canceled = admin.items.try_commit([version_bump, *actions, *changes[:room]])
    if canceled and not {version_bump.key, actions[0].key} & canceled.items.keys():
        raise Conflict(TAKEN)
    return canceled is None
