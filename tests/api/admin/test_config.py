"""The config routes over HTTP: their names and shapes."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from app import build
from chalicelib import VERSION
from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ROUTES
from chalicelib.settings import Settings
from tests.conftest import ENVIRONMENT, OPERATOR_KEY
from tests.support.builders import Between, api_client, connection_body, organisation_body

ORGANISATIONS = "/admin/organisations"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


@pytest.fixture
def organisation(operator):
    """Make an organisation, and give its path."""
    made = operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"))
    return f"{ORGANISATIONS}/{made.body['id']}"


@pytest.fixture
def connection(operator, organisation):
    """Make a connection of it, and give its path."""
    made = operator("POST", f"{organisation}/connections", connection_body())
    return f"{organisation}/connections/{made.body['id']}"


@pytest.fixture
def token(operator, connection):
    """Make a token of the connection, and give the answer's body."""
    return operator("POST", f"{connection}/tokens", {"name": "Entra ID"}).body


# --- who may come in --------------------------------------------------------------------------


def test_health_is_open_and_tells_the_version(operator):
    """For a load balancer, which has no key."""
    answer = operator.with_credential("")("GET", "/health")

    assert (answer.status, answer.body) == (200, {"ok": True, "version": VERSION})


def test_the_version_is_the_projects():
    """One release has one number."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION


CLOSED = [(route.method, route.path) for route in ROUTES if route.access is not Access.ANYONE]


def spelled(path):
    """Put ids into a path template."""
    ids = {"organisation": "a" * 10, "connection": "a" * 16}
    return re.sub(r"{(\w+)}", lambda name: ids.get(name[1], "0" * 12), path)


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("credential", ["", "letmein", OPERATOR_KEY[:-1] + "_"])
def test_every_route_wants_the_operator_key(operator, method, path, credential):
    """Looked at before the body, so a stranger learns nothing of it."""
    answer = operator.with_credential(credential)(method, spelled(path), b"{broken")

    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "operator key" in answer.body["detail"]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_connections_token_opens_no_admin_route(operator, token, method, path):
    """A token of one kind never opens another kind's entrance."""
    assert operator.with_credential(token["token"])(method, spelled(path)).status == 401


def test_the_operator_key_opens_no_scim_route(operator, connection):
    """Nor the other way round."""
    path = f"/scim/v2/{connection.rpartition('/')[2]}/Users"

    assert operator("GET", path).status == 401


UNKNOWN_IDS = ["b" * 10, "A" * 10, "short", "aaaaaaaaa%23", "%2e%2e"]


@pytest.mark.parametrize("organisation", UNKNOWN_IDS)
@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "B"}),
        ("GET", "/connections", None),
        ("POST", "/connections", connection_body()),
        ("GET", f"/connections/{'b' * 16}", None),
        ("GET", f"/connections/{'b' * 16}/tokens", None),
        ("POST", f"/connections/{'b' * 16}/tokens", {"name": "B"}),
        ("DELETE", f"/connections/{'b' * 16}/tokens/{'0' * 12}", None),
    ],
)
def test_an_unknown_organisation_is_not_found(operator, organisation, method, tail, body):
    """Also one that could be none; its text becomes part of no key."""
    answer = operator(method, f"{ORGANISATIONS}/{organisation}{tail}", body)

    assert (answer.status, answer.body["title"]) == (404, "Not Found")


@pytest.mark.parametrize("organisation", UNKNOWN_IDS[1:])
def test_what_cannot_be_an_organisation_never_becomes_a_key(services, organisation):
    """The path is the caller's; keys are ours."""
    table = Between(services.table.client)
    counted = replace(services, table=replace(services.table, client=table))

    api_client(build(counted), OPERATOR_KEY)("GET", f"{ORGANISATIONS}/{organisation}")

    assert table.calls == []


# --- organisations ----------------------------------------------------------------------------


