"""A slice of `make simulate`, and a judge that finds what is wrong."""

from __future__ import annotations

import pytest

from tests.campaigns.simulate import objects
from tests.campaigns.simulate.campaign import parse_seeds
from tests.campaigns.simulate.linear import Entry, explain
from tests.campaigns.simulate.run import Simulation, quiet
from tests.campaigns.simulate.schedule import Schedule


@pytest.mark.parametrize("seed", range(1, 7))
def test_whatever_happens_every_history_is_linearizable(seed, record_property):
    """`make simulate SEEDS=` plays a seed again, with its log."""
    with quiet():
        verdict = Simulation(seed).run()

    record_property("operations simulated", verdict.requests)
    assert not verdict.problems


def test_a_seed_is_played_again_as_it_was():
    """The same requests, the same calls, the same faults, at the same moments."""
    with quiet():
        one, other = (Simulation(7, requests=60).run() for _ in range(2))

    assert (one.calls, one.virtual, one.injected) == (other.calls, other.virtual, other.injected)


def held(begin, end, *, value):
    """Say that a fact was read."""
    return Entry(begin, end, objects.is_so(value=value), "read")


def becomes(begin, end, *, value, certain=True):
    """Say that a fact was written."""
    return Entry(begin, end, objects.becomes(value=value), "write", certain)


# histories of one fact that is false at first, and whether there is an order of each
HISTORIES = {
    "a write is seen": ([becomes(1, 2, value=True), held(3, 4, value=True)], True),
    "a write is lost": ([becomes(1, 2, value=True), held(3, 4, value=False)], False),
    "seen and then not": (
        [becomes(1, 9, value=True), held(2, 3, value=True), held(4, 5, value=False)],
        False,
    ),
    "seen after a while": (
        [becomes(1, 9, value=True), held(2, 3, value=False), held(4, 5, value=True)],
        True,
    ),
    "without a response, and seen late": (
        [becomes(1, float("inf"), value=True, certain=False), held(7, 8, value=True)],
        True,
    ),
    "without a response, and never seen": (
        [becomes(1, float("inf"), value=True, certain=False), held(7, 8, value=False)],
        True,
    ),
}


@pytest.mark.parametrize(("entries", "right"), HISTORIES.values(), ids=HISTORIES)
def test_the_judge_finds_an_order_if_there_is_one(entries, right):
    """And reports it where every order is wrong."""
    assert (not explain(entries, initial=False)) is right


def test_tasks_run_in_the_order_of_their_times():
    """One at a time, each where it waited."""
    schedule, seen = Schedule(), list[str]()

    def task(name, seconds):
        for number in range(2):
            schedule.sleep(seconds)
            seen.append(f"{name}{number}")

    schedule.start(lambda: task("a", 2.0))
    schedule.start(lambda: task("b", 3.0))
    schedule.drain()
    assert seen == ["a0", "b0", "a1", "b1"]


def test_seeds_are_a_number_or_a_range():
    """As SEEDS= has them."""
    assert (list(parse_seeds("3")), list(parse_seeds("3-5"))) == ([3], [3, 4, 5])
