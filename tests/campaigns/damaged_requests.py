"""Send every request to a table of which one item is missing, or is of an earlier moment.

    make damage ARGS='--requests'           compare with the file
    make damage ARGS='--requests --write'   write it again, to be read before it is committed

An organisation that has everything is changed, so that there are two moments. Of each type of item
one that the requests are about is removed, or is as it was at the first moment; then each request
is sent, over HTTP. `damaged_requests.json` says which responses differ from those of the whole
table. None waits for its deadline; where members of a group are to be replaced that are not those
that it counts, the response is 503 within a second, and the sweeper counts them again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from moto import mock_aws

from app import build
from chalicelib.api.admin.requests import Access
from chalicelib.api.services import Services
from chalicelib.auth.tokens import digest
from chalicelib.settings import Plan
from chalicelib.storage.expressions import Item, to_wire, wire_key
from chalicelib.storage.keys import Key
from dev.measure.in_process import InProcessClient
from dev.measure.scene import QuickQueries
from dev.repair.soundness import Items
from tests.campaigns.simulate.run import quiet
from tests.support.builders import Response, api_client, connection_body
from tests.support.clock import ManualClock
from tests.support.deployment import deploy, make_clients
from tests.support.environment import OPERATOR_KEY
from tests.support.every_request import Request, Side, a_side, fresh, members, requests_of
from tests.support.invariants import read_all
from tests.support.routes import Route, all_routes

EXPECTED = Path(__file__).with_suffix(".json")
# One that waits for its deadline takes 19 s; one that meets damage looks again for half a second.
LONGEST = 2.0
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
COUNTED = ("members", "groups", "items", "roles")
NOT_OFFERED = ("405", "501")
KEYED = {"Idempotency-Key": "one"}
NAMED = {"name": "second"}
SECRET = {"name": "second", "type": "client_secret"}
PLANS = {"enterprise": Plan(scim=True, max_connections=900, rate=None)}

SCIM = "/scim/v2/<connection>"


def _more(method: str, target: str, body: Any = None, access: Access | None = None) -> Request:
    return Request(Route(method, target, access), target, json.dumps(body) if body else "")


def replacing(attributes: Mapping[str, Any]) -> Any:
    """Write a PATCH that replaces attributes."""
    return {"Operations": [{"op": "replace", "value": attributes}]}


# Beside those of `every_request`: what meets names, halves of memberships and past names.
MORE = [
    _more("POST", "/sign-in", {"email": "<email>"}, Access.OPERATOR),
    _more("POST", "/sign-in", {"email": "<old_email>"}, Access.OPERATOR),
    _more("POST", f"{SCIM}/Users", {"userName": "<email>"}),
    _more("POST", f"{SCIM}/Users", {"userName": "<old_email>"}),
    _more("POST", f"{SCIM}/Groups", {"displayName": "<crew>"}),
    _more("POST", f"{SCIM}/Groups", {"displayName": "<old_crew>"}),
    _more("PATCH", f"{SCIM}/Users/<user>", replacing({"userName": "<fresh>"})),
    _more("PATCH", f"{SCIM}/Users/<user>", replacing({"userName": "<old_email>"})),
    _more("PATCH", f"{SCIM}/Users/<user>", replacing({"active": False})),
    _more("PATCH", f"{SCIM}/Groups/<team>", replacing({"displayName": "<fresh>"})),
    _more("PATCH", f"{SCIM}/Groups/<team>", replacing({"displayName": "<old_crew>"})),
    _more(
        "PATCH",
        f"{SCIM}/Groups/<team>",
        {"Operations": [{"op": "remove", "path": "members", "value": members("<user>")}]},
    ),
    _more("PUT", f"{SCIM}/Groups/<team>", {"displayName": "<crew>", "members": []}),
    _more("GET", f'{SCIM}/Users?filter=userName eq "<old_email>"'),
    _more("GET", f'{SCIM}/Groups?filter=displayName eq "<old_crew>"'),
]

# The requests that have another outcome than on the whole table, by damage and outcome.
Outcomes = dict[str, dict[str, list[str]]]


class Sent(NamedTuple):
    """A request as it is sent."""

    name: str
    method: str
    target: str
    body: bytes | None
    credential: str
    headers: Mapping[str, str] = {}
    content_type: str = JSON


class Damage(NamedTuple):
    """An item that is missing (None), or as it was at an earlier moment."""

    name: str
    key: Key
    item: Item | None


class Remembering(QuickQueries):
    """A client that remembers which items were written."""

    def __init__(self, client: Any) -> None:
        """Wrap the client that sends the calls."""
        super().__init__(client)
        self.written: set[Key] = set()

    def transact_write_items(self, **request: Any) -> Any:
        """Write, and remember the keys."""
        self._add(each for action in request["TransactItems"] for each in action.values())
        return super().transact_write_items(**request)

    def put_item(self, **request: Any) -> Any:
        """Write, and remember the key."""
        self._add([request])
        return self._client.put_item(**request)

    def update_item(self, **request: Any) -> Any:
        """Write, and remember the key."""
        self._add([request])
        return self._client.update_item(**request)

    def batch_write_item(self, **request: Any) -> Any:
        """Write, and remember the keys."""
        for actions in request["RequestItems"].values():
            self._add(each for action in actions for each in action.values())
        return self._client.batch_write_item(**request)

    def _add(self, requests: Iterable[Mapping[str, Any]]) -> None:
        keys = (each.get("Key") or each["Item"] for each in requests)
        self.written |= {Key(key["PK"]["S"], key["SK"]["S"]) for key in keys}


@dataclass(frozen=True, slots=True)
class World:
    """An organisation at two moments, and all requests to it."""

    services: Services
    client: Remembering
    clock: ManualClock
    before: Items
    now: Items
    requests: Sequence[Sent]
    damages: Sequence[Damage]

    def outcomes(
        self, requests: Iterable[Sent], damage: Damage | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Send requests to the table, damaged if asked; yield the name and outcome of each.

        What a request has written is undone before the next one.
        """
        there = {**self.now, damage.key: damage.item} if damage else self.now
        if damage:
            self._put({damage.key}, there)
        for request in requests:
            yield request.name, self._outcome(request)
            self._put(self.client.written, there)
        if damage:
            self._put({damage.key}, self.now)

    def _outcome(self, request: Sent) -> dict[str, Any]:
        began = self.clock.passed
        # An app for each: what a process remembers of a whole table would hide the damage.
        send = api_client(build(self.services), request.credential)
        target, body = request.target, request.body
        response = send(request.method, target, body, request.headers, request.content_type)
        waited = self.clock.passed - began
        self.clock.passed = began
        found = summary(response)
        return found if waited <= LONGEST else {**found, "status": f"waited for {waited:.1f} s"}

    def _put(self, keys: set[Key], items: Mapping[Key, Item | None]) -> None:
        for key in sorted(keys):
            item, table = items.get(key), self.services.table
            if item is None:
                table.client.delete_item(TableName=table.name, Key=wire_key(key))
            else:
                table.client.put_item(TableName=table.name, Item=to_wire(item))
        self.client.written.clear()


