"""Operator keys as values: each has a name, scopes and a state. Pure.

The text of a key is a secret of its own in Secrets Manager; here is what decides about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["sign-in", "directory:read", "changes", "admin"]

# What a key may be used for: each route of the operator needs one of them.
SCOPES: dict[Scope, str] = {
    "sign-in": "the sign-in page: what a user must do next, and that they have set a password",
    "directory:read": "read organisations, connections, users and groups, and resolve an assertion",
    "changes": "follow the feed of changes, and link users to accounts",
    "admin": "everything else: organisations, connections, tokens, links, sessions, the audit",
}


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """An operator key, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    state: str
    hint: str
    created: str

    @property
    def is_live(self) -> bool:
        """Whether it is valid: it has not been revoked."""
        return self.state == "live"
