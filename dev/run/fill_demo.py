"""`make demo`: fill the demo of `make run` with something to show in the console.

40 users in 6 groups, a log with errors of five sorts, and a token that ends within days.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from dev.run import demo

USERS = 40
GROUPS = ("Finance", "Legal", "Marketing", "Research", "Sales", "Support")
GIVEN_NAMES = ("Ada", "Bela", "Chloé", "David", "Emma", "Farid", "Grace", "Hugo", "Inès", "Jonas")
FAMILY_NAMES = ("Martin", "Keller", "Rossi", "Novak")
TOKEN_LIFE = timedelta(days=5)
UNKNOWN = "0" * 32


@dataclass(frozen=True, slots=True)
class Provider:
    """Sends SCIM requests as an identity provider does."""

    url: str
    token: str

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a request; one that is rejected is no error here."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/scim+json",
            "User-Agent": "make-demo/1.0",
        }
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=30)


def main(_: Sequence[str]) -> int:
    """Fill the demo of the server that runs in LOCAL_DIR; repeating it adds nothing."""
    described = demo.running(os.environ)
    admin = demo.Admin(described["admin_url"], described["operator_key"])
    own = f"/organisations/{described['organisation']}"
    provider = Provider(
        f"{admin.url.removesuffix('/admin')}/scim/v2/{described['connection']}", described["token"]
    )
    if provider.send("GET", '/Users?filter=userName eq "user1@example.com"').json()["totalResults"]:
        print("The demo is filled already; FRESH=1 make run begins anew.")
    else:
        _fill(provider)
        ends = datetime.now(UTC) + TOKEN_LIFE
        token = {"name": "about to end", "expires_at": ends.isoformat(timespec="seconds")}
        admin.post(f"{own}/connections/{described['connection']}/tokens", token)
    print(f"The console: {demo.console_link(admin, described['organisation'])}")
    return 0


def _fill(provider: Provider) -> None:
    ids = [provider.send("POST", "/Users", each).json()["id"] for each in _users()]
    for number, name in enumerate(GROUPS):
        members = [{"value": each} for each in ids[number :: len(GROUPS)]]
        provider.send("POST", "/Groups", {"displayName": name, "members": members})
    provider.send("PATCH", f"/Users/{ids[0]}", _patch("active", value=False))
    provider.send("PATCH", f"/Users/{ids[1]}", _patch("title", "Head of Sales"))
    # Five errors: a name that exists, a wrong value, path and filter, a user that is gone.
    provider.send("POST", "/Users", next(_users()))
    provider.send("PATCH", f"/Users/{ids[2]}", _patch("active", "perhaps"))
    provider.send("PATCH", f"/Users/{ids[3]}", _patch("emails[type eq", "x"))
    provider.send("GET", "/Users?filter=userName like Ada")
    provider.send("GET", f"/Users/{UNKNOWN}")


def _users() -> Iterator[dict[str, Any]]:
    for number in range(USERS):
        given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        family = FAMILY_NAMES[number // len(GIVEN_NAMES)]
        address = f"user{number + 1}@example.com"
        yield {
            "userName": address,
            "displayName": f"{given} {family}",
            "name": {"givenName": given, "familyName": family},
            "emails": [{"value": address, "type": "work", "primary": True}],
            "active": True,
        }


def _patch(path: str, value: Any) -> dict[str, Any]:
    operation = {"op": "replace", "path": path, "value": value}
    schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    return {"schemas": [schema], "Operations": [operation]}
