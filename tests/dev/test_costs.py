"""The page of costs says what its command computes."""

from __future__ import annotations

from dev.measure import costs


def test_the_page_says_what_is_computed():
    """Somebody plans by it: a change that makes an operation dearer changes the page."""
    page = costs.SECTION.page.read_text(encoding="utf-8")

    assert f"{costs.SECTION.begin}{costs.report()}{costs.SECTION.end}" in page


def test_a_cycle_that_changes_nothing_costs_little():
    """100 customers whose directories rest ask 36 times a day; that must not be a bill."""
    resting = costs.Customer(joiners=0, leavers=0, edited=0, moved=0, renamed_groups=0)

    bill = costs.bill(costs.monthly(resting), costs.measure())

    assert sum(bill.dollars().values()) < 2
