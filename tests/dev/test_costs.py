"""The page of costs says what its command computes."""

from __future__ import annotations

import pytest

from dev.measure import costs, push_costs, sizes
from dev.measure.meter import Cost


@pytest.fixture(scope="module")
def measured():
    """Measure each operation once."""
    return costs.measure()


def test_the_page_says_what_is_computed(measured):
    """Somebody plans by it: a change that makes an operation dearer changes the page."""
    page = costs.SECTION.page.read_text(encoding="utf-8")

    assert f"{costs.SECTION.begin}{costs.report(measured)}{costs.SECTION.end}" in page


@pytest.fixture(scope="module")
def steps():
    """Measure each step of a push once."""
    return push_costs.measure()


def test_the_page_says_what_push_costs(steps):
    """By the same command; a SaaS compares it with asking each second."""
    page = costs.PUSH.page.read_text(encoding="utf-8")

    assert f"{costs.PUSH.begin}{costs.report_push(steps)}{costs.PUSH.end}" in page


def test_the_page_says_what_snapstart_costs():
    """It is off until somebody has read this."""
    page = costs.SNAPSHOT.page.read_text(encoding="utf-8")

    assert f"{costs.SNAPSHOT.begin}{costs.report_snapshot()}{costs.SNAPSHOT.end}" in page


def test_rest_costs_next_to_nothing(steps):
    """No change is no call but one look a minute; a poll of the one feed reads one item."""
    assert costs.pushing(0, steps) == dict.fromkeys(costs.pushing(1, steps), 0)
    assert steps[push_costs.REST] == Cost({"Query": 1, "GetItem": 1}, 2, 0)
    assert steps[push_costs.POLL] == Cost({"GetItem": 1}, 1, 0)


def test_the_page_of_storage_says_what_a_large_user_costs():
    """The decision not to split a user's item rests on it."""
    page = sizes.SECTION.page.read_text(encoding="utf-8")
    table = sizes.table(costs.PRICES["DynamoDB, a write unit"])

    assert f"{sizes.SECTION.begin}{table}{sizes.SECTION.end}" in page


def test_a_cycle_that_changes_nothing_costs_little(measured):
    """100 customers whose directories rest ask 36 times a day; that must not be a bill."""
    resting = costs.Customer(joiners=0, leavers=0, edited=0, moved=0, renamed_groups=0)

    bill = costs.bill(costs.monthly(resting), measured)

    assert sum(bill.dollars().values()) < 2
