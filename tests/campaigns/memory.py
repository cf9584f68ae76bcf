"""`make memory`: what each operation adds to an idle process at its peak, with large documents.

    make memory                          10,000 members whose documents have 40 KB: some minutes
    make memory ARGS='--members 1200'
    make memory ARGS=--write             put the table into docs/performance.md

The table is on Amazon DynamoDB Local, a process of its own. Each operation is one HTTP request to
the app, in API Gateway's shape, in a process of its own that has served small requests before. What
counts is how far the memory that the process takes from the machine rises (its largest resident
set, on Linux), not only what Python allocates. Fails where that is more than 64 MB.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import boto3
from moto import mock_aws

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.directory.context import MAX_MEMBERS_PER_REQUEST
from chalicelib.directory.groups import MAX_MEMBERS_WITH_DISPLAY
from chalicelib.scim.messages import (
    BULK_URN,
    MAX_BULK_BYTES,
    MAX_BULK_OPERATIONS,
    MAX_RESULTS,
    PATCH_URN,
)
from chalicelib.settings import Plan, Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.directory_items import Document
from chalicelib.storage.operator_keys import SCOPES
from chalicelib.storage.table import Table, chunks
from chalicelib.sweeper import sweep_due
from dev.measure import reference
from dev.measure.pages import Section
from dev.measure.population import Population, populate, user_document
from dev.measure.shares import silent
from dev.progress import progress
from dev.run import dynamodb_local
from dev.run.gateway import Gateway, HttpRequest
from dev.run.operator_keys import FIRST, OperatorKeys
from tests.support.builders import a_customer
from tests.support.environment import OPERATOR_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

SECTION = Section("performance.md", "memory")

MEMBERS, MAX_MB = 10_000, 64
MEGABYTE = 1_000_000
# Many small values take more memory than few large ones: as many as an attribute may have.
MULTI_VALUED, VALUES = ("phoneNumbers", "ims", "photos", "entitlements", "roles"), 50
# 25 users with their memberships have 1 MB.
ITEMS_PER_PAGE = 150
# The groups of the one user who is in many.
GROUPS_OF_ONE = 1_000


LARGE = [
    {"value": f"https://{number}.example.com", "display": "x" * 98, "type": f"t{number}"}
    for number in range(VALUES)
]


def large_document(uid: str) -> Document:
    """Return a user's document of 40 KB."""
    return {**user_document(uid), **dict.fromkeys(MULTI_VALUED, LARGE)}


@dataclass(frozen=True, slots=True)
class Place:
    """The app on a table with a connection, and who is in its directory."""

    services: Services
    gateway: Gateway
    organisation: str
    connection: str
    token: str
    people: Population

    def send(self, request: HttpRequest) -> tuple[int, int]:
        """Send a request; return the status and the bytes of the response."""
        response = self.gateway.respond(request)
        return response.status, len(response.body)

    def scim(self, method: str, path: str, body: Any = None) -> HttpRequest:
        """Write a request of the connection."""
        return _request(method, f"/scim/v2/{self.connection}{path}", self.token, body)

    def admin(self, path: str, accept: str = "application/json") -> HttpRequest:
        """Write a GET of the operator."""
        target = f"/admin/organisations/{self.organisation}{path}"
        return _request("GET", target, OPERATOR_KEY, accept=accept)

    def found(self, resources: str, text: str, more: str = "") -> HttpRequest:
        """Write a GET with a filter."""
        return self.scim("GET", f"/{resources}?filter={quote(text)}{more}")

    def members(self, path: str, op: str, method: str = "PATCH") -> HttpRequest:
        """Write a request that names as many members as one may."""
        values = [{"value": uid} for uid in self.people.uids[:MAX_MEMBERS_PER_REQUEST]]
        if method != "PATCH":
            return self.scim(method, path, {"displayName": f"{op} {method}", "members": values})
        return self.scim("PATCH", path, _patch(op=op, path="members", value=values))

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> HttpRequest:
        """Write a Bulk request."""
        return self.scim("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": [*operations]})