def summary(response: Response) -> dict[str, Any]:
    """Return the status, and how many of what was asked for are in the body."""
    body = response.body if isinstance(response.body, dict) else {}
    counts = {name: len(body[name]) for name in COUNTED if isinstance(body.get(name), list)}
    shown = {name: body[name] for name in ("totalResults", "active", "scimType") if name in body}
    inside = [f"{each['status']} in Bulk" for each in body.get("Operations", ())]
    return {"status": " ".join([str(response.status), *inside])} | counts | shown


def difference(whole: Mapping[str, Any], damaged: Mapping[str, Any]) -> str | None:
    """Say how a response differs from that of the whole table; None if it does not."""
    if whole["status"] != damaged["status"]:
        return f"{damaged['status']} {damaged.get('scimType', '')}".strip()
    both = {name: (whole.get(name, 0), damaged.get(name, 0)) for name in (*whole, *damaged)}
    found = [f"{'fewer' if a > b else 'more'} {name}" for name, (a, b) in both.items() if a != b]
    return ", ".join(sorted(found)) or None


def differences(world: World, damages: Iterable[Damage]) -> Outcomes:
    """Return which requests have another outcome on a damaged table, by damage and difference."""
    whole = dict(world.outcomes(world.requests))
    found: Outcomes = {}
    for damage in damages:
        by_outcome: dict[str, list[str]] = defaultdict(list)
        for name, outcome in world.outcomes(world.requests, damage):
            if different := difference(whole[name], outcome):
                by_outcome[different].append(name)
        found[damage.name] = {each: sorted(by_outcome[each]) for each in sorted(by_outcome)}
    return found


