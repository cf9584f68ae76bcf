"""Sixty-four clients at once on few users and groups, with transactions that cancel each other."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.storage.clock import Clock
from tests.campaigns import storm

THREADS, OPERATIONS, SEED = 64, 2_000, 20_260_101


def test_every_response_tells_the_truth(table, record_property):
    """I0-I13 hold and less than 1 % are told to come later."""
    verdict = storm.run_storm(replace(table, clock=Clock()), THREADS, OPERATIONS, SEED)

    assert verdict.violations == []
    assert verdict.busy < 0.01
    assert verdict.conflicts > 100, "no storm"
    record_property("calls in a storm", verdict.outcomes.total())
