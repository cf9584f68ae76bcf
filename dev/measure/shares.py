"""The third table of `make budget`: what a request may cost in CPU, memory and items.

For each limit the most expensive input that is known, at 10 %, 50 % and 100 % of the limit, as a
multiple of an ordinary create of a user in the same run. What counts is the work of the app: from
API Gateway's event to the response, without the calls to AWS. `aim` is how many creates it may cost
at 100 %; where a documented limit buys work, so many for each of what it buys.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from chalice.app import Request as ChaliceRequest

from chalicelib.api import edge, routes
from chalicelib.api.admin.request_bodies import SMALL
from chalicelib.api.oauth import FORM
from chalicelib.api.oauth import MAX_BYTES as MAX_FORM_BYTES
from chalicelib.api.router import Router
from chalicelib.api.scim.scim_request import MAX_GROUP_BYTES, MAX_USER_BYTES
from chalicelib.api.services import Services
from chalicelib.directory.context import MAX_MEMBERS_PER_REQUEST
from chalicelib.directory.extensions import UserTypes, user_type_of
from chalicelib.observability import logger
from chalicelib.organisations.extensions import MAX_ATTRIBUTES, MAX_SCHEMAS
from chalicelib.scim import filters, messages, projection, validation
from chalicelib.settings import Plan, Settings
from chalicelib.storage import grants
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import OrganisationKeys, organisation_of
from dev.measure import operations as do
from dev.measure.operations import Scene
from dev.measure.pages import Section
from dev.measure.scene import CONNECTION
from dev.run.gateway import HttpRequest, Route, proxy_event

SECTION = Section("performance.md", "shares")

ROUTE = Route("/{proxy+}", frozenset())
SCIM = f"/scim/v2/{CONNECTION}"
# API Gateway's own limits: all headers of a request together, and its first line.
MAX_HEADER_BYTES = 10_000
MAX_URL_BYTES = 8_000
PARTS = (0.1, 0.5, 1.0)
ROUNDS = 5
ONCE = 1

SceneMaker = Callable[[], AbstractContextManager[Scene]]

SERVED = frozenset({200, 201, 204})
REJECTED = frozenset({400, 401, 404})


@dataclass(slots=True)
class Uncounted:
    """A client whose calls do not count: `away` adds up the CPU that they took."""

    client: Any
    away: float = 0.0

    def __getattr__(self, name: str) -> Any:
        """Return a method that measures itself."""
        method = getattr(self.client, name)

        def call(**request: Any) -> Any:
            started = time.process_time()
            try:
                return method(**request)
            finally:
                self.away += time.process_time() - started

        return call


@dataclass(frozen=True, slots=True)
class Used:
    """What a request has cost: seconds of CPU, and units."""

    seconds: float
    rcu: int
    wcu: int
    status: int


@dataclass(slots=True)
class Bench:
    """The app on a directory in memory, and what sends a request to it as API Gateway does."""

    scene: Scene
    router: Router
    table: Uncounted
    token: str
    user_types: UserTypes
    sent: int = 0

    def prepare(self, request: HttpRequest) -> Callable[[], int]:
        """Make API Gateway's event of a request; return what passes it to the app.

        That returns the status of the response.
        """
        parameters = {"proxy": request.path.removeprefix("/")}
        own = {"stage": "memory", "domainName": "id.example.com", "requestId": f"{self.sent}"}
        event = proxy_event(request, ROUTE, parameters, own, ())
        self.sent += 1
        return partial(self._respond, event)

    def _respond(self, event: dict[str, Any]) -> int:
        read = edge.read(ChaliceRequest(event, None), "https://id.example.com")
        _, response = self.router.respond(read)
        return int(edge.write(response, read).status_code)

    def seconds(self, act: Callable[[], object]) -> float:
        """Do something; return the CPU that it takes, without the calls to AWS."""
        self.table.away = 0.0
        started = time.process_time()
        act()
        return time.process_time() - started - self.table.away

    def measure(self, make: Callable[[], HttpRequest], rounds: int = ROUNDS) -> Used:
        """Send such requests; return the least CPU of them."""
        taken, statuses = [], set[int]()
        gc.collect()
        for _ in range(rounds):
            respond = self.prepare(make())
            self.scene.meter.take()
            taken.append(self.seconds(lambda respond=respond: statuses.add(respond())))  # type: ignore[misc]
        cost = self.scene.meter.take()
        (status,) = statuses
        return Used(min(taken), cost.rcu, cost.wcu, status)

    def peak_of(self, request: HttpRequest) -> int:
        """Send a request; return the bytes of memory that it adds at its peak."""
        respond = self.prepare(request)
        tracemalloc.start()
        try:
            respond()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@contextmanager
def bench(make: SceneMaker = do.with_crowd) -> Iterator[Bench]:
    """Prepare the app with a connection and a token on a directory while the block runs."""
    with make() as scene:
        token, secrets = do.configure(scene)
        table = Uncounted(scene.measured.items.table.client)
        still = replace(scene.set.clock, monotonic=lambda: 0.0)  # moto would reach the deadline
        measured = replace(scene.measured.items.table, client=cast("Any", table), clock=still)
        settings = Settings(table_name=measured.name, stage="memory")
        plans = {"enterprise": Plan(scim=True, rate=None)}
        services = Services(measured, secrets, replace(settings, plans=plans))
        services.user_types.keep(CONNECTION, user_type_of([], 1))
        yield Bench(scene, routes.all_paths(services), table, token, services.user_types)


def small() -> AbstractContextManager[Scene]:
    """Prepare a scene with an empty group."""
    return do.with_group_of(0)


@dataclass(frozen=True, slots=True)
class Line:
    """A limit and its worst input: `make` writes it for a part of the limit.

    `aim` is in creates: at all of the limit, or for each of `count`, what the limit buys. Memory is
    not measured where most of it would be the emulator's, which takes minutes then.
    """

    limit: str
    worst: str
    make: Callable[[Bench, float], HttpRequest]
    aim: float
    count: int = 1
    each: str = ""
    statuses: frozenset[int] = SERVED
    rounds: int = ROUNDS
    scene: SceneMaker = small
    measures_memory: bool = True


def request(
    bench: Bench,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    token: bool = True,
) -> HttpRequest:
    """Write a request."""
    path, _, query = path.partition("?")
    sent = {"Content-Type": "application/scim+json", "User-Agent": "Probe/1.0", **(headers or {})}
    if token:
        sent = {"Authorization": f"Bearer {bench.token}", **sent}
    written = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    return HttpRequest(method, path, query, tuple(sent.items()), written)


def create(bench: Bench, _: float = 1) -> HttpRequest:
    """Write an ordinary create: the user that Entra ID sends."""
    return request(bench, "POST", f"{SCIM}/Users", do.document(bench.scene.set))


def _header(name: str, unit: str) -> Callable[[Bench, float], HttpRequest]:
    def make(bench: Bench, part: float) -> HttpRequest:
        value = (unit * MAX_HEADER_BYTES)[: int(part * MAX_HEADER_BYTES) - 100]
        return request(bench, "GET", f"{SCIM}/Users", headers={name: value}, token=False)

    return make


def _url(path: str, unit: str, *, token: bool = False) -> Callable[[Bench, float], HttpRequest]:
    def make(bench: Bench, part: float) -> HttpRequest:
        size = int(part * MAX_URL_BYTES) - 200
        return request(bench, "GET", path + (unit * size)[:size], token=token)

    return make


def _form(bench: Bench, part: float) -> HttpRequest:
    """Write a request for an access token, of as many percent signs as its form may have."""
    body = b"grant_type=" + b"%" * (int(part * MAX_FORM_BYTES) - 11)
    headers = {"Content-Type": FORM}
    path = f"/oauth2/{CONNECTION}/token"
    return request(bench, "POST", path, body, headers=headers, token=False)


def _body(path: str, limit: int, unit: str) -> Callable[[Bench, float], HttpRequest]:
    """Write a body of as many of a unit as go into a part of its limit; `#` is a number."""

    def make(bench: Bench, part: float) -> HttpRequest:
        new = do.group if path.endswith("Groups") else do.document
        head = json.dumps(new(bench.scene.set))[:-1] if path.startswith(SCIM) else "{"
        count = int(part * limit - len(head)) // (len(unit) + 6) - 1
        members = ",".join(unit.replace("#", f"{number:06}") for number in range(count))
        body = f"{head}{',' * (len(head) > 1)}{members}}}"
        return request(bench, "POST", path, body.encode(), token=path.startswith(SCIM))

    return make


def _user(members: Callable[[int], dict[str, Any]], limit: int) -> Callable[..., HttpRequest]:
    def make(bench: Bench, part: float) -> HttpRequest:
        document = do.document(bench.scene.set) | members(int(part * limit))
        return request(bench, "POST", f"{SCIM}/Users", document)

    return make


def _multi_valued(count: int) -> dict[str, Any]:
    names = ("phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles")
    return {
        name: [{"value": f"v{n}", "type": f"t{n}", "display": "x" * 100} for n in range(count)]
        for name in names
    }


def _patch(operations: Callable[[int], Any], limit: int) -> Callable[[Bench, float], HttpRequest]:
    def make(bench: Bench, part: float) -> HttpRequest:
        uid = bench.scene.add_user()
        body = {"schemas": [messages.PATCH_URN], "Operations": operations(int(part * limit))}
        return request(bench, "PATCH", f"{SCIM}/Users/{uid}", body)

    return make


def _replaces(count: int) -> list[dict[str, Any]]:
    path = 'emails[type eq "work" and value ew ".com"].display'
    return [{"op": "replace", "path": path, "value": f"v{n}"} for n in range(count)]


def _spread(count: int) -> list[dict[str, Any]]:
    values = {f'emails[type eq "work" and not (value eq "{n}")].display': "x" for n in range(count)}
    return [{"op": "replace", "value": values}]


def _filter(text: Callable[[int], str], limit: int) -> Callable[[Bench, float], HttpRequest]:
    def make(bench: Bench, part: float) -> HttpRequest:
        body = {"filter": text(int(part * limit))}
        return request(bench, "POST", f"{SCIM}/Users/.search", body)

    return make


def _members(bench: Bench, part: float) -> HttpRequest:
    uids = bench.scene.add_users(int(part * MAX_MEMBERS_PER_REQUEST))
    values = [{"value": uid, "type": "User"} for uid in sorted(uids)]
    body = {"Operations": [{"op": "add", "path": "members", "value": values}]}
    return request(bench, "PATCH", f"{SCIM}/Groups/{bench.scene.add_group()}", body)


def _bulk(bench: Bench, part: float) -> HttpRequest:
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"{n}", "data": do.document(bench.scene.set)}
        for n in range(int(part * messages.MAX_BULK_OPERATIONS))
    ]
    return request(bench, "POST", f"{SCIM}/Bulk", {"Operations": operations})


def _page(bench: Bench, part: float) -> HttpRequest:
    return request(bench, "GET", f"{SCIM}/Users?count={int(part * messages.MAX_RESULTS)}")


def _names(bench: Bench, part: float) -> HttpRequest:
    count = int(part * projection.MAX_NAMES)
    body = {"attributes": ["emails.value"] * count, "count": 1}
    return request(bench, "POST", f"{SCIM}/Users/.search", body)


def _terms(count: int) -> str:
    return " and ".join(['emails[type eq "work"].value co "."'] * count)


def _all_users(count: int) -> str:
    return " or ".join(['title co "x"'] * count)


def _schemas(part: float) -> list[str]:
    """Write ten schemas with a part of the attributes that they may have, as they are stored."""
    return [
        json.dumps(
            {
                "id": f"urn:example:{number}:User",
                "name": "Own",
                "attributes": [
                    {"name": f"a{n}", "type": "string", "description": "x" * 400}
                    for n in range(int(part * MAX_ATTRIBUTES))
                ],
            }
        )
        for number in range(MAX_SCHEMAS)
    ]


def _with_schemas(make: Callable[[Bench, float], HttpRequest]) -> Callable[..., HttpRequest]:
    def made(bench: Bench, part: float) -> HttpRequest:
        bench.user_types.keep(CONNECTION, user_type_of(_schemas(0.1), 1))
        return make(bench, part)

    return made


def _list_schemas(bench: Bench, part: float) -> HttpRequest:
    bench.user_types.keep(CONNECTION, user_type_of(_schemas(part), 1))
    return request(bench, "GET", f"{SCIM}/Schemas")


def _fill_schemas(bench: Bench, part: float) -> HttpRequest:
    bench.user_types.keep(CONNECTION, user_type_of(_schemas(part), 1))
    values = {f"a{n}": "x" for n in range(int(part * MAX_ATTRIBUTES))}
    own = {f"urn:example:{number}:User": values for number in range(MAX_SCHEMAS)}
    return request(bench, "POST", f"{SCIM}/Users", do.document(bench.scene.set) | own)


def _read_schemas(bench: Bench, part: float) -> HttpRequest:
    """Let the schemas be read anew, as after a change of them."""
    bench.user_types.keep(CONNECTION, replace(user_type_of([], 1), version=2))
    items = bench.scene.set.items.table
    keys = OrganisationKeys(organisation_of(CONNECTION))
    may = items.namespace(grants.administration(keys), bench.scene.set.items.deadline)
    for number, text in enumerate(_schemas(part)):
        key = keys.schema(CONNECTION, f"urn:example:{number}:User")
        may.commit([Put(key, {"doc": text})])
    return create(bench)


LINES: Sequence[Line] = (
    # without a credential
    Line("headers", "User-Agent without `@`", _header("User-Agent", "a"), 2, statuses=REJECTED),
    Line("headers", "User-Agent of addresses", _header("User-Agent", "a@b "), 2, statuses=REJECTED),
    Line("headers", "Authorization of quotes", _header("Authorization", '"'), 2, statuses=REJECTED),
    Line("headers", "cookies", _header("Cookie", "a=b; "), 2, statuses=REJECTED),
    Line("URL", "an unknown path of slashes", _url("/", "a/"), 2, statuses=REJECTED),
    Line("URL", "unknown parameters", _url(f"{SCIM}/Users?", "a=&"), 2, statuses=REJECTED),
    Line(
        "body of a session's exchange",
        "unknown fields",
        _body("/admin/sessions", SMALL, '"f#":1'),
        2,
        statuses=REJECTED,
    ),
    Line("form of a token request", "percent signs", _form, 2, statuses=REJECTED | {429}),
    # one operation
    Line(
        "URL",
        "a filter that is not valid",
        _url(f"{SCIM}/Users?filter=", quote("("), token=True),
        10,
        statuses=frozenset({400}),
    ),
    Line("names", "one attribute many times", _names, 10),
    Line("values", "six attributes full", _user(_multi_valued, validation.MAX_VALUES), 10),
    # a documented limit buys work
    Line(
        "terms of a filter",
        "selections, over 1,000 users",
        _filter(_terms, filters.MAX_TERMS // 2),
        0.1,
        1_000,
        "user",
        rounds=ONCE,
        scene=do.with_crowd,
    ),
    Line(
        "terms of a filter",
        "text within, over 1,000 users",
        _filter(_all_users, filters.MAX_TERMS),
        0.1,
        1_000,
        "user",
        rounds=ONCE,
        scene=do.with_crowd,
    ),
    Line(
        "body of a user",
        "unknown attributes",
        _body(f"{SCIM}/Users", MAX_USER_BYTES, '"attribute#":"x"'),
        1,
        1_000,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "body of a user",
        "unknown attributes, ten schemas",
        _with_schemas(_body(f"{SCIM}/Users", MAX_USER_BYTES, '"urn:example:x:#":1')),
        1,
        1_000,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "body of a user",
        "nested objects",
        _body(f"{SCIM}/Users", MAX_USER_BYTES, '"a#":[{"b":[{}]}]'),
        1,
        1_000,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "body of a user",
        "a name of combining marks",
        _user(lambda size: {"displayName": "\u0315\u0300" * (size // 2)}, 30_000),
        1,
        1_000,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "body of a user",
        "escapes",
        _body(f"{SCIM}/Users", MAX_USER_BYTES, '"a#":"' + "\\u00e9" * 50 + '"'),
        1,
        1_000,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "body of a group",
        "unknown attributes",
        _body(f"{SCIM}/Groups", MAX_GROUP_BYTES, '"attribute#":"x"'),
        1,
        5_500,
        "KB",
        rounds=ONCE,
    ),
    Line(
        "operations in a PATCH",
        "selections that find a value",
        _patch(_replaces, messages.MAX_OPERATIONS),
        0.1,
        messages.MAX_OPERATIONS,
        "operation",
        rounds=ONCE,
    ),
    Line(
        "operations once spread",
        "selections as keys",
        _patch(_spread, messages.MAX_SPREAD_OPERATIONS),
        0.1,
        messages.MAX_SPREAD_OPERATIONS,
        "operation",
        rounds=ONCE,
    ),
    Line(
        "operations of Bulk",
        "creates",
        _bulk,
        1,
        messages.MAX_BULK_OPERATIONS,
        "operation",
        rounds=ONCE,
        measures_memory=False,
    ),
    Line(
        "members in a request",
        "all new",
        _members,
        0.2,
        MAX_MEMBERS_PER_REQUEST,
        "member",
        rounds=ONCE,
        measures_memory=False,
    ),
    Line(
        "resources in a page",
        "users with their groups",
        _page,
        0.1,
        messages.MAX_RESULTS,
        "resource",
        rounds=ONCE,
        scene=do.with_crowd,
    ),
    Line(
        "schemas",
        "GET /Schemas",
        _list_schemas,
        0.1,
        MAX_SCHEMAS * MAX_ATTRIBUTES,
        "attribute",
        rounds=ONCE,
    ),
    Line(
        "schemas",
        "a value for each attribute",
        _fill_schemas,
        0.1,
        MAX_SCHEMAS * MAX_ATTRIBUTES,
        "attribute",
        rounds=ONCE,
    ),
    Line(
        "schemas",
        "the first request after a change",
        _read_schemas,
        0.1,
        MAX_SCHEMAS * MAX_ATTRIBUTES,
        "attribute",
        rounds=ONCE,
    ),
)


@dataclass(frozen=True, slots=True)
class Share:
    """What a line costs at each part of its limit, and what an ordinary create costs."""

    line: Line
    unit: Used
    parts: Sequence[Used]
    peak: int | None

    @property
    def creates(self) -> list[float]:
        """The CPU at each part, in creates."""
        return [used.seconds / self.unit.seconds for used in self.parts]

    @property
    def for_each(self) -> float:
        """The CPU at all of the limit, for each of what it buys."""
        return self.creates[-1] / self.line.count

    @property
    def is_linear(self) -> bool:
        """Whether all of the limit takes less than three times the CPU of half of it."""
        return self.creates[-1] < 3 * max(self.creates[1], 1)


def measured(lines: Sequence[Line] = LINES) -> Iterator[Share]:
    """Measure a create, then each line at each part of its limit."""
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Passerelle")
    for scene, group in groupby(lines, key=lambda line: line.scene):
        with bench(scene) as app:
            with silent():
                unit = app.measure(partial(create, app), rounds=30)
            for line in group:
                with silent():
                    share = measure(line, app, unit)
                yield share


def measure(line: Line, app: Bench, unit: Used) -> Share:
    """Measure a line; its memory at all of the limit."""
    parts = [app.measure(partial(line.make, app, part), line.rounds) for part in PARTS]
    peak = app.peak_of(line.make(app, 1)) if line.measures_memory else None
    return Share(line, unit, parts, peak)


@contextmanager
def silent() -> Iterator[None]:
    """Discard what the app logs while the block runs; that it is written counts."""
    handler = cast("logging.StreamHandler[Any]", logger.handlers[0])
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        before = handler.setStream(nowhere)
        try:
            yield
        finally:
            handler.setStream(before)


HEAD = (
    "| limit | most expensive input | 10 % | 50 % | 100 % | for each | aim | memory | RCU | WCU |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


def table(shares: Sequence[Share]) -> str:
    """Return the table; figures are creates, those of memory are MB."""
    return HEAD + "".join(map(_row, shares))


def _row(share: Share) -> str:
    line, last = share.line, share.parts[-1]
    each = f"{share.for_each:.2f} a {line.each}" if line.each else ""
    aim = f"{line.aim:g}{f' a {line.each}' if line.each else ''}"
    creates = [f"{each:.1f}" for each in share.creates]
    memory = "" if share.peak is None else f"{share.peak / 1e6:.1f}"
    cells = (line.limit, line.worst, *creates, each, aim, memory)
    return f"| {' | '.join((*cells, str(last.rcu), str(last.wcu)))} |\n"


def differences(shares: Sequence[Share]) -> list[str]:
    """List the lines that miss their aim, are not linear, or were not served as expected."""
    found = []
    for share in shares:
        name = f"{share.line.limit}, {share.line.worst}"
        if share.for_each > share.line.aim:
            found.append(f"{name}: {share.for_each:.2f} creates, the aim is {share.line.aim:g}")
        if not share.is_linear:
            found.append(f"{name}: not linear: {share.creates}")
        if not {used.status for used in share.parts} <= share.line.statuses:
            found.append(f"{name}: {[used.status for used in share.parts]}")
    return found