def _request(
    method: str, target: str, credential: str, body: Any = None, accept: str = "*/*"
) -> HttpRequest:
    path, _, query = target.partition("?")
    headers = {
        "Authorization": f"Bearer {credential}",
        "Content-Type": "application/json",
        "Accept": accept,
    }
    content = b"" if body is None else json.dumps(body).encode()
    return HttpRequest(method, path, query, tuple(headers.items()), content)


def _patch(**operation: Any) -> dict[str, Any]:
    return {"schemas": [PATCH_URN], "Operations": [operation]}


def _new(number: int) -> Document:
    return large_document(f"{number:032x}")


def _bulk_creates(place: Place) -> HttpRequest:
    count = MAX_BULK_BYTES // len(json.dumps(_new(0))) - 1
    return place.bulk(
        [
            {"method": "POST", "path": "/Users", "bulkId": f"{n}", "data": _new(1_000 + n)}
            for n in range(count)
        ]
    )


def _bulk_changes(place: Place) -> HttpRequest:
    return place.bulk(
        [
            {"method": "PATCH", "path": f"/Users/{uid}", "data": COUNTESS}
            for uid in place.people.uids[:MAX_BULK_OPERATIONS]
        ]
    )


def _bulk_members(place: Place) -> HttpRequest:
    """Write a Bulk that leaves as many members of a group as `members.display` is read of."""
    left = [{"value": uid} for uid in place.people.uids[MAX_MEMBERS_WITH_DISPLAY:]]
    path = f"/Groups/{place.people.others[2]}"
    return place.bulk(
        [
            {
                "method": "PATCH",
                "path": path,
                "data": _patch(op="remove", path="members", value=some),
            }
            for some in chunks(left, MAX_MEMBERS_PER_REQUEST)
        ]
    )


CSV = "text/csv"
EVERYBODY = f"count={MAX_RESULTS}"
NAME = 'displayName co "a"'
COUNTESS = _patch(op="replace", path="title", value="Countess")


