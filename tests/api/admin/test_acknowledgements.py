"""The SaaS acknowledges that a leaver's access has ended; who does not is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app import build
from chalicelib.storage.clock import timestamp
from chalicelib.stream import append_records
from chalicelib.sweeper import sweep_due
from tests.support.builders import a_customer, a_leaver, an_organisation, api_client, scim_client
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import reader_of, with_stream

LATE = "LeaversNotAcknowledged"


@pytest.fixture
def customer(services):
    """Make an organisation with a connection."""
    return a_customer(services, identity_provider="other")


@pytest.fixture
def acknowledge(operator, customer):
    """Acknowledge an event, as the SaaS's back end."""
    path = f"/admin/organisations/{customer.organisation}/acknowledgements"
    return lambda event, **more: operator("POST", path, {"event": event, **more})


@pytest.fixture
def leaver(services, customer):
    """Store that a user has lost access; returns the id of the event."""
    return a_leaver(services, customer.connection, "a" * 32)


def test_the_time_from_the_change_to_the_end_of_access_is_known(
    acknowledge, leaver, operator, customer, manual_clock, capsys
):
    """In the response, in the audit and as a metric; the first acknowledgement counts."""
    manual_clock.advance(seconds=42)
    assert acknowledge(leaver).body["seconds"] == 42
    manual_clock.advance(seconds=60)
    assert acknowledge(leaver).body["seconds"] == 42

    audit = operator("GET", f"/admin/organisations/{customer.organisation}/audit").body["items"]
    [entry] = [each for each in audit if each["action"] == "access.ended"]
    assert (entry["target"], entry["after"]["event"]) == ("a" * 32, leaver)
    assert capsys.readouterr().out.count('"AccessEndedAfter":[42') == 1


def test_a_leaver_who_is_not_acknowledged_is_counted_once(services, leaver, manual_clock, capsys):
    """Five minutes after the change."""
    for minutes, counted in ((4, 0), (2, 1), (2, 0)):
        manual_clock.advance(minutes=minutes)
        sweep_due(services)
        assert capsys.readouterr().out.count(f'"{LATE}":[') == counted


def test_one_who_is_acknowledged_is_not_counted(
    services, acknowledge, leaver, manual_clock, capsys
):
    """Nothing is left for the sweeper."""
    assert acknowledge(leaver).status == 200
    manual_clock.advance(minutes=6)

    assert sweep_due(services) == 0
    assert LATE not in capsys.readouterr().out


@pytest.mark.parametrize(("minutes", "status"), [(-1, 400), (0, 200), (3, 200), (5, 400)])
def test_the_end_lies_between_the_change_and_now(
    services, acknowledge, leaver, manual_clock, minutes, status
):
    """A wrong clock is told instead of making a wrong figure."""
    changed = services.table.clock.now()
    manual_clock.advance(minutes=3)
    at = timestamp(changed + timedelta(minutes=minutes))

    assert acknowledge(leaver, at=at).status == status


@pytest.mark.parametrize("event", ["b" * 32, "A" * 32, "b", ""])
def test_an_unknown_event_is_rejected(acknowledge, event):
    """Not found, or no id of an event at all."""
    assert acknowledge(event).status == (404 if event == "b" * 32 else 400)


def test_a_leaver_of_another_organisation_is_not_found(services, operator, leaver):
    """An organisation's path reaches its own leavers only."""
    other = an_organisation(services).keys.organisation
    path = f"/admin/organisations/{other}/acknowledgements"

    assert operator("POST", path, {"event": leaver}).status == 404


def test_a_deployment_that_does_not_ask_for_it_says_so(services, customer, leaver):
    """It stores no leavers, so it could not find them."""
    settings = replace(services.settings, acknowledgements=False)
    operator = api_client(build(replace(services, settings=settings)), OPERATOR_KEY)
    path = f"/admin/organisations/{customer.organisation}/acknowledgements"

    response = operator("POST", path, {"event": leaver})
    assert (response.status, "ACKNOWLEDGEMENTS" in response.body["detail"]) == (409, True)


@pytest.fixture
def last_event(services, dynamodb, operator):
    """Play the stream, each record twice; returns the event that was told last."""
    streamed = with_stream(services, dynamodb)

    def play():
        for records in reader_of(streamed).read():
            for _ in range(2):
                append_records(streamed, records)
        return operator("GET", "/admin/changes").body["items"][-1]

    return play


LEAVES = [
    ({"op": "replace", "path": "active", "value": False}, 200),
    (None, 200),
    ({"op": "replace", "path": "title", "value": "Dr"}, 404),
]


@pytest.mark.parametrize(("operation", "status"), LEAVES)
def test_who_loses_access_is_awaited(
    services, customer, acknowledge, last_event, operation, status
):
    """Deactivated or deleted; by the id of their event, also where the stream sends it twice."""
    scim = scim_client(build(services), customer.connection, customer.token)
    path = f"/Users/{scim.a_user('ada')['id']}"
    body = operation and {"Operations": [operation]}
    scim("PATCH" if operation else "DELETE", path, body)
    event = last_event()

    assert acknowledge(event["id"], at=event["at"]).status == status


def test_nobody_is_awaited_of_a_connection_that_is_disconnected(services, customer, operator):
    """The SaaS has ended it itself."""
    path = f"/admin/organisations/{customer.organisation}/connections/{customer.connection}"
    operator("DELETE", path)
    event = a_leaver(services, customer.connection, "a" * 32)

    path = f"/admin/organisations/{customer.organisation}/acknowledgements"
    assert operator("POST", path, {"event": event}).status == 404
