"""The feed after a contention: applied in order it ends in the truth, whatever the page size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.storage.clock import Clock
from dev.measure import reference
from tests.campaigns.replays import PAGE_SIZES, WRITERS, Contended, contend


@pytest.fixture(scope="module")
def contended(local_client) -> Iterator[Contended]:
    """Let writers change the same memberships; `make replays` does so a hundred times."""
    with reference.table(local_client, Clock()) as table:
        yield contend(table, seed=14, rounds=4)


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_a_replay_after_a_contention_equals_the_directory(contended, size):
    """The order of ULIDs is not that of the facts; the state of each entry is of the reading."""
    replayed, _ = contended.replay(size)

    assert contended.conflicts > WRITERS
    assert replayed == contended.truth
