"""Users, groups, roles, accounts and sign-in over HTTP, beside what provisioning does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app import build
from chalicelib.organisations import settings
from dev.run.gateway import HttpRequest
from tests.support.builders import a_customer, a_session, api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient

EMAIL = "ada@example.com"
ADA = {
    "userName": EMAIL,
    "externalId": "4f1c",
    "name": {"givenName": "Ada", "familyName": "Lovelace"},
    "emails": [{"value": EMAIL, "type": "work", "primary": True}],
}


@pytest.fixture
def context(services):
    """Make an organisation with a verified domain and a connection."""
    made = a_customer(services, identity_provider="other")
    settings.put_domain(made.admin, "example.com")
    return made


def provider(services, context):
    """Send SCIM requests with the connection's token; paths follow its URL."""
    client = api_client(build(services), context.token)
    return lambda method, path, body=None: client(
        method, f"/scim/v2/{context.connection}{path}", body
    )


@pytest.fixture
def scim(services, context):
    """Be the identity provider."""
    return provider(services, context)


@pytest.fixture
def organisation(context):
    """Give the path of the organisation."""
    return f"/admin/organisations/{context.organisation}"


@pytest.fixture
def uid(scim):
    """Provision a user."""
    return scim("POST", "/Users", ADA).body["id"]


@pytest.fixture
def user(organisation, uid):
    """Give the path of the user."""
    return f"{organisation}/users/{uid}"


def roles(operator, user):
    """Return the roles of a user as (role, workspace, source)."""
    return [(r["role"], r["workspace"], r["source"]) for r in operator("GET", user).body["roles"]]


def patch(**attributes):
    """Write a PATCH that replaces attributes."""
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "value": attributes}],
    }


# --- what is read -----------------------------------------------------------------------------


def test_a_user_is_shown_whole(operator, scim, context, organisation, uid):
    """What provisioning says and what the organisation says about the user, in one."""
    team = scim("POST", "/Groups", {"displayName": "Tour", "members": [{"value": uid}]}).body
    operator("PUT", f"{organisation}/users/{uid}/account", {"id": "account-7"})

    (shown,) = operator("GET", f"{organisation}/users").body["items"]

    times = {shown.pop("created"), shown.pop("last_modified")}
    assert len(times) == 1
    assert shown == {
        "id": uid,
        "user_name": EMAIL,
        "external_id": "4f1c",
        "display_name": "Ada Lovelace",
        "emails": ADA["emails"],
        "active": True,
        "connection": context.connection,
        "workspace": "main",
        "account": "account-7",
        "version": 1,
        "granted_role": "reader",
        "roles": [{"role": "reader", "workspace": "main", "source": "default"}],
        "teams": [{"id": team["id"], "name": "Tour"}],
    }
    assert operator("GET", f"{organisation}/users/{uid}").body["teams"] == shown["teams"]


DISPLAYED = [
    ({"displayName": "Countess", "name": {"formatted": "A. Lovelace"}}, "Countess"),
    ({"name": {"formatted": "A. Lovelace", "givenName": "Ada"}}, "A. Lovelace"),
    ({"name": {"familyName": "Lovelace"}}, "Lovelace"),
    ({"name": None}, None),
]


@pytest.mark.parametrize(("attributes", "shown"), DISPLAYED)
def test_a_user_is_shown_by_the_best_name_there_is(operator, scim, organisation, attributes, shown):
    """Not every identity provider sends a displayName."""
    scim("POST", "/Users", {**ADA, **attributes})

    (user,) = operator("GET", f"{organisation}/users").body["items"]

    assert user["display_name"] == shown


