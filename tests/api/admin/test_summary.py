"""The summary: whose session it is and what they manage, in one request of the console's page."""

from __future__ import annotations

import pytest

from app import build
from tests.support.builders import a_customer, a_link, api_client, exchanged

SUMMARY = "/admin/summary"


@pytest.fixture
def customer(services):
    """Create an organisation with a connection, and another one besides."""
    a_customer(services)
    return a_customer(services)


def read(services, organisation, **link):
    """Read the summary of a session that a link was exchanged for."""
    session = exchanged(services, a_link(services, organisation, name="Ada", **link))
    return api_client(build(services), session)("GET", SUMMARY).body


def test_an_admin_sees_the_organisation_and_all_its_connections(services, customer):
    """What the page shows before anything else: names, roles and addresses."""
    summary = read(services, customer.organisation)

    assert summary["session"]["name"] == "Ada"
    assert summary["organisation"]["id"] == customer.organisation
    assert summary["organisation"]["scim"] is True
    assert [each["id"] for each in summary["connections"]] == [customer.connection]
    assert summary["connections"][0]["scim_url"].endswith(customer.connection)


def test_a_setup_session_sees_its_own_connection_only(services, customer):
    """It may have none yet; others are not its business."""
    own = read(services, customer.organisation, purpose="setup", connection=customer.connection)
    none_yet = read(services, customer.organisation, purpose="setup")

    assert [each["id"] for each in own["connections"]] == [customer.connection]
    assert none_yet["connections"] == []
    assert none_yet["organisation"]["roles"] == own["organisation"]["roles"] != []


def test_an_ended_connection_is_not_in_it(services, customer, operator):
    """The page offers to create another one."""
    path = f"/admin/organisations/{customer.organisation}/connections/{customer.connection}"
    operator("DELETE", path)

    assert read(services, customer.organisation)["connections"] == []


def test_an_operator_key_has_no_summary(operator):
    """It belongs to no organisation."""
    assert operator("GET", SUMMARY).status == 404
