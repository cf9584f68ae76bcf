"""A webhook that leads to an SQS FIFO queue: the same events, in the order of each object."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from app import build
from chalicelib.queues import QueueClient
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import pushing, with_stream

NOWHERE = "arn:aws:sqs:eu-west-1:123456789012:nowhere.fifo"


@pytest.fixture
def services(services, dynamodb):
    """Deploy with a stream."""
    return with_stream(services, dynamodb)


@dataclass
class Queue:
    """A queue of moto."""

    url: str
    arn: str

    def messages(self):
        """Receive all that is there; returns the attributes and the event of each."""
        asked = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
        found = []
        while (
            some := boto3.client("sqs").receive_message(QueueUrl=self.url, **asked).get("Messages")
        ):
            found += [(each["Attributes"], json.loads(each["Body"])) for each in some]
            for each in some:
                boto3.client("sqs").delete_message(
                    QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"]
                )
        return found


@pytest.fixture
def queue(aws):
    """Create a FIFO queue."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return Queue(url, asked["Attributes"]["QueueArn"])


def test_events_arrive_in_the_order_of_their_objects(operator, scim, services, queue):
    """The group of a message is its object, and its deduplication id that of the event."""
    push = pushing(services)
    push()
    made = operator("POST", "/admin/webhooks", {"queue": queue.arn})
    assert (made.status, made.body["secret"]) == (201, None)
    ada = scim.a_user("ada")["id"]
    scim("POST", "/Groups", {"displayName": "E", "members": [{"value": ada}]})
    scim("DELETE", f"/Users/{ada}")
    assert push() == {made.body["id"]: False}

    messages = queue.messages()
    of_ada = [event["data"]["action"] for _, event in messages if event["subject"].endswith(ada)]
    # The stream has shards: a membership, which is an object of its own, may come before its user.
    for of_one in (["created", "deleted"], ["added", "removed"]):
        assert [action for action in of_ada if action in of_one] == of_one
    for attributes, event in messages:
        assert attributes["MessageGroupId"] == event["subject"]
        assert attributes["MessageDeduplicationId"] == event["id"]


def test_what_is_replayed_at_once_arrives_once(operator, scim, services, queue):
    """SQS remembers the id of an event for five minutes."""
    push = pushing(services)
    push()
    webhook = operator("POST", "/admin/webhooks", {"queue": queue.arn}).body["id"]
    path = f"/admin/webhooks/{webhook}"
    before = operator("GET", path).body["cursor"]
    scim.a_user("ada")
    push()
    assert operator("POST", f"{path}/replay", {"after": before}).status == 204
    push()

    assert len(operator("GET", f"{path}/deliveries").body["items"]) == 2
    assert len(queue.messages()) == 1


def test_a_queue_that_is_not_there_is_waited_for(operator, scim, services, queue, manual_clock):
    """Its deliveries say why; nothing is lost when it is."""
    push = pushing(services)
    push()
    arn = queue.arn.replace("events.fifo", "later.fifo")
    webhook = operator("POST", "/admin/webhooks", {"queue": arn}).body["id"]
    scim.a_user("ada")
    push()
    [tried] = operator("GET", f"/admin/webhooks/{webhook}/deliveries").body["items"]
    assert (tried["status"], "NonExistentQueue" in tried["error"]) == (None, True)

    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="later.fifo", Attributes={"FifoQueue": "true"})
    manual_clock.advance(seconds=61)
    push()
    newest = operator("GET", f"/admin/webhooks/{webhook}/deliveries").body["items"][0]
    assert newest["status"] == 200


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "to who"}}, "SendMessage")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (DENIED, "AccessDenied"),
        (EndpointConnectionError(endpoint_url="https://sqs"), "unreachable"),
    ],
)
def test_a_test_event_says_what_the_queue_said(services, fault, error):
    """The code alone: a permission that is missing, or no connection."""

    def send_message(**_):
        raise fault

    meta = SimpleNamespace(endpoint_url="https://sqs.eu-west-1.amazonaws.com")
    failing = QueueClient(lambda _: SimpleNamespace(meta=meta, send_message=send_message))
    operator = api_client(build(replace(services, queues=failing)), OPERATOR_KEY)
    webhook = operator("POST", "/admin/webhooks", {"queue": NOWHERE}).body["id"]
    shown = operator("POST", f"/admin/webhooks/{webhook}/test").body

    assert (shown["status"], shown["error"]) == (None, error)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"queue": NOWHERE, "url": "https://example.com/"},
        {"queue": NOWHERE.removesuffix(".fifo")},
        {"queue": NOWHERE.replace("sqs", "sns")},
        {"queue": NOWHERE.replace("123456789012", "1")},
        {"queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/nowhere.fifo"},
        {"queue": NOWHERE.replace("nowhere", "no/where")},
        {"queue": f"{NOWHERE}\n"},
    ],
)
def test_what_is_no_fifo_queue_is_rejected(operator, body):
    """Another queue keeps no order."""
    assert operator("POST", "/admin/webhooks", body).status == 400


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("POST", "/rotate", None), ("PATCH", "", {"url": "http://127.0.0.1:9/"})],
)
def test_a_queue_has_neither_secret_nor_url(operator, method, rest, body):
    """It says what to do instead."""
    webhook = operator("POST", "/admin/webhooks", {"queue": NOWHERE}).body["id"]

    assert operator(method, f"/admin/webhooks/{webhook}{rest}", body).status == 409
