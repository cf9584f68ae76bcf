"""What `make slow` sends: for each area of a request, its pieces, its limit, and what it may cost.

A text is made of pieces, one part of which is repeated; in it `#` is a number that counts up, so
that keys differ. Each area says where in a request its text stands.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.api.admin.csv_file import write_csv
from chalicelib.api.admin.request_bodies import LARGE, LISTS, SMALL
from chalicelib.api.scim.scim_request import MAX_USER_BYTES
from chalicelib.auth.tokens import OPERATOR, mint
from chalicelib.scim import filters, messages
from chalicelib.storage.keys import organisation_of
from chalicelib.storage.operator_keys import SCOPES
from dev.measure import shares
from dev.measure.scene import CONNECTION, NOBODY
from dev.measure.shares import SCIM, Bench
from dev.run.gateway import HttpRequest
from dev.run.operator_keys import OperatorKeys

OWN = f"/admin/organisations/{organisation_of(CONNECTION)}"
URN = "urn:example:slow:2.0:User"
FORM = "application/x-www-form-urlencoded"
GRANT = "grant_type=client_credentials"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# So much of a header's 10,000 bytes, of a URL's 8,000, and of what is percent-encoded in one.
HEADER, URL, ENCODED = 9_900, 7_800, 2_500
# A body without its first bytes.
USER, GROUP = MAX_USER_BYTES - 200, LARGE - 200
# The most operations of a Bulk request, the shortest of which create a user.
BULK_BYTES = 75 * messages.MAX_BULK_OPERATIONS
# Aims, in creates: without a credential, of one operation, and for each KB of a body.
ANYONE, ONE, PER_KB = 2, 10, 1 / 1_000

OPERATION = '{"op":"add","path":"title","value":"x"}'

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class World:
    """The app in memory, with an operator key, a user and a group."""

    bench: Bench
    operator: str
    user: str
    group: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Act:
        """Prepare a request with the connection's token, or with another Authorization."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        has_token = "Authorization" not in named
        sent = shares.request(self.bench, method, path, body, headers=named, token=has_token)
        return self.bench.prepare(sent)

    def administer(self, method: str, path: str, body: Any = None, **headers: str) -> Act:
        """Prepare a request with the operator key."""
        key = f"Bearer {self.operator}"
        json_type = {"Content_Type": "application/json"}
        return self.send(method, path, body, Authorization=key, **json_type, **headers)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Act:
        """Prepare a request without a credential."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        request = HttpRequest(method, path, query, tuple(named.items()), body)
        return self.bench.prepare(request)


@contextmanager
def world() -> Iterator[World]:
    """Prepare all of it while the block runs."""
    with shares.bench(shares.small) as bench:
        table = bench.scene.set.items.table
        text = mint(OPERATOR, table.clock.random).text
        manager = NOBODY.client("secretsmanager")
        OperatorKeys(table, manager, "passerelle/memory").create(text, "slow", list(SCOPES))
        yield World(bench, text, bench.scene.add_user(), bench.scene.add_group())


@dataclass(frozen=True, slots=True)
class Area:
    """A place in a request: `prepare` puts a text into it, of at most `limit` bytes.

    `aim` is how many creates all of the limit may cost. Where `is_whole`, a text has the pieces
    alone, so that it is JSON.
    """

    name: str
    pieces: Sequence[str]
    limit: int
    aim: float
    prepare: Callable[[World, str], Act]
    is_whole: bool = False


JSON = ("{", "}", "[", "]", ",", ":", '"', '"a"', '"#":', '"#":1', '"#":{}', "null", "true")
JSON_VALUES = ("1e5", "-", "0.1", "1" * 300, "\\u00e9", "\\ud800", '"\\', '{"a":', '[{"b":[{}]}],')
LOGIC = (" and ", " or ", "not (", "(", ")", "[", "]", " eq ", " co ", " pr", ".", ":", '"', "\\")
NAMES = ("userName", "emails", "value", "type", "manager", "urn:", "2.0:", "User:", "members", "id")
PATHS = (*LOGIC, *NAMES, 'type eq "work"', "userName pr and ", 'emails[value eq "#"] or ')
UNICODE = ("é", "\u0301", "\u0323", "\u0345", "\ufdfa", "İ", "ß", "\u200d", "\ufe0f", "\U0001f469")
TEXTS = (*UNICODE, " ", "a", ".", "@", "<", "\t", "ａ", "=", ";", "'")
QUERY = ("%", "%41", "%C3%A9", "&", "=", "+", ",", ".", "count=", "filter=", "cursor=", "#=1&")
CREDENTIALS = ("psl_", "scim_", "op_", "se_", "_", "Bearer ", "Basic ", "=", "~", ".", ",")
COOKIES = ("__Host-psl_session=", "; ", ";", "=", ",", "psl_se_", '"', " ", "a=b; ")
TAGS = ('W/"1"', '"', ",", " ", "W/", "*", "\\", '"a",', 'W/"#", ')
ADDRESSES = ("@", "a@b ", "Mozilla/5.0 (", ")", ";", "psl_", "<", "http://", "/", ".")
SEGMENTS = ("/", "scim", "v2", "Users", "admin", "oauth2", "console", "..", "%2f", ";", CONNECTION)
FORMS = (GRANT, "&", "=", "%", "%41", "+", "client_id=", "client_secret=", "scope=scim ", "#=1&")
CLAIMS = (*JSON, '"alg":"RS256"', '"kid":"a"', '"iss":"a"', '"exp":1,', '"typ":"JWT",')
# Whole members of a body, each with its comma.
MEMBERS = (
    *('"a#":1,', '"a#":{},', '"a#":[{"b":[{}]}],', '"a#":[[[[[[]]]]]],', '"a#":"\\u00e9\\u0301",'),
    *('"name.a#":1,', '"urn:a:#":{"b":1},', f'"{URN}:a#":1,', '"A#":null,', '"a#":0.1e-9,'),
    *('"emails[value eq \\"#\\"].display":1,', '"a#":[1,1,1,1,1,1],'),
)
OPERATIONS = (
    *('{"op":"add","path":"emails","value":"#"},', '{"op":"replace","value":{"a":1}},'),
    '{"op":"replace","path":"emails[value eq \\"#\\"].display","value":"x"},',
    '{"op":"add","path":"emails[not (type eq \\"#\\") and value pr].type","value":"x"},',
    *('{"op":"remove","path":"emails"},', '{"op":"add","value":{"emails":[{"value":"#"}]}},'),
    *(
        '{"op":"add","path":"members","value":[{"value":"#"}]},',
        '{"op":"add","value":{"name.a":1}},',
    ),
    '{"op":"remove","path":"members[value eq \\"#\\"]"},',
)
BULK = (
    '{"method":"POST","path":"/Users","bulkId":"#","data":{"userName":"#"}},',
    '{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","value":{"a":1}}]}},',
    '{"method":"POST","path":"/Groups","bulkId":"#","data":{"displayName":"bulkId:#"}},',
    *('{"method":"DELETE","path":"/Users/#"},', '{"method":"PUT","path":"/Groups/#","data":{}},'),
)
ATTRIBUTES = (
    *('{"name":"a#","type":"string"},', '{"name":"a#","canonicalValues":["#"]},', '{"name":"#"},'),
    *('{"name":"a#","type":"complex","subAttributes":[{"name":"b"}]},', '{"a#":1},', "[],", "{},"),
)


def _raw(head: str, tail: str = "") -> Callable[[str], bytes]:
    """Write a body that begins well, goes on with a text, and may end well."""
    return lambda text: f"{head}{text}{tail}".encode("utf-8", "replace")


def _user(head: str, tail: str = "") -> Callable[[World, str], Act]:
    body = _raw(f'{{"userName":"slow",{head}', tail)
    return lambda w, text: w.send("POST", f"{SCIM}/Users", body(text))


def _scim(path: str, head: str, tail: str) -> Callable[[World, str], Act]:
    body = _raw(head, tail)
    return lambda w, text: w.send("POST", f"{SCIM}/{path}", body(text))


def _search(name: str, root: str = "Users") -> Callable[[World, str], Act]:
    return lambda w, text: w.send("POST", f"{SCIM}/{root}/.search", {name: text})


def _header(name: str, path: str = f"{SCIM}/Users", before: str = "") -> Callable[..., Act]:
    return lambda w, text: w.ask("GET", path, **{name: f"{before}{text}"})


def _tagged(name: str) -> Callable[[World, str], Act]:
    return lambda w, text: w.send("GET", f"{SCIM}/Users/{w.user}", **{name: text})


def _patch(root: str, head: str = "", tail: str = "") -> Callable[[World, str], Act]:
    body = _raw(f'{{"Operations":[{head}', f"{tail or OPERATION}]}}")

    def prepare(w: World, text: str) -> Act:
        target = w.user if root == "Users" else w.group
        return w.send("PATCH", f"{SCIM}/{root}/{target}", body(text))

    return prepare


def _path(w: World, text: str) -> Act:
    body = {"Operations": [{"op": "replace", "path": text, "value": "x"}]}
    return w.send("PATCH", f"{SCIM}/Users/{w.user}", body)


def _texts(w: World, text: str) -> Act:
    user = {"userName": text, "displayName": text, "emails": [{"value": text}]}
    return w.send("POST", f"{SCIM}/Users", user)


def _form(w: World, text: str) -> Act:
    return w.ask("POST", f"/oauth2/{CONNECTION}/token", _raw("")(text), Content_Type=FORM)


def _assertion(w: World, text: str) -> Act:
    part = base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")
    form = {"client_assertion_type": ASSERTION, "client_assertion": f"{part}.{part}.AAAA"}
    return _form(w, f"{GRANT}&{urlencode(form)}")


def _basic(w: World, text: str) -> Act:
    sent = base64.b64encode(text.encode("utf-8", "replace")).decode()
    types = {"Content_Type": FORM, "Authorization": f"Basic {sent}"}
    return w.ask("POST", f"/oauth2/{CONNECTION}/token", GRANT.encode(), **types)


def _exchange(w: World, text: str) -> Act:
    body = _raw("{")(text)
    return w.ask("POST", "/admin/sessions", body, Content_Type="application/json")


def _admin(method: str, path: str, head: str, tail: str) -> Callable[[World, str], Act]:
    body = _raw(head, tail)
    return lambda w, text: w.administer(method, path, body(text))


def _field(path: str, name: str) -> Callable[[World, str], Act]:
    return lambda w, text: w.administer("POST", path, {name: text})


def _keyed(w: World, text: str) -> Act:
    headers = {"Idempotency_Key": text, "If_Match": text}
    return w.administer("POST", f"{OWN}/connections", {"name": "a"}, **headers)


AREAS: Sequence[Area] = (
    # without a credential
    Area("path", SEGMENTS, URL, ANYONE, lambda w, text: w.ask("GET", f"/{text}")),
    Area("query", QUERY, URL, ANYONE, lambda w, text: w.ask("GET", f"{SCIM}/Users?{text}")),
    Area("User-Agent", ADDRESSES, HEADER, ANYONE, _header("User_Agent")),
    Area("token", CREDENTIALS, HEADER, ANYONE, _header("Authorization")),
    Area("operator key", CREDENTIALS, HEADER, ANYONE, _header("Authorization", OWN, "Bearer ")),
    Area("cookies", COOKIES, HEADER, ANYONE, _header("Cookie", "/admin/summary")),
    Area("tags of the page", TAGS, HEADER, ANYONE, _header("If_None_Match", "/console/")),
    Area("exchange of a link", JSON, SMALL - 10, ANYONE, _exchange),
    Area("form of the token endpoint", FORMS, 10_000, ANYONE, _form),
    Area("client assertion", CLAIMS, 2_900, ANYONE, _assertion),
    Area("client secret", CREDENTIALS, 7_000, ANYONE, _basic),
    # one operation
    Area("filter of users", PATHS, filters.MAX_CHARACTERS, ONE, _search("filter")),
    Area("filter of groups", PATHS, filters.MAX_CHARACTERS, ONE, _search("filter", "Groups")),
    Area("path of a PATCH", PATHS, filters.MAX_CHARACTERS, ONE, _path),
    Area("attributes", (*NAMES, *QUERY), 20_000, ONE, _search("attributes")),
    Area("query with a token", QUERY, URL, ONE, lambda w, t: w.send("GET", f"{SCIM}/Users?{t}")),
    Area(
        "cursor",
        (*CREDENTIALS, "-", "A"),
        ENCODED,
        ONE,
        lambda w, t: w.send("GET", f"{SCIM}/Users?cursor={quote(t, errors='replace')}"),
    ),
    Area("If-Match", TAGS, HEADER, ONE, _tagged("If_Match")),
    Area("If-None-Match", TAGS, HEADER, ONE, _tagged("If_None_Match")),
    Area("URN of a schema", PATHS, URL, ONE, lambda w, t: w.send("GET", f"{SCIM}/Schemas/{t}")),
    Area("Idempotency-Key", TAGS, 4_900, ONE, _keyed),
    Area(
        "search of the admin API",
        TEXTS,
        ENCODED,
        ONE,
        lambda w, t: w.administer("GET", f"{OWN}/users?search={quote(t, errors='replace')}"),
    ),
    Area("resolve", TEXTS, 1_000, ONE, _field(f"{OWN}/resolve", "user_name")),
    Area("sign-in", TEXTS, 320, ONE, _field("/sign-in", "email")),
    # bodies
    Area("JSON of a user", (*JSON, *JSON_VALUES), USER, 1_000, _user("")),
    Area("texts of a user", TEXTS, 100_000, 300, _texts),
    Area("members of a user", MEMBERS, USER, 1_000, _user("", '"z":1}'), is_whole=True),
    Area("keys of a schema", MEMBERS, USER, 1_000, _user(f'"{URN}":{{', '"z":1}}'), is_whole=True),
    Area("operations", OPERATIONS, USER, 1_000, _patch("Users"), is_whole=True),
    Area(
        "keys of a PATCH",
        MEMBERS,
        USER,
        1_000,
        _patch("Users", '{"op":"add","value":{', '"z":1}}'),
        is_whole=True,
    ),
    Area("changes of a group", OPERATIONS, GROUP, 1_000, _patch("Groups"), is_whole=True),
    Area(
        "members of a group",
        ('{"value":"#"},', '{"value":"#","type":"User"},', '{"a#":1},', '"#",', "null,", "[],"),
        GROUP,
        1_000,
        _scim("Groups", '{"displayName":"slow","members":[', '{"value":"x"}]}'),
        is_whole=True,
    ),
    Area(
        "Bulk",
        BULK,
        BULK_BYTES,
        messages.MAX_BULK_OPERATIONS,
        _scim("Bulk", '{"Operations":[', '{"method":"DELETE","path":"/Users/x"}]}'),
        is_whole=True,
    ),
    Area(
        "attributes of a schema",
        ATTRIBUTES,
        GROUP,
        1_000,
        _admin(
            "PUT",
            f"{OWN}/connections/{CONNECTION}/schemas/{URN}",
            f'{{"id":"{URN}","name":"A","attributes":[',
            '{"name":"z"}]}',
        ),
        is_whole=True,
    ),
    Area(
        "body of an organisation",
        (*MEMBERS, '"domains":["#"],', '"roles":[{"id":"#"}],'),
        LISTS - 200,
        131,
        _admin("POST", "/admin/organisations", '{"name":"A",', '"z":1}'),
        is_whole=True,
    ),
    Area(
        "CSV",
        (*TEXTS, ";", ",", "\uff1b", "\r", "-", "\N{MINUS SIGN}"),
        100_000,
        200,  # in two cells
        lambda _, text: partial(write_csv, ["a"], [[text], [[text]]]),
    ),
)
BY_NAME: Mapping[str, Area] = {area.name: area for area in AREAS}


def written(value: Mapping[str, Sequence[str] | str]) -> str:
    """Write a find for a page: what is repeated, between what stands around it."""
    parts = ("".join(value[name]) for name in ("before", "unit", "after"))
    before, unit, after = (each.encode("unicode_escape").decode() for each in parts)
    return f"{before}({unit}) × n{after}"
