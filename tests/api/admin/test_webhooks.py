"""Webhooks: each event is sent, signed, in the order of its object, until it is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

import boto3
import pytest
from standardwebhooks import Webhook as Verifier

from app import build
from chalicelib.events import webhooks
from chalicelib.events.sender import MAX_PLACES, PAGE
from chalicelib.outbound import OutboundClient, Unreachable
from chalicelib.storage import grants
from chalicelib.storage.expressions import EXISTS, Update, key_of
from chalicelib.storage.keys import WebhookKeys
from chalicelib.storage.records import update
from chalicelib.storage.retries import Deadline
from tests.support.builders import api_client
from tests.support.clock import ManualClock
from tests.support.environment import ENVIRONMENT, OPERATOR_KEY
from tests.support.table_stream import with_stream


@pytest.fixture
def services(services, dynamodb):
    """Deploy with a stream, and send to this machine."""
    return with_stream(services, dynamodb)


@pytest.fixture
def webhook(operator, receiver, scim, push):
    """Create a webhook to the receiver; returns what its creation returned."""
    push()
    return operator("POST", "/admin/webhooks", {"url": receiver.url}).body


def verified(receiver, secret):
    """Check every signature by the library; return the types of the events.

    Its `verify` compares the time with that of this machine, where the clock here is a test's.
    """
    signer = Verifier(secret)
    for headers, body in receiver.requests:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = signer.sign(headers["webhook-id"], at, body.decode())
        assert expected in headers["webhook-signature"].split(" "), "the signature is another one"
    return [json.loads(body)["type"] for _, body in receiver.requests]


def test_what_happens_is_sent_and_signed(webhook, scim, receiver, push):
    """As CloudEvents, by Standard Webhooks; nothing of before the webhook, and nothing twice."""
    ada = scim.a_user("ada")["id"]
    scim("DELETE", f"/Users/{ada}")
    assert push() == {webhook["id"]: False}

    names = ["passerelle.user.created", "passerelle.user.deleted"]
    assert verified(receiver, webhook["secret"]) == names
    event = receiver.accepted[0]
    assert (event["data"]["subject"], event["data"]["version"]) == (ada, 1)
    assert "ada" not in str({**event, "data": {**event["data"], "attributes": []}})
    assert push() == {}


def test_another_secret_does_not_verify(webhook, operator, scim, receiver, push):
    """Neither that of another webhook nor one that was made up."""
    other = operator("POST", "/admin/webhooks", {"url": receiver.url}).body
    operator("DELETE", f"/admin/webhooks/{other['id']}")
    scim.a_user("ada")
    push()

    with pytest.raises(AssertionError, match="signature"):
        verified(receiver, other["secret"])


def test_both_secrets_verify_for_a_day_after_rotation(
    webhook, operator, scim, receiver, push, manual_clock
):
    """Then only the new one does."""
    path = f"/admin/webhooks/{webhook['id']}"
    rotated = operator("POST", f"{path}/rotate").body["secret"]
    scim.a_user("ada")
    push()
    assert verified(receiver, webhook["secret"]) == verified(receiver, rotated)

    manual_clock.advance(seconds=25 * 3600)
    receiver.requests.clear()
    scim.a_user("bob")
    push()
    with pytest.raises(AssertionError, match="signature"):
        verified(receiver, webhook["secret"])


def test_events_of_one_object_wait_and_others_do_not(webhook, scim, receiver, push, manual_clock):
    """In order, when the receiver accepts them again; the living are not held up."""
    ada, bob = scim.a_user("ada")["id"], scim.a_user("bob")["id"]
    receiver.respond = lambda event: 500 if event["data"]["subject"] == ada else 204
    for title in ("Dr", "Prof"):
        change = {"Operations": [{"op": "replace", "path": "title", "value": title}]}
        for uid in (ada, bob):
            scim("PATCH", f"/Users/{uid}", change)
    push()
    assert [each["data"]["subject"] for each in receiver.accepted] == [bob, bob, bob]
    assert len(receiver.requests) == 4, "one attempt for ada, and her later events wait"

    receiver.respond = lambda _: 204
    manual_clock.advance(seconds=61)
    push()
    versions = [e["data"]["version"] for e in receiver.accepted if e["data"]["subject"] == ada]
    assert versions == [1, 2, 3]


@pytest.mark.parametrize(("status", "accepted"), [(400, 1), (422, 1), (429, 0), (503, 0)])
def test_a_lone_event_that_is_rejected_holds_nothing_up(
    webhook, scim, receiver, push, status, accepted
):
    """It waits by itself where the receiver rejects it, and is not only too busy."""
    receiver.respond = lambda _: status
    scim.a_user("ada")
    push()

    receiver.respond = lambda _: 204
    scim.a_user("bob")
    push()
    assert len(receiver.accepted) == accepted


def test_a_receiver_that_accepts_nothing_gets_everything_later(
    webhook, operator, scim, receiver, push, manual_clock
):
    """The cursor stays, and nothing is lost after a day."""
    receiver.respond = lambda _: 503
    before = operator("GET", f"/admin/webhooks/{webhook['id']}").body["cursor"]
    scim.a_user("ada")
    scim.a_user("bob")
    for _ in range(25):
        push()
        shown = operator("GET", f"/admin/webhooks/{webhook['id']}").body
        assert (shown["cursor"], receiver.accepted) == (before, [])
        manual_clock.advance(seconds=3600)

    assert operator("GET", f"/admin/webhooks/{webhook['id']}").body["failures"] == 25
    receiver.respond = lambda _: 204
    push()
    assert len(receiver.accepted) == 2


def test_after_three_days_an_event_is_given_up_and_can_be_sent_again(
    webhook, operator, scim, receiver, push, manual_clock
):
    """It is listed by ids alone; what follows of its object is sent, and so is it when asked."""
    path = f"/admin/webhooks/{webhook['id']}"
    ada, _ = scim.a_user("ada")["id"], scim.a_user("bob")
    receiver.respond = lambda event: 400 if event["data"]["subject"] == ada else 204
    for _ in range(14):
        push()
        manual_clock.advance(seconds=24 * 3600)
    [letter] = operator("GET", f"{path}/dead-letters").body["items"]
    assert ada in letter["object"]

    receiver.respond = lambda _: 204
    assert operator("POST", f"{path}/replay", {"dead_letters": True}).status == 204
    push()
    assert receiver.accepted[-1]["id"] == letter["event"]
    assert operator("GET", f"{path}/dead-letters").body["items"] == []
    assert push() == {}


def test_what_was_given_up_of_one_object_is_sent_again_in_order(
    webhook, operator, scim, receiver, push, manual_clock
):
    """The oldest first, though each goes before what waits."""
    ada = scim.a_user("ada")["id"]
    change = {"Operations": [{"op": "replace", "path": "title", "value": "Dr"}]}
    scim("PATCH", f"/Users/{ada}", change)
    scim.a_user("bob")
    receiver.respond = lambda event: 400 if event["data"]["subject"] == ada else 204
    for _ in range(27):
        push()
        manual_clock.advance(seconds=24 * 3600)
    path = f"/admin/webhooks/{webhook['id']}"
    assert len(operator("GET", f"{path}/dead-letters").body["items"]) == 2

    receiver.respond = lambda _: 204
    operator("POST", f"{path}/replay", {"dead_letters": True})
    push()
    assert [event["data"]["version"] for event in receiver.accepted[-2:]] == [1, 2]


@dataclass
class Replaying:
    """Replays what was given up, then sends."""

    replay: Callable[[], object]
    sent: int = 0

    def send(self, request, **options):
        """Do both."""
        self.replay()
        self.sent += 1
        return OutboundClient(allow_loopback=True).send(request, **options)


def test_a_replay_during_a_delivery_is_not_lost(
    webhook, operator, scim, receiver, push, manual_clock
):
    """The process that sends has read what waits before the replay, and writes nothing over it."""
    ada, _ = scim.a_user("ada")["id"], scim.a_user("bob")
    receiver.respond = lambda event: 400 if event["data"]["subject"] == ada else 204
    for _ in range(14):
        push()
        manual_clock.advance(seconds=24 * 3600)
    scim("DELETE", f"/Users/{ada}")
    push()
    manual_clock.advance(seconds=61)
    receiver.accepted.clear()
    receiver.respond = lambda _: 204
    replay = f"/admin/webhooks/{webhook['id']}/replay"
    push(Replaying(lambda: operator("POST", replay, {"dead_letters": True})))
    push()
    assert "passerelle.user.created" in [each["type"] for each in receiver.accepted]


def test_what_is_replayed_is_sent_by_one_process_at_a_time(webhook, operator, scim, receiver, push):
    """The one that sends at that moment comes to its end before the next one begins."""
    ada = scim.a_user("ada")["id"]
    replay = f"/admin/webhooks/{webhook['id']}/replay"
    during = Replaying(
        lambda: (operator("POST", replay, {"after": "0.0.0"}), push(Replaying(list)))
    )
    assert push(during) == {webhook["id"]: True}
    assert during.sent == len(receiver.requests) == 1, "nobody else has sent meanwhile"

    push()
    assert [each["data"].get("subject") for each in receiver.accepted].count(ada) == 2


def test_an_event_does_not_age_while_the_receiver_is_down(
    webhook, operator, scim, receiver, push, manual_clock
):
    """Its three days are those in which the receiver accepts others."""
    ada, _ = scim.a_user("ada")["id"], scim.a_user("bob")
    receiver.respond = lambda event: 500 if event["data"]["subject"] == ada else 204
    push()
    receiver.respond = lambda _: 503
    for _ in range(30):
        manual_clock.advance(seconds=24 * 3600)
        push()
    assert operator("GET", f"/admin/webhooks/{webhook['id']}/dead-letters").body["items"] == []

    receiver.respond = lambda _: 204
    manual_clock.advance(seconds=3600)
    push()
    assert receiver.accepted[-1]["data"]["subject"] == ada


def test_a_failing_event_ages_while_others_are_accepted(
    webhook, operator, scim, receiver, push, manual_clock
):
    """Also where it fails with an error of the receiver's own, and the others come in between."""
    ada, bob = scim.a_user("ada")["id"], scim.a_user("bob")["id"]
    receiver.respond = lambda event: 500 if event["data"]["subject"] == ada else 204
    for number in range(14):
        change = {"Operations": [{"op": "replace", "path": "title", "value": f"{number}"}]}
        scim("PATCH", f"/Users/{bob}", change)
        push()
        manual_clock.advance(seconds=24 * 3600)
    [letter] = operator("GET", f"/admin/webhooks/{webhook['id']}/dead-letters").body["items"]
    assert ada in letter["object"]


