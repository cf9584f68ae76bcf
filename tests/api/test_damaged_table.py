"""A slice of `make damage ARGS=--requests`: what differs on a damaged table, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from tests.campaigns.damaged_requests import difference, read_expected, world

# Of the requests with one outcome on one damaged table.
TRIED = 1


def expected() -> Iterator[tuple[str, str, str]]:
    """Yield damage, request and outcome."""
    for damage, outcomes in read_expected().items():
        for outcome, names in outcomes.items():
            yield from ((damage, name, outcome) for name in names[:TRIED])


def test_no_request_waits_and_each_has_the_right_response_while_an_item_is_damaged():
    """Every type of item is missing once, or as it was; before, some were 503 for ever."""
    wanted = {(damage, name): outcome for damage, name, outcome in expected()}
    found = {}
    with world() as made:
        names = {name for _, name in wanted}
        requests = [each for each in made.requests if each.name in names]
        whole = dict(made.outcomes(requests))
        for damage in made.damages:
            chosen = [each for each in requests if (damage.name, each.name) in wanted]
            for name, outcome in made.outcomes(chosen, damage):
                found[damage.name, name] = difference(whole[name], outcome)

    assert found == wanted
    assert {damage.name for damage in made.damages} == read_expected().keys()
