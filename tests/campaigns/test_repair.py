"""A slice of `make damage`."""

from __future__ import annotations

import pytest

from tests.campaigns.damage import trial


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_damaged_table_is_repaired(seed):
    """Every invariant holds, nobody has gained anything, and what was whole is as it was."""
    assert trial(seed) == []
