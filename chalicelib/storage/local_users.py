"""What an organisation itself sets for a user, as a value. Pure.

Provisioning never reads or writes it: an identity provider can neither give a role nor take
one, nor say which account of the SaaS belongs to a user. The item is deleted with its user.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.storage.expressions import Item


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role in a workspace; without one, in the workspace that the connection has just then."""

    role: str
    workspace: str | None = None

    def item(self) -> Item:
        """Write it as an element of the item's list."""
        given = {"role": self.role, "workspace": self.workspace}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LocalUser:
    """What the organisation sets for a user; at `version` 0 there is no item.

    `roles` None: nothing is set, so the role granted at creation holds; empty: no role at all.
    `account` is the SaaS's own id of the user.
    """

    user: str
    version: int = 0
    roles: tuple[Assignment, ...] | None = None
    account: str | None = None
    password_set_at: str | None = None