def test_an_organisation_is_created_whole(operator):
    """201 with the id, where it is, and all that it has."""
    given = organisation_body(reference="acme-1", sso=SSO, domains=["Acme.Example"])

    answer = operator("POST", ORGANISATIONS, given)

    body = answer.body
    assert answer.status == 201
    assert answer.headers["location"] == f"https://id.example.com{ORGANISATIONS}/{body['id']}"
    assert answer.headers["etag"] == 'W/"1"'
    assert TIME.fullmatch(body.pop("created"))
    assert TIME.fullmatch(body.pop("last_modified"))
    assert re.fullmatch("[a-z2-7]{10}", body.pop("id"))
    assert body == {
        "name": "Acme",
        "reference": "acme-1",
        "plan": "enterprise",
        "state": "active",
        "sso": SSO,
        "workspaces": [{"id": "main", "name": "Main"}, {"id": "lab", "name": "Lab"}][::-1],
        "roles": [
            {"id": "admin", "name": "Admin", "may_be_default": False, "protected": True},
            {"id": "auditor", "name": "Auditor", "may_be_default": False, "protected": False},
            {"id": "editor", "name": "Editor", "may_be_default": True, "protected": False},
            {"id": "reader", "name": "Reader", "may_be_default": True, "protected": False},
        ],
        "domains": ["acme.example"],
    }


def test_an_organisation_needs_a_name_and_a_plan_only(operator):
    """What is not there is null or empty."""
    body = operator("POST", ORGANISATIONS, {"name": "Acme", "plan": "free"}).body

    assert (body["reference"], body["sso"]) == (None, None)
    assert (body["workspaces"], body["roles"], body["domains"]) == ([], [], [])


def test_an_organisation_is_read_and_changed(operator, organisation):
    """PATCH answers with the whole, and the ETag goes on."""
    before = operator("GET", organisation)

    after = operator("PATCH", organisation, {"plan": "free", "state": "suspended", "sso": SSO})

    assert (before.status, after.status) == (200, 200)
    assert (before.headers["etag"], after.headers["etag"]) == ('W/"1"', 'W/"2"')
    assert after.body == before.body | {"plan": "free", "state": "suspended", "sso": SSO}
    assert operator("GET", organisation).body == after.body


def test_organisations_are_listed_by_pages(operator):
    """`next` goes back as `cursor`; null ends it."""
    made = {operator("POST", ORGANISATIONS, organisation_body()).body["id"] for _ in range(3)}

    one = operator("GET", f"{ORGANISATIONS}?limit=2").body
    two = operator("GET", f"{ORGANISATIONS}?limit=2&cursor={one['next']}").body

    assert [each["id"] for each in one["items"] + two["items"]] == sorted(made)
    assert two["next"] is None
    assert one["items"][0] | {"id": ""} == {
        "id": "",
        "name": "Acme",
        "plan": "enterprise",
        "state": "active",
        "reference": None,
    }


