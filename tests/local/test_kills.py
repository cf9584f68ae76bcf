"""A real process, really killed, in the middle of an operation of many steps."""

from __future__ import annotations

import pytest

from tests.campaigns import kills

pytestmark = pytest.mark.campaign

COUNT, SEED = 5, 6


def test_what_a_killed_process_leaves_is_finished_or_never_began(local, record_property):
    """Kill -9 in large add, PUT, group delete and user delete."""
    found = kills.run_kills(local, COUNT, SEED)

    assert [kill for kill in found if kill.violations] == []
    record_property("kills", len(found))
