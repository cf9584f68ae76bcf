"""What an organisation itself says about a user, as a value and as a row of the table. Pure.

Provisioning never reads or writes it: an identity provider can neither give a role nor take
one, nor say which account of the SaaS somebody is. The row goes with its user.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.storage.directory_items import SHAPE
from chalicelib.storage.expressions import NEW, Item, Put, Update, equals
from chalicelib.storage.keys import Key
from chalicelib.storage.settings_items import changed


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role in a workspace; without one, in the workspace that the connection has just then."""

    role: str
    workspace: str | None = None

    def item(self) -> Item:
        """Write it as an element of the row's list."""
        given = {"role": self.role, "workspace": self.workspace}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LocalUser:
    """A user's local row; at `version` 0 there is none.

    `roles` None: nobody has decided, so the role that he was granted holds; empty: he has none.
    `account` is the SaaS's own id of him.
    """

    user: str
    version: int = 0
    roles: tuple[Assignment, ...] | None = None
    account: str | None = None
    password_set_at: str | None = None

    def row(self) -> Item:
        """Write its attributes; None takes one away."""
        return {
            "v": self.version,
            "roles": None if self.roles is None else [each.item() for each in self.roles],
            "account": self.account,
            "password_set_at": self.password_set_at,
            "shape": SHAPE,
        }


def local_user_of(uid: str, item: Item | None) -> LocalUser:
    """Read a user's local row, or that there is none."""
    if item is None:
        return LocalUser(uid)
    roles = item.get("roles")
    return LocalUser(
        uid,
        version=item["v"],
        roles=None if roles is None else tuple(Assignment(**each) for each in roles),
        account=item.get("account"),
        password_set_at=item.get("password_set_at"),
    )


def written(key: Key, before: LocalUser, after: LocalUser) -> Put | Update:
    """Write `after`, unless somebody else has written since `before` was read."""
    if before.version == 0:
        return Put(key, after.row(), NEW)
    return changed(key, after.row(), equals("v", before.version))
