"""Reading the rows of users, teams and memberships."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.directory.tenant import Tenant
from chalicelib.storage.expressions import Item
from chalicelib.storage.items import Group, User, group_of, user_of


@dataclass(frozen=True, slots=True)
class UserRows:
    """A user and the ids of his teams; a team that is just being deleted may be among them."""

    user: User
    group_ids: tuple[str, ...]


def read_user(tenant: Tenant, uid: str) -> UserRows | None:
    """Read a user and his reverse rows with one Query; None where he is not."""
    return next(users_of(tenant.rows.query(tenant.keys.user_with_groups(uid))), None)


def users_of(items: Iterable[Item]) -> Iterator[UserRows]:
    """Join each user's row with the reverse rows behind it.

    A reverse row without its user is what a delete leaves for a moment; it is passed over.
    """
    user: User | None = None
    group_ids: list[str] = []
    for item in items:
        uid, _, gid = item["SK"].partition("#")
        if not gid:
            if user is not None:
                yield UserRows(user, tuple(group_ids))
            user, group_ids = user_of(item), []
        elif user is not None and user.id == uid:
            group_ids.append(gid)
    if user is not None:
        yield UserRows(user, tuple(group_ids))


def read_group(tenant: Tenant, gid: str) -> Group | None:
    """Read a team; None where it is not."""
    item = tenant.rows.get(tenant.keys.group(gid))
    return None if item is None else group_of(item)


def groups_by_id(tenant: Tenant, gids: Iterable[str]) -> dict[str, Group]:
    """Read teams by id, in the order asked; those that are gone are left out."""
    wanted = list(dict.fromkeys(gids))
    if not wanted:
        return {}
    found = tenant.rows.batch_get(tenant.keys.group(gid) for gid in wanted)
    rows = ((gid, found.get(tenant.keys.group(gid))) for gid in wanted)
    return {gid: group_of(item) for gid, item in rows if item is not None}


def member_ids(
    tenant: Tenant, gid: str, *, page: int | None = None, after: str = ""
) -> Iterator[str]:
    """Yield the ids of a team's members, in order, behind `after`, a page at a time."""
    rows = tenant.keys.members_of(gid)
    # A blank sorts before all that a key may hold, so `after` itself is passed over.
    behind = rows._replace(low=f"{rows.low}{after} ") if after else rows
    for item in tenant.rows.query(behind, page=page):
        yield item["SK"].partition("#")[2]