def compare(*, write: bool) -> int:
    """Send all requests to all damaged tables, and compare; gives the exit status."""
    with quiet(), world() as made:
        found = differences(made, made.damages)
        sent = len(made.damages) * len(made.requests)
    if write:
        EXPECTED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    expected = read_expected()
    wrong = [name for name in {*found, *expected} if found.get(name) != expected.get(name)]
    for name in sorted(wrong):
        print(f"{name}: {found.get(name)}, and not {expected.get(name)}")
    print(f"{len(found)} damaged tables, {sent:,} requests, {len(wrong)} tables wrong")
    return bool(wrong)


def read_expected() -> Outcomes:
    """Read the responses that differ from those of the whole table."""
    expected: Outcomes = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return expected


# --- an organisation with a past --------------------------------------------------------------


@contextmanager
def world() -> Iterator[World]:
    """Make an organisation that has everything, and change it."""
    clock = ManualClock()
    with mock_aws():
        clients = make_clients()
        services = deploy(clients.dynamodb, clients.secretsmanager, clock.clock())
        client: Any = Remembering(InProcessClient(clients.dynamodb))
        settings = replace(services.settings, plans=PLANS, admin_changes=None)
        table = replace(services.table, client=client)
        services = replace(services, settings=settings, table=table)
        past = _Past(services, a_side(services, "okapi"))
        past.begin()
        before = read_all(table)
        clock.advance(minutes=10)
        past.change()
        clock.advance(minutes=10)
        now = read_all(table)
        ids = [*past.ids, *past.side.values.values(), digest(past.side.session)]
        damages = list(_damages(before, now, ids))
        yield World(services, client, clock, before, now, list(past.requests()), damages)


@dataclass(slots=True)
class _Past:
    """An organisation, what is changed of it, and the requests to it."""

    services: Services
    side: Side
    secret: Mapping[str, str] = field(default_factory=dict)
    access_token: str = ""
    ids: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request below the organisation as the operator, or below the connection."""
        of_scim = path.startswith(("/Users", "/Groups"))
        root = f"/scim/v2/{self.side.values['connection']}" if of_scim else self.root
        client = api_client(build(self.services), self.side.token if of_scim else OPERATOR_KEY)
        response = client(method, root + path, body, headers)
        assert response.status < 300, (method, path, response)
        return response.body

    @property
    def root(self) -> str:
        """The organisation's path."""
        return f"/admin/organisations/{self.side.values['organisation']}"

    @property
    def below(self) -> str:
        """The path of the connection below the organisation's."""
        return f"/connections/{self.side.values['connection']}"

    def begin(self) -> None:
        """Make what the changes end."""
        user = self.side.values["user"]
        crew = {"displayName": "okapi-second", "externalId": "okapi-second"}
        more = connection_body(name="second", workspace="okapi-main", default_role="okapi-reader")
        self.send("PATCH", self.below, {"authentication": ["token", "client_secret"]})
        secret = self.send("POST", f"{self.below}/credentials", SECRET)
        self.secret = {name: secret[name] for name in ("client_id", "client_secret")}
        self.ids.append(secret["id"])
        self.ended = [
            f"/Groups/{self.send('POST', '/Groups', crew | {'members': members(user)})['id']}",
            f"/Users/{self.side.colleagues[0]}",
            f"/connections/{self.send('POST', '/connections', more)['id']}",
            f"{self.below}/tokens/{self.send('POST', f'{self.below}/tokens', NAMED)['id']}",
            f"/console-links/{self.send('POST', '/console-links', NAMED)['id']}",
        ]
        for path in ("/roles/old", "/workspaces/old"):
            self.send("PUT", path, NAMED)
            self.ended.append(path)
        self.send("PUT", "/domains/old.example.com")
        self.ended.append("/domains/old.example.com")
        self.send("POST", f"{self.below}/listen")
        self.send("POST", f"{self.below}/tokens", NAMED, **KEYED)
        token = self.ask_for_token()
        asked = api_client(build(self.services))("POST", token.target, token.body, None, FORM)
        self.access_token = asked.body["access_token"]

    def change(self) -> None:
        """Change or end each thing."""
        values = dict(self.side.values)
        for path in self.ended:
            self.send("DELETE", path)
        ada: dict[str, Any] = {"userName": "later@okapi.example.com", "externalId": "later"}
        ada["emails"] = [{"value": ada["userName"], "type": "work"}]
        crew = {"displayName": "later", "externalId": "later-team"}
        out = [{"op": "remove", "path": "members", "value": members(self.side.colleagues[1])}]
        self.send("PATCH", f"/Users/{values['user']}", replacing(ada))
        self.send("PATCH", f"/Groups/{values['team']}", replacing(crew))
        self.send("PATCH", f"/Groups/{values['team']}", {"Operations": out})
        self.send("PATCH", "", {"name": "later"})
        self.send("PATCH", self.below, {"name": "later"})
        self.send("PUT", f"/workspaces/{values['workspace']}", {"name": "later"})
        self.send("PUT", f"/roles/{values['role']}", {"name": "later"})
        schema = {"id": values["urn"], "name": "later", "attributes": [{"name": "size"}]}
        self.send("PUT", f"{self.below}/schemas/{values['urn']}", schema)
        self.send("PUT", f"/users/{values['user']}/account", {"id": "later"})
        self.send("PUT", f"/users/{values['user']}/roles", [values["role"]])
        self.side = replace(
            self.side,
            values=values
            | {"email": ada["userName"], "external": "later", "crew": "later"}
            | {"team_external": "later-team", "old_email": values["email"]}
            | {"old_crew": values["crew"]},
        )

    def requests(self) -> Iterator[Sent]:
        """Yield all requests, those in other spellings once."""
        every = [*requests_of(all_routes()), *MORE]
        for number, request in enumerate(each for each in every if not _again(each)):
            operator = request.route.access is Access.OPERATOR
            admin = OPERATOR_KEY if operator else self.side.session
            credential = self.side.token if request.route.is_scim else admin
            target, body = request.filled({**self.side.values, **fresh(number)})
            name = f"{request.route.method} {request.target} {request.body}".strip()
            yield Sent(name, request.route.method, target, body, credential)
        yield from self._other_credentials()

    def ask_for_token(self) -> Sent:
        """Return the request for an access token."""
        form = {"grant_type": "client_credentials", **self.secret}
        target = f"/oauth2/{self.side.values['connection']}/token"
        name, body = "POST /oauth2/<connection>/token", urlencode(form).encode()
        return Sent(name, "POST", target, body, "", content_type=FORM)

    def _other_credentials(self) -> Iterator[Sent]:
        """Yield what is done with a client secret, an access token and an Idempotency-Key."""
        yield self.ask_for_token()
        users = f"/scim/v2/{self.side.values['connection']}/Users"
        yield Sent("GET Users with an access token", "GET", users, None, self.access_token)
        path, body = f"{self.root}{self.below}/tokens", json.dumps(NAMED).encode()
        yield Sent("POST the same again", "POST", path, body, OPERATOR_KEY, KEYED)