def test_an_organisation_is_found_by_its_reference(operator, organisation):
    """A list of one, or of none."""
    found = operator("GET", f"{ORGANISATIONS}?reference=acme-1").body
    none = operator("GET", f"{ORGANISATIONS}?reference=acme-2").body

    assert [each["id"] for each in found["items"]] == [organisation.rpartition("/")[2]]
    assert none == {"items": [], "next": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=%D9%A3", "cursor=x"])
def test_a_page_that_cannot_be_is_refused(operator, query):
    """400 that names the parameter."""
    answer = operator("GET", f"{ORGANISATIONS}?{query}")

    assert (answer.status, answer.body["detail"].partition(":")[0]) == (400, query.split("=")[0])


def test_unknown_parameters_are_ignored(operator):
    """As everywhere in the product."""
    assert operator("GET", f"{ORGANISATIONS}?colour=blue&").status == 200


# --- connections ------------------------------------------------------------------------------


def test_a_connection_is_created_with_its_url(operator, organisation):
    """What the customer pastes into his identity provider (row M7)."""
    answer = operator("POST", f"{organisation}/connections", connection_body())

    body = answer.body
    own = organisation.rpartition("/")[2]
    assert answer.status == 201
    assert answer.headers["location"].endswith(f"{organisation}/connections/{body['id']}")
    assert re.fullmatch(f"{own}[a-z2-7]{{6}}", body["id"])
    assert body == {
        **connection_body(),
        "id": body["id"],
        "organisation": own,
        "scim_url": f"https://id.example.com/scim/v2/{body['id']}",
        "state": "active",
        "settings": {
            "group_patch_answer": "204",
            "unknown_attributes": "lenient",
            "put_without_members": "keep",
        },
        "created": body["created"],
        "last_modified": body["created"],
    }


def test_a_connection_is_read_listed_and_changed(operator, organisation, connection):
    """PATCH answers with the whole; its health is told by GET alone."""
    before = operator("GET", connection).body
    assert before.pop("health")

    after = operator("PATCH", connection, {"name": "B", "state": "paused"})

    assert after.body == before | {"name": "B", "state": "paused"}
    assert after.headers["etag"] == 'W/"2"'
    listed = operator("GET", f"{organisation}/connections").body
    assert listed == {"items": [after.body], "next": None}


def test_a_second_connection_is_409(operator, organisation, connection):
    """One by the plan's default (row M8)."""
    answer = operator("POST", f"{organisation}/connections", connection_body())

    assert (answer.status, answer.body["title"]) == (409, "Conflict")
    assert connection


def test_a_connection_without_a_plan_for_it_is_403(operator, organisation):
    """Names the plan (row M9)."""
    operator("PATCH", organisation, {"plan": "free"})

    answer = operator("POST", f"{organisation}/connections", connection_body())

    assert answer.status == 403
    assert "`free`" in answer.body["detail"]


def scim(operator, connection, token):
    """Call the connection as its identity provider, and give status and text."""
    path = f"/scim/v2/{connection.rpartition('/')[2]}/ServiceProviderConfig"
    answer = operator.with_credential(token["token"])("GET", path)
    return answer.status, answer.body.get("detail", "")


SHUT = [
    ("organisation", {"state": "suspended"}, "suspended"),
    ("organisation", {"plan": "free"}, "plan"),
    ("connection", {"state": "paused"}, "paused"),
]
OPEN = {
    "organisation": {"state": "active", "plan": "enterprise"},
    "connection": {"state": "active"},
}


@pytest.mark.parametrize(("of", "change", "reason"), SHUT)
def test_a_change_of_plan_or_state_acts_at_the_next_request(request, operator, of, change, reason):
    """In both directions; the provider is told why in a SCIM Error."""
    connection, token, path = map(request.getfixturevalue, ("connection", "token", of))
    assert scim(operator, connection, token)[0] == 200

    operator("PATCH", path, change)
    status, detail = scim(operator, connection, token)
    assert (status, reason in detail) == (403, True)

    operator("PATCH", path, OPEN[of])
    assert scim(operator, connection, token)[0] == 200


# --- tokens -----------------------------------------------------------------------------------


def test_a_token_is_shown_once(operator, connection, token):
    """In the answer to the POST, which nothing on the way may keep."""
    listed = operator("GET", f"{connection}/tokens")

    assert re.fullmatch(r"psl_scim_\w{12}_\w{43}_\w{6}", token["token"])
    assert listed.body == {
        "items": [{name: value for name, value in token.items() if name != "token"}],
        "next": None,
    }
    assert token["token"].split("_")[3] not in str(listed.body)


def test_an_answer_with_a_token_is_kept_nowhere(operator, connection):
    """RFC 6750 section 5.3."""
    answer = operator("POST", f"{connection}/tokens", {"name": "B"})

    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.body["expires_at"] == "2028-01-31T12:00:00.000Z"


def test_a_revoked_token_is_401_at_the_next_request(operator, connection, token):
    """204, and the list says so; a second DELETE is no fault."""
    path = f"{connection}/tokens/{token['id']}"
    assert scim(operator, connection, token)[0] == 200

    assert [operator("DELETE", path).status for _ in range(2)] == [204, 204]

    assert scim(operator, connection, token)[0] == 401
    [listed] = operator("GET", f"{connection}/tokens").body["items"]
    assert listed["state"] == "revoked"


def test_an_expired_token_is_401_and_listed_as_expired(operator, connection, token, manual_clock):
    """Nobody has to do anything for it."""
    manual_clock.advance(days=366)

    assert scim(operator, connection, token)[0] == 401
    [listed] = operator("GET", f"{connection}/tokens").body["items"]
    assert listed["state"] == "expired"


def test_all_refusals_of_a_token_are_one(operator, connection, token):
    """Wrong, garbled, revoked, of another connection: the same text."""
    garbled = token | {"token": token["token"][:-1]}
    elsewhere = f"{connection[:-1]}{'a' if connection[-1] != 'a' else 'b'}"
    answers = {
        scim(operator, connection, garbled),
        scim(operator, connection, {"token": OPERATOR_KEY}),
        scim(operator, elsewhere, token),
        scim(operator, "x", token),
    }
    operator("DELETE", f"{connection}/tokens/{token['id']}")

    assert answers == {scim(operator, connection, token)}


def test_a_lost_secret_is_503_for_a_token_not_used_here_yet(
    operator, connection, token, secretsmanager
):
    """Never 401."""
    name = f"passerelle/test/{connection.rpartition('/')[2]}/{token['id']}"
    secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    assert scim(operator, connection, token)[0] == 503


# --- If-Match ---------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["organisation", "connection"])
def test_if_match_names_the_version_that_may_be_changed(request, operator, of):
    """412 where somebody else came first; `*` and no header take any."""
    path = request.getfixturevalue(of)
    etag = operator("GET", path).headers["etag"]

    tags = [etag, etag, "*", 'W/"0", W/"3"', "nonsense"]
    answers = [
        operator("PATCH", path, {"name": f"B{at}"}, {"If-Match": tag}).status
        for at, tag in enumerate(tags)
    ]

    assert answers == [200, 412, 200, 200, 400]


# --- Idempotency-Key --------------------------------------------------------------------------

KEYED = {"Idempotency-Key": "b3b2"}


def test_an_organisation_is_created_once(operator):
    """A replay answers 201 with the present state."""
    once = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    operator(
        "PATCH", once.headers["location"].removeprefix("https://id.example.com"), {"name": "B"}
    )

    again = operator("POST", ORGANISATIONS, organisation_body(), KEYED)

    assert (again.status, again.body["id"], again.body["name"]) == (201, once.body["id"], "B")
    assert len(operator("GET", ORGANISATIONS).body["items"]) == 1


def test_a_connection_is_created_once(operator, organisation):
    """Whatever the order of the members."""
    body = connection_body()
    backwards = dict(reversed(list(body.items())))

    once = operator("POST", f"{organisation}/connections", body, KEYED)
    again = operator("POST", f"{organisation}/connections", backwards, KEYED)

    assert (once.status, again.status) == (201, 201)
    assert once.body == again.body
    assert once.headers["location"] == again.headers["location"]


def test_a_token_is_created_and_shown_once(operator, connection):
    """A replay answers 409 with id and hint, never the token."""
    once = operator("POST", f"{connection}/tokens", {"name": "B"}, KEYED)

    again = operator("POST", f"{connection}/tokens", {"name": "B"}, KEYED)

    assert (once.status, again.status) == (201, 409)
    assert (again.body["id"], again.body["hint"]) == (once.body["id"], once.body["hint"])
    assert "psl_scim_" not in str(again.body).replace(once.body["hint"], "")


def test_a_key_is_for_one_content(operator, organisation):
    """400, or a client would take another thing for the one it wanted."""
    operator("POST", f"{organisation}/connections", connection_body(), KEYED)

    answer = operator("POST", f"{organisation}/connections", connection_body(name="B"), KEYED)

    assert answer.status == 400
    assert "Idempotency-Key" in answer.body["detail"]


def test_a_key_is_for_one_route(services):
    """The same content elsewhere is another request."""
    plans = {"enterprise": {"scim": True, "max_connections": 2}}
    settings = Settings.from_environment({**ENVIRONMENT, "PLANS": json.dumps(plans)})
    operator = api_client(build(replace(services, settings=settings)), OPERATOR_KEY)
    organisation = operator("POST", ORGANISATIONS, organisation_body()).body["id"]
    path = f"{ORGANISATIONS}/{organisation}/connections"

    one, two = (operator("POST", path, connection_body()).body["id"] for _ in range(2))
    answers = [operator("POST", f"{path}/{c}/tokens", {"name": "B"}, KEYED) for c in (one, two)]

    assert [answer.status for answer in answers] == [201, 400]


def test_a_key_is_forgotten_after_a_day(operator, manual_clock):
    """Also where DynamoDB has not deleted its row yet, as it does late."""
    once = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    manual_clock.advance(hours=23)
    within = operator("POST", ORGANISATIONS, organisation_body(), KEYED)
    manual_clock.advance(hours=1)

    after = operator("POST", ORGANISATIONS, organisation_body(), KEYED)

    assert within.body["id"] == once.body["id"]
    assert (after.status, after.body["id"] != once.body["id"]) == (201, True)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "\u00e9"])
