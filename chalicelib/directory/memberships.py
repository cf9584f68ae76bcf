"""Memberships: two rows each, and what adding or removing them does to user and team.

Adding never reads the team, so its cost does not know the team's size. Those who are members
already are told by the condition that failed; the rest is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.directory import deletes
from chalicelib.directory.tenant import Tenant
from chalicelib.scim.errors import InvalidValue
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Item, Put, Update, absent
from chalicelib.storage.items import Delta, user_of
from chalicelib.storage.transactions import Cancelled

ACTIONS_AN_ADD = 3
ACTIONS_A_REMOVAL = 2

# How much of a client's text an error repeats.
LONGEST_SHOWN = 64


def actions(tenant: Tenant, gid: str, delta: Delta) -> Iterator[Action]:
    """Make the actions of a change of members: 3 an add, 2 a removal."""
    keys = tenant.keys
    for uid in sorted(delta.add):
        yield Update(keys.user(uid), add={"g": 1}, condition=EXISTS & absent("op"))
        yield Put(keys.member(gid, uid), condition=NEW)
        yield Put(keys.reverse(uid, gid), {"since": tenant.now()}, NEW)
    for uid in sorted(delta.remove):
        yield Delete(keys.member(gid, uid), EXISTS)
        yield Delete(keys.reverse(uid, gid), EXISTS)


def needed(delta: Delta, others: int) -> int:
    """Count the actions of a change of members beside `others`: what fits is computed."""
    return others + ACTIONS_AN_ADD * len(delta.add) + ACTIONS_A_REMOVAL * len(delta.remove)


def require_users(tenant: Tenant, uids: frozenset[str]) -> None:
    """Check, by reading them, that these are users of this connection: 1 RCU each.

    Raises:
        InvalidValue: one is not; names him.
    """
    found = tenant.rows.batch_get(tenant.keys.user(uid) for uid in sorted(uids))
    for uid in sorted(uids):
        row = found.get(tenant.keys.user(uid))
        if row is None or "op" in row:
            _refuse(tenant, uid, row)


def not_users(tenant: Tenant, delta: Delta, cancelled: Cancelled) -> frozenset[str]:
    """Tell from a cancelled transaction who of those to be added is no user, or not any more."""
    return frozenset(uid for uid in delta.add if tenant.keys.user(uid) in cancelled.rows)


def refuse_unknown(tenant: Tenant, delta: Delta, cancelled: Cancelled) -> None:
    """Refuse a change that adds somebody who is no user.

    Raises:
        InvalidValue: names him.
    """
    for uid in sorted(not_users(tenant, delta, cancelled)):
        _refuse(tenant, uid, cancelled.rows[tenant.keys.user(uid)])


def settled(tenant: Tenant, gid: str, delta: Delta, cancelled: Cancelled) -> frozenset[str]:
    """Tell from a cancelled transaction who is already as he shall be."""
    keys = tenant.keys
    return frozenset(
        uid
        for uid in delta.add | delta.remove
        if keys.member(gid, uid) in cancelled.rows or keys.reverse(uid, gid) in cancelled.rows
    )


def _refuse(tenant: Tenant, uid: str, row: Item | None) -> None:
    """Raise for somebody who is not there; a delete of him that is under way is finished."""
    if row is not None and (operation := user_of(row).operation) is not None:
        deletes.finish_user(tenant, uid, operation)
    raise unknown(uid)


def unknown(uid: str) -> InvalidValue:
    """Refuse an id that is no user's."""
    return InvalidValue(f'members: no user of this connection has the id "{uid[:LONGEST_SHOWN]}".')