def test_what_waits_and_is_no_longer_in_the_feed_is_listed(
    webhook, operator, scim, receiver, push, manual_clock
):
    """As a dead letter without the event's id: the SaaS compares by the digest."""
    ada, _ = scim.a_user("ada")["id"], scim.a_user("bob")
    receiver.respond = lambda event: 400 if event["data"]["subject"] == ada else 204
    push()
    cursor = operator("GET", f"/admin/webhooks/{webhook['id']}").body["cursor"]
    dynamodb, table = boto3.client("dynamodb"), ENVIRONMENT["TABLE_NAME"]
    batch = {"PK": {"S": f"E#B#{cursor.partition('.')[0]}"}, "SK": {"S": "#"}}
    dynamodb.delete_item(TableName=table, Key=batch)
    manual_clock.advance(seconds=61)
    push()

    [letter] = operator("GET", f"/admin/webhooks/{webhook['id']}/dead-letters").body["items"]
    assert (letter["event"], ada in letter["object"]) == (None, True)
    assert push() == {}


def test_too_many_events_of_one_object_are_given_up_from_the_oldest_on(
    webhook, operator, scim, receiver, push, services
):
    """An item of the table has an end; the newest say as much."""
    ada, bob = scim.a_user("ada")["id"], scim.a_user("bob")["id"]
    receiver.respond = lambda event: 500 if event["data"]["subject"] == ada else 204
    push()
    items = services.table.namespace(
        grants.webhook_management(), Deadline.after(60, services.table.clock)
    )
    [item] = items.query(WebhookKeys(webhook["id"]).all_waiting())
    places = [f"0.{number}" for number in range(MAX_PLACES)]
    items.commit([Update(key_of(item), set={"places": places})])
    for uid in (ada, bob):
        change = {"Operations": [{"op": "replace", "path": "title", "value": "Dr"}]}
        scim("PATCH", f"/Users/{uid}", change)
    push()

    [after] = items.query(WebhookKeys(webhook["id"]).all_waiting())
    assert after["places"][:-1] == places[PAGE:]
    letters = operator("GET", f"/admin/webhooks/{webhook['id']}/dead-letters?limit=100").body
    assert len(letters["items"]) == PAGE