def _again(request: Request) -> bool:
    """Tell whether it is another one in other letters, a self-test, or not offered."""
    spelled = request.route.is_scim and ("/users" in request.target or "/groups" in request.target)
    return spelled or request.target.endswith("/test")


def _damages(before: Items, now: Items, ids: Sequence[str]) -> Iterator[Damage]:
    """Choose, of each type of item, one for each damage: that which names the most ids."""
    found: dict[str, list[Damage]] = defaultdict(list)
    for key in sorted({*before, *now}):
        part = part_of(key, now.get(key) or before[key])
        if key in now:
            found[f"{part} missing"].append(Damage(f"{part} missing", key, None))
        if key in before and before[key] != now.get(key):
            how = "as it was" if key in now else "is there again"
            found[f"{part} {how}"].append(Damage(f"{part} {how}", key, before[key]))

    def named(damage: Damage) -> int:
        return sum(each in f"{damage.key} {now.get(damage.key)}" for each in ids)

    return (max(found[name], key=named) for name in sorted(found))


def part_of(key: Key, item: Item) -> str:
    """Name the type of an item by the parts of its key that are no ids."""
    letter, *rest = key.pk.split("#")
    if letter == "O":
        return f"O {item['change_type']}"
    if letter in "AX" or (letter, rest[0]) == ("E", "L"):
        return f"{letter} {rest[0]}"
    part = " ".join([letter, *rest[1 : 3 if rest[1:2] == ["K"] else 2]])
    if (letter == "C" and len(rest) == 1) or part in {"C T", "C V"}:
        words = key.sk.split("#")
        return f"{part} {words[2 if words[0] == 'N' and len(words) > 2 else 0]}"
    return f"{part} reverse" if part == "S U" and "#" in key.sk else part
