"""The log says what failed and where, and nothing of anybody."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from chalicelib.api import edge
from chalicelib.api.admin.problems import problem
from chalicelib.api.edge import Request
from chalicelib.observability import log_fault, record, record_deadline

ADA = "ada@example.com"
OPERATE = Path(__file__).parents[1] / "docs" / "operate.md"
# In a function powertools adds it to each line.
OF_LAMBDA = {"function_request_id"}


def plain(_):
    """Quote a value as Python itself does."""
    raise KeyError(ADA)


def chained(_):
    """Quote it in what caused the error."""
    try:
        plain(None)
    except KeyError as error:
        raise ValueError(f"no {ADA}") from error


def during(_):
    """Quote it in an error that came while another one was handled."""
    try:
        plain(None)
    except KeyError:
        raise RuntimeError(ADA)  # noqa: B904 - it is what is tested


def noted(_):
    """Quote it in a note of the error."""
    error = OSError(2, ADA, ADA)
    error.add_note(ADA)
    raise error


FAULTS = [
    (plain, ["KeyError"]),
    (chained, ["ValueError", "KeyError"]),
    (during, ["RuntimeError", "KeyError"]),
    (noted, ["FileNotFoundError"]),
]


@pytest.mark.parametrize(("fault", "types"), FAULTS)
def test_an_unforeseen_fault_is_logged_by_types_and_frames(fault, types, caplog):
    """Its text may have a value of a user in it; so has the response nothing of it."""
    response = edge.respond(fault, problem, Request("GET", "https://x", "request-1"))

    [record] = [each for each in caplog.records if each.message == "unforeseen fault"]
    assert record.exception == types
    assert any(fault.__name__ in frame for frame in record.frames)
    assert record.request_id == "request-1"
    assert ADA not in json.dumps(record.__dict__, default=str)
    assert ADA not in str(response.document)


def test_a_chain_that_leads_back_ends(caplog):
    """Two errors may name each other."""
    one, two = ValueError("1"), KeyError("2")
    one.__cause__, two.__cause__ = two, one

    log_fault("round", one)

    assert caplog.records[-1].exception == ["ValueError", "KeyError"]


def test_the_query_of_the_page_has_the_fields_of_a_requests_line(caplog):
    """With the id of a request alone there is no other way to it."""
    query = r"`fields @timestamp, ([\w, ]+) \\\| filter (\w+) = "
    ((fields, name),) = re.findall(query, OPERATE.read_text(encoding="utf-8"))

    record("GET", "/health", 200, 5, request_id="r-1")

    line = caplog.records[-1].__dict__
    assert {*fields.split(", "), name} - OF_LAMBDA <= line.keys()
    assert line[name] == "r-1"


def test_a_metric_says_which_stage_it_is_of(capsys):
    """Stages of one account share the namespace: an alarm of prod would ring for dev."""
    record("GET", "/health", 200, 5, request_id="r-1")
    record_deadline("/health", "abcdefghij", "r-1")

    written = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "_aws" in each]

    assert [each["stage"] for each in written] == [os.environ["STAGE"]] * 2
    directives = [each["_aws"]["CloudWatchMetrics"][0] for each in written]
    assert all(["stage", "service"] in each["Dimensions"] for each in directives)