def test_a_key_of_another_form_is_refused(operator, key):
    """1 to 255 visible ASCII characters."""
    answer = operator("POST", ORGANISATIONS, organisation_body(), {"Idempotency-Key": key})

    assert answer.status == 400


def test_a_refused_request_uses_no_key_up(operator):
    """The key is noted in the transaction that creates."""
    operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"))
    taken = operator("POST", ORGANISATIONS, organisation_body(reference="acme-1"), KEYED)

    free = operator("POST", ORGANISATIONS, organisation_body(reference="acme-2"), KEYED)

    assert (taken.status, free.status) == (409, 201)


# --- bodies and errors ------------------------------------------------------------------------

ROLE = {"id": "r", "name": "R"}
FAULTY_ORGANISATIONS = [
    ({"name": None}, ["name"]),
    ({"plan": "gold"}, ["plan"]),
    ({"name": " ", "plan": 1}, ["name", "plan"]),
    ({"name": "x" * 201}, ["name"]),
    ({"name": "a\nb"}, ["name"]),
    ({"colour": "blue"}, ["colour"]),
    ({"state": "active"}, ["state"]),
    ({"id": "aaaaaaaaaa"}, ["id"]),
    ({"sso": {"provider": "entra"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "redirect_url": "http://sso.example.com"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "redirect_url": "https://sso.example.com@evil"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "redirect_url": "https://sso.example.com/\u00e9"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "redirect_url": "https://sso.example.com/#top"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "redirect_url": "https://sso.example.com/a b"}}, ["sso.redirect_url"]),
    ({"sso": {**SSO, "forced": "yes"}}, ["sso.forced"]),
    ({"workspaces": [{"id": "a#b", "name": "W"}]}, ["workspaces[0].id"]),
    ({"workspaces": [{"id": "w", "name": "W", "x": 1}]}, ["workspaces[0].x"]),
    ({"workspaces": [{"id": "w", "name": "W"}] * 2}, ["workspaces"]),
    ({"workspaces": {"id": "w", "name": "W"}}, ["workspaces"]),
    ({"roles": [{**ROLE, "protected": 1}]}, ["roles[0].protected"]),
    ({"roles": [{**ROLE, "may_be_default": True, "protected": True}]}, ["roles[0]"]),
    ({"roles": [ROLE, ROLE]}, ["roles"]),
    ({"domains": ["acme"]}, ["domains[0]"]),
    (
        {"domains": ["acme.example", "-.example", "b\u00fccher.example"]},
        ["domains[1]", "domains[2]"],
    ),
    ({"domains": ["acme.example", "ACME.example"]}, ["domains"]),
    ({"domains": [f"{n}.example" for n in range(11)]}, ["domains"]),
]


