"""Requests of the admin API that meet, over HTTP and on DynamoDB Local, by many threads.

`RACES=1000` runs the races of a session's end as often.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import SystemRandom
from time import monotonic
from typing import Any

import pytest

from app import build
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import mint
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import (
    ApiClient,
    a_customer,
    a_session,
    an_organisation,
    api_client,
    connection_body,
    organisation_body,
)

RACES = int(os.environ.get("RACES") or "30")
POLLS = 6
ALIKE = 12
PATH = "/admin/organisations"


@pytest.fixture
def services(table: Table, secretsmanager: Any) -> Services:
    """Put the services on the reference engine, with the real time."""
    settings = Settings.from_environment()
    secrets = Secrets(secretsmanager, settings.secrets_prefix)
    return Services(replace(table, clock=Clock()), secrets, settings)


def late_and_served(poll: ApiClient, end: ApiClient, organisation: str, session: str) -> int:
    """End a session while its holder polls; count what was served though it came after the end."""
    served: list[float] = []

    def keep_polling() -> None:
        for _ in range(POLLS):
            came = monotonic()
            if poll("GET", f"{PATH}/{organisation}/sessions").status == 200:
                served.append(came)

    with ThreadPoolExecutor(3) as threads:
        polls = [threads.submit(keep_polling) for _ in range(2)]
        ended = threads.submit(end, "DELETE", f"{PATH}/{organisation}/sessions/{session}").result()
        ended_at = monotonic()
        for each in polls:
            each.result()
    assert ended.status == 204
    return sum(came > ended_at for came in served)


def test_no_request_that_comes_after_the_end_of_a_session_is_served(services, record_property):
    """Whatever is on its way while the session is being ended."""
    organisation = an_organisation(services).keys.organisation
    client = api_client(build(services))
    end = client.with_credential(a_session(services, organisation, "Root"))
    late = 0
    for _ in range(RACES):
        poll = client.with_credential(a_session(services, organisation, "Ada"))
        [ada] = [
            each["id"]
            for each in end("GET", f"{PATH}/{organisation}/sessions").body["items"]
            if each["name"] == "Ada"
        ]
        late += late_and_served(poll, end, organisation, ada)

    assert late == 0
    record_property("ends of a session against its requests", RACES)


def alike(send: ApiClient, target: str, body: Any) -> list[Any]:
    """Send equal requests at once."""
    key = {"Idempotency-Key": "one"}
    with ThreadPoolExecutor(ALIKE) as threads:
        sent = [threads.submit(send, "POST", target, body, key) for _ in range(ALIKE)]
        return [each.result() for each in sent]


def test_equal_posts_of_connections_at_once_get_one_connection(services):
    """All are told of the one that was created; none that the plan allows no other."""
    organisation = an_organisation(services).keys.organisation
    admin = api_client(build(services), a_session(services, organisation))

    responses = alike(admin, f"{PATH}/{organisation}/connections", connection_body())

    assert {each.status for each in responses} == {201}
    assert len({each.body["id"] for each in responses}) == 1
    assert len(admin("GET", f"{PATH}/{organisation}/connections").body["items"]) == 1


def test_equal_posts_of_tokens_at_once_show_one_token_once(services):
    """The others are told its id and hint."""
    customer = a_customer(services)
    admin = api_client(build(services), a_session(services, customer.organisation))
    target = f"{PATH}/{customer.organisation}/connections/{customer.connection}/tokens"

    responses = alike(admin, target, {"name": "second"})

    [shown] = [each for each in responses if each.status == 201]
    others = [each for each in responses if each.status == 409]
    assert len(others) == ALIKE - 1
    assert {(each.body["id"], each.body["hint"]) for each in others} == {
        (shown.body["id"], shown.body["hint"])
    }
    assert len(admin("GET", target).body["items"]) == 2


def test_equal_posts_of_organisations_at_once_get_one_organisation(services, secretsmanager):
    """Also with a reference, which only one organisation may have."""
    keys = OperatorKeys(services.table, secretsmanager, services.settings.secrets_prefix)
    send = api_client(build(services), keys.provide(lambda: mint("op", SystemRandom()).text))

    responses = alike(send, PATH, organisation_body(reference="acme"))

    assert {each.status for each in responses} == {201}
    assert len({each.body["id"] for each in responses}) == 1