@dataclass
class Meanwhile:
    """A clock's chance whose first use lets another request come first."""

    request: Callable[[], object] | None
    random: Random

    def getrandbits(self, bits):
        """Send the other request, once."""
        request, self.request = self.request, None
        if request is not None:
            request()
        return self.random.getrandbits(bits)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("POST", "/rotate", None), ("POST", "/rotate", None)),
        (("PATCH", "", {"types": ["team"]}), ("PATCH", "", {"state": "paused"})),
        (("PATCH", "", {"types": ["team"]}), ("POST", "/rotate", None)),
    ],
)
def test_of_two_changes_at_once_one_is_told_so(webhook, operator, services, first, second):
    """Neither writes back what the other has changed, and no secret was shown in vain."""
    path = f"/admin/webhooks/{webhook['id']}"
    (method, rest, body), (other_method, other_rest, other_body) = first, second
    others = []
    meanwhile = Meanwhile(
        lambda: others.append(operator(method, f"{path}{rest}", body)), services.table.clock.random
    )
    clock = replace(services.table.clock, random=meanwhile)
    slow = build(replace(services, table=replace(services.table, clock=clock)))
    late = api_client(slow, OPERATOR_KEY)(other_method, f"{path}{other_rest}", other_body)

    assert (late.status, others[0].status < 300) == (409, True)
    assert "at the same time" in late.body["detail"]


