"""Many writers of one group on a virtual clock: how many are served, and when; nothing is timed."""

from __future__ import annotations

import pytest

from chalicelib.storage.retries import Deadline
from tests.campaigns.contention import GrowingPauses, closed, opened, virtual

pytestmark = pytest.mark.campaign

SEED = 1


@pytest.mark.parametrize("writers", [16, 64])
def test_writers_one_after_another_are_all_served_in_time(writers):
    """Nobody is told to come later, and of a hundred one waits for three seconds at most."""
    outcome = virtual(closed(writers, 400), SEED)

    assert (len(outcome.served), outcome.rejected) == (400, [])
    assert outcome.percentile(0.99) < 3


def test_two_writers_hardly_wait_for_each_other():
    """Of a hundred requests one takes as long as five transactions."""
    outcome = virtual(closed(2, 400), SEED)

    assert outcome.rejected == []
    assert outcome.percentile(0.99) < 0.2


def test_fifty_a_second_are_served():
    """As many as a group can take with room to spare."""
    outcome = virtual(opened(50, 10), SEED)

    assert outcome.rejected == []
    assert outcome.percentile(0.99) < 3


def test_a_load_above_what_a_group_can_take_does_not_collapse():
    """60 a second are served; the others are told to come later within five seconds."""
    outcome = virtual(opened(100, 10), SEED)

    assert outcome.per_second > 60
    assert 0 < max(outcome.rejected) < 5
    assert len(outcome.served) + len(outcome.rejected) == 1_000


def test_pauses_that_grow_let_newcomers_overtake():
    """The measure tells the difference: so it was before, with twice the time at p99."""
    before, now = (virtual(closed(64, 400), SEED, each) for each in (GrowingPauses, Deadline))

    assert before.percentile(0.99) > 1.5 * now.percentile(0.99)


def test_a_run_can_be_repeated():
    """Equal seeds give equal times."""
    first, second = (virtual(closed(16, 100), SEED) for _ in range(2))

    assert (first.served, first.attempts) == (second.served, second.attempts)
