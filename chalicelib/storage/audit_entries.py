"""An entry of the audit: who did what to what, when and from where. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

ActorType = Literal["operator", "admin", "setup", "system"]

# From then on an address says where an actor was about, no longer where they were.
WHOLE_ADDRESS_FOR = timedelta(days=30)
PREFIXES: Mapping[int, int] = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the operator by a key, an admin or a setup contact by a session, or the service.

    `id` is the operator key's id, the SaaS's own id of the admin (their session's where the link
    did not name them), or the part of the service. `session` is there for admins and setup.
    """

    type: ActorType
    id: str
    name: str
    session: str | None = None

    @property
    def by(self) -> str:
        """The name that is stored with what they create, and shown to the organisation."""
        return "operator" if self.type == "operator" else self.name

    def is_named(self, text: str) -> bool:
        """Tell whether `text` is this actor's type, id, name or session."""
        return text in {self.type, self.id, self.name, self.session}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An action; `before` and `after` have the values that differ. `ulid` sorts by time."""

    at: str
    actor: Actor
    action: str
    target: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    address: str | None = None
    user_agent: str | None = None
    ulid: str = ""

    def is_action(self, text: str) -> bool:
        """Tell whether `text` is the action, or what the action is done to: `token`."""
        return text in {self.action, self.action.partition(".")[0]}


def network_of(address: str) -> str:
    """Cut an address to its network: /24 for IPv4, /48 for IPv6; "" if it is not an address."""
    try:
        found = ipaddress.ip_address(address)
        # `::ffff:192.0.2.7` is an IPv4 address in another form.
        whole = getattr(found, "ipv4_mapped", None) or found
        return str(ipaddress.ip_network(f"{whole}/{PREFIXES[whole.version]}", strict=False))
    except ValueError:
        return ""