def test_a_team_and_its_members_are_shown(operator, scim, context, organisation, uid):
    """The members as users are, without their other groups."""
    body = {"displayName": "Tour", "externalId": "t-1", "members": [{"value": uid}]}
    gid = scim("POST", "/Groups", body).body["id"]

    team = operator("GET", f"{organisation}/teams/{gid}").body
    (member,) = operator("GET", f"{organisation}/teams/{gid}/members").body["items"]

    named = (team["name"], team["external_id"], team["connection"], team["workspace"])
    assert named == ("Tour", "t-1", context.connection, "main")
    assert team["members"] == 1
    assert operator("GET", f"{organisation}/teams").body["items"] == [team]
    assert (member["id"], member["roles"][0]["role"]) == (uid, "reader")


def test_lists_are_read_page_by_page(operator, scim, organisation):
    """`next` is null on the last page."""
    for number in range(3):
        scim("POST", "/Users", {"userName": f"user{number}"})
        scim("POST", "/Groups", {"displayName": f"Team {number}"})

    for kind in ("users", "teams"):
        first = operator("GET", f"{organisation}/{kind}?limit=2").body
        second = operator("GET", f"{organisation}/{kind}?limit=2&cursor={first['next']}").body
        assert [len(first["items"]), len(second["items"])] == [2, 1]
        assert second["next"] is None


def test_a_page_of_large_users_ends_early(operator, scim, organisation):
    """Lambda passes on 6 MB; above it the SaaS would get a 502 at the same page for ever."""
    large = {"displayName": "d" * 100_000}
    uids = [scim("POST", "/Users", {"userName": f"u{n}", **large}).body["id"] for n in range(60)]
    team = {"displayName": "All", "members": [{"value": uid} for uid in uids]}
    gid = scim("POST", "/Groups", team).body["id"]

    for path in (f"{organisation}/users", f"{organisation}/teams/{gid}/members"):
        first = operator("GET", path).body
        rest = operator("GET", f"{path}?cursor={first['next']}").body
        assert len(json.dumps(first)) < 6_000_000
        assert [each["id"] for each in first["items"] + rest["items"]] == sorted(uids)


def test_users_are_filtered_by_search_and_by_account(operator, scim, organisation, user):
    """Both parameters of the list, alone and together."""
    scim("POST", "/Users", {"userName": "adam"})
    operator("PUT", f"{user}/account", {"id": "7"})
    expected = {"": 2, "linked=true": 1, "linked=false": 1, "search=ada": 2, f"search={EMAIL}": 1}
    expected["search=adam&linked=true"] = 0

    found = {q: len(operator("GET", f"{organisation}/users?{q}").body["items"]) for q in expected}

    assert found == expected


@pytest.mark.parametrize("query", ["linked=yes", "linked=", "cursor=x", "limit=0"])
def test_a_malformed_parameter_is_rejected_by_its_name(operator, organisation, query):
    """400 with what it takes."""
    response = operator("GET", f"{organisation}/users?{query}")

    assert response.status == 400
    assert response.body["detail"].startswith(query.partition("=")[0])


# --- roles ------------------------------------------------------------------------------------


def test_the_organisations_own_admin_assigns_and_withdraws_roles(services, operator, context, user):
    """Here, or in another workspace than the connection's."""
    admin = operator.with_credential(a_session(services, context.organisation))

    given = admin("PUT", f"{user}/roles/editor?workspace=lab")
    withdrawn = admin("DELETE", f"{user}/roles/reader")

    assert (given.status, withdrawn.status) == (200, 204)
    assert {"role": "editor", "workspace": "lab", "source": "local"} in given.body["roles"]
    assert roles(admin, user) == [("editor", "lab", "local")]


LISTS = [
    ([], []),
    (["editor"], [("editor", "main", "local")]),
    ([{"role": "editor", "workspace": "lab"}], [("editor", "lab", "local")]),
    ({"roles": [{"role": "admin"}]}, [("admin", "main", "local")]),
    ([{"role": "editor"}, {"role": "editor"}], [("editor", "main", "local")]),
]


