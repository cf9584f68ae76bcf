"""The second table of `make budget`: the calls to AWS that a whole request makes one after another.

Each line is an HTTP request to the app on a directory in memory: authentication, the operation and
the log entry. This project never sends two calls at a time, so round trips are calls. Left out is
what one request in many adds: the counters of its connection, and the shared rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

from chalicelib.auth import tokens
from chalicelib.directory import groups, users
from chalicelib.scim import messages
from dev.measure import operations as do
from dev.measure import shares
from dev.measure.meter import Cost
from dev.measure.pages import Section
from dev.measure.shares import SCIM, Bench, request
from dev.run.gateway import HttpRequest

SECTION = Section("performance.md", "trips")

# Of a minute's requests with one outcome the first two write counters, the third does not.
WARM_UP = 2
# A user of 10 RCU.
LARGE = 39_000

Make = Callable[[Bench], HttpRequest]


def ordinary(bench: Bench) -> HttpRequest:
    """Write a request after which the process knows the credential."""
    return request(bench, "GET", f"{SCIM}/ResourceTypes")


@dataclass(frozen=True, slots=True)
class Line:
    """A request, and how many round trips it takes: `before` some were saved, and now.

    `logs`: one of them writes the log entry; that of a change goes with its transaction.
    """

    name: str
    make: Make
    before: int
    now: int
    logs: bool
    status: int = 200
    warm_up: Make = ordinary


@dataclass(frozen=True, slots=True)
class Trips:
    """What a request took, and the status of its response."""

    line: Line
    cost: Cost
    status: int

    @property
    def log_calls(self) -> int:
        """How many calls wrote the log entry alone: nothing else of a request is a PutItem."""
        return self.cost.calls.get("PutItem", 0)


def _named(bench: Bench, member: str, value: str, path: str) -> HttpRequest:
    wanted = quote(f'{member} eq "{value}"')
    return request(bench, "GET", f"{SCIM}{path}?filter={wanted}")


def _user_by_name(bench: Bench) -> HttpRequest:
    created = users.create(bench.scene.set, do.document(bench.scene.set))
    return _named(bench, "userName", created["userName"], "/Users")


def _nobody_by_name(bench: Bench) -> HttpRequest:
    return _named(bench, "userName", "nobody@example.com", "/Users")


def _group_by_name(bench: Bench) -> HttpRequest:
    group = groups.get(bench.scene.set, bench.scene.group, with_members=False)
    return _named(bench, "displayName", group["displayName"], "/Groups")


def _user(method: str, count: int, body: Any = None) -> Make:
    """Write a request for a user in so many groups."""

    def make(bench: Bench) -> HttpRequest:
        uid = bench.scene.add_user_in(count)
        return request(bench, method, f"{SCIM}/Users/{uid}", body)

    return make


def _put_user(bench: Bench) -> HttpRequest:
    document = do.document(bench.scene.set)
    uid = users.create(bench.scene.set, document)["id"]
    return request(bench, "PUT", f"{SCIM}/Users/{uid}", document | {"title": "Countess"})


def _rejected(credential: Callable[[Bench], str]) -> Make:
    """Write a request for a large user with a credential that is not accepted."""

    def make(bench: Bench) -> HttpRequest:
        document = do.document(bench.scene.set) | {"title": "x" * LARGE}
        uid = users.create(bench.scene.set, document)["id"]
        headers = {"Authorization": f"Bearer {credential(bench)}"}
        return request(bench, "GET", f"{SCIM}/Users/{uid}", headers=headers, token=False)

    return make


def _unknown(_: Bench) -> str:
    return tokens.mint(tokens.SCIM, Random(1)).text  # noqa: S311 - nobody's token


def _with_another_secret(bench: Bench) -> str:
    body = f"{bench.token[: tokens.LENGTH - 50]}{'0' * tokens.SECRET_LENGTH}"
    return f"{body}_{tokens.checksum(body)}"


def _group(method: str, query: str = "", members: int = 0) -> Make:
    def make(bench: Bench) -> HttpRequest:
        gid = bench.scene.add_group(bench.scene.add_users(members))
        return request(bench, method, f"{SCIM}/Groups/{gid}{query}")

    return make


def _add_members(bench: Bench, count: int, into: int) -> HttpRequest:
    gid = bench.scene.add_group(bench.scene.add_users(into))
    values = [{"value": uid} for uid in sorted(bench.scene.add_users(count))]
    operation = {"op": "add", "path": "members", "value": values}
    return request(bench, "PATCH", f"{SCIM}/Groups/{gid}", _operations(operation))


def _put_members(bench: Bench) -> HttpRequest:
    before = sorted(bench.scene.add_users(20))
    gid = bench.scene.add_group(frozenset(before))
    values = [{"value": uid} for uid in [*before[5:], *bench.scene.add_users(5)]]
    body = do.group(bench.scene.set) | {"members": values}
    return request(bench, "PUT", f"{SCIM}/Groups/{gid}", body)


def _rename_group(bench: Bench) -> HttpRequest:
    gid = bench.scene.add_group()
    operation = {"op": "replace", "path": "displayName", "value": "Engineers"}
    return request(bench, "PATCH", f"{SCIM}/Groups/{gid}", _operations(operation))


def _create_group(bench: Bench) -> HttpRequest:
    return request(bench, "POST", f"{SCIM}/Groups", do.group(bench.scene.set))


def _operations(*operations: Mapping[str, Any]) -> dict[str, Any]:
    return {"schemas": [messages.PATCH_URN], "Operations": list(operations)}


TITLE = _operations({"op": "replace", "path": "title", "value": "Countess"})
SAME = _operations({"op": "replace", "path": "title", "value": "Analyst"})
ALONE = "?excludedAttributes=members"

LINES: Sequence[Line] = (
    Line("GET user in no group", _user("GET", 0), 3, 2, logs=True),
    Line("GET user in 3 groups", _user("GET", 3), 4, 4, logs=True),
    Line("GET group without members", _group("GET", ALONE), 3, 2, logs=True),
    Line("GET group of 100", _group("GET", members=100), 4, 3, logs=True),
    Line("GET a page of members", _group("GET", "/members", members=3), 4, 3, logs=True),
    Line("filter userName eq", _user_by_name, 4, 3, logs=True),
    Line("filter userName eq, nobody", _nobody_by_name, 3, 2, logs=True),
    Line("filter displayName eq", _group_by_name, 4, 3, logs=True),
    Line("create user", shares.create, 3, 2, logs=False, status=201),
    Line("create group", _create_group, 3, 2, logs=False, status=201),
    Line("PATCH user in no group", _user("PATCH", 0, TITLE), 4, 2, logs=False),
    Line("PATCH user in 3 groups", _user("PATCH", 3, TITLE), 5, 4, logs=False),
    Line("PATCH user, nothing new", _user("PATCH", 0, SAME), 3, 2, logs=True),
    Line("PUT user", _put_user, 4, 2, logs=False),
    Line(
        "PATCH group: add 1 member",
        partial(_add_members, count=1, into=0),
        3,
        2,
        logs=False,
        status=204,
    ),
    Line("rename group", _rename_group, 4, 3, logs=False, status=204),
    Line("PUT group of 20: replace 5", _put_members, 7, 3, logs=False),
    Line("DELETE user in no group", _user("DELETE", 0), 4, 3, logs=False, status=204),
    Line("DELETE user in 3 groups", _user("DELETE", 3), 4, 3, logs=False, status=204),
    Line("DELETE group without members", _group("DELETE"), 6, 3, logs=False, status=204),
    Line("DELETE group of 30", _group("DELETE", members=30), 10, 8, logs=False, status=204),
)


REJECTED: Sequence[Line] = tuple(
    Line(f"rejected: {name}", make, before, before, logs=False, status=401, warm_up=make)
    for name, make, before in (
        ("a wrong secret, a user of 40 KB", _rejected(_with_another_secret), 1),
        ("an unknown token, a user of 40 KB", _rejected(_unknown), 3),
    )
)


def measured(lines: Sequence[Line] = (*LINES, *REJECTED)) -> Iterator[Trips]:
    """Send each request to an app of its own."""
    for line in lines:
        with shares.bench(shares.small) as bench:
            for _ in range(WARM_UP):
                bench.prepare(line.warm_up(bench))()
            respond = bench.prepare(line.make(bench))
            bench.scene.meter.take()
            status = respond()
            yield Trips(line, bench.scene.meter.take(), status)


HEAD = (
    "| request | round trips before | now | of these the log entry | calls | RCU | WCU |\n"
    "|---|---|---|---|---|---|---|\n"
)


def table(trips: Sequence[Trips]) -> str:
    """Return the table."""
    return HEAD + "".join(map(_row, trips))


def _row(trips: Trips) -> str:
    line, cost = trips.line, trips.cost
    cells = (line.name, line.before, cost.round_trips, trips.log_calls, cost.shown)
    return f"| {' | '.join(map(str, (*cells, cost.rcu, cost.wcu)))} |\n"


def differences(trips: Sequence[Trips]) -> list[str]:
    """List the requests that take another number of round trips, or were not served as expected."""
    return [
        f"{each.line.name}: {each.cost}, status {each.status}, expected {each.line.now} round trips"
        for each in trips
        if (each.cost.round_trips, each.log_calls, each.status)
        != (each.line.now, int(each.line.logs), each.line.status)
    ]
