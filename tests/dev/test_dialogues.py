"""A corpus that could not fail would prove nothing: how its expectations are compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.api.admin.dialogue_player import Request, Response, Step, differences
from dev.play.corpus_files import Dialogue, load, play

SCHEMAS = {"schemas": ["urn:example"]}


def a_dialogue(*steps: dict[str, Any]) -> Dialogue:
    """Write a dialogue of steps that have a method, a path and a status anyway."""
    usual = {"method": "GET", "path": "/Users", "status": 200}
    made = tuple(Step.model_validate({**usual, **step}) for step in steps)
    return Dialogue(row="1.1 Example", title="An example", source="here", steps=made)


def answering(*documents: Any, status: int = 200) -> Callable[[Request], Response]:
    """Respond with one document after the other."""
    left = iter(documents)
    return lambda _: Response(status, "application/scim+json", next(left))


EQUAL = [
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": None}, {"b": 2}),
    ({"a": "*"}, {"a": {"anything": True}}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}),
    ({"a": [1, "..."]}, {"a": [3, 1, 2]}),
    ({"a": []}, {"a": []}),
]

DIFFERENT = [
    ({"a": 1}, {"a": 2}, "body.a is 2 instead of 1"),
    ({"a": 1}, {}, "body.a is missing"),
    ({"a": "*"}, {}, "body.a is missing"),
    ({"a": None}, {"a": None}, "body.a should not be there: null"),
    ({"a": True}, {"a": 1}, "body.a is 1 instead of true"),
    ({"a": 1}, {"a": "1"}, 'body.a is "1" instead of 1'),
    ({"a": []}, {"a": [1]}, "body.a has more than is expected: [1]"),
    ({"a": [1]}, {"a": [1, 1]}, "body.a has more than is expected: [1]"),
    ({"a": [1, 1]}, {"a": [1, 2]}, "body.a has no 1: [1, 2]"),
    ({"a": [1, "..."]}, {"a": [2]}, "body.a has no 1: [2]"),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, "body.a.b is 2 instead of 1"),
    ({"a": 1}, None, 'body is null instead of {"a": 1}'),
]


@pytest.mark.parametrize(("expected", "found"), EQUAL)
def test_an_expectation_names_what_matters(expected, found):
    """A client reads some attributes, and the others may come and go."""
    assert differences(expected, found) == []


@pytest.mark.parametrize(("expected", "found", "said"), DIFFERENT)
def test_a_difference_is_reported_with_its_place(expected, found, said):
    """True is not 1, and one element does not stand for two."""
    assert differences(expected, found) == [said]


def test_what_a_step_captures_is_sent_by_the_next():
    """A server chooses ids, so no file can hold them."""
    sent: list[Request] = []

    def send(request: Request) -> Response:
        sent.append(request)
        return Response(200, "application/scim+json", {**SCHEMAS, "id": "7"})

    second = {"path": "/Users/${user}", "query": "filter=id+eq+${user}", "body": {"v": ["${user}"]}}
    dialogue = a_dialogue({"capture": {"user": "id"}}, second)

    assert play(dialogue, send) == []
    assert sent[1].target == "/Users/7?filter=id+eq+7"
    assert json.loads(sent[1].body) == {"v": ["7"]}


def test_a_dialogue_ends_at_its_first_fault():
    """What comes after it would only say the same in other words."""
    dialogue = a_dialogue({"expected": {"id": "1"}}, {"expected": {"id": "2"}})

    faults = play(dialogue, answering({**SCHEMAS, "id": "x"}))

    assert faults == ['step 1, GET /Users: body.id is "x" instead of "1"']


def test_a_wrong_status_is_reported_with_the_body():
    """The body of an error says why."""
    faults = play(a_dialogue({"status": 201}), answering({"detail": "why"}))

    assert faults == ['step 1, GET /Users: status 200 instead of 201: {"detail": "why"}']


def test_what_cannot_be_captured_is_a_fault():
    """Entra cannot use a response without an id."""
    faults = play(a_dialogue({"capture": {"user": "Resources.0.id"}}), answering(SCHEMAS))

    assert faults == [f"step 1, GET /Users: Resources.0.id is not in {json.dumps(SCHEMAS)}"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**SCHEMAS, "a": [{"b": None}]}, "a.0.b is null"),
        ({"a": 1}, "the body is not a SCIM object with schemas"),
        ([], "the body is not a SCIM object with schemas"),
        ({**SCHEMAS, "status": 400}, "status is not a string (RFC 7644 section 3.12)"),
        ({**SCHEMAS, "meta": {"resourceType": "User"}}, "a resource without an id"),
        (
            {**SCHEMAS, "Resources": [{"meta": {"resourceType": "Group"}}]},
            "a resource without an id",
        ),
    ],
)
def test_shapes_that_entra_cannot_read_are_faults_everywhere(document, said):
    """Entra gives the whole job up at one of these, so no file need ask for them."""
    assert play(a_dialogue({}), answering(document)) == [f"step 1, GET /Users: {said}"]


def test_a_body_of_another_type_is_a_fault():
    """Entra wants application/scim+json on errors too."""
    faults = play(a_dialogue({}), lambda _: Response(200, "application/json", SCHEMAS))

    assert faults == [
        "step 1, GET /Users: Content-Type 'application/json' instead of application/scim+json"
    ]


def test_a_mistyped_field_of_a_file_is_rejected(tmp_path):
    """`expect` for `expected` would expect nothing, for good."""
    step = {"method": "GET", "path": "/Users", "status": 200, "expect": {}}
    document = {"row": "r", "title": "t", "source": "s", "steps": [step]}
    (tmp_path / "one.json").write_text(json.dumps(document))

    with pytest.raises(ValidationError, match="expect"):
        load(tmp_path)