# One after another on one table: what deletes comes last.
OPERATIONS: Mapping[str, Callable[[Place], HttpRequest]] = {
    "GET user": lambda p: p.scim("GET", f"/Users/{p.people.uids[0]}"),
    "GET user in 1,000 groups": lambda p: p.scim("GET", f"/Users/{p.people.joiner}"),
    "list 1,000 users": lambda p: p.scim("GET", f"/Users?{EVERYBODY}"),
    "list 1,000 users by cursor": lambda p: p.scim("GET", f"/Users?{EVERYBODY}&cursor"),
    "list 1,000 users, userName only": lambda p: p.scim(
        "GET", f"/Users?{EVERYBODY}&attributes=userName"
    ),
    "users, userName eq": lambda p: p.found(
        "Users", f'userName eq "{p.people.uids[0]}@example.com"'
    ),
    "users, filter without a key": lambda p: p.found("Users", NAME, f"&{EVERYBODY}"),
    "users, groups.display co": lambda p: p.found(
        "Users", 'groups.display co "a"', f"&{EVERYBODY}"
    ),
    "search of users and groups": lambda p: p.scim("POST", "/.search", {"count": MAX_RESULTS}),
    "GET group": lambda p: p.scim("GET", f"/Groups/{p.people.group}"),
    "1,000 members": lambda p: p.scim("GET", f"/Groups/{p.people.group}/members?{EVERYBODY}"),
    "list groups with members": lambda p: p.scim("GET", f"/Groups?{EVERYBODY}"),
    "groups, members.value eq": lambda p: p.found(
        "Groups", f'members.value eq "{p.people.uids[0]}"', "&excludedAttributes=members"
    ),
    "groups, id eq and members.value eq": lambda p: p.found(
        "Groups", f'id eq "{p.people.group}" and members.value eq "{p.people.uids[0]}"'
    ),
    "groups, filter without a key": lambda p: p.found("Groups", NAME, f"&{EVERYBODY}"),
    "admin: 100 users": lambda p: p.admin("/users"),
    "admin: users, search": lambda p: p.admin("/users?search=nobody"),
    "admin: a user": lambda p: p.admin(f"/users/{p.people.uids[0]}"),
    "admin: 100 groups": lambda p: p.admin("/teams"),
    "admin: 100 members": lambda p: p.admin(f"/teams/{p.people.group}/members"),
    "POST user": lambda p: p.scim("POST", "/Users", _new(1)),
    "PUT user": lambda p: p.scim(
        "PUT",
        f"/Users/{p.people.uids[0]}",
        large_document(p.people.uids[0]) | {"title": "Countess"},
    ),
    "PATCH user": lambda p: p.scim(
        "PATCH", f"/Users/{p.people.uids[0]}", _patch(op="replace", path="title", value="Analyst")
    ),
    "Bulk, 500 PATCH of users": _bulk_changes,
    "Bulk, creates of 1 MB": _bulk_creates,
    "POST group with all": lambda p: p.members("/Groups", "new", "POST"),
    "PATCH group, remove all by id": lambda p: p.members(f"/Groups/{p.people.group}", "remove"),
    "PATCH group, add all by id": lambda p: p.members(f"/Groups/{p.people.group}", "add"),
    "Bulk, 9,000 members": _bulk_members,
    "GET group of 1,000 with members.display": lambda p: p.scim(
        "GET", f"/Groups/{p.people.others[2]}?attributes=members.display"
    ),
    "PUT group with all": lambda p: p.members(f"/Groups/{p.people.others[0]}", "whole", "PUT"),
    "PATCH group, remove all": lambda p: p.scim(
        "PATCH", f"/Groups/{p.people.others[1]}", _patch(op="remove", path="members")
    ),
    "feed, 100 entries": lambda p: p.admin("/changes"),
    "log, 100 entries": lambda p: p.admin(f"/connections/{p.connection}/log"),
    "log as CSV": lambda p: p.admin(f"/connections/{p.connection}/log", CSV),
    "audit as CSV": lambda p: p.admin("/audit", CSV),
    "DELETE user in 1,000 groups": lambda p: p.scim("DELETE", f"/Users/{p.people.joiner}"),
    "DELETE user": lambda p: p.scim("DELETE", f"/Users/{p.people.uids[-1]}"),
    "DELETE group": lambda p: p.scim("DELETE", f"/Groups/{p.people.group}"),
}
SWEEP = "sweeper, after these"


@dataclass(frozen=True, slots=True)
class Peak:
    """What an operation added to its process, in bytes; status and bytes of its response."""

    operation: str
    memory: int
    status: int
    size: int = 0

    @property
    def right(self) -> bool:
        """Whether it was served, in as much memory as it may take."""
        return self.status < 300 and self.memory < MAX_MB * MEGABYTE


def measured(place: Place) -> Iterator[Peak]:
    """Measure each operation in a process of its own."""
    for name, write in OPERATIONS.items():
        request = write(place)
        memory, (status, size) = in_child(lambda r=request: _peak(place, lambda: place.send(r)))  # type: ignore[misc]
        yield Peak(name, memory, status, size)
    memory, _ = in_child(lambda: _peak(place, lambda: sweep_due(place.services)))
    yield Peak(SWEEP, memory, 200)


def _peak(place: Place, act: Callable[[], T]) -> tuple[int, T]:
    """Serve small requests, then do something; return how far the memory rose."""
    with silent():
        for request in _small(place):
            place.send(request)
        gc.collect()
        before = _most_resident()
        result = act()
        return _most_resident() - before, result


