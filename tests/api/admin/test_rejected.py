"""Rejected administrative requests, by reason, where an admin sees them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import build
from chalicelib.organisations.rejected_requests import EXPLANATIONS
from tests.support.builders import a_customer, a_link, a_session, api_client, exchanged
from tests.support.invariants import read_all

LIBRARY = Path("chalicelib")
# Reasons of authentication, of the rate, and of a path that is not there for the principal.
ELSEWHERE = {"credential", "rate", "foreign"}


@pytest.fixture
def customer(services):
    """Make an organisation with a connection."""
    return a_customer(services)


@pytest.fixture
def path(customer):
    """Give the path of the organisation."""
    return f"/admin/organisations/{customer.organisation}"


def counted(operator, path):
    """Read what was rejected: count by reason."""
    return {each["reason"]: each["count"] for each in operator("GET", path).body["rejected"]}


def sessions_of(services, customer):
    """Make a credential of each type that may be rejected at this organisation."""
    return {
        "credential": "letmein",
        "foreign": a_session(services, a_customer(services).organisation),
        "operator only": a_session(services, customer.organisation),
        "setup": exchanged(services, a_link(services, customer.organisation, purpose="setup")),
    }


@pytest.mark.parametrize("reason", ["credential", "foreign", "operator only", "setup"])
def test_a_rejection_is_counted_by_its_reason(services, operator, customer, path, reason):
    """The organisation's audit shows it, with what it means."""
    send = api_client(build(services), sessions_of(services, customer)[reason])

    for _ in range(4):
        assert send("PATCH", path, {"name": "B"}).status in {401, 403, 404}

    assert counted(operator, f"{path}/audit") == {reason: 4}


def test_a_link_that_is_not_accepted_is_counted_for_the_deployment(services, operator):
    """It names no organisation."""
    operator.with_credential("")("POST", "/admin/sessions", {"link": "psl_link_x"})

    assert counted(operator, "/admin/audit") == {"link": 1}


def test_an_organisation_that_is_not_there_leaves_nothing(services, operator):
    """Anyone can write such a path; the table would grow by it."""
    before = read_all(services.table)

    for number in range(40):
        path = (
            f"/admin/organisations/{'abcdefgh' + 'abcd'[number // 10] + 'abcdefghij'[number % 10]}"
        )
        operator.with_credential("")("GET", path)

    assert read_all(services.table) == before


def test_every_reason_is_explained():
    """An admin reads the sentence, not the word."""
    own = (LIBRARY / "organisations" / each for each in ("console.py", "setup_links.py"))
    files = [*(LIBRARY / "api" / "admin").glob("*.py"), *own]
    found = {
        reason
        for file in files
        for reason in re.findall(r'reason="([a-z ]+)"', file.read_text(encoding="utf-8"))
    }

    assert found == EXPLANATIONS.keys() - ELSEWHERE
