"""`make quiet-month` with an organisation of each habit: no alert; one leaver too many is told."""

from __future__ import annotations

import pytest

from tests.campaigns.quiet_month import Month, begin
from tests.support.habits import HABITS

pytestmark = pytest.mark.campaign


@pytest.fixture
def month(services, manual_clock) -> Month:
    """Create an organisation of each habit."""
    return begin(services, manual_clock, len(HABITS))


def test_a_quiet_month_tells_no_alert(month):
    """Nights, weekends, joiners and leavers, 20 of them at once, and providers that never call."""
    for _ in month.steps():
        pass

    assert month.told() == []
    assert sum(each.requests for each in month.providers) > 500


def test_the_leaver_too_many_is_told(month):
    """The same with 21, so the quiet of the month is no deafness."""
    month.let_leave(21)
    month.look()

    assert month.told() == [("mass_change", "raised"), ("mass_change", "cleared")]
