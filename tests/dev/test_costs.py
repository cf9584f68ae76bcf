"""The page of costs says what its command computes."""

from __future__ import annotations

import pytest

from dev.measure import costs, sizes


@pytest.fixture(scope="module")
def measured():
    """Measure each operation once."""
    return costs.measure()


def test_the_page_says_what_is_computed(measured):
    """Somebody plans by it: a change that makes an operation dearer changes the page."""
    page = costs.SECTION.page.read_text(encoding="utf-8")

    assert f"{costs.SECTION.begin}{costs.report(measured)}{costs.SECTION.end}" in page


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
