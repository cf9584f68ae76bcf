"""`make idp`: send to the running demo what Microsoft Entra ID sends over the life of a user.

Each request is printed with its response in one line. The bodies have Entra's own shapes: capital
`Op` names, `"False"` for false, members as objects with a null `$ref`. Everything that is created
is deleted.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import requests

from dev.errors import VerbError
from dev.run import demo

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

PEOPLE = (("Ada", "Lovelace"), ("Grace", "Hopper"), ("Alan", "Turing"))

# The expected statuses; a PATCH returns the resource or nothing (RFC 7644 3.5.2).
FOUND, CREATED, CHANGED, DELETED, NOT_FOUND = (200,), (201,), (200, 204), (204,), (404,)


class Unexpected(VerbError):
    """A response that would put an identity provider's job into quarantine."""


def show_line(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


@dataclass(slots=True)
class Provider:
    """An identity provider with its tenant URL and secret token; remembers what it created.

    `show` prints a line for each request and its response.
    """

    scim_url: str
    token: str = field(repr=False)
    created: list[str] = field(default_factory=list)
    show: Callable[[str], None] = show_line

    def send(self, method: str, path: str, expected: tuple[int, ...], body: Any = None) -> Any:
        """Send one request, show it with its response, and return the response's document.

        Raises:
            Unexpected: the status is not one of `expected`.
        """
        response = requests.request(
            method,
            self.scim_url + path,
            data=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/scim+json; charset=utf-8",
            },
            timeout=30,
        )
        self.show(f"  {method:6} {unquote_plus(path)}  ->  {_summary(response)}")
        if response.status_code not in expected:
            raise Unexpected(f"expected status {expected[0]}, got: {response.text}")
        return response.json() if response.content else None

    def look_up(self, path: str, total: int) -> None:
        """Search by a filter.

        Raises:
            Unexpected: `totalResults` is not `total`.
        """
        found = self.send("GET", path, FOUND)["totalResults"]
        if found != total:
            raise Unexpected(f"totalResults: expected {total}, got {found}")

    def create(self, endpoint: str, body: Mapping[str, Any]) -> str:
        """Create a resource; return its path."""
        path = f"/{endpoint}/{self.send('POST', f'/{endpoint}', CREATED, body)['id']}"
        self.created.append(path)
        return path

    def delete(self, path: str) -> None:
        """Delete a resource."""
        self.send("DELETE", path, DELETED)
        self.created.remove(path)

    def patch(self, path: str, *operations: Mapping[str, Any]) -> None:
        """Change a resource."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        self.send("PATCH", path, CHANGED, body)


def _summary(response: requests.Response) -> str:
    if not response.content:
        return f"{response.status_code}"
    document = response.json()
    fields = {
        "totalResults": document.get("totalResults"),
        "name": document.get("userName") or document.get("displayName"),
        "active": document.get("active"),
        "detail": document.get("detail"),
    }
    shown = [f"{name} {value}" for name, value in fields.items() if value is not None]
    return f"{response.status_code}  {', '.join(shown)}"


def operation(op: str, path: str, value: Any) -> dict[str, Any]:
    """Return one operation of a PATCH body."""
    return {"op": op, "path": path, "value": value}


def search_path(endpoint: str, attribute: str, value: str) -> str:
    """Return the path of Entra's search for one resource."""
    without = "excludedAttributes=members&" if endpoint == "Groups" else ""
    return f"/{endpoint}?{without}filter={attribute}+eq+%22{value}%22"


def a_user(given: str, family: str, domain: str) -> dict[str, Any]:
    """Return a user as Entra's default mapping sends it."""
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
    """Play the cycle: connect, provision, change, disable, restore, delete.

    Raises:
        Unexpected: at the first response that Entra would not accept.
    """
    _title("Test connection: a search for a user who does not exist")
    provider.look_up(search_path("Users", "userName", str(uuid.uuid4())), 0)
    users = _provision_users(provider, domain)
    group = _provision_group(provider, users, domain)
    _change(provider, users[0], group, domain)
    _disable_and_restore(provider, users[0], group, domain)
    _title("Delete: one user, then the other users and the group")
    provider.delete(users[0])
    provider.send("GET", users[0], NOT_FOUND)
    for path in [*users[1:], group]:
        provider.delete(path)


def _provision_users(provider: Provider, domain: str) -> list[str]:
    _title("Users: searched for, not found, created")
    paths = []
    for given, family in PEOPLE:
        user = a_user(given, family, domain)
        provider.look_up(search_path("Users", "userName", user["userName"]), 0)
        paths.append(provider.create("Users", user))
    return paths


def _provision_group(provider: Provider, users: list[str], domain: str) -> str:
    _title("A group: created empty, then one member added at a time")
    name = f"Engineering of {domain}"
    provider.look_up(search_path("Groups", "displayName", name.replace(" ", "%20")), 0)
    group = provider.create(
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
        provider.patch(group, operation("Add", "members", [member]))
    return group


def _change(provider: Provider, user: str, group: str, domain: str) -> None:
    _title("Changes: the group's name, then a user's title and family name")
    renamed = operation("Replace", "displayName", f"Research of {domain}")
    provider.patch(group, renamed)
    provider.patch(
        user,
        operation("Add", "title", "Countess"),
        operation("Replace", "name.familyName", "King"),
    )


def _disable_and_restore(provider: Provider, user: str, group: str, domain: str) -> None:
    _title("Disable: still found and still a member; then restore")
    provider.patch(user, operation("Replace", "active", "False"))
    provider.look_up(search_path("Users", "userName", f"ada.lovelace@{domain}"), 1)
    ids = group.removeprefix("/Groups/"), user.removeprefix("/Users/")
    member = "/Groups?filter=id+eq+%22{}%22+and+members+eq+%22{}%22&attributes=id".format(*ids)
    provider.look_up(member, 1)
    provider.patch(user, operation("Replace", "active", "True"))


def _title(text: str) -> None:
    print(f"\n{text}")


@contextmanager
def cleaning_up(provider: Provider) -> Iterator[None]:
    """Delete what was created if the cycle ends early, also after Ctrl-C."""
    try:
        yield
    finally:
        if provider.created:
            _title("Cleaning up")
        for path in reversed(provider.created):
            provider.send("DELETE", path, DELETED)


def main(_: Sequence[str]) -> int:
    """Play the cycle on the demo whose folder is LOCAL_DIR.

    Raises:
        DemoFailed: the demo does not run.
        Unexpected: a response is not the one that Entra ID needs.
    """
    connection = demo.running(os.environ)
    provider = Provider(connection["scim_url"], connection["token"])
    print(f"Tenant URL {provider.scim_url}")
    with cleaning_up(provider):
        play(provider, f"{uuid.uuid4().hex[:8]}.example.com")
    print("\nEvery response was the one that Entra ID needs; everything created is deleted.")
    return 0
