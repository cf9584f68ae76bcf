"""Every request of the app, written down with places for what an organisation has.

`/users/<user>?cursor=<cursor>`: into each place goes what one organisation or another has there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from app import build
from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ORGANISATION
from chalicelib.api.services import Services
from tests.support.builders import (
    ApiClient,
    a_leaver,
    a_session,
    api_client,
    connection_body,
    organisation_body,
)
from tests.support.environment import OPERATOR_KEY
from tests.support.routes import Route

Values = Mapping[str, str]
PLACE = re.compile(r"<(\w+)>")
URN = "urn:example:{word}:2.0:User"
SCIM = "/scim/v2/<connection>"
NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True, slots=True)
class Side:
    """An organisation: what stands for it in each place, and its credentials.

    Each of its texts begins with a word of its own.
    """

    word: str
    values: Values
    token: str
    session: str
    colleagues: tuple[str, ...]

    @property
    def told(self) -> set[str]:
        """What nobody else may be shown: ids and texts; those of `NAMES` nobody can send."""
        sendable = {value for name, value in self.values.items() if name not in COMMON}
        return sendable | {f"{self.word}-{name}" for name in NAMES} | {*self.colleagues}


# Where in a list one is: other lists have the same places, so these give nothing away.
CURSORS = {"users_cursor", "scim_cursor", "audit_cursor", "log_cursor", "feed_cursor"}
# A webhook is the operator's, and no organisation's.
COMMON = CURSORS | {"kind", "webhook"}
NAMES = ("corp", "main", "reader", "connection", "token", "schema", "admin", "link", "1", "2")


class Request(NamedTuple):
    """A request with places; a body is JSON text."""

    route: Route
    target: str
    body: str = ""

    @property
    def short(self) -> str:
        """Name it below its organisation or connection, in the usual spelling."""
        return _short(self.route, self.target.partition("?")[0])

    def places(self) -> list[str]:
        """Name the places in path, query and body where something of an organisation stands."""
        return sorted({*PLACE.findall(self.target + self.body)} - {"fresh", "kind", "webhook"})

    def filled(self, values: Values) -> tuple[str, bytes | None]:
        """Put values into the places; gives target and body."""
        path, _, query = self.target.partition("?")
        whole = _put(path, values, quote) + ("?" + _put(query, values, quote) if query else "")
        return whole, _put(self.body, values, str).encode() or None


def _put(text: str, values: Values, written: Any) -> str:
    return PLACE.sub(lambda place: written(values[place[1]]), text)


def members(*uids: str) -> list[Any]:
    """Write members of a group."""
    return [{"value": uid} for uid in uids]


def operations(value: Any) -> Any:
    """Write a PATCH that adds members."""
    return {"Operations": [{"op": "add", "path": "members", "value": value}]}


def bulk(*operations: Any) -> Any:
    """Write a bulk request."""
    return {"Operations": [{"bulkId": f"{n}", **each} for n, each in enumerate(operations)]}


USER_FILTERS = [
    'id eq "<user>"',
    'userName eq "<email>"',
    'userName sw "<email>"',
    'externalId eq "<external>"',
    'emails.value eq "<email>"',
    'emails[type eq "work"].value eq "<email>"',
    'displayName eq "<name>"',
    'groups.value eq "<team>"',
]
GROUP_FILTERS = [
    'id eq "<team>"',
    'displayName eq "<crew>"',
    'externalId eq "<team_external>"',
    'members.value eq "<user>"',
    'members eq "<user>"',
]

# The bodies of each request that takes one, by method and path below organisation or connection.
BODIES: Mapping[str, list[Any]] = {
    # SCIM
    "POST /Users": [{"userName": "<fresh>", "manager": {"value": "<user>"}}],
    "PUT /Users/<user>": [{"userName": "<fresh>", "groups": members("<team>")}],
    "PATCH /Users/<user>": [{"Operations": [{"op": "add", "path": "title", "value": "T"}]}],
    "POST /Groups": [{"displayName": "<fresh>", "members": members("<user>")}],
    "PUT /Groups/<team>": [{"displayName": "<fresh>", "members": members("<user>")}],
    "PATCH /Groups/<team>": [
        operations(members("<user>")),
        {"Operations": [{"op": "replace", "value": {"members": members("<user>")}}]},
    ],
    "POST /.search": [{"filter": each} for each in (*USER_FILTERS[:4], *GROUP_FILTERS[:3])],
    "POST /Users/.search": [{"filter": each} for each in USER_FILTERS],
    "POST /Groups/.search": [{"filter": each} for each in GROUP_FILTERS],
    "POST /Bulk": [
        bulk({"method": "PUT", "path": "/Users/<user>", "data": {"userName": "<fresh>"}}),
        bulk({"method": "PATCH", "path": "/Groups/<team>", "data": operations(members("<user>"))}),
        bulk(
            {
                "method": "POST",
                "path": "/Groups",
                "data": {"displayName": "<fresh>", "members": members("<user>")},
            }
        ),
    ],
    # beside SCIM
    "POST /admin/organisations": [organisation_body()],
    "PATCH ": [{"name": "<fresh>"}],
    "POST /connections": [connection_body(workspace="<workspace>", default_role="<role>")],
    "PATCH /connections/<connection>": [
        {"name": "<fresh>", "workspace": "<workspace>", "default_role": "<role>"}
    ],
    "POST /connections/<connection>/tokens": [{"name": "<fresh>"}],
    "POST /connections/<connection>/credentials": [{"name": "<fresh>", "type": "client_secret"}],
    "POST /connections/<connection>/credentials/<token>/rotate": [{"overlap_hours": 24}],
    "POST /connections/<connection>/tokens/<token>/rotate": [{"overlap_hours": 24}],
    "PUT /connections/<connection>/schemas/<urn>": [
        {"id": "<urn>", "name": "Own", "attributes": [{"name": "size", "type": "integer"}]}
    ],
    "PUT /workspaces/<workspace>": [{"name": "<fresh>"}],
    "PUT /roles/<role>": [{"name": "<fresh>"}],
    "PUT /users/<user>/roles": [["<role>"], [{"role": "<role>", "workspace": "<workspace>"}]],
    "PUT /users/<user>/account": [{"id": "<fresh>"}],
    "POST /resolve": [
        {"user_name": "<email>"},
        {"external_id": "<external>"},
        {"email": "<email>"},
    ],
    "POST /acknowledgements": [{"event": "<leaver>"}],
    "POST /console-links": [{"name": "<fresh>"}],
    "POST /admin/webhooks": [{"url": NOWHERE}],
    "PATCH /admin/webhooks/<webhook>": [{"state": "paused"}],
    "POST /admin/webhooks/<webhook>/replay": [{"after": "now"}],
}
FILTERED = [f"filter={each}" for each in USER_FILTERS]
QUERIES: Mapping[str, list[str]] = {
    "GET /Users": [*FILTERED, "count=1&cursor=<scim_cursor>", "startIndex=1&count=1"],
    "GET /Groups": [f"filter={each}" for each in GROUP_FILTERS],
    "GET /Groups/<team>": ["attributes=members.display"],
    "GET /Groups/<team>/members": ["cursor=<user>"],
    "GET /users": ["search=<email>", "search=<name>", "cursor=<users_cursor>", "linked=false"],
    "GET /teams": ["search=<crew>", "cursor=<users_cursor>"],
    "GET /teams/<team>/members": ["cursor=<user>"],
    "GET /connections/<connection>/log": ["user=<user>", "group=<team>", "cursor=<log_cursor>"],
    "GET /audit": ["cursor=<audit_cursor>"],
    "DELETE /sessions": ["user=nobody"],
    "GET /changes": ["after=<feed_cursor>"],
    "PUT /users/<user>/roles/<role>": ["workspace=<workspace>"],
    "DELETE /users/<user>/roles/<role>": ["workspace=<workspace>"],
}


def requests_of(routes: Iterable[Route]) -> Iterator[Request]:
    """Write down every request of the app, with each of its queries and bodies."""
    for route in routes:
        if route.access is Access.ANYONE or route.path == "/sign-in":
            continue
        target = _with_places(route.path)
        short = _short(route, target)
        yield from (Request(route, f"{target}?{query}") for query in QUERIES.get(short, []))
        bodies = BODIES.get(short)
        yield from (Request(route, target, json.dumps(body)) for body in bodies or [])
        if bodies is None:
            yield Request(route, target)


# What {id} stands for, by what stands before it.
KINDS = {"users": "user", "groups": "team", "schemas": "urn", "resourcetypes": "kind"}


def _with_places(path: str) -> str:
    before = path.partition("/{id}")[0].rpartition("/")[2].lower()
    named = path.replace("{id}", f"<{KINDS.get(before, '')}>")
    return named.replace("{", "<").replace("}", ">")


def _short(route: Route, target: str) -> str:
    """Name a request below its organisation or connection, in the usual spelling."""
    root = SCIM if route.is_scim else _with_places(ORGANISATION)
    below = target.removeprefix(root)
    usual = re.sub(r"^/(users|groups)", lambda found: found[0].title(), below)
    return f"{route.method} {usual if route.is_scim else below}"


# --- an organisation that has one or two of everything ---


def a_side(services: Services, word: str) -> Side:
    """Make an organisation that has one or two of everything."""
    operator = api_client(build(services), OPERATOR_KEY)
    body = organisation_body(
        name=f"{word}-corp",
        reference=f"{word}-reference",
        workspaces=[{"id": f"{word}-{each}", "name": f"{word}-{each}"} for each in ("main", "lab")],
        roles=[{"id": f"{word}-{each}", "name": f"{word}-{each}"} for each in ("reader", "editor")],
        domains=[f"{word}.example.com"],
    )
    organisation = operator("POST", "/admin/organisations", body).body["id"]
    root = f"/admin/organisations/{organisation}"
    own = connection_body(
        name=f"{word}-connection", workspace=f"{word}-main", default_role=f"{word}-reader"
    )
    connection = operator("POST", f"{root}/connections", own).body["id"]
    below = f"{root}/connections/{connection}"
    token = operator("POST", f"{below}/tokens", {"name": f"{word}-token"}).body
    urn = URN.format(word=word)
    schema = {"id": urn, "name": f"{word}-schema", "attributes": [{"name": "size"}]}
    operator("PUT", f"{below}/schemas/{urn}", schema)
    scim = f"/scim/v2/{connection}"
    found, colleagues = _provisioned(operator.with_credential(token["token"]), scim, word)
    operator("PUT", f"{root}/users/{found['user']}/account", {"id": f"{word}-account"})
    operator("PUT", f"{root}/users/{found['user']}/roles/{word}-editor")
    values = {
        **found,
        "kind": "User",
        "organisation": organisation,
        "connection": connection,
        "token": token["id"],
        "workspace": f"{word}-lab",
        "role": f"{word}-editor",
        "domain": f"{word}.example.com",
        "urn": urn,
        "account": f"{word}-account",
        "reference": f"{word}-reference",
        "leaver": a_leaver(services, connection, found["user"]),
        "link": operator("POST", f"{root}/console-links", {"name": f"{word}-link"}).body["id"],
        **_cursors(operator, root, below),
    }
    session = a_session(services, organisation, f"{word}-admin")
    values["session"] = operator("GET", f"{root}/sessions").body["items"][0]["id"]
    values["webhook"] = operator("POST", "/admin/webhooks", {"url": NOWHERE}).body["id"]
    return Side(word, values, token["token"], session, tuple(colleagues))


def _provisioned(scim: ApiClient, root: str, word: str) -> tuple[dict[str, str], list[str]]:
    """Provision three users and a group; returns the values of placeholders, and the other ids."""
    email, name = f"{word}-ada@{word}.example.com", f"{word}-lovelace"
    ada = {
        "userName": email,
        "externalId": f"{word}-external",
        "displayName": name,
        "emails": [{"value": email, "type": "work"}],
    }
    bodies = [ada, {"userName": f"{word}-1"}, {"userName": f"{word}-2"}]
    uids = [scim("POST", f"{root}/Users", body).body["id"] for body in bodies]
    crew = {"displayName": f"{word}-crew", "externalId": f"{word}-team", "members": members(*uids)}
    team = scim("POST", f"{root}/Groups", crew).body["id"]
    found = {
        "user": uids[0],
        "team": team,
        "email": email,
        "external": f"{word}-external",
        "name": name,
        "crew": f"{word}-crew",
        "team_external": f"{word}-team",
        "scim_cursor": scim("GET", f"{root}/Users?count=1&cursor=").body["nextCursor"],
    }
    return found, uids[1:]


def _cursors(operator: ApiClient, root: str, below: str) -> dict[str, str]:
    lists = {
        "users_cursor": f"{root}/users?limit=1",
        "audit_cursor": f"{root}/audit?limit=1",
        "log_cursor": f"{below}/log?limit=1",
        "feed_cursor": f"{root}/changes?limit=1",
    }
    return {name: str(operator("GET", path).body["next"]) for name, path in lists.items()}


def fresh(number: int) -> dict[str, str]:
    """Give a text that nobody has yet."""
    return {"fresh": f"fresh-{number}"}
