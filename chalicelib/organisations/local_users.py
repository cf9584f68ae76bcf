"""Changing what an organisation says about a user: read, edit, one transaction.

Every write is conditioned on the version that was read and on the user being there, so of two
at the same time neither is lost and none outlives its user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chalicelib.errors import NotFound
from chalicelib.organisations import audit
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.snapshot import OrganisationSnapshot, read_snapshot_for_change
from chalicelib.storage.directory_items import Change, Document, User, user_of
from chalicelib.storage.expressions import EXISTS, Action, Check, absent
from chalicelib.storage.keys import ConnectionKeys, is_id
from chalicelib.storage.local_users import LocalUser, local_user_of, written
from chalicelib.storage.settings_items import Connection


@dataclass(frozen=True, slots=True)
class UserForChange:
    """A user with the settings of their organisation, and their local item as it was read."""

    snapshot: OrganisationSnapshot
    connection: Connection
    user: User
    local: LocalUser


@dataclass(frozen=True, slots=True)
class ChangeDescription:
    """How a change is told: its kind and attribute in the feed, its values in the audit."""

    kind: str
    attribute: str
    values: Callable[[UserForChange, LocalUser], Document]


def change(
    admin: AdminContext,
    uid: str,
    edit: Callable[[UserForChange], LocalUser],
    description: ChangeDescription | None,
) -> None:
    """Change a user's local row; `edit` may be called again on a newer one.

    An edit that changes nothing writes nothing. Without `telling` neither the feed nor the
    audit hears of it.

    Raises:
        NotFound: no such user, or he is being deleted.
        Conflict: the organisation is being deleted.
        Busy: still contended at the deadline.
    """
    snapshot = read_snapshot_for_change(admin)
    for _ in admin.items.deadline.attempts():
        current = _read(admin, snapshot, uid)
        after = edit(current)
        if after == current.local:
            return
        if admin.items.try_commit(list(_writing(admin, current, after, description))) is None:
            return


def _read(admin: AdminContext, snapshot: OrganisationSnapshot, uid: str) -> UserForChange:
    """Find a user in one of the connections, and his local row: one BatchGetItem."""
    if not is_id(uid):
        raise NotFound
    owners = {ConnectionKeys(each.id).user(uid): each for each in snapshot.connections}
    locals_ = {ConnectionKeys(each.id).local(uid) for each in snapshot.connections}
    found = admin.items.batch_get([*owners, *locals_]) if owners else {}
    for key, connection in owners.items():
        user = user_of(found[key]) if key in found else None
        if user is not None and user.lease is None:
            local = found.get(ConnectionKeys(connection.id).local(uid))
            return UserForChange(snapshot, connection, user, local_user_of(uid, local))
    raise NotFound


def _writing(
    admin: AdminContext,
    current: UserForChange,
    after: LocalUser,
    description: ChangeDescription | None,
) -> Iterator[Action]:
    keys, before, uid = ConnectionKeys(current.connection.id), current.local, current.user.id
    yield written(keys.local(uid), before, replace(after, version=before.version + 1))
    yield Check(keys.user(uid), EXISTS & absent("lease"))
    if description is None:
        return
    yield admin.change_item(Change(description.kind, uid, attributes=[description.attribute]))
    yield audit.entry_item(
        admin,
        Edit(
            "user",
            uid,
            before=description.values(current, before),
            after=description.values(current, after),
            action=f"{description.attribute}_changed",
        ),
    )