@pytest.mark.parametrize(("changes", "fields"), FAULTY_ORGANISATIONS)
def test_every_faulty_field_is_named(operator, changes, fields):
    """400 as problem+json, with a message for each field."""
    answer = operator("POST", ORGANISATIONS, organisation_body(**changes))

    assert [error["field"] for error in answer.body["errors"]] == fields
    assert all(error["message"] for error in answer.body["errors"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: answer.body[name] for name in ("type", "title", "status")} == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
    }
    assert answer.body["request_id"] == answer.headers["x-amzn-requestid"]


FAULTY_CONNECTIONS = [
    ({"identity_provider": "onelogin"}, "identity_provider"),
    ({"workspace": "moon"}, "workspace"),
    ({"default_role": "admin"}, "default_role"),
    ({"settings": {"group_patch_answer": "200"}}, "settings.group_patch_answer"),
    ({"settings": {"unknown_attributes": "refuse"}}, "settings.unknown_attributes"),
    ({"settings": {"put_without_members": True}}, "settings.put_without_members"),
    ({"settings": None}, "settings"),
]


@pytest.mark.parametrize(("changes", "field"), FAULTY_CONNECTIONS)
def test_a_faulty_field_of_a_connection_is_named(operator, organisation, changes, field):
    """A setting that is mistyped is refused, never taken and forgotten."""
    path = f"{organisation}/connections"

    answer = operator("POST", path, connection_body(**changes))

    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [field]