@pytest.mark.parametrize(("body", "expected"), LISTS)
def test_a_list_replaces_all_roles(operator, user, body, expected):
    """An empty one is an explicit none."""
    response = operator("PUT", f"{user}/roles", body)

    assert response.status == 200
    assert roles(operator, user) == expected


FAULTY_LISTS = [
    ([{"role": "king"}], "roles[0].role"),
    ([{"role": "reader"}, {"role": "editor", "workspace": "moon"}], "roles[1].workspace"),
    ([{"role": "reader", "since": "today"}], "roles[0].since"),
    ([{"workspace": "lab"}], "roles[0].role"),
    ([7], "roles[0]"),
    ({}, "roles"),
    ({"roles": [], "others": []}, "others"),
    ([{"role": "reader", "workspace": f"w{number}"} for number in range(201)], "roles"),
]


@pytest.mark.parametrize(("body", "named"), FAULTY_LISTS)
def test_a_faulty_list_of_roles_is_named_and_changes_nothing(operator, user, body, named):
    """All or nothing, as everywhere."""
    response = operator("PUT", f"{user}/roles", body)

    assert response.status == 400
    assert [each["field"] for each in response.body["errors"]] == [named]
    assert roles(operator, user) == [("reader", "main", "default")]


@pytest.mark.parametrize("body", [b"7", b'"reader"', b"null", b"[", b""])
def test_a_body_that_is_not_a_list_of_roles_is_400(operator, user, body):
    """Strict JSON, as for every body."""
    assert operator("PUT", f"{user}/roles", body).status == 400


NOT_GIVEN = [("king", "", 404), ("editor", "?workspace=moon", 400), ("a%23b", "", 404)]


@pytest.mark.parametrize(("role", "query", "status"), NOT_GIVEN)
def test_a_role_that_cannot_be_given_changes_nothing(operator, user, role, query, status):
    """No such role, or no such workspace."""
    assert operator("PUT", f"{user}/roles/{role}{query}").status == status
    assert roles(operator, user) == [("reader", "main", "default")]


# --- what provisioning cannot reach -------------------------------------------------------------

LOCAL = [("editor", "lab", "local")]

BY_PROVISIONING = [
    ("PATCH", patch(active=False)),
    ("PATCH", patch(active=True)),
    ("PATCH", patch(roles=[{"value": "admin"}])),
    ("PATCH", patch(userName="lovelace@example.com", externalId="other")),
    ("PUT", {**ADA, "active": False}),
    ("PUT", {**ADA, "roles": [{"value": "admin", "primary": True}]}),
    ("PUT", ADA),
]


def test_a_role_given_locally_survives_whatever_provisioning_sends(operator, scim, user, uid):
    """Deactivated, reactivated, renamed, replaced: the roles are the organisation's."""
    operator("PUT", f"{user}/roles", [{"role": "editor", "workspace": "lab"}])

    for method, body in BY_PROVISIONING:
        assert scim(method, f"/Users/{uid}", body).status == 200
        assert roles(operator, user) == LOCAL


def test_who_is_deleted_and_provisioned_again_is_somebody_else(
    operator, scim, organisation, user, uid
):
    """The same userName brings neither roles nor account nor password back."""
    operator("PUT", f"{user}/roles", ["admin"])
    operator("PUT", f"{user}/account", {"id": "account-7"})
    operator("POST", f"{user}/password-set")
    scim("DELETE", f"/Users/{uid}")
    again = scim("POST", "/Users", ADA).body["id"]

    found = operator("GET", f"{organisation}/users/{again}").body

    assert operator("GET", user).status == 404
    assert (found["account"], found["granted_role"]) == (None, "reader")
    assert [role["source"] for role in found["roles"]] == ["default"]
    assert operator("POST", "/sign-in", {"email": EMAIL}).body["reset_required"] is True


def touched(client: FaultyClient) -> list[str]:
    """List the writes and reads of the items that are of one organisation alone."""
    actions = [
        (verb, what)
        for name, request in zip(client.calls, client.requests, strict=True)
        for each in request.get("TransactItems", [{name: request}])
        for verb, what in each.items()
    ]
    return [verb for verb, what in actions if local(what)]