@dataclass
class Hanging:
    """Accepts nothing; each attempt takes ten seconds."""

    clock: ManualClock

    def send(self, *_: object, **__: object):
        """Wait in vain."""
        self.clock.advance(seconds=10)
        raise Unreachable


def test_a_receiver_that_hangs_is_waited_for(webhook, operator, scim, push, manual_clock):
    """Though no time is left after the first attempt: the cursor stays, so nothing is given up."""
    path = f"/admin/webhooks/{webhook['id']}"
    before = operator("GET", path).body["cursor"]
    scim.a_user("ada")
    scim.a_user("bob")
    push(Hanging(manual_clock), seconds=20)

    shown = operator("GET", path).body
    assert (shown["cursor"], shown["failures"]) == (before, 1)


def test_what_there_was_no_time_for_has_not_failed(webhook, scim, receiver, push, manual_clock):
    """It is not given up: its attempts are those that were made."""
    users = [scim.a_user(f"u{number}")["id"] for number in range(12)]
    scim("POST", "/Groups", {"displayName": "E"})
    receiver.respond = lambda event: 204 if event["data"]["type"] == "team" else 500
    push()
    manual_clock.advance(seconds=61)
    push(Hanging(manual_clock), seconds=20)

    receiver.requests.clear()
    push()
    assert 0 < len(receiver.requests) < len(users), "those that were attempted wait for longer"


def test_a_change_does_not_write_back_the_secret_before(
    webhook, operator, scim, receiver, push, services
):
    """Of a rotation between its reading and its writing."""
    deadline = Deadline.after(60, services.table.clock)
    items = services.table.namespace(grants.webhook_management(), deadline)
    before = webhooks.get(items, webhook["id"])
    rotated = operator("POST", f"/admin/webhooks/{webhook['id']}/rotate").body["secret"]
    key = WebhookKeys(webhook["id"]).own_item
    assert items.try_commit([update(key, replace(before, state="active"), EXISTS)]) is None
    scim.a_user("ada")
    push()
    assert verified(receiver, rotated)


