"""Who may sign the assertions of a federated credential, and where their keys are. Pure.

An admin enters a tenant of Microsoft Entra ID: issuer and URL of the keys follow from this table.
Only the operator of the deployment can add another issuer, so no admin makes this service fetch
from a host of their choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# Microsoft's login host in each of its clouds (learn.microsoft.com, "National clouds").
CLOUDS: Mapping[str, str] = {
    "global": "https://login.microsoftonline.com",
    "us_government": "https://login.microsoftonline.us",
    "china": "https://login.partner.microsoftonline.cn",
}
TENANT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}")
ISSUER = re.compile(rf"(?P<login>https://[a-z.]+/{TENANT.pattern})/v2\.0")


def issuer_of(tenant: str, cloud: str) -> str:
    """Return the issuer of a tenant's assertions: its `iss`."""
    return f"{CLOUDS[cloud]}/{tenant}/v2.0"


@dataclass(frozen=True, slots=True)
class Issuers:
    """All issuers of a deployment; `added` maps those of the operator to the URL of their keys.

    With `trust_loopback` one on this machine, at any port, is another; no setting reaches it.
    """

    added: Mapping[str, str] = field(default_factory=dict)
    trust_loopback: bool = False

    def keys_url(self, issuer: str) -> str | None:
        """Return where an issuer publishes its keys; None for an issuer that is not trusted."""
        if issuer in self.added:
            return self.added[issuer]
        if self.trust_loopback and LOOPBACK.fullmatch(issuer):
            return f"{issuer}/keys"
        match = ISSUER.fullmatch(issuer)
        is_microsoft = match is not None and issuer.startswith(
            tuple(f"{host}/" for host in CLOUDS.values())
        )
        return f"{match['login']}/discovery/v2.0/keys" if match and is_microsoft else None