def local(what):
    """Tell whether a request names a local item."""
    return '"L#' in json.dumps(what, default=str)


REQUESTS = [
    ("GET", "/Users", None),
    ("GET", '/Users?filter=userName+eq+"ada@example.com"', None),
    ("GET", "/Users/{uid}", None),
    ("PUT", "/Users/{uid}", {**ADA, "displayName": "Ada"}),
    ("PATCH", "/Users/{uid}", patch(active=False)),
    ("POST", "/Users", {"userName": "bob@example.com"}),
    ("POST", "/Groups", {"displayName": "Base", "members": []}),
    ("GET", "/Groups", None),
    ("GET", "/Groups/{gid}", None),
    ("GET", "/Groups/{gid}/members", None),
    ("PUT", "/Groups/{gid}", {"displayName": "Crew"}),
    ("PATCH", "/Groups/{gid}", patch(displayName="Tour 2")),
    ("DELETE", "/Groups/{gid}", None),
]


def test_of_all_provisioning_only_deleting_a_user_touches_their_local_item(
    services, operator, context, scim, user, uid
):
    """Its grant allows only that; the item is deleted in the same transaction as the user."""
    operator("PUT", f"{user}/roles", ["editor"])
    gid = scim("POST", "/Groups", {"displayName": "Tour", "members": [{"value": uid}]}).body["id"]
    client = FaultyClient(services.table.client)
    watched = provider(replace(services, table=replace(services.table, client=client)), context)

    for method, path, body in REQUESTS:
        assert watched(method, path.format(uid=uid, gid=gid), body).status < 300
    assert touched(client) == []

    watched("DELETE", f"/Users/{uid}")
    assert touched(client) == ["Delete"]


# --- accounts ---------------------------------------------------------------------------------


def test_only_the_operator_says_which_account_a_user_is(services, operator, context, user):
    """An organisation's admin could otherwise take over anybody's account."""
    admin = operator.with_credential(a_session(services, context.organisation))

    assert admin("PUT", f"{user}/account", {"id": "boss"}).status == 403
    assert operator("PUT", f"{user}/account", {"id": "7"}).body["account"] == "7"
    assert operator("DELETE", f"{user}/account").status == 204
    assert operator("GET", user).body["account"] is None


def test_nothing_is_linked_by_an_address(operator, scim, organisation, user, uid):
    """Who comes with a linked user's address, or is given it, is not that account."""
    operator("PUT", f"{user}/account", {"id": "7"})
    other = scim("POST", "/Users", {**ADA, "userName": "eve@example.com"}).body["id"]
    scim("PATCH", f"/Users/{other}", patch(emails=ADA["emails"]))

    found = operator("POST", f"{organisation}/resolve", {"email": EMAIL}).body["items"]

    assert {each["id"]: each["account"] for each in found} == {uid: "7", other: None}


def test_an_account_is_the_same_in_both_forms_of_unicode(operator, scim, organisation, user, uid):
    """Composed or not: it belongs to one user, who may be linked to it again."""
    composed, decomposed = {"id": "Zo\u00eb"}, {"id": "Zoe\u0308"}
    other = scim("POST", "/Users", {**ADA, "userName": "eve@example.com"}).body["id"]
    operator("PUT", f"{user}/account", composed)
    taken = operator("PUT", f"{organisation}/users/{other}/account", decomposed)
    assert (taken.status, taken.body.get("id")) == (409, uid)
    assert operator("PUT", f"{user}/account", decomposed).status == 200


ACCOUNTS = [({}, "id"), ({"id": ""}, "id"), ({"id": 7}, "id"), ({"id": "7", "by": "me"}, "by")]


