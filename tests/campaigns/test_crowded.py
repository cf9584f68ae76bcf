"""A small slice of `make crowded`, and what a limit does while its item cannot be written."""

from __future__ import annotations

import pytest

from chalicelib.api.rate_limit import REPORT, Buckets
from chalicelib.errors import TooManyRequests
from chalicelib.settings import Rate
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from tests.campaigns import crowded
from tests.support.clock import ManualClock
from tests.support.doubles import Script
from tests.support.faults import client_error

LIMIT = Rate(per_second=10, burst=40)


def test_a_noisy_connection_gets_its_limit_and_the_others_all_they_ask_for():
    """50 processes, 20 times the limit; of the first minute only the quiet ones are judged."""
    assert list(crowded.faults(LIMIT, minutes=2, seed=1)) == []


def test_without_limits_the_model_shows_the_harm():
    """Or it would show nothing: 50 processes are too few for a thousand requests a second."""
    harm = crowded.harm_without_limits(Rate(), minutes=1, seed=1)

    assert harm.late > harm.requests / 2
    assert harm.p99 > 1_000


@pytest.mark.parametrize("seed", range(3))
def test_a_provider_at_nine_tenths_of_the_limit_is_never_rejected(seed):
    """Reports of 50 processes come in any order: that must not look like more requests."""
    limit = Rate(per_second=crowded.PROVIDER / 0.9)

    assert list(crowded.provider_faults([limit], minutes=3, seed=seed)) == []


def test_what_is_rejected_says_when_to_come_again_and_the_limit_ends_with_the_flood():
    """An hour later nothing is held against the connection."""
    clock, client = ManualClock(), crowded.Sums()
    processes = [Buckets(lambda: clock.passed) for _ in range(2)]
    flood = [take(each, client, clock) for _ in range(3 * REPORT) for each in processes]
    clock.advance(hours=1)

    assert flood[0] is None
    assert all(each is not None and each >= 1 for each in flood[-10:])
    assert [take(each, client, clock) for each in processes] == [None, None]


def test_a_limit_that_cannot_be_reported_holds_in_each_process():
    """The item is throttled: no request fails for it, and none tries again before the next 20."""
    client = Script([client_error("ProvisionedThroughputExceededException")])
    clock = ManualClock()
    buckets = Buckets(lambda: clock.passed)
    taken = [take(buckets, client, clock) for _ in range(2 * REPORT)]

    assert taken[:4] == [None] * 4
    assert taken[-1] is not None
    assert len(client.requests) == 2


def take(buckets: Buckets, client: object, clock: ManualClock) -> int | None:
    """Take one request; return in how many seconds to come again, None where it is accepted."""
    table = Table(client, "table", clock.clock())  # type: ignore[arg-type]
    key = ConnectionKeys("abcdefghijklmnop").rate_limit("requests")
    try:
        buckets.take_shared(
            key, Rate(per_second=0.5, burst=4), table, Deadline.after(25, table.clock)
        )
    except TooManyRequests as rejection:
        return int(rejection.headers["Retry-After"])
    return None