def test_everything_can_be_sent_again_from_a_cursor(webhook, operator, scim, receiver, push):
    """With the same ids, so that a receiver knows what it had."""
    scim.a_user("ada")
    push()
    path = f"/admin/webhooks/{webhook['id']}"
    first = list(receiver.accepted)
    assert operator("POST", f"{path}/replay", {"after": "0.0.0"}).status == 204
    push()

    ids = [each["id"] for each in receiver.accepted]
    assert ids.count(first[0]["id"]) == 2
    assert len(ids) > 2, "also what was before the webhook"


@pytest.mark.parametrize("after", ["99.0.0", "0.0.a", "x"])
def test_a_cursor_that_the_feed_has_not_is_rejected(webhook, operator, scim, push, after):
    """It would pause the webhook at the next event, and nobody would know why."""
    scim.a_user("ada")
    push()
    path = f"/admin/webhooks/{webhook['id']}"
    before = operator("GET", path).body["cursor"]

    assert operator("POST", f"{path}/replay", {"after": after}).status == 400
    assert operator("GET", path).body["cursor"] == before


@pytest.mark.parametrize("unknown", ["LIST", "x" * 1100, "%20", "a%23b"])
def test_an_unknown_webhook_is_not_found(webhook, operator, unknown):
    """Whatever its id looks like."""
    for method, rest in (("GET", ""), ("POST", "/rotate"), ("GET", "/deliveries")):
        assert operator(method, f"/admin/webhooks/{unknown}{rest}").status == 404


def test_a_webhook_gets_the_types_and_organisations_that_it_asks_for(
    operator, scim, receiver, push
):
    """Its cursor passes the others."""
    push()
    made = operator("POST", "/admin/webhooks", {"url": receiver.url, "types": ["team"]}).body
    scim.a_user("ada")
    scim("POST", "/Groups", {"displayName": "E"})
    push()
    assert [each["type"] for each in receiver.accepted] == ["passerelle.team.created"]

    elsewhere = {"types": [], "organisations": ["aaaaaaaaaa"]}
    operator("PATCH", f"/admin/webhooks/{made['id']}", elsewhere)
    scim.a_user("bob")
    push()
    assert len(receiver.accepted) == 1


def test_deliveries_say_what_came_back_and_never_what_it_said(
    webhook, operator, scim, receiver, push
):
    """Status, length and duration of each attempt."""
    receiver.respond = lambda _: 418
    scim.a_user("ada")
    push()
    [shown] = operator("GET", f"/admin/webhooks/{webhook['id']}/deliveries").body["items"]

    assert (shown["status"], shown["length"], shown["error"]) == (418, 0, None)


def test_a_test_event_is_sent_at_once(webhook, operator, receiver):
    """Before anything happens: the receiver's check of signatures can be tried."""
    shown = operator("POST", f"/admin/webhooks/{webhook['id']}/test").body

    assert shown["status"] == 204
    assert verified(receiver, webhook["secret"]) == ["passerelle.test.sent"]


def test_a_test_that_is_accepted_ends_the_pause(webhook, operator, scim, receiver, push):
    """A receiver that is back need not wait for the next attempt, which is up to an hour away."""
    receiver.respond = lambda _: 503
    scim.a_user("ada")
    push()
    operator("POST", f"/admin/webhooks/{webhook['id']}/test")
    receiver.respond = lambda _: 204
    push()
    assert receiver.accepted == []

    operator("POST", f"/admin/webhooks/{webhook['id']}/test")
    push()
    assert len(receiver.accepted) == 2


@pytest.fixture
def waiting(webhook, operator, scim, receiver, push, manual_clock):
    """Let a user's event wait for an hour, since the receiver was down; returns the test's path."""
    ada, _ = scim.a_user("ada")["id"], scim.a_user("bob")
    receiver.respond = lambda event: 500 if event["data"]["subject"] == ada else 204
    push()
    receiver.respond = lambda _: 503
    for _ in range(8):
        manual_clock.advance(seconds=3601)
        push()
    manual_clock.advance(seconds=1)
    receiver.accepted.clear()
    receiver.respond = lambda _: 204
    return f"/admin/webhooks/{webhook['id']}/test"


