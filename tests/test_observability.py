"""The log says what failed and where, and nothing of anybody."""

from __future__ import annotations

import json

import pytest

from chalicelib.api import edge
from chalicelib.api.admin.problems import problem
from chalicelib.api.edge import Request
from chalicelib.observability import log_fault

ADA = "ada@example.com"


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
