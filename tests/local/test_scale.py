"""What an operation costs does not know how many users and members there are."""

from __future__ import annotations

from dev.measure import scale

MANY = 2_000


def test_calls_units_and_memory_are_those_of_a_small_directory(local):
    """As of 10 users; `make scale` does it with 20,000."""
    with scale.place(local, scale.FEW) as few, scale.place(local, MANY) as many:
        found = list(scale.compare(few, many))

    assert [str(each) for each in found if not each.right] == []
