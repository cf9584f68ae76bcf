"""Connections over HTTP: their names and shapes, and what a change of state does."""

from __future__ import annotations

import re

import pytest

from tests.support.builders import connection_body


def test_a_connection_is_created_with_its_url(operator, organisation):
    """What the customer pastes into their identity provider."""
    response = operator("POST", f"{organisation}/connections", connection_body())

    body = response.body
    own = organisation.rpartition("/")[2]
    assert response.status == 201
    assert response.headers["location"].endswith(f"{organisation}/connections/{body['id']}")
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
            "creates_missing_values": True,
        },
        "authentication": ["token"],
        "profile": "lenient",
        "token_url": f"https://id.example.com/oauth2/{body['id']}/token",
        "created": body["created"],
        "last_modified": body["created"],
    }


def test_a_connection_is_read_listed_and_changed(operator, organisation, connection):
    """PATCH returns the whole connection; only GET returns its health."""
    before = operator("GET", connection).body
    assert before.pop("health")

    after = operator("PATCH", connection, {"name": "B", "state": "paused"})

    assert after.body == before | {"name": "B", "state": "paused"}
    assert after.headers["etag"] == 'W/"2"'
    listed = operator("GET", f"{organisation}/connections").body
    assert listed == {"items": [after.body], "next": None}


PROVIDERS = [
    ("entra", "keep", "204"),
    ("okta", "keep", "auto"),
    ("google", "keep", "auto"),
    ("onelogin", "keep", "auto"),
    ("jumpcloud", "keep", "auto"),
    ("ping", "keep", "auto"),
    ("keycloak", "clear", "auto"),
    ("authentik", "clear", "auto"),
    ("midpoint", "keep", "auto"),
    ("other", "clear", "auto"),
]


@pytest.mark.parametrize(("provider", "members", "answer"), PROVIDERS)
def test_each_identity_provider_has_its_settings(operator, organisation, provider, members, answer):
    """GET shows what is in force; what is set overrides the preset, null restores it."""
    body = connection_body(identity_provider=provider)
    made = operator("POST", f"{organisation}/connections", body).body
    path = f"{organisation}/connections/{made['id']}"
    other = {"keep": "clear", "clear": "keep"}[members]

    put = operator("PATCH", path, {"settings": {"put_without_members": other}}).body["settings"]
    back = operator("PATCH", path, {"settings": {"put_without_members": None}}).body["settings"]

    assert made["settings"]["put_without_members"] == members == back["put_without_members"]
    assert put["put_without_members"] == other
    assert operator("GET", path).body["settings"]["group_patch_answer"] == answer


def test_another_identity_provider_shows_the_old_and_the_new_settings(operator, connection):
    """An admin sees what changes for the groups; a PATCH of something else shows one."""
    before = operator("GET", connection).body["settings"]

    changed = operator("PATCH", connection, {"identity_provider": "keycloak"}).body

    assert changed["previous_settings"] == before
    assert changed["settings"]["put_without_members"] == "clear"
    assert "previous_settings" not in operator("PATCH", connection, {"name": "B"}).body


def test_a_second_connection_is_409(operator, organisation, connection):
    """One is the plan's default."""
    response = operator("POST", f"{organisation}/connections", connection_body())

    assert (response.status, response.body["title"]) == (409, "Conflict")
    assert connection


def test_a_connection_without_a_plan_for_it_is_403(operator, organisation):
    """The text names the plan."""
    operator("PATCH", organisation, {"plan": "free"})

    response = operator("POST", f"{organisation}/connections", connection_body())

    assert response.status == 403
    assert "`free`" in response.body["detail"]


def scim(operator, connection, token):
    """Send a request as the identity provider; return status and text."""
    path = f"/scim/v2/{connection.rpartition('/')[2]}/ServiceProviderConfig"
    response = operator.with_credential(token["token"])("GET", path)
    return response.status, response.body.get("detail", "")


REJECTED = [
    ("organisation", {"state": "suspended"}, "suspended"),
    ("organisation", {"plan": "free"}, "plan"),
    ("connection", {"state": "paused"}, "paused"),
]
ACCEPTED = {
    "organisation": {"state": "active", "plan": "enterprise"},
    "connection": {"state": "active"},
}


@pytest.mark.parametrize(("of", "change", "reason"), REJECTED)
def test_a_change_of_plan_or_state_acts_at_the_next_request(request, operator, of, change, reason):
    """In both directions; the SCIM error has the reason."""
    connection, token, path = map(request.getfixturevalue, ("connection", "token", of))
    assert scim(operator, connection, token)[0] == 200

    operator("PATCH", path, change)
    status, detail = scim(operator, connection, token)
    assert (status, reason in detail) == (403, True)

    operator("PATCH", path, ACCEPTED[of])
    assert scim(operator, connection, token)[0] == 200


@pytest.mark.parametrize("query", ["previews=true", "preview=true&user=delete", "dry_run=true"])
def test_a_mistyped_parameter_ends_no_connection(operator, connection, query):
    """If it were ignored, a connection would end that was only to be previewed."""
    rejected = operator("DELETE", f"{connection}?{query}")

    assert (rejected.status, "`preview`" in rejected.body["detail"]) == (400, True)
    assert operator("GET", connection).body["state"] == "active"
