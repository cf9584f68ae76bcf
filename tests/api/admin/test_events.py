"""The feed of all organisations: the table's stream, told once in order, in pages by cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import build
from chalicelib.stream import append_records
from dev.measure.meter import Cost, Meter
from dev.run.gateway import LambdaContext
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import reader_of, with_stream


@pytest.fixture
def services(services, dynamodb):
    """Deploy with a stream."""
    return with_stream(services, dynamodb)


@pytest.fixture
def play(services):
    """Give what has come in the stream to its function; returns the batches of records."""
    reader = reader_of(services)

    def read(*, deliver=True):
        batches = list(reader.read())
        for records in batches if deliver else ():
            append_records(services, records)
        return batches

    return read


@pytest.fixture
def events(operator, play):
    """Play the stream, then read a page of the feed; takes a query."""

    def read(query=""):
        play()
        return operator("GET", f"/admin/changes?{query}")

    return read


def brief(items):
    """Return events by type, action and whom."""
    return [
        (e["type"], e["action"], e.get("subject") or (e["team"], e["user"], e["state"]))
        for e in items
    ]


def test_a_life_is_told_in_order(scim, events):
    """Each change of an object once; of a user also when they came and went, by the state."""
    events()
    after = events("after=now").body["next"]
    ada = scim.a_user("ada")["id"]
    gid = scim("POST", "/Groups", {"displayName": "E", "members": [{"value": ada}]}).body["id"]
    for active in (False, True):
        body = {"Operations": [{"op": "replace", "path": "active", "value": active}]}
        scim("PATCH", f"/Users/{ada}", body)
    scim("DELETE", f"/Groups/{gid}")
    scim("DELETE", f"/Users/{ada}")

    told = brief(events(f"after={after}").body["items"])
    of_user = [action for kind, action, whom in told if (kind, whom) == ("user", ada)]
    assert of_user == ["created", "deactivated", "reactivated", "deleted"]
    assert [a for kind, a, whom in told if (kind, whom) == ("team", gid)] == ["created", "deleted"]
    pair = [each for each in told if each[0] == "membership"]
    assert pair == [
        ("membership", "added", (gid, ada, "absent")),
        ("membership", "removed", (gid, ada, "absent")),
    ]


def test_the_opening_of_a_link_is_told(scim, events, operator):
    """So a SaaS sees that its customer has begun, and when again in another browser."""
    organisation = scim.root.split("/")[3][:10]
    links = f"/admin/organisations/{organisation}/console-links"
    made = operator("POST", links, {"name": "Ada", "purpose": "setup"}).body
    after = events("after=now").body["next"]
    exchange = {"link": made["url"].partition("#")[2]}
    assert operator.with_credential("")("POST", "/admin/sessions", exchange).status == 201

    told = events(f"after={after}").body["items"]
    assert [(e["type"], e["action"], e["subject"]) for e in told] == [
        ("console_link", "opened", made["id"])
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_of_any_size_tell_the_same(scim, events, size):
    """Each event once, in one order, whatever the page."""
    for number in range(9):
        scim.a_user(f"u{number}")
    whole = events().body["items"]
    told: list[object] = []
    after = "0.0.0"
    while len(told) < len(whole):
        page = events(f"after={after}&limit={size}").body
        assert 0 < len(page["items"]) <= size
        told, after = told + page["items"], page["next"]

    assert told == whole
    assert events(f"after={after}").body == {"items": [], "next": after, "more": False}


def test_records_that_are_sent_twice_tell_the_same_ids(scim, services, play, events):
    """Lambda sends a batch again where the function has failed."""
    scim.a_user("ada")
    batches = play()
    first = events().body["items"]
    for records in batches:
        append_records(services, records)

    again = events().body["items"]
    assert [each["id"] for each in again] == [each["id"] for each in first] * 2


def test_a_webhook_that_cannot_be_woken_does_not_hold_up_the_stream(
    scim, operator, services, play, events
):
    """Lambda would send the same records again; here there is no function to wake."""
    play()
    assert operator("POST", "/admin/webhooks", {"url": "http://127.0.0.1:9/"}).status == 201
    after = events("after=now").body["next"]
    ada = scim.a_user("ada")["id"]
    context = LambdaContext("passerelle-test-stream", "1", ends=0)
    for records in play(deliver=False):
        build(services).handler_map["stream"]({"Records": records}, context)

    assert brief(events(f"after={after}").body["items"]) == [("user", "created", ada)]


def test_an_idle_poll_reads_one_item(scim, events, services):
    """The head of the feed, beside the item of the operator key."""
    scim.a_user("ada")
    after = events("after=now").body["next"]
    meter = Meter(services.table.client)
    metered = replace(services, table=replace(services.table, client=meter))
    api_client(build(metered), OPERATOR_KEY)("GET", f"/admin/changes?after={after}")

    assert meter.take() == Cost({"GetItem": 2}, 2, 0)


@pytest.mark.parametrize(
    "after", ["", "x", "-1.0.0", "1.0", "9.0.0", "1.1000.0", "0.0.1a.0", "0.0.Z"]
)
def test_another_cursor_is_rejected(scim, events, after):
    """Also one of the future: the feed has not returned it."""
    scim.a_user("ada")

    assert events(f"after={after}").status == 400


def test_a_cursor_from_before_a_restore_is_rejected(scim, events, services, dynamodb):
    """The same numbers come again with other tags: nothing is skipped in silence."""
    scim.a_user("ada")
    after = events("after=now").body["next"]
    head = {"PK": {"S": "E#HEAD"}, "SK": {"S": "#"}}
    dynamodb.delete_item(TableName=services.table.name, Key=head)
    scim.a_user("bob")
    events()
    scim.a_user("eve")

    response = events(f"after={after}")
    assert (response.status, "digest" in response.body["detail"]) == (400, True)


def test_what_nobody_has_to_know_is_not_told(scim, events, services):
    """Neither what changes nothing, nor counts, logs and tokens, nor the users of a self-test."""
    ada = scim.a_user("ada")["id"]
    after = events("after=now").body["next"]
    same = {"Operations": [{"op": "replace", "path": "userName", "value": "ada"}]}
    scim("PATCH", f"/Users/{ada}", same)
    scim("GET", "/Users?filter=userName%20eq%20%22ada%22")

    assert events(f"after={after}").body["items"] == []


def test_the_feed_of_one_organisation_is_there_too(scim, events):
    """By the same route, with cursors of its own; of another organisation it is a 404."""
    organisation = scim.root.split("/")[3][:10]
    after = events(f"organisation={organisation}&after=now").body["next"]
    ada = scim.a_user("ada")["id"]

    of_one = events(f"organisation={organisation}&after={after}").body
    assert (of_one["items"][-1]["type"], of_one["items"][-1]["id"]) == ("user", ada)
    assert [events(f"organisation={one}").status for one in ("0123456789", "")] == [404, 404]


def test_without_a_cursor_the_feed_begins_with_what_it_still_has(
    scim, events, services, manual_clock
):
    """Ninety days ago, also where the first batches are gone."""
    names = []
    for number in range(5):
        names.append(scim.a_user(f"u{number}")["id"])
        events("after=now")
        manual_clock.advance(days=30)

    assert [each["subject"] for each in events().body["items"] if each["type"] == "user"] == (
        names[2:]
    )
    assert len(events("after=0.0.0").body["items"]) > 2


def test_a_page_reads_the_batches_that_it_needs(scim, events, services):
    """Two at first: a consumer that is behind does not pay for twenty each time."""
    after = events("after=now").body["next"]
    for number in range(6):
        scim.a_user(f"u{number}")
        events("after=now")
    meter = Meter(services.table.client)
    metered = replace(services, table=replace(services.table, client=meter))
    api_client(build(metered), OPERATOR_KEY)("GET", f"/admin/changes?after={after}&limit=2")

    assert meter.take() == Cost({"GetItem": 2, "BatchGetItem": 2}, 5, 0)


@pytest.mark.parametrize("image", [{"sv": {"N": "99"}}, {"doc": {"S": "no JSON"}}, {"doc": None}])
def test_what_cannot_be_read_holds_nothing_up(scim, play, services, image):
    """An item of a later release, after a rollback; those behind it in the stream are told."""
    scim.a_user("ada")
    [records] = play(deliver=False)
    [user] = [each for each in records if "doc" in each["dynamodb"].get("NewImage", {})]
    written = {**user["dynamodb"]["NewImage"], **image}
    left = {name: value for name, value in written.items() if value}
    unread = {**user, "dynamodb": {**user["dynamodb"], "NewImage": left}}

    assert append_records(services, [unread, user]) == 1


def test_without_a_stream_there_is_no_feed_of_all(services):
    """It says so instead of being empty for ever."""
    settings = replace(services.settings, stream_arn="")
    operator = api_client(build(replace(services, settings=settings)), OPERATOR_KEY)

    assert operator("GET", "/admin/changes").status == 409