def test_a_field_that_is_not_offered_is_told_what_is(operator, organisation):
    """So that a mistyped name is mended at once, inside another field too."""
    body = connection_body(settings={"unknown_attribute": "strict"})

    answer = operator("POST", f"{organisation}/connections", body)

    [error] = answer.body["errors"]
    assert error["field"] == "settings.unknown_attribute"
    assert error["message"].startswith("unknown field; expected one of group_patch_answer, ")


FAULTY_CHANGES = [
    ("organisation", {"state": "deleting"}, "state"),
    ("organisation", {"name": None}, "name"),
    ("organisation", {"plan": None}, "plan"),
    ("organisation", {"id": "aaaaaaaaaa"}, "id"),
    ("organisation", {"domains": []}, "domains"),
    ("connection", {"state": "ended"}, "state"),
    ("connection", {"workspace": None}, "workspace"),
    ("connection", {"organisation": "aaaaaaaaaa"}, "organisation"),
    ("connection", {"scim_url": "https://x.example"}, "scim_url"),
]


@pytest.mark.parametrize(("of", "change", "field"), FAULTY_CHANGES)
def test_only_what_may_change_can_be_changed(request, operator, of, change, field):
    """Owner, id and state machine are ours."""
    answer = operator("PATCH", request.getfixturevalue(of), change)

    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [field]


@pytest.mark.parametrize(
    "expires_at", ["tomorrow", "2028-01-31", 1859414400, "2027-01-31T11:00:00Z"]
)
def test_an_end_that_cannot_be_is_named(operator, connection, expires_at):
    """RFC 3339 with its offset, in the future."""
    answer = operator("POST", f"{connection}/tokens", {"name": "B", "expires_at": expires_at})

    assert [error["field"] for error in answer.body["errors"]] == ["expires_at"]


def test_a_value_is_never_repeated(operator):
    """It may be a secret that was pasted into the wrong field."""
    canary = "canary-4711"
    body = organisation_body(name=[canary], plan=canary, sso=canary, domains=[canary])

    answer = operator("POST", ORGANISATIONS, body)

    assert answer.status == 400
    assert canary not in str(answer.body)


BROKEN = [b"", b"{", b"[]", b'{"name": "a", "name": "b"}', b"\xff", b'{"name": NaN}', b"[" * 10_000]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_json_object_is_400(operator, body):
    """One reading, or none."""
    answer = operator("POST", ORGANISATIONS, body)

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_above_a_megabyte_is_413(operator):
    """Names the limit."""
    answer = operator("POST", ORGANISATIONS, {"name": "x" * 1_000_000})

    assert (answer.status, "1,000,000" in answer.body["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("application/scim+json", 201),
        ("Application/JSON", 201),
        ("text/plain", 415),
    ],
)
def test_json_comes_as_json_or_as_scim(operator, content_type, status):
    """`application/scim+json` is taken too; else 415 as a problem."""
    body = organisation_body()

    answer = operator("POST", ORGANISATIONS, body, content_type=content_type)

    assert answer.status == status
    kind = "json" if status == 201 else "problem+json"
    assert answer.headers["content-type"] == f"application/{kind}"


def test_a_fault_of_ours_shows_no_internals(services):
    """500 with the request id to find it by."""
    lost = replace(services, table=replace(services.table, name="nowhere"))

    answer = api_client(build(lost), OPERATOR_KEY)("GET", ORGANISATIONS)

    assert answer.status == 500
    assert answer.body["request_id"] in answer.body["detail"]
    assert not re.search("nowhere|table|dynamodb", str(answer.body).lower())


@pytest.mark.parametrize("query", ["Preview=true", "preview=true&user=delete", "dry_run=true"])
def test_a_mistyped_parameter_ends_no_connection(operator, connection, query):
    """Passed over, it would end for good what was only to be looked at."""
    refused = operator("DELETE", f"{connection}?{query}")

    assert (refused.status, "`preview`" in refused.body["detail"]) == (400, True)
    assert operator("GET", connection).body["state"] == "active"