def test_a_test_that_is_accepted_wakes_what_waits_by_itself(waiting, operator, receiver, push):
    """Before, it came up to an hour after the others: a leaver kept their access so long."""
    push()
    assert receiver.accepted == []

    operator("POST", waiting)
    push()
    types = [each["type"] for each in receiver.accepted]
    assert types == ["passerelle.test.sent", "passerelle.user.created"]


def test_tests_do_not_bring_the_end_of_what_waits_nearer(
    waiting, operator, receiver, push, manual_clock
):
    """A consumer that starts again and again because of an event does not lose it."""
    receiver.respond = lambda event: 204 if event["data"]["type"] == "test" else 400
    for _ in range(14):
        operator("POST", waiting)
        push()
        manual_clock.advance(seconds=60)

    dead = waiting.replace("/test", "/dead-letters")
    assert operator("GET", dead).body["items"] == []


@dataclass
class Down:
    """Accepts nothing; during the first attempt something else happens."""

    meanwhile: Callable[[], object] | None

    def send(self, *_: object, **__: object):
        """Let it happen, and fail."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        raise Unreachable


def test_a_test_during_an_attempt_ends_the_pause_too(
    webhook, operator, scim, receiver, push, manual_clock
):
    """The process that has just failed does not write another pause over it."""
    receiver.respond = lambda _: 503
    scim.a_user("ada")
    for _ in range(8):
        push()
        manual_clock.advance(seconds=3600)
    receiver.respond = lambda _: 204
    push(Down(lambda: operator("POST", f"/admin/webhooks/{webhook['id']}/test")))

    push()
    assert len(receiver.accepted) == 2


class KilledByTest(BaseException):
    """The process was killed."""


def killed(*_: object, **__: object):
    """Die."""
    raise KilledByTest


class Killed:
    """Dies in the middle of a request."""

    send = staticmethod(killed)


def test_one_process_sends_at_a_time_and_a_killed_one_is_succeeded(
    webhook, scim, receiver, push, manual_clock
):
    """Its lease ends a minute after it was acquired; until then nobody else sends."""
    scim.a_user("ada")
    with pytest.raises(KilledByTest):
        push(Killed())
    push()
    assert receiver.accepted == []

    manual_clock.advance(seconds=61)
    push()
    assert len(receiver.accepted) == 1


PRIVATE = [
    "http://example.com/",
    "https://example.com:8443/",
    "https://user@example.com/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://203.0.113.7/",
    "https://240.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "https:///path",
    "https://",
    "//example.com/",
    "javascript:alert(1)",
    "https://example.com:0x50/",
    "https://example.com:443@127.0.0.1/",
    "https://a..example.com/",
    f"https://{'a' * 64}.example.com/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_only_public_addresses_are_accepted(services, url):
    """https, port 443, and no name or number that leads into a network of ours."""
    outbound = OutboundClient()
    operator = api_client(build(replace(services, outbound=outbound)), OPERATOR_KEY)
    response = operator("POST", "/admin/webhooks", {"url": url})

    assert response.status == 400
    assert operator("GET", "/admin/webhooks").body["items"] == []


def test_a_name_that_leads_elsewhere_later_is_not_followed(services):
    """It is resolved at each request, and every address must be public."""
    answers = [["93.184.215.14"], ["93.184.215.14", "10.0.0.1"]]
    outbound = OutboundClient(resolve=lambda *_: answers.pop(0))
    operator = api_client(build(replace(services, outbound=outbound)), OPERATOR_KEY)
    made = operator("POST", "/admin/webhooks", {"url": "https://example.com/hook"})
    assert made.status == 201

    shown = operator("POST", f"/admin/webhooks/{made.body['id']}/test").body
    assert (shown["status"], shown["error"]) == (None, "not allowed")
