"""Which records of the stream reach the function of events: all that are, few that are not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app import build
from chalicelib.events.stream_records import events_of
from dev.release import event_source, stages
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.every_request import a_side, fresh, requests_of
from tests.support.routes import all_routes
from tests.support.table_stream import reader_of, with_stream

# An account may have so many for a function, each of so many characters.
MAX_FILTERS, MAX_CHARACTERS = 5, 4_096
SETTINGS = ("C#", "L#", "H#")
PATTERNS = [
    json.loads(each["Pattern"])
    for each in event_source.mapping("a queue")["FilterCriteria"]["Filters"]
]


def holds(rule, value):
    """Tell whether a value follows one rule of Lambda's syntax."""
    if "exists" in rule:
        return (value is not None) is rule["exists"]
    return isinstance(value, str) and value.startswith(rule["prefix"])


def matches(pattern, value):
    """Tell whether a document has all that a pattern names."""
    found = value if isinstance(value, dict) else {}
    return all(
        any(holds(rule, found.get(name)) for rule in wanted)
        if isinstance(wanted, list)
        else matches(wanted, found.get(name))
        for name, wanted in pattern.items()
    )


def comes_through(record):
    """Tell whether Lambda gives a record to the function."""
    return any(matches(pattern, record) for pattern in PATTERNS)


def image(pk, sk, new=None, old=None):
    """Write a record as Lambda sees it; an image is the names of its attributes."""
    images = {"NewImage": new, "OldImage": old}
    written = {
        name: {each: {"S": "x"} for each in names}
        for name, names in images.items()
        if names is not None
    }
    return {"dynamodb": {"Keys": {"PK": {"S": pk}, "SK": {"S": sk}}, **written}}


UID, GID = "0" * 32, "f" * 32
IMAGES = [
    ("a user is created", image("S#c#U", UID, new=("doc",)), True),
    ("a user is changed", image("S#c#U", UID, ("doc",), ("doc",)), True),
    ("a user is deleted", image("S#c#U", UID, old=("doc",)), True),
    ("a group is created", image("S#c#G", GID, new=("doc",)), True),
    ("a group is deleted", image("S#c#G", GID, old=("doc",)), True),
    ("a user joins a group", image("S#c#U", f"{UID}#{GID}", new=("since",)), True),
    ("a user leaves a group", image("S#c#U", f"{UID}#{GID}", old=("since",)), True),
    ("an account is linked", image("L#o", UID, new=("account",)), True),
    ("a connection is created", image("C#o", "N#c", new=("provider",)), True),
    ("a connection is deleted", image("C#o", "N#c", old=("provider",)), True),
    ("a link is opened", image("C#o#V", "L#1", ("openings",), ("name",)), True),
    ("an alert is raised", image("H#C", "xl6yheq2zooa3w3c", ("alerts",), ("v",)), True),
    ("the member's own item", image("S#c#M", f"{GID}#{UID}", new=()), False),
    ("a userName", image("S#c#K#un#1", "#", new=("uid",)), False),
    ("a request is logged", image("S#c#L#2027-01-31", "01J", new=("at", "method")), False),
    ("requests are counted", image("S#c#H", "2027-01-31T12", ("n",), ("n",)), False),
    ("a rate is counted", image("S#c#B", "requests", ("n",), ("n",)), False),
    ("a change is noted", image("S#c#F#2027-01-31", "01J", new=("change_type",)), False),
    ("a session is used", image("C#o#V", "S#1", ("last_used",), ("last_used",)), False),
    ("the feed grows", image("E#B#7", "#", new=("events",)), False),
    ("the feed's end moves", image("E#HEAD", "#", ("n",), ("n",)), False),
    ("a delivery is noted", image("W#1#L", "01J", new=("event",)), False),
    ("a change is pending", image("O#1", "2027", new=("change_type",)), False),
]


@pytest.mark.parametrize(("what", "record", "wanted"), IMAGES, ids=[each[0] for each in IMAGES])
def test_the_filter_knows_what_may_be_an_event(what, record, wanted):
    """What the function would ignore costs nothing where Lambda does not invoke it."""
    assert comes_through(record) is wanted


@pytest.fixture
def written(services, dynamodb):
    """Send every request of the app to an organisation; returns what the stream has of it."""
    services = with_stream(services, dynamodb)
    side, send = a_side(services, "told"), api_client(build(services))
    for number, request in enumerate(requests_of(all_routes())):
        target, body = request.filled({**side.values, **fresh(number)})
        principal = side.token if request.route.is_scim else OPERATOR_KEY
        send.with_credential(principal)(request.route.method, target, body)
    return [record for records in reader_of(services).read() for record in records]


def test_every_event_comes_through_and_nothing_else_of_a_directory(written):
    """Of what providers write, the function gets what is an event, or changes such an item."""
    told = [record for record in written if [*events_of(record)]]
    others = [record for record in written if record not in told and comes_through(record)]
    of_directories = {
        (record["dynamodb"]["Keys"]["PK"]["S"].rpartition("#")[2])
        for record in others
        if not record["dynamodb"]["Keys"]["PK"]["S"].startswith(SETTINGS)
    }

    assert {event.type for record in told for event in events_of(record)} >= {"user", "team"}
    assert [record for record in told if not comes_through(record)] == []
    assert of_directories <= {"U", "G"}


def test_a_quota_of_filters_is_kept():
    """Lambda rejects a sixth filter, and one that is too long."""
    filters = event_source.mapping("a queue")["FilterCriteria"]["Filters"]

    assert len(filters) <= MAX_FILTERS
    assert all(len(each["Pattern"]) <= MAX_CHARACTERS for each in filters)


class Functions:
    """Lambda, with the mappings that a test gives it."""

    class exceptions:  # noqa: N801 - as boto3 names it
        """The errors that are looked for."""

        ResourceNotFoundException = KeyError

    def __init__(self, mappings: list[dict[str, str]]) -> None:
        """Have these and no others."""
        self.mappings = mappings

    def list_event_source_mappings(self, **_: str) -> dict[str, list[dict[str, str]]]:
        """List them."""
        return {"EventSourceMappings": self.mappings}


ON = {"EventSourceArn": "arn:new", "State": "Enabled", "LastProcessingResult": "OK"}
MAPPINGS = [
    ([ON], None),
    ([], "does not read the stream arn:new"),
    ([{**ON, "EventSourceArn": "arn:old"}], "does not read the stream arn:new"),
    ([{**ON, "State": "Disabled"}], "is Disabled"),
    ([{**ON, "LastProcessingResult": "PROBLEM: Function call failed"}], "PROBLEM"),
]


@pytest.mark.parametrize(("mappings", "said"), MAPPINGS)
def test_the_smoke_test_tells_whether_the_stream_runs(mappings, said):
    """Otherwise a SaaS would wait for events that nobody makes."""
    stage = replace(stages.read("dev"), stream_arn="arn:new")

    found = "\n".join(event_source.faults(Functions(mappings), stage))

    assert (said or "") in found
    assert bool(found) is (said is not None)
