"""`make idp`: what Microsoft Entra ID sends in a user's life, played on the running demo.

Each request and its answer is printed in a line. Bodies have Entra's own shapes: capital `Op`
names, `"False"` for false, members as objects with a null `$ref`. All that is made is removed.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import requests

from dev.run import demo

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

PEOPLE = (("Ada", "Lovelace"), ("Grace", "Hopper"), ("Alan", "Turing"))

# What each kind of request may be answered; a PATCH with the resource or without (RFC 7644 3.5.2).
FOUND, CREATED, CHANGED, REMOVED, GONE = (200,), (201,), (200, 204), (204,), (404,)


class Unexpected(Exception):
    """An answer that would put an identity provider's job into quarantine."""


@dataclass(slots=True)
class Provider:
    """An identity provider with a tenant URL and a secret token; remembers what it has made."""

    scim_url: str
    token: str
    made: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, expected: tuple[int, ...], body: Any = None) -> Any:
        """Send one request, print it with its answer, and give the answer's document.

        Raises:
            Unexpected: a status that is not among the expected ones.
        """
        answer = requests.request(
            method,
            self.scim_url + path,
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/scim+json; charset=utf-8",
            },
            timeout=30,
        )
        print(f"  {method:6} {unquote_plus(path)}  ->  {_told(answer)}", flush=True)
        if answer.status_code not in expected:
            raise Unexpected(f"the answer to expect was {expected[0]}; all of it: {answer.text}")
        return answer.json() if answer.content else None

    def look_up(self, path: str, total: int) -> None:
        """Ask a list for what a filter selects.

        Raises:
            Unexpected: another number than `total` is found.
        """
        found = self.call("GET", path, FOUND)["totalResults"]
        if found != total:
            raise Unexpected(f"{found} found, the answer to expect was {total}")

    def create(self, kind: str, body: Mapping[str, Any]) -> str:
        """Create a resource; gives its path."""
        path = f"/{kind}/{self.call('POST', f'/{kind}', CREATED, body)['id']}"
        self.made.append(path)
        return path

    def remove(self, path: str) -> None:
        """Delete a resource."""
        self.call("DELETE", path, REMOVED)
        self.made.remove(path)

    def patch(self, path: str, *operations: Mapping[str, Any]) -> None:
        """Change a resource."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        self.call("PATCH", path, CHANGED, body)


def _told(answer: requests.Response) -> str:
    if not answer.content:
        return f"{answer.status_code}"
    document = answer.json()
    told = {
        "totalResults": document.get("totalResults"),
        "name": document.get("userName") or document.get("displayName"),
        "active": document.get("active"),
        "detail": document.get("detail"),
    }
    said = [f"{name} {value}" for name, value in told.items() if value is not None]
    return f"{answer.status_code}  {', '.join(said)}"


def operation(op: str, path: str, value: Any) -> dict[str, Any]:
    """Write one operation of a PATCH."""
    return {"op": op, "path": path, "value": value}


def find(kind: str, attribute: str, value: str) -> str:
    """Write the address of Entra's look-up of one resource."""
    without = "excludedAttributes=members&" if kind == "Groups" else ""
    return f"/{kind}?{without}filter={attribute}+eq+%22{value}%22"


def a_user(given: str, family: str, domain: str) -> dict[str, Any]:
    """Write a user as Entra's default mapping sends him."""
    address = f"{given}.{family}@{domain}".lower()
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"{given}{family}.{domain}".lower(),
        "userName": address,
        "active": True,
        "displayName": f"{given} {family}",
        "emails": [{"primary": True, "type": "work", "value": address}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": f"{given} {family}", "familyName": family, "givenName": given},
        "roles": [],
    }


def play(provider: Provider, domain: str) -> None:
    """Play the cycle: connect, provision, change, disable, restore, remove.

    Raises:
        Unexpected: at the first answer that Entra would not take.
    """
    _title("Test connection: a look-up of somebody who does not exist")
    provider.look_up(find("Users", "userName", str(uuid.uuid4())), 0)
    users = _provision_users(provider, domain)
    team = _provision_team(provider, users, domain)
    _change(provider, users[0], team, domain)
    _leave_and_return(provider, users[0], team, domain)
    _title("Remove: a user is deleted for good, then the others and the team")
    provider.remove(users[0])
    provider.call("GET", users[0], GONE)
    for path in [*users[1:], team]:
        provider.remove(path)


def _provision_users(provider: Provider, domain: str) -> list[str]:
    _title("Users: looked for, not found, created")
    paths = []
    for given, family in PEOPLE:
        user = a_user(given, family, domain)
        provider.look_up(find("Users", "userName", user["userName"]), 0)
        paths.append(provider.create("Users", user))
    return paths


def _provision_team(provider: Provider, users: list[str], domain: str) -> str:
    _title("A team: created empty, then filled one by one")
    name = f"Engineering of {domain}"
    provider.look_up(find("Groups", "displayName", name.replace(" ", "%20")), 0)
    team = provider.create(
        "Groups",
        {
            "schemas": [GROUP, ENTRA_GROUP],
            "externalId": str(uuid.uuid4()),
            "displayName": name,
            "meta": {"resourceType": "Group"},
        },
    )
    for user in users:
        member = {"$ref": None, "value": user.removeprefix("/Users/")}
        provider.patch(team, operation("Add", "members", [member]))
    return team


def _change(provider: Provider, user: str, team: str, domain: str) -> None:
    _title("Changes: the team gets another name, a user another title and another family name")
    renamed = operation("Replace", "displayName", f"Research of {domain}")
    provider.patch(team, renamed)
    provider.patch(
        user,
        operation("Add", "title", "Countess"),
        operation("Replace", "name.familyName", "King"),
    )


def _leave_and_return(provider: Provider, user: str, team: str, domain: str) -> None:
    _title("Disabled: still found and still a member; then restored")
    provider.patch(user, operation("Replace", "active", "False"))
    provider.look_up(find("Users", "userName", f"ada.lovelace@{domain}"), 1)
    ids = team.removeprefix("/Groups/"), user.removeprefix("/Users/")
    member = "/Groups?filter=id+eq+%22{}%22+and+members+eq+%22{}%22&attributes=id".format(*ids)
    provider.look_up(member, 1)
    provider.patch(user, operation("Replace", "active", "True"))


def _title(text: str) -> None:
    print(f"\n{text}")


@contextmanager
def cleaning_up(provider: Provider) -> Iterator[None]:
    """Remove what is left over if the cycle ends half way."""
    try:
        yield
    finally:
        if provider.made:
            _title("Cleaning up")
        for path in reversed(provider.made):
            provider.call("DELETE", path, REMOVED)


def main() -> int:
    """Play on the demo that LOCAL_DIR describes; 0 when every answer was right."""
    try:
        described = demo.running(os.environ)
    except demo.DemoFailed as reason:
        print(f"make idp: {reason}", file=sys.stderr)
        return 1
    provider = Provider(described["scim_url"], described["token"])
    print(f"Tenant URL {provider.scim_url}")
    try:
        with cleaning_up(provider):
            play(provider, f"{uuid.uuid4().hex[:8]}.example.com")
    except (Unexpected, requests.RequestException) as reason:
        print(f"\nmake idp: {reason}", file=sys.stderr)
        return 1
    print("\nEvery answer was the one that Entra wants; nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
