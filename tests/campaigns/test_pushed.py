"""Two thousand changes of `make events`, in memory: every event arrives, in its order."""

from __future__ import annotations

import pytest

from tests.campaigns.pushed.head import measure
from tests.campaigns.pushed.push import Asked, in_memory, stages

pytestmark = pytest.mark.campaign

ASKED = Asked(changes=2_000, organisations=20, stages=1, kills=6, seed=1)


def test_nothing_is_lost_under_contention_kills_and_failing_receivers(tmp_path):
    """The consumer's table equals the directory by the digest, and the living are not behind."""
    with in_memory(ASKED, tmp_path) as campaign:
        verdicts = list(stages(campaign, ASKED))
        search = campaign.search(10)

    assert [str(each) for each in verdicts if not each.is_clean] == []
    assert (verdicts[-1].kills, verdicts[-1].conflicts > 0) == (6, True)
    assert (search.is_complete, search.requests <= 30) == (True, True), str(search)


def test_the_head_of_the_feed_is_moved_by_eight_shards_at_once():
    """Nobody gives up within the time of the function, on a clock with the latencies of AWS."""
    rate = measure(shards=8, seconds=5.0)

    assert rate.late == 0, str(rate)
    assert rate.batches / rate.seconds > 10, str(rate)
