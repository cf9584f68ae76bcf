"""What operations cost is measured and does not change unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dev.measure import budget, round_trips
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


@pytest.fixture(scope="module")
def trips():
    """Send every request once."""
    return list(round_trips.measured())


def test_every_request_takes_as_many_round_trips_as_its_line_says(trips):
    """The log entry of a change takes no call of its own."""
    assert round_trips.differences(trips) == []
    assert all(line.now <= line.before for line in round_trips.LINES)


# Issue 15: how many round trips each may take; a read's log entry is written after it.
AIMS = {
    "GET user in no group": 1,
    "GET group without members": 1,
    "create user": 2,
    "create group": 2,
    "PATCH group: add 1 member": 2,
    "PATCH user in no group": 2,
    "PUT user": 2,
    "filter userName eq": 2,
    "GET group of 100": 3,
    "DELETE user in 3 groups": 3,
    "DELETE group without members": 3,
    "PUT group of 20: replace 5": 3,
}


def test_requests_take_as_few_round_trips_as_was_aimed_at():
    """Without the log entry of a read, which cannot be written before its outcome is known."""
    taken = {line.name: line.now - line.logs for line in round_trips.LINES}

    assert {name: taken[name] for name in AIMS if taken[name] > AIMS[name]} == {}


def test_a_rejected_request_reads_little_more_than_the_item_that_it_names(trips):
    """Of 10 RCU; 3 are those of authentication, and 2 look for who had an unknown token."""
    rejected = [each for each in trips if each.line in round_trips.REJECTED]

    assert [(each.cost.rcu, each.cost.wcu) for each in rejected] == [(13, 0), (15, 0)]


def test_the_second_page_shows_what_is_measured(trips):
    """docs/performance.md holds the table of requests as `make budget` prints it."""
    section = round_trips.SECTION
    (shown,) = section.marked.findall(section.page.read_text(encoding="utf-8"))

    assert shown == f"{section.begin}{round_trips.table(trips)}{section.end}"


def test_a_request_that_takes_more_round_trips_is_said(trips):
    """Or that is not served."""
    assert round_trips.differences([replace(trips[0], status=500)]) != []
    assert round_trips.differences([replace(trips[0], cost=Cost({"Query": 9}, 0, 0))]) != []
