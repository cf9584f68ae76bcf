"""What operations cost is measured and does not change unseen."""

from __future__ import annotations

import pytest

from dev.measure import budget
from dev.measure.meter import Cost


@pytest.fixture(scope="module")
def costs():
    """Measure every line once."""
    return list(budget.measured())


def test_every_operation_costs_what_the_budget_says(costs):
    """Calls, RCU and WCU, to the unit; a Scan or any other call would have no price."""
    assert budget.differences(costs) == []
    assert len(costs) == len(budget.BUDGET)


def test_a_groups_size_does_not_change_what_its_operations_cost():
    """The same calls and units with 0 and with 1,000 members (others took minutes)."""
    large = list(budget.measured_on_a_large_group())

    assert budget.differences(large) == []
    assert {line.operation for line, _ in large} >= {
        "PATCH group: add 1 member",
        "PATCH group: remove 1 member",
        "PATCH group: add a member again",
        "GET group without members",
        "rename group",
    }


def test_the_page_shows_what_is_measured(costs):
    """docs/storage.md holds the table as `make budget` prints it."""
    (shown,) = budget.SECTION.marked.findall(budget.SECTION.page.read_text(encoding="utf-8"))

    assert shown == f"{budget.SECTION.begin}{budget.table(costs)}{budget.SECTION.end}"


def test_a_figure_that_differs_is_said():
    """A budget that nothing exceeds would be no budget."""
    line = budget.BUDGET[0]

    assert budget.differences([(line, line.budget)]) == []
    assert budget.differences([(line, Cost({"Query": 1}, 9, 0))]) != []
