"""Sixteen clients at once on few users and groups, with transactions that cancel each other."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from chalicelib.storage.clock import Clock
from tests.campaigns import storm

pytestmark = pytest.mark.campaign

# `make storm` has 64 clients and 10,000 requests.
THREADS, OPERATIONS, SEED = 16, 800, 20_260_101


def test_every_response_tells_the_truth(table, record_property, caplog):
    """I0-I13 hold, less than 1 % are told to come later, and nothing looks like damage."""
    # On a machine with much else to do a deadline comes no earlier than after ten times as long.
    clock = Clock(monotonic=lambda: time.monotonic() / 10)
    verdict = storm.run_storm(replace(table, clock=clock), THREADS, OPERATIONS, SEED)

    assert verdict.violations == []
    assert verdict.busy < 0.01
    assert verdict.conflicts > 100, "no storm"
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []
    record_property("calls in a storm", verdict.outcomes.total())
