"""Organisations over HTTP: their names and shapes."""

from __future__ import annotations

import re

import pytest

from chalicelib.api.admin.routes import ORGANISATIONS
from tests.support.builders import organisation_body

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


def test_an_organisation_is_created_whole(operator):
    """201 with its id, its location and its settings."""
    given = organisation_body(reference="acme-1", sso=SSO, domains=["Acme.Example"])

    response = operator("POST", ORGANISATIONS, given)

    body = response.body
    assert response.status == 201
    assert response.headers["location"] == f"https://id.example.com{ORGANISATIONS}/{body['id']}"
    assert response.headers["etag"] == 'W/"1"'
    assert TIME.fullmatch(body.pop("created"))
    assert TIME.fullmatch(body.pop("last_modified"))
    assert re.fullmatch("[a-z2-7]{10}", body.pop("id"))
    assert body == {
        "name": "Acme",
        "reference": "acme-1",
        "plan": "enterprise",
        "state": "active",
        "sso": SSO,
        "authentication": None,
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
    """What was not sent is null or empty."""
    body = operator("POST", ORGANISATIONS, {"name": "Acme", "plan": "free"}).body

    assert (body["reference"], body["sso"]) == (None, None)
    assert (body["workspaces"], body["roles"], body["domains"]) == ([], [], [])


def test_an_organisation_is_read_and_changed(operator, organisation):
    """PATCH returns the whole organisation, with a new ETag."""
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
def test_a_malformed_page_parameter_is_rejected(operator, query):
    """400 that names the parameter."""
    response = operator("GET", f"{ORGANISATIONS}?{query}")

    assert (response.status, response.body["detail"].partition(":")[0]) == (
        400,
        query.split("=")[0],
    )


def test_unknown_parameters_are_ignored(operator):
    """As everywhere in the product."""
    assert operator("GET", f"{ORGANISATIONS}?colour=blue&").status == 200


CONFIRMED = [
    "Soci\u00e9t\u00e9",
    "Socie\u0301te\u0301",
    "Soci%C3%A9t%C3%A9",
    "Soci\u00c3\u00a9t\u00c3\u00a9",
    " Soci\u00e9t\u00e9 ",
]
UNCONFIRMED = ["", "soci\u00e9t\u00e9", "Societe", "Soci", "*", "true"]


@pytest.mark.parametrize("name", [*CONFIRMED, *UNCONFIRMED, None])
def test_an_organisation_is_deleted_by_its_name(operator, name):
    """The name goes along, in any form that clients send it in; otherwise nothing is deleted."""
    path = "/admin/organisations"
    own = operator("POST", path, organisation_body(name="Soci\u00e9t\u00e9")).body["id"]
    headers = {} if name is None else {"Passerelle-Confirm": name}

    response = operator("DELETE", f"{path}/{own}", headers=headers)

    assert response.status == (202 if name in CONFIRMED else 400)
    state = operator("GET", f"{path}/{own}").body["state"]
    assert state == ("deleting" if name in CONFIRMED else "active")
    deletions = operator("GET", "/admin/audit?action=organisation.deleted").body["items"]
    assert [each["target"] for each in deletions] == ([own] if name in CONFIRMED else [])
