"""The requests that every server gets, one after the other and by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests

from dev.measure.peers.servers import Server
from dev.progress import progress

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
MEMBERS_AT_ONCE = 100
SENDERS = 2


class Rejected(Exception):
    """A server rejected a request that the load needs; the text has its status."""


class Slow(Exception):
    """A server did not fill its directory within the time it had."""


@dataclass(slots=True)
class Directory:
    """What a server has: users in a group, spare ones outside of it, and those just created."""

    server: Server
    group: str = ""
    users: list[str] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    named: int = 0

    def create_user(self) -> requests.Response:
        """Create the next user, who will be in no group."""
        self.named += 1
        response = self.server.send("POST", "/Users", user(self.named))
        self.created.append(str(response.json().get("id")))
        return response

    def next_users(self, wanted: int, deadline: float) -> list[str]:
        """Create users; returns their ids.

        Raises:
            Rejected: with the status of the first one that was.
            Slow: the deadline has passed.
        """

        def create(number: int) -> str:
            if time.monotonic() > deadline:
                raise Slow
            response = self.server.send("POST", "/Users", user(number))
            return str(_accepted(response).json()["id"])

        numbers = range(self.named + 1, self.named + wanted + 1)
        self.named += wanted
        with ThreadPoolExecutor(SENDERS) as pool:
            return list(progress(pool.map(create, numbers), wanted, f"{self.server.name}: users"))

    def grow(self, size: int, rounds: int, deadline: float) -> None:
        """Let the group have `size` members, and the directory two users more for each round.

        Raises:
            Rejected: with the status of the first request that was.
            Slow: the deadline has passed.
        """
        if not self.group:
            made = self.server.send(
                "POST", "/Groups", {"schemas": [GROUP_URN], "displayName": "Everybody"}
            )
            self.group = _accepted(made).json()["id"]
        new = self.next_users(size - len(self.users), deadline)
        parts = [new[at : at + MEMBERS_AT_ONCE] for at in range(0, len(new), MEMBERS_AT_ONCE)]
        for part in progress(parts, len(parts), f"{self.server.name}: members, by 100"):
            if time.monotonic() > deadline:
                raise Slow
            _accepted(self.server.send("PATCH", self.members, members("add", part)))
        self.users += new
        self.spare = self.next_users(rounds, deadline)

    @property
    def members(self) -> str:
        """The path by which an identity provider changes members: without them in the response."""
        return f"/Groups/{self.group}?excludedAttributes=members"


def _accepted(response: requests.Response) -> requests.Response:
    if not response.ok:
        raise Rejected(f"{response.request.method}: {response.status_code}")
    return response


def user(number: int) -> Mapping[str, Any]:
    """Return a user as Entra ID creates one, with the attributes that every server here knows."""
    name = f"user{number}@example.com"
    return {
        "schemas": [USER_URN],
        "userName": name,
        "externalId": f"external-{number}",
        "name": {"givenName": "Ada", "familyName": f"Lovelace{number}"},
        "emails": [{"type": "work", "value": name, "primary": True}],
        "active": True,
    }


def members(op: str, ids: Sequence[str]) -> Mapping[str, Any]:
    """Return a PATCH that adds or removes members, in the form of Entra ID."""
    value = [{"value": each} for each in ids]
    return {"schemas": [PATCH_URN], "Operations": [{"op": op, "path": "members", "value": value}]}


def removal(directory: Directory, user: str) -> Mapping[str, Any]:
    """Return a PATCH that removes a member, in a form that the server takes."""
    if directory.server.removes_by == "value":
        return members("remove", [user])
    operation = {"op": "remove", "path": f'members[value eq "{user}"]'}
    return {"schemas": [PATCH_URN], "Operations": [operation]}


def renamed(number: int) -> Mapping[str, Any]:
    """Return a PATCH of one attribute of a user."""
    operation = {"op": "replace", "path": "name.familyName", "value": f"Byron{number}"}
    return {"schemas": [PATCH_URN], "Operations": [operation]}


Operation = Callable[[Directory, int], requests.Response]


def _middle(directory: Directory, number: int) -> str:
    return directory.users[len(directory.users) // 2 + number]


# In this order: what one adds, a later one removes.
OPERATIONS: Mapping[str, Operation] = {
    "create a user": lambda d, _: d.create_user(),
    "read a user": lambda d, n: d.server.send("GET", f"/Users/{_middle(d, n)}"),
    "find a user by userName": lambda d, n: d.server.send(
        "GET", f'/Users?filter=userName eq "user{len(d.users) // 2 + n}@example.com"'
    ),
    "a page of 100 users": lambda d, _: d.server.send("GET", "/Users?startIndex=1&count=100"),
    "change a user": lambda d, n: d.server.send("PATCH", f"/Users/{_middle(d, n)}", renamed(n)),
    "add a member": lambda d, n: d.server.send("PATCH", d.members, members("add", [d.spare[n]])),
    "remove a member": lambda d, n: d.server.send("PATCH", d.members, removal(d, d.spare[n])),
    "read the group without members": lambda d, _: d.server.send("GET", d.members),
    "read the group with members": lambda d, _: d.server.send("GET", f"/Groups/{d.group}"),
    "delete a user": lambda d, _: d.server.send("DELETE", f"/Users/{d.created.pop()}"),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """What an operation took on a server: seconds of each request, CPU of one, or a rejection."""

    seconds: Sequence[float]
    app: float = 0.0
    engine: float = 0.0
    rejected: str = ""


def measured(name: str, directories: Sequence[Directory], rounds: int) -> Iterator[Timing]:
    """Run an operation on each server by turns; yields a timing for each of them."""
    before = [each.server.cpu() for each in directories]
    seconds: list[list[float]] = [[] for _ in directories]
    rejected = ["" for _ in directories]
    for number in range(rounds):
        for place, directory in enumerate(directories):
            if not rejected[place]:
                started = time.perf_counter()
                response = OPERATIONS[name](directory, number)
                seconds[place].append(time.perf_counter() - started)
                if response.status_code >= HTTPStatus.BAD_REQUEST:
                    rejected[place] = f"rejected: {response.status_code}"
    for place, directory in enumerate(directories):
        app, engine = directory.server.cpu()
        count = len(seconds[place])
        yield Timing(
            sorted(seconds[place]),
            (app - before[place][0]) / count,
            (engine - before[place][1]) / count,
            rejected[place],
        )