@pytest.mark.parametrize(("body", "named"), ACCOUNTS)
def test_a_faulty_account_is_named(operator, user, body, named):
    """An account has an id, and nothing else is accepted."""
    response = operator("PUT", f"{user}/account", body)

    assert response.status == 400
    assert [each["field"] for each in response.body["errors"]] == [named]


ASSERTED = [
    ({"user_name": "ADA@EXAMPLE.COM"}, 1),
    ({"external_id": "4f1c"}, 1),
    ({"email": EMAIL}, 1),
    ({"external_id": "4F1C"}, 0),
    ({"email": "nobody@example.com"}, 0),
]


@pytest.mark.parametrize(("body", "expected"), ASSERTED)
def test_after_an_assertion_the_user_is_looked_up(operator, organisation, uid, body, expected):
    """The assertion may have any of three identifiers."""
    response = operator("POST", f"{organisation}/resolve", body)

    assert response.status == 200
    assert [each["id"] for each in response.body["items"]] == [uid] * expected


UNCLEAR = [{}, {"email": EMAIL, "user_name": EMAIL}, {"name": "Ada"}, {"email": None}]


@pytest.mark.parametrize("body", UNCLEAR)
def test_an_assertion_names_one_key(operator, organisation, body):
    """Two could mean two users; then it would have to be guessed."""
    assert operator("POST", f"{organisation}/resolve", body).status == 400


# --- sign-in ----------------------------------------------------------------------------------


def test_the_login_page_is_led_through_a_users_life(operator, scim, user, uid):
    """A first password, a password, and no sign-in for users who have left."""
    told = [operator("POST", "/sign-in", {"email": EMAIL}).body]
    assert operator("POST", f"{user}/password-set").status == 200
    told.append(operator("POST", "/sign-in", {"email": EMAIL}).body)
    scim("PATCH", f"/Users/{uid}", patch(active=False))
    told.append(operator("POST", "/sign-in", {"email": EMAIL}).body)

    assert told == [
        {"method": "password", "reset_required": True},
        {"method": "password", "reset_required": False},
        {"method": "inactive"},
    ]


def test_forced_sso_returns_where_to_go(operator, organisation, uid):
    """For everybody in the organisation's domains."""
    sso = {"provider": "entra", "redirect_url": "https://sso.example.com/in", "forced": True}
    operator("PATCH", organisation, {"sso": sso})

    response = operator("POST", "/sign-in", {"email": f" {EMAIL.upper()} "})

    assert response.body == {"method": "sso", "redirect_url": "https://sso.example.com/in"}


def test_an_unknown_address_looks_like_a_user_without_password(services, context, uid):
    """The same bytes, and the same calls in the same order: no one can probe for users."""
    client = FaultyClient(services.table.client)
    app = build(replace(services, table=replace(services.table, client=client)))
    told = []
    for email in (EMAIL, "nobody@example.com"):
        client.calls.clear()
        sent = json.dumps({"email": email}).encode()
        headers = (("Authorization", f"Bearer {OPERATOR_KEY}"),)
        response = api_client(app).gateway.respond(
            HttpRequest("POST", "/sign-in", "", headers, sent)
        )
        told.append((response.status, response.body, tuple(client.calls)))

    assert told[0] == told[1]
    assert told[0][0] == 200


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "a\nb@example.com", 7, None])
def test_what_is_not_an_address_is_rejected(operator, email):
    """An admin who types it has mistyped."""
    response = operator("POST", "/sign-in", {"email": email})

    assert response.status == 400
    assert [each["field"] for each in response.body["errors"]] == ["email"]


# --- whole documents, and users by account ----------------------------------------------------


def test_a_user_comes_with_the_scim_document_where_it_is_asked_for(scim, operator, user, uid):
    """All that the identity provider sent, with the user's groups, as SCIM itself returns it."""
    scim("POST", "/Groups", {"displayName": "Engine", "members": [{"value": uid}]})
    shown = operator("GET", f"{user}?include=scim").body["scim"]

    assert shown == scim("GET", f"/Users/{uid}").body
    assert shown["name"] == ADA["name"]
    assert "scim" not in operator("GET", user).body


