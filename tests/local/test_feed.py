"""The feed after a contention: applied in order it ends in the truth, whatever the page size."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.organisations import feed
from chalicelib.organisations.feed import Entry
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from dev.measure import reference
from tests.campaigns.conflicts import Conflicts
from tests.support.builders import Customer, a_customer, an_admin_context
from tests.support.directory import a_group, a_user, change, connection_context, member_ids

WRITERS, ROUNDS = 16, 10


@pytest.fixture(scope="module")
def contended(local_client, local_secrets: Any) -> Iterator[tuple[Services, Customer, set[Any]]]:
    """Let twelve writers change the same memberships; gives what is true in the end."""
    with reference.table(local_client, Clock()) as table:
        settings = Settings.from_environment()
        services = Services(table, Secrets(local_secrets, settings.secrets_prefix), settings)
        customer = a_customer(services)
        scope = connection_context(table, customer.connection)
        uids = [a_user(scope, f"user{number}") for number in range(6)]
        gids = [a_group(scope, f"Group {number}") for number in range(4)]
        client: Any = Conflicts(table.client, seed=14)
        stormy = replace(table, client=client)

        def write(number: int) -> None:
            random = Random(number)  # noqa: S311 - a schedule, no secret
            for _ in range(ROUNDS):
                gid, uid = random.choice(gids), random.choice(uids)
                verb = random.choice(["add", "remove"])
                one = connection_context(replace(stormy, clock=Clock()), customer.connection)
                change(one, gid, **{verb: [uid]})  # type: ignore[arg-type]

        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(write, range(WRITERS)))
        assert client.conflicts > WRITERS
        later = connection_context(table, customer.connection)
        yield services, customer, {(gid, uid) for gid in gids for uid in member_ids(later, gid)}


@pytest.fixture(scope="module")
def local_secrets() -> Iterator[Any]:
    """Keep secrets in memory."""
    import boto3  # noqa: PLC0415 - as in conftest.py
    from moto import mock_aws  # noqa: PLC0415

    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


def followed(services: Services, customer: Customer, size: int) -> Iterator[Entry]:
    """Read the feed in pages, by the text of the cursor as a consumer does."""
    cursor, more = None, True
    while more:
        admin = an_admin_context(services, customer.organisation)
        since = feed.unbroken_since(admin.now(), None)
        page = feed.list_changes(admin, feed.parse_cursor(cursor, since, admin.now()), size)
        yield from page.entries
        cursor, more = str(page.next_cursor), page.has_more


@pytest.mark.parametrize("size", [1, 3, 10, 33, 100])
def test_a_replay_after_a_contention_equals_the_directory(contended, size, record_property):
    """The order of ULIDs is not that of the facts; the state of each entry is of the reading."""
    services, customer, truth = contended
    replayed: set[tuple[str, str]] = set()
    told = 0
    for entry in followed(services, customer, size):
        if entry.user is not None:
            told += 1
            pair = (entry.change.id, entry.user)
            (replayed.add if entry.present else replayed.discard)(pair)

    assert replayed == truth
    record_property("memberships replayed", told)