def _small(place: Place) -> Iterator[HttpRequest]:
    """Yield requests that load what a process loads once."""
    uid = place.people.uids[1]
    yield place.scim("GET", "/Users?count=1&attributes=userName")
    yield place.found("Groups", 'displayName eq "nobody"')
    yield place.scim("PATCH", f"/Users/{uid}", _patch(op="replace", path="active", value=True))
    yield place.members("/Groups/" + "0" * 32, "add")
    yield place.bulk([])
    for path in ("/users?limit=1", "/teams?limit=1", "/changes?limit=1", "/audit?limit=1"):
        yield place.admin(path)
    yield place.admin(f"/connections/{place.connection}/log?limit=1", CSV)


def _most_resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_child(work: Callable[[], T]) -> T:
    """Do something in a copy of this process; return its result.

    Raises:
        EOFError: the copy has died.
    """
    context = get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(work()))
    process.start()
    sending.close()
    result: T = receiving.recv()
    process.join()
    return result


@contextmanager
def place(url: str, members: int) -> Iterator[Place]:
    """Provide the app on a directory of so many users, who are all in four groups."""
    from app import build  # noqa: PLC0415 - it reads the environment

    plans = {"enterprise": Plan(scim=True, rate=None)}
    settings = replace(Settings.from_environment(), plans=plans)
    # Whatever else this machine does, no request is ended by its deadline.
    patient = Clock(monotonic=lambda: time.monotonic() / 20)
    with reference.table(_client(url), patient) as table, mock_aws():
        client = boto3.client("secretsmanager")
        OperatorKeys(table, client, settings.secrets_prefix).create(
            OPERATOR_KEY, FIRST, list(SCOPES)
        )
        services = Services(table, Secrets(client, settings.secrets_prefix), settings)
        customer = a_customer(services)
        gateway = Gateway(build(services), "test", "id.example.com")
        people = in_child(lambda: _populate(table, members, customer.connection))
        whole = Place(
            services, gateway, customer.organisation, customer.connection, customer.token, people
        )
        with silent():  # the secrets are read here once, and known to each copy
            whole.send(whole.scim("GET", "/Users?count=0"))
            whole.send(whole.admin("/teams?limit=1"))
        yield whole


def _client(url: str) -> DynamoDBClient:
    """Create a client whose Queries of users have a Limit, about as many as 1 MB of them has.

    Without one the engine sorts all that is left of the users for each page, so the time to read
    all of them grows with their square; AWS's pages end at 1 MB and take as long anywhere.
    """
    client = reference.client(url)
    client.meta.events.register("provide-client-params.dynamodb.Query", _limited)  # type: ignore[arg-type]
    return client


def _limited(params: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
    of_users = params["ExpressionAttributeValues"][":pk"]["S"].endswith("#U")
    return {"Limit": ITEMS_PER_PAGE, **params} if of_users else params


def _populate(table: Table, members: int, connection: str) -> Population:
    return populate(
        table,
        members - 1,  # and the one who is in many groups
        joined=members - 1,
        groups=GROUPS_OF_ONE,
        connection=connection,
        document=large_document,
        others=3,
    )


HEAD = "| operation | memory | response |\n|---|---|---|\n"


def table_of(peaks: Sequence[Peak]) -> str:
    """Write the table of a page."""
    return HEAD + "".join(map(_row, peaks))


def _row(peak: Peak) -> str:
    size = f"{peak.size / MEGABYTE:.1f} MB" if peak.status < 300 else f"status {peak.status}"
    return f"| {peak.operation} | {peak.memory / MEGABYTE:.0f} MB | {size} |\n"


def main(arguments: Sequence[str]) -> int:
    """Print the table, and what takes too much; 0 when nothing does."""
    parser = argparse.ArgumentParser(prog="make memory", description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    with dynamodb_local.running() as engine, place(engine.url, options.members) as here:
        found = list(progress(measured(here), len(OPERATIONS) + 1, "operations"))
    SECTION.publish(table_of(found), arguments)
    wrong = [each for each in found if not each.right]
    for each in wrong:
        print(
            f"{each.operation}: {each.memory / MEGABYTE:.0f} MB, status {each.status}",
            file=sys.stderr,
        )
    return bool(wrong)