def test_lists_come_with_documents_too(scim, operator, organisation, uid):
    """Users with their groups; groups and members of one without."""
    gid = scim("POST", "/Groups", {"displayName": "E", "members": [{"value": uid}]}).body["id"]
    lists = {
        where: operator("GET", f"{organisation}/{where}?include=scim").body["items"][0]["scim"]
        for where in ("users", "teams", f"teams/{gid}/members")
    }

    assert lists["users"] == scim("GET", f"/Users/{uid}").body
    assert lists["teams"] == scim("GET", f"/Groups/{gid}?excludedAttributes=members").body
    assert lists[f"teams/{gid}/members"]["userName"] == EMAIL


def test_a_page_with_documents_ends_at_a_megabyte(scim, operator, organisation):
    """The next one goes on where it ended."""
    for number in range(16):
        scim("POST", "/Users", {"userName": f"u{number}", "title": "x" * 80_000})
    first = operator("GET", f"{organisation}/users?include=scim").body
    rest = operator("GET", f"{organisation}/users?include=scim&cursor={first['next']}").body

    assert 0 < len(first["items"]) < 16
    assert len(first["items"]) + len(rest["items"]) == 16


def test_nothing_else_can_be_included(operator, organisation):
    """A misspelt name is not silently ignored."""
    assert operator("GET", f"{organisation}/users?include=all").status == 400


def test_an_account_belongs_to_one_user(scim, operator, organisation, uid):
    """The second link is rejected and names the user who has it; released, it can be linked."""
    other = scim("POST", "/Users", {"userName": "other"}).body["id"]
    assert operator("PUT", f"{organisation}/users/{uid}/account", {"id": "7"}).status == 200
    taken = operator("PUT", f"{organisation}/users/{other}/account", {"id": "7"})

    assert (taken.status, taken.body["id"]) == (409, uid)
    operator("DELETE", f"{organisation}/users/{uid}/account")
    assert operator("PUT", f"{organisation}/users/{other}/account", {"id": "7"}).status == 200


def test_an_account_of_a_deleted_user_can_be_linked_again(scim, operator, organisation, uid):
    """And so after a change of the account: the old one is free."""
    account = f"{organisation}/users/{uid}/account"
    assert operator("PUT", account, {"id": "6"}).status == 200
    assert operator("PUT", account, {"id": "7"}).status == 200
    scim("DELETE", f"/Users/{uid}")
    other = scim("POST", "/Users", {"userName": "other"}).body["id"]

    for each in ("6", "7"):
        linked = operator("PUT", f"{organisation}/users/{other}/account", {"id": each})
        assert (linked.status, linked.body["account"]) == (200, each)


def test_a_user_is_found_by_account(scim, operator, organisation, uid):
    """Nobody by one that was released, or whose user is gone."""

    def found(account):
        items = operator("GET", f"{organisation}/users?account={account}").body["items"]
        return [each["id"] for each in items]

    operator("PUT", f"{organisation}/users/{uid}/account", {"id": "4/7"})
    assert (found("4/7"), found("47")) == ([uid], [])
    operator("PUT", f"{organisation}/users/{uid}/account", {"id": "8"})
    assert (found("4/7"), found("8")) == ([], [uid])
    scim("DELETE", f"/Users/{uid}")
    assert found("8") == []


def test_a_linked_account_with_a_password_is_not_told_to_reset_it(
    scim, operator, organisation, uid
):
    """After SSO ends: who has said so on linking signs in with their password."""
    operator("PUT", f"{organisation}/users/{uid}/account", {"id": "7", "password_set": True})
    operator("PATCH", organisation, {"sso": None})

    step = operator("POST", "/sign-in", {"email": EMAIL}).body
    assert (step["method"], step.get("reset_required")) == ("password", False)
