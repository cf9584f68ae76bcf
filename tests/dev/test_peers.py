"""The tables of `make peers`: what a cell says, and what is no figure."""

from __future__ import annotations

import pytest

from dev.measure.peers import compare
from dev.measure.peers.load import OPERATIONS, Timing
from dev.measure.peers.servers import Server

TWO = [Server("one", "", "", ()), Server("two", "", "", ())]
QUICK = Timing([0.001, 0.002, 0.009], app=0.0005)


def results(*timings: Timing | None) -> compare.Results:
    """Return what two servers took, the same for every operation; None: it was not filled."""
    row = {each.name: timing for each, timing in zip(TWO, timings, strict=True) if timing}
    return {100: dict.fromkeys(OPERATIONS, row)}


@pytest.mark.parametrize(
    ("timing", "cell"),
    [
        (QUICK, "2.0 / 9.0, 0.5"),
        (Timing([0.004], app=0.003, engine=0.001), "4.0 / 4.0, 3.0 + 1.0"),
        (Timing([0.004], rejected="rejected: 400"), "rejected: 400"),
        (None, "not filled"),
    ],
)
def test_a_cell_is_a_figure_or_says_why_there_is_none(timing, cell):
    """A server that rejects a request, or is too slow to be filled, gets no figure."""
    assert f"| add a member | 100 | 2.0 / 9.0, 0.5 | {cell} |" in compare.tables(
        results(QUICK, timing), TWO
    )


def test_a_plot_has_a_line_for_each_server_that_was_filled():
    """The order of the lines is the order of the columns."""
    assert compare.tables(results(QUICK, QUICK), TWO).count("line [2.0]") == 2 * len(
        compare.PLOTTED
    )
    assert compare.tables(results(QUICK, None), TWO).count("line [2.0]") == len(compare.PLOTTED)
