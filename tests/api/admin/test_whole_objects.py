"""Webhooks with `include`: an event of a user or group has the object as it is when it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.records import SCHEMA
from dev.measure.scene import write
from tests.support.faults import FaultyClient, throttled
from tests.support.invariants import read_all
from tests.support.table_stream import pushing, with_stream

LONG_NAME = "x" * 3_900
FIFO = "arn:aws:sqs:eu-west-1:123456789012:events.fifo"


@pytest.fixture
def services(services, dynamodb):
    """Deploy with a stream, at the URL that the requests of tests are sent to."""
    deployed = with_stream(services, dynamodb)
    settings = replace(deployed.settings, public_url="https://id.example.com")
    return replace(deployed, settings=settings)


@pytest.fixture
def webhook(operator, receiver, scim, push):
    """Create a webhook that wants objects; returns its path."""
    push()
    asked = {"url": receiver.url, "include": "object"}
    return f"/admin/webhooks/{operator('POST', '/admin/webhooks', asked).body['id']}"


def objects(receiver):
    """Return what came as objects, by the type of the event."""
    data = [(each["type"], each["data"]) for each in receiver.accepted]
    return {of.removeprefix("passerelle."): each.get("object", "none") for of, each in data}


def retitle(scim, uid, title):
    """Change a user's title."""
    operation = {"op": "replace", "path": "title", "value": title}
    return scim("PATCH", f"/Users/{uid}", {"Operations": [operation]})


def test_events_of_users_and_groups_have_the_object_as_scim_returns_it(
    webhook, scim, receiver, push
):
    """A user with their groups and without a password, a group without its members."""
    ada = scim("POST", "/Users", {"userName": "ada", "title": "Dr", "password": "Xy7!long"})
    uid = ada.body["id"]
    gid = scim("POST", "/Groups", {"displayName": "E", "members": [{"value": uid}]}).body["id"]
    push()

    found = objects(receiver)
    assert found["user.created"] == scim("GET", f"/Users/{uid}").body
    assert found["user.created"]["groups"][0]["value"] == gid
    assert found["team.created"] == scim("GET", f"/Groups/{gid}?excludedAttributes=members").body
    assert found["membership.added"] == "none"


def test_an_object_that_is_gone_is_null(webhook, scim, receiver, push):
    """Nobody who was deleted is told of once more, and a retry does not fail."""
    uid = scim.a_user("ada")["id"]
    scim("DELETE", f"/Users/{uid}")
    push()

    assert objects(receiver) == {"user.created": None, "user.deleted": None}


def test_an_object_is_read_when_it_is_sent(webhook, scim, receiver, push, manual_clock):
    """What waits has no copy of it: after a failure the receiver gets the present state."""
    receiver.respond = lambda _: 422
    uid = scim.a_user("ada")["id"]
    push()
    receiver.respond = lambda _: 204
    retitle(scim, uid, "Prof")
    manual_clock.advance(seconds=61)
    push()

    assert [each["data"]["object"]["title"] for each in receiver.accepted] == ["Prof", "Prof"]


def test_no_object_is_stored_with_what_waits(webhook, scim, receiver, push, dynamodb, services):
    """An erased person is in no feed, queue or dead letter."""
    receiver.respond = lambda _: 422
    scim.a_user("ada.lovelace")
    push()
    items = dynamodb.scan(TableName=services.settings.table_name)["Items"]
    kept = [each for each in items if each["PK"]["S"].startswith(("E", "W"))]

    assert len(kept) > 2
    assert "lovelace" in str(items)
    assert "lovelace" not in str(kept)


def test_an_object_that_is_too_large_is_left_out(webhook, scim, receiver, push):
    """Above 256 KB the receiver reads it; the event arrives all the same."""
    uid = scim.a_user("ada")["id"]
    for number in range(70):
        group = {"displayName": f"{number}{LONG_NAME}", "members": [{"value": uid}]}
        assert scim("POST", "/Groups", group).status == 201
    push()

    (data,) = [each["data"] for each in receiver.accepted if each["data"]["type"] == "user"]
    assert (data["object"], data["truncated"]) == (None, True)


