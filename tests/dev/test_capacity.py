"""The page of capacity says what its command computes."""

from __future__ import annotations

from dev.measure import capacity
from dev.measure.operations import document


def test_the_page_says_what_is_computed():
    """Somebody plans by it: an operation that writes more to one partition changes the page."""
    page = capacity.SECTION.page.read_text(encoding="utf-8")

    assert f"{capacity.SECTION.begin}{capacity.report()}{capacity.SECTION.end}" in page


def test_a_user_of_entra_takes_more_than_a_kilobyte():
    """Their item is billed as two; an item of the other user as one."""
    assert capacity.per_second(capacity.OPERATIONS["users created"], document) == 500
    assert capacity.per_second(capacity.OPERATIONS["users created"], capacity.entra_user) == 250
