"""Which alerts a connection has: rules as tables, and a quiet month of a hundred organisations."""

# ruff: noqa: S311 - a test must be able to run again

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from chalicelib.organisations.alerts import (
    LEARNED_FROM,
    NEVER,
    SHORTEST_SILENCE,
    TEXTS,
    Facts,
    connection_alerts,
    expected_by,
    is_mass_change,
    webhook_alerts,
)
from chalicelib.storage.alert_items import ALERT_TYPES
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import hour
from tests.support.clock import NOON
from tests.support.habits import HABITS

CREDENTIAL = [
    (timedelta(days=31), set()),
    (timedelta(days=30), {"credential_30_days"}),
    (timedelta(days=7), {"credential_7_days"}),
    (timedelta(days=1), {"credential_1_day"}),
    (timedelta(days=-3), {"credential_1_day"}),
]


@pytest.mark.parametrize(("left", "expected"), CREDENTIAL, ids=str)
def test_a_credential_that_ends_has_one_alert(left, expected):
    """Of the shortest time; also when it has ended, until there is another."""
    facts = Facts(credential_ends=timestamp(NOON + left))

    assert connection_alerts(facts, (), NOON) == expected


FAILURES = [
    # requests, failures, failing before -> failing
    (19, 19, False, False),
    (100, 40, False, False),
    (100, 41, False, True),
    (5, 5, True, True),
    (0, 0, True, True),
    (0, 0, False, False),
    (100, 40, True, False),
]


@pytest.mark.parametrize(("requests", "failures", "before", "after"), FAILURES)
def test_failing_is_what_entra_id_would_quarantine(requests, failures, before, after):
    """Long before; without requests, as in a quarantine, it stays as it was."""
    known = {"failing"} if before else set()
    found = connection_alerts(Facts(requests=requests, failures=failures), known, NOON)

    assert ("failing" in found) is after


@pytest.mark.parametrize(
    ("leavers", "users", "expected"),
    [
        (20, 10, False),
        (21, 10, True),
        (21, 2_199, False),
        (100, 10_000, False),
        (101, 10_000, True),
    ],
)
def test_a_mass_change_is_more_than_20_and_more_than_1_percent(leavers, users, expected):
    """So neither a small organisation nor a large one is told of each leaver."""
    assert is_mass_change(leavers, users) is expected


def test_what_has_failed_for_long_is_told_of_a_webhook():
    """Three attempts of everything, or five of one event."""
    cases = [(0, 0, False), (2, 4, False), (3, 0, True), (0, 5, True)]
    found = [bool(webhook_alerts(failures, attempts)) for failures, attempts, _ in cases]

    assert found == [expected for *_, expected in cases]


def test_each_alert_has_a_text_that_says_what_to_do():
    """The API shows it; the console has its own."""
    assert {*TEXTS} == {*ALERT_TYPES}


def test_nothing_is_expected_of_a_provider_that_is_not_known():
    """Less than a week, or hardly ever, is no habit."""
    hours = [hour(NOON + timedelta(hours=n)) for n in range(6 * 24)]
    weekly = [hour(NOON + timedelta(days=7 * n)) for n in range(3)]

    assert {expected_by(each, timestamp(NOON)) for each in (hours, weekly, [])} == {NEVER}


# --- a quiet month ----------------------------------------------------------------------------

MONTH = 30 * 24
LATE = timestamp(NOON + timedelta(days=200))


@dataclass(slots=True)
class Provider:
    """An identity provider with a habit; `hours` are those in which it has sent requests."""

    habit: str
    random: Random
    hours: list[datetime] = field(default_factory=list)
    stops: datetime | None = None
    expected: str | None = None

    def live(self, now: datetime) -> None:
        """Send requests in this hour, or not."""
        is_on = self.stops is None or now < self.stops
        if is_on and self.random.random() < HABITS[self.habit](now):
            self.hours.append(now)
            self.expected = None

    def facts(self, now: datetime) -> Facts:
        """Return what would be known of it: a few errors of each hundred requests are usual."""
        if not self.hours:
            return Facts(credential_ends=LATE)
        last = self.hours[-1] + timedelta(minutes=59)
        is_recent = now - last <= SHORTEST_SILENCE
        requests = self.random.randrange(200) if is_recent else 0
        failures = min(requests, self.random.randrange(12))
        if not is_recent and self.expected is None:  # it is learned once after each request
            learned = [hour(each) for each in self.hours[-400:] if each > now - LEARNED_FROM]
            self.expected = expected_by(learned, timestamp(last))
        return Facts(
            requests=requests,
            failures=failures,
            expected_by=self.expected or NEVER,
            credential_ends=LATE,
        )


def alerts_of(provider: Provider, hours: int) -> Iterator[tuple[datetime, frozenset[str]]]:
    """Look at a provider every hour; yields what is open whenever that has changed."""
    before: frozenset[str] = frozenset()
    for number in range(hours):
        now = NOON + timedelta(hours=number)
        provider.live(now)
        found = connection_alerts(provider.facts(now + timedelta(minutes=59)), before, now)
        if found != before:
            yield now, found
        before = found


def test_a_quiet_month_of_a_hundred_organisations_raises_nothing():
    """Nights, weekends and providers that send changes only are quiet, and not silent."""
    providers = [Provider(habit, Random(seed)) for seed in range(20) for habit in HABITS]
    raised = [(each.habit, found) for each in providers for found in alerts_of(each, MONTH)]

    assert len(providers) == 100
    assert raised == []


def test_a_provider_that_stops_is_told_once():
    """Entra ID three hours later; one that works in office hours after twice a weekend."""
    stops = NOON + timedelta(days=20)
    habits = ("entra, every 40 minutes", "okta, at work")
    entra, okta = ([*alerts_of(Provider(each, Random(1), stops=stops), MONTH)] for each in habits)

    assert entra == [(stops + timedelta(hours=3), frozenset({"silent"}))]
    [(at, _)] = okta
    assert timedelta(days=4) < at - stops < timedelta(days=7)
