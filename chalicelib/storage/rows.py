"""Reading users, teams and memberships by their keys: single ones, pages of them, look-ups.

Knows keys and rows, nothing of filters or of what is done with what was found. Whoever serves
a connection reads through it: SCIM requests as its tenant, an administrator through a `View`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from chalicelib.scim.errors import Busy
from chalicelib.storage.expressions import Item
from chalicelib.storage.items import Group, User, group_of, user_of
from chalicelib.storage.keys import FIRST, LAST, Key, Kind, Range, ScimKeys
from chalicelib.storage.table import Namespace

# A lock may change hands between its read and the read of its owner; then both are read again.
LOCK_READS = 3


class Bound(Protocol):
    """One connection's part of the table, as a request is bound to it."""

    @property
    def rows(self) -> Namespace:
        """What the request may touch."""

    @property
    def keys(self) -> ScimKeys:
        """The connection's keys."""


@dataclass(frozen=True, slots=True)
class View:
    """A connection as somebody sees it who may only read it."""

    rows: Namespace
    keys: ScimKeys


@dataclass(frozen=True, slots=True)
class UserRows:
    """A user and the ids of his teams; a team that is just being deleted may be among them."""

    user: User
    group_ids: tuple[str, ...]


def read_user(bound: Bound, uid: str) -> UserRows | None:
    """Read a user and his reverse rows with one Query; None where he is not."""
    return next(users_of(bound.rows.query(bound.keys.user_with_groups(uid))), None)


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


def left_groups(bound: Bound, uid: str) -> tuple[str, ...]:
    """Read which teams the reverse rows of a user name, though he is gone himself."""
    items = bound.rows.query(bound.keys.user_with_groups(uid))
    parted = (item["SK"].partition("#") for item in items)
    return tuple(gid for _, _, gid in parted if gid)


def user_names(bound: Bound, uids: Iterable[str]) -> dict[str, str]:
    """Read what users are called, by id; those that are gone are left out."""
    found = bound.rows.batch_get(bound.keys.user(uid) for uid in uids)
    users = map(user_of, found.values())
    return {
        user.id: user.document.get("displayName") or user.document["userName"] for user in users
    }


def user_by_name(bound: Bound, name: str) -> UserRows | None:
    """Find who holds a userName; the name he has may differ from it in case and composition.

    Raises:
        Busy: it changed hands at every read.
    """
    key = bound.keys.user_name(name)
    for owner in _owners(bound, key, "uid"):
        found = read_user(bound, owner)
        if found and bound.keys.user_name(found.user.document["userName"]) == key:
            return found
    return None


def users_by_external_id(bound: Bound, value: str) -> Iterator[UserRows]:
    """Yield users by externalId, in the order of their ids; one may have let go of it."""
    return _indexed(bound, bound.keys.external_id(value, FIRST))


def users_by_email(bound: Bound, value: str) -> Iterator[UserRows]:
    """Yield users by e-mail address, in the order of their ids; one may have let go of it."""
    return _indexed(bound, bound.keys.email(value, FIRST))


def _indexed(bound: Bound, first: Key) -> Iterator[UserRows]:
    for item in bound.rows.query(Range(first.pk, FIRST, LAST)):
        found = read_user(bound, item["SK"])
        if found:
            yield found


def read_group(bound: Bound, gid: str) -> Group | None:
    """Read a team; None where it is not."""
    item = bound.rows.get(bound.keys.group(gid))
    return None if item is None else group_of(item)


def group_by_name(bound: Bound, name: str) -> Group | None:
    """Find the team of a displayName, which may differ from it in case and composition.

    Raises:
        Busy: it changed hands at every read.
    """
    key = bound.keys.group_name(name)
    for owner in _owners(bound, key, "gid"):
        group = read_group(bound, owner)
        if group and bound.keys.group_name(group.document["displayName"]) == key:
            return group
    return None


def groups_by_id(bound: Bound, gids: Iterable[str]) -> dict[str, Group]:
    """Read teams by id, in the order asked; those that are gone are left out."""
    wanted = list(dict.fromkeys(gids))
    if not wanted:
        return {}
    found = bound.rows.batch_get(bound.keys.group(gid) for gid in wanted)
    rows = ((gid, found.get(bound.keys.group(gid))) for gid in wanted)
    return {gid: group_of(item) for gid, item in rows if item is not None}


def member_ids(
    bound: Bound, gid: str, *, page: int | None = None, after: str = ""
) -> Iterator[str]:
    """Yield the ids of a team's members, in order, behind `after`, a page at a time."""
    rows = bound.keys.members_of(gid)
    # A blank sorts before all that a key may hold, so `after` itself is passed over.
    behind = rows._replace(low=f"{rows.low}{after} ") if after else rows
    for item in bound.rows.query(behind, page=page):
        yield item["SK"].partition("#")[2]


def count(bound: Bound, kind: Kind) -> int:
    """Count users or teams, exactly, by reading their counters: 1 to 3 RCU."""
    return sum(item["n"] for item in bound.rows.query(bound.keys.counters(kind)))


def count_members(bound: Bound) -> int:
    """Count memberships by what each team's row tells: reads the rows of all teams."""
    teams = bound.rows.query(Range(bound.keys.groups, FIRST, LAST))
    return sum(item["n"] for item in teams)


def _owners(bound: Bound, lock: Key, attribute: str) -> Iterator[str]:
    """Yield who holds a name; again where the caller finds that the holder let go of it."""
    for _ in range(LOCK_READS):
        row = bound.rows.get(lock)
        if row is None:
            return
        yield row[attribute]
    raise Busy
