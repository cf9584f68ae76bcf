"""What an organisation itself says about a user, as a value and as a row of the table. Pure.

Provisioning never reads or writes it: an identity provider can neither give a role nor take
one, nor say which account of the SaaS somebody is. The row goes with its user.
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
