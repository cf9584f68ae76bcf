"""Memberships: two rows each, and what adding or removing them does to user and team.

Adding never reads the team, so its cost does not know the team's size. Those who are members
already are told by the condition that failed; the rest is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.directory import deletes
from chalicelib.directory.tenant import Tenant
from chalicelib.scim.errors import InvalidValue, PayloadTooLarge
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Put, Update, absent
from chalicelib.storage.items import user_of
from chalicelib.storage.transactions import MOST_ACTIONS, Cancelled

ACTIONS_AN_ADD = 3
ACTIONS_A_REMOVAL = 2


@dataclass(frozen=True, slots=True)
class Delta:
    """Users who come into a team and users who leave it; nobody is in both."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether anybody comes or goes."""
        return bool(self.add or self.remove)

    def without(self, settled: frozenset[str]) -> Delta:
        """Leave out those who are already as they shall be."""
        return Delta(self.add - settled, self.remove - settled)

    @property
    def growth(self) -> int:
        """By how many the team grows; negative where it shrinks."""
        return len(self.add) - len(self.remove)


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


def require_fit(delta: Delta, others: int) -> None:
    """Check that a change of members fits one transaction beside `others` actions.

    Raises:
        PayloadTooLarge: it does not; names how many would.
    """
    needed = others + ACTIONS_AN_ADD * len(delta.add) + ACTIONS_A_REMOVAL * len(delta.remove)
    if needed <= MOST_ACTIONS:
        return
    free = MOST_ACTIONS - others
    message = (
        f"members: this request adds {len(delta.add)} and removes {len(delta.remove)}; beside "
        f"its other changes one request takes {free // ACTIONS_AN_ADD} members to add or "
        f"{free // ACTIONS_A_REMOVAL} to remove. Send the members in smaller portions."
    )
    raise PayloadTooLarge(message)


def settled(tenant: Tenant, gid: str, delta: Delta, cancelled: Cancelled) -> frozenset[str]:
    """Tell from a cancelled transaction who is already as he shall be.

    Raises:
        InvalidValue: somebody who is to be added is no user of this connection.
    """
    for uid in sorted(delta.add):
        if tenant.keys.user(uid) in cancelled.rows:
            _refuse(tenant, uid, cancelled)
    return frozenset(_met(tenant, gid, delta.add | delta.remove, cancelled))


def _met(tenant: Tenant, gid: str, uids: Iterable[str], cancelled: Cancelled) -> Iterator[str]:
    for uid in uids:
        rows = (tenant.keys.member(gid, uid), tenant.keys.reverse(uid, gid))
        if any(key in cancelled.rows for key in rows):
            yield uid


def _refuse(tenant: Tenant, uid: str, cancelled: Cancelled) -> None:
    """Raise for somebody who is not there; a delete of him that is under way is finished."""
    row = cancelled.rows[tenant.keys.user(uid)]
    if row is not None and (operation := user_of(row).operation) is not None:
        deletes.finish_user(tenant, uid, operation)
    message = f'members: no user of this connection has the id "{uid}".'
    raise InvalidValue(message) from cancelled
