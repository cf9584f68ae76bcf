"""Request bodies of the admin API: every error names its field and never repeats a value."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from app import build
from chalicelib.api.admin.routes import ORGANISATIONS
from tests.support.builders import api_client, connection_body, organisation_body
from tests.support.environment import OPERATOR_KEY

SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


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
    response = operator("POST", ORGANISATIONS, organisation_body(**changes))

    assert [error["field"] for error in response.body["errors"]] == fields
    assert all(error["message"] for error in response.body["errors"])
    assert response.headers["content-type"] == "application/problem+json"
    assert {name: response.body[name] for name in ("type", "title", "status")} == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
    }
    assert response.body["request_id"] == response.headers["x-amzn-requestid"]


FAULTY_CONNECTIONS = [
    ({"identity_provider": "onepassword"}, "identity_provider"),
    ({"workspace": "moon"}, "workspace"),
    ({"default_role": "admin"}, "default_role"),
    ({"settings": {"group_patch_answer": "200"}}, "settings.group_patch_answer"),
    ({"settings": {"unknown_attributes": "refuse"}}, "settings.unknown_attributes"),
    ({"settings": {"put_without_members": True}}, "settings.put_without_members"),
    ({"settings": {"creates_missing_values": "true"}}, "settings.creates_missing_values"),
    ({"settings": None}, "settings"),
]


@pytest.mark.parametrize(("changes", "field"), FAULTY_CONNECTIONS)
def test_a_faulty_field_of_a_connection_is_named(operator, organisation, changes, field):
    """A mistyped setting is rejected, never ignored."""
    path = f"{organisation}/connections"

    response = operator("POST", path, connection_body(**changes))

    assert response.status == 400
    assert [error["field"] for error in response.body["errors"]] == [field]


def test_an_unknown_field_lists_the_known_ones(operator, organisation):
    """A client finds a mistyped name at once, also that of a nested field."""
    body = connection_body(settings={"unknown_attribute": "strict"})

    response = operator("POST", f"{organisation}/connections", body)

    [error] = response.body["errors"]
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


@pytest.mark.parametrize(("resource", "change", "field"), FAULTY_CHANGES)
def test_a_read_only_field_cannot_be_changed(request, operator, resource, change, field):
    """A client cannot set an owner, an id or most of the states."""
    response = operator("PATCH", request.getfixturevalue(resource), change)

    assert response.status == 400
    assert [error["field"] for error in response.body["errors"]] == [field]


@pytest.mark.parametrize(
    "expires_at", ["tomorrow", "2028-01-31", 1859414400, "2027-01-31T11:00:00Z"]
)
def test_an_impossible_expires_at_is_named(operator, connection, expires_at):
    """It must be an RFC 3339 time with an offset, in the future."""
    response = operator("POST", f"{connection}/tokens", {"name": "B", "expires_at": expires_at})

    assert [error["field"] for error in response.body["errors"]] == ["expires_at"]


def test_a_value_is_never_repeated(operator):
    """It may be a secret that was pasted into the wrong field."""
    canary = "canary-4711"
    body = organisation_body(name=[canary], plan=canary, sso=canary, domains=[canary])

    response = operator("POST", ORGANISATIONS, body)

    assert response.status == 400
    assert canary not in str(response.body)


BROKEN = [b"", b"{", b"[]", b'{"name": "a", "name": "b"}', b"\xff", b'{"name": NaN}', b"[" * 10_000]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_body_that_is_not_a_json_object_is_400(operator, body):
    """A duplicate name could be read in two ways."""
    response = operator("POST", ORGANISATIONS, body)

    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"


LIMITS = [
    ("POST", ORGANISATIONS, "131,072"),
    ("PATCH", f"{ORGANISATIONS}/{{organisation}}", "16,384"),
    ("POST", f"{ORGANISATIONS}/{{organisation}}/connections", "16,384"),
    ("PATCH", "{connection}", "16,384"),
    ("POST", f"{ORGANISATIONS}/{{organisation}}/console-links", "16,384"),
    ("POST", f"{ORGANISATIONS}/{{organisation}}/resolve", "16,384"),
    ("POST", "/admin/sessions", "4,096"),
    ("POST", "/sign-in", "4,096"),
    ("PUT", f"{ORGANISATIONS}/{{organisation}}/workspaces/w", "4,096"),
    ("POST", "{connection}/tokens", "4,096"),
    ("PUT", "{connection}/schemas/urn:example:a", "1,000,000"),
]


@pytest.mark.parametrize(("method", "path", "limit"), LIMITS)
def test_a_body_above_its_limit_is_413(operator, organisation, connection, method, path, limit):
    """Names the limit, which is small where a small body is enough."""
    path = path.format(organisation=organisation.rpartition("/")[2], connection=connection)
    size = int(limit.replace(",", ""))

    above = operator(method, path, b"{" + b" " * size)
    at_limit = operator(method, path, b"{" + b" " * (size - 1))

    assert (above.status, f"at most {limit} bytes" in above.body["detail"]) == (413, True)
    assert at_limit.status == 400


@pytest.mark.parametrize("count", [21, 100, 300])
@pytest.mark.parametrize("path", ["/admin/sessions", "/sign-in", ORGANISATIONS])
def test_of_many_faults_the_first_are_told(operator, path, count):
    """A response is never much larger than its request."""
    response = operator("POST", path, {f"f{number}": 1 for number in range(count)})

    missing = {"/admin/sessions": 1, "/sign-in": 1, ORGANISATIONS: 2}[path]
    assert response.status == 400
    assert len(response.body["errors"]) == 20
    assert response.body["detail"].endswith(f"; and {count + missing - 20} more")
    assert len(str(response.body)) < 8_000


def test_long_names_of_fields_are_cut(operator):
    """They are the sender's."""
    response = operator("POST", "/admin/sessions", {"x" * 3_900: 1})

    assert len(str(response.body)) < 1_000


def test_twenty_faults_are_told_whole(operator):
    """Nothing is left out, and nothing says so."""
    response = operator("POST", "/admin/sessions", {f"f{number}": 1 for number in range(19)})

    assert (len(response.body["errors"]), "more" in response.body["detail"]) == (20, False)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("application/scim+json", 201),
        ("Application/JSON", 201),
        ("text/plain", 415),
    ],
)
def test_json_may_be_sent_as_json_or_as_scim(operator, content_type, status):
    """Other media types get a 415 as problem+json."""
    body = organisation_body()

    response = operator("POST", ORGANISATIONS, body, content_type=content_type)

    assert response.status == status
    subtype = "json" if status == 201 else "problem+json"
    assert response.headers["content-type"] == f"application/{subtype}"


def test_an_internal_error_shows_no_internals(services):
    """A 500 has the request id, by which the error is found in the logs."""
    without_table = replace(services, table=replace(services.table, name="nowhere"))

    response = api_client(build(without_table), OPERATOR_KEY)("GET", ORGANISATIONS)

    assert response.status == 500
    assert response.body["request_id"] in response.body["detail"]
    assert not re.search("nowhere|table|dynamodb", str(response.body).lower())