@pytest.fixture
def damage(scim, services, context):
    """Create a user, and give what damages the item; at the end it is whole again."""
    key = ConnectionKeys(context.connection).user(scim.a_user("ada")["id"])
    whole = read_all(services.table)[key]
    yield lambda change: write(services.table, [whole | change])
    write(services.table, [whole])


@pytest.mark.parametrize("change", [{"sv": SCHEMA + 1}, {"doc": "{"}])
def test_an_object_that_cannot_be_read_holds_nothing_up(
    webhook, damage, scim, receiver, push, change
):
    """Of a later release or damaged: before, nobody was told of anything any more."""
    scim.a_user("bob")
    damage(change)
    push()

    told = [each["data"] for each in receiver.accepted]
    assert sorted(each.get("truncated", False) for each in told) == [False, True]


def test_an_object_of_a_throttled_customer_holds_no_other_up(
    webhook, scim, receiver, services, context, manual_clock
):
    """It is waited for two seconds; then the receiver is told to read it."""
    uid = scim.a_user("ada")["id"]
    scim("POST", "/Groups", {"displayName": "E"})
    users = ConnectionKeys(context.connection).user(uid).pk

    def hot(request, send):
        values = request.get("ExpressionAttributeValues", {})
        return throttled(request, send) if values.get(":pk") == {"S": users} else send()

    client = FaultyClient(services.table.client, every=hot)
    before = manual_clock.passed
    pushing(replace(services, table=replace(services.table, client=client)))(seconds=20)

    found = objects(receiver)
    assert (found["user.created"], found["team.created"]["displayName"]) == (None, "E")
    assert manual_clock.passed - before < 4


def test_of_many_groups_those_that_are_told_are_read(webhook, scim, receiver, services):
    """One who is in thousands costs no more than one who is in a hundred."""
    uid = scim.a_user("ada")["id"]
    for number in range(101):
        scim("POST", "/Groups", {"displayName": f"{number}", "members": [{"value": uid}]})
    client = FaultyClient(services.table.client)
    pushing(replace(services, table=replace(services.table, client=client)))()

    (data,) = [each["data"] for each in receiver.accepted if each["data"]["type"] == "user"]
    assert len(data["object"]["groups"]) == 100
    ranges = [each for each in client.requests if "Limit" in each]
    assert [each["Limit"] for each in ranges if uid in str(each)] == [101]


def test_objects_can_be_asked_for_and_declined_later(webhook, operator, scim, receiver, push):
    """Without them an event has no such field."""
    assert operator("GET", webhook).body["include"] == "object"
    assert operator("PATCH", webhook, {"include": None}).body["include"] is None
    scim.a_user("ada")
    push()

    assert objects(receiver) == {"user.created": "none"}


def test_a_queue_gets_no_objects(operator):
    """It would keep them for days, an erased person's too."""
    made = operator("POST", "/admin/webhooks", {"queue": FIFO, "include": "object"})
    assert (made.status, "personal data" in made.body["detail"]) == (400, True)

    queue = operator("POST", "/admin/webhooks", {"queue": FIFO}).body["id"]
    changed = operator("PATCH", f"/admin/webhooks/{queue}", {"include": "object"})
    assert (changed.status, "personal data" in changed.body["detail"]) == (400, True)


def test_a_webhook_may_name_every_type(operator, receiver):
    """As many as there are."""
    described = operator("GET", "/openapi.json").body["components"]["schemas"]["NewWebhook"]
    every = described["properties"]["types"]["items"]["enum"]

    asked = {"url": receiver.url, "types": every}
    assert operator("POST", "/admin/webhooks", asked).status == 201
