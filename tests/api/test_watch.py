"""Alerts from end to end: what is looked at, told in the feed, and shown to the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import sweeper
from chalicelib.organisations import watch
from chalicelib.organisations.watch import ROUND, Raised
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import hour
from chalicelib.storage.expressions import Update
from chalicelib.storage.keys import ConnectionKeys, WebhookKeys, watched_connections
from chalicelib.storage.retries import Deadline
from chalicelib.stream import append_records
from dev.measure.scene import write
from tests.support.builders import a_customer
from tests.support.table_stream import reader_of, with_stream


@pytest.fixture
def services(services, dynamodb):
    """Deploy with a stream."""
    return with_stream(services, dynamodb)


@pytest.fixture
def told(services, operator):
    """Play the stream and return the alerts that the feed tells, in order."""
    reader = reader_of(services)

    def read():
        for records in reader.read():
            append_records(services, records)
        for records in reader.read():  # what those have written
            append_records(services, records)
        items = operator("GET", "/admin/changes").body["items"]
        return [(e["alert"], e["action"], e["subject"]) for e in items if e["type"] == "alert"]

    return read


@pytest.fixture
def look(services, manual_clock):
    """Let time go by, with one round of the sweeper at its end."""

    def pass_time(**units):
        manual_clock.advance(**units)
        for _ in range(ROUND):
            manual_clock.advance(minutes=1)
            sweeper.watch(services, Deadline.after(60, services.table.clock))

    return pass_time


def shown(operator, query=""):
    """List all connections with their health."""
    items = operator("GET", f"/admin/connections?{query}").body["items"]
    return [(each["connection"], each["health"]) for each in items]


@pytest.fixture
def regular(services, context, manual_clock):
    """Let the connection have had requests in each hour of nine days."""
    keys, now = ConnectionKeys(context.connection), manual_clock.clock().now()
    times = [now - timedelta(hours=number) for number in range(9 * 24)]
    key = keys.health("")
    hours = [{"SK": hour(at), "last": timestamp(at), "n_success": 1} for at in times]
    write(services.table, [{"PK": key.pk, **each} for each in hours])
    return context.connection


def test_silence_is_raised_once_and_cleared_once(regular, operator, scim, told, look):
    """By the next request; the operator finds it among all connections meanwhile."""
    look(hours=1)
    assert shown(operator) == [(regular, "ok")]
    for hours in (2, 1, 24):
        look(hours=hours)
    assert shown(operator, "health=silent") == [(regular, "silent")]
    scim("GET", "/Users")
    for _ in range(2):
        look(minutes=1)

    assert told() == [("silent", "raised", regular), ("silent", "cleared", regular)]
    assert shown(operator, "health=silent&limit=1") == []


def test_each_time_before_a_credential_ends_is_told_once(context, operator, told, look):
    """30, 7 and 1 days before, each taking the place of the one before; a new one clears it."""
    for days in (334, 1, 22, 1, 1, 5, 2, 1):
        look(days=days)
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    assert operator("POST", f"{path}/tokens", {"name": "next"}).status == 201
    for _ in range(2):
        look(minutes=1)

    names = ["credential_30_days", "credential_7_days", "credential_1_day"]
    raised = [alert for alert, action, _ in told() if action == "raised"]
    cleared = [alert for alert, action, _ in told() if action == "cleared"]
    assert raised == cleared == names


def test_requests_that_fail_are_told_once(context, operator, scim, told, look):
    """Also those that are not authenticated; what works again clears it."""
    for _ in range(2):
        for _ in range(32):
            scim.with_credential("psl_scim_wrong")("GET", "/Users")
        look(minutes=1)
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    [alert] = operator("GET", path).body["health"]["alerts"]
    assert (alert["alert"], "provisioning log" in alert["text"]) == ("failing", True)
    look(hours=4)
    scim("GET", "/Users")
    look(minutes=1)

    of = context.connection
    assert told() == [("failing", "raised", of), ("failing", "cleared", of)]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_mass_change_is_told_with_the_first_user_too_many(
    context, operator, scim, told, look, method
):
    """In a small organisation the 21st; once, and cleared once when an hour has gone by."""
    ids = [scim.a_user(f"u{number}")["id"] for number in range(25)]
    off = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    for number, uid in enumerate(ids):
        scim(method, f"/Users/{uid}", off if method == "PATCH" else None)
        if number in {19, 20}:
            assert bool(told()) is (number == 20)
    assert shown(operator, "health=mass_change") == [(context.connection, "mass_change")]
    look(minutes=30)
    assert len(told()) == 1
    look(minutes=30)

    of = context.connection
    assert told() == [("mass_change", "raised", of), ("mass_change", "cleared", of)]


def test_of_10000_users_9500_leavers_are_told_within_the_first_2_percent(services, context):
    """With the second of 95 batches of 100, as the stream sends them, and not again."""
    keys = ConnectionKeys(context.connection)
    write(services.table, [{"PK": f"{keys.prefix}#CNT", "SK": "U#00", "n": 10_000}])
    counted = 0
    raised: list[tuple[int, list[Raised]]] = []
    for _ in range(95):
        counted += 100
        found = watch.count_leavers(services.table, context.connection, 100, services.deadline())
        raised += [(counted, found)] if found else []
    write(services.table, [{"PK": f"{keys.prefix}#CNT", "SK": "U#00", "n": 0}])

    assert raised == [(200, [Raised("mass_change", context.connection)])]


def test_what_the_operator_ends_is_no_mass_change(services, context, operator, scim, told, look):
    """The purge of a connection deletes all its users; nothing of it is left to look at."""
    for number in range(25):
        scim.a_user(f"u{number}")
    look(minutes=1)
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    operator("DELETE", f"{path}?users=delete")
    look(minutes=2)
    sweeper.sweep_due(services)

    items = services.table.namespace(grants.watch_list(), services.deadline())
    assert told() == []
    assert list(items.query(watched_connections())) == []


def test_a_paused_connection_is_left_in_peace(services, context, operator, scim, told, look):
    """Its requests are rejected by intent."""
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    operator("PATCH", path, {"state": "paused"})
    for _ in range(32):
        scim("GET", "/Users")
    look(minutes=1)

    assert told() == []
    assert shown(operator, "state=paused") == [(context.connection, "ok")]


def test_a_failing_webhook_is_told_once(services, context, operator, told, look):
    """It belongs to no organisation; deleting it clears the alert."""
    made = operator("POST", "/admin/webhooks", {"url": "http://127.0.0.1:9/"}).body["id"]
    items = services.table.namespace(grants.webhook_management(), services.deadline())
    items.commit([Update(WebhookKeys(made).own_item, set={"failures": 3})])
    for _ in range(2):
        look(minutes=1)
    assert told() == [("webhook_failing", "raised", made)]
    operator("DELETE", f"/admin/webhooks/{made}")
    look(minutes=1)

    assert told() == [("webhook_failing", "raised", made), ("webhook_failing", "cleared", made)]


def test_pages_of_all_connections_have_each_once(services, operator, look):
    """In the order of their ids, with the organisation's name and the SaaS's own id of it."""
    made = sorted(a_customer(services).connection for _ in range(5))
    look(minutes=1)
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = operator("GET", f"/admin/connections?limit=2{cursor and f'&cursor={cursor}'}").body
        found, cursor = found + page["items"], page["next"]

    assert [each["connection"] for each in found] == made
    assert {each["name"] for each in found} == {"Acme"}


@pytest.mark.parametrize("query", ["health=bad", "state=ended", "cursor=x", "limit=0"])
def test_a_wrong_parameter_is_rejected(operator, query):
    """With the values that there are."""
    response = operator("GET", f"/admin/connections?{query}")

    assert (response.status, "expected" in response.body["detail"]) == (400, True)


def test_a_watch_that_fails_does_not_keep_the_sweep_from_its_work(services, context, manual_clock):
    """Without any time nothing is looked at, and nothing is raised."""
    over = Deadline.after(0, services.table.clock)
    sweeper.watch(services, over)

    items = services.table.namespace(grants.watch_list(), services.deadline())
    assert list(items.query(watched_connections())) == []
