"""Two requests that meet, in every order: one whole before each call of the other, and back.

A waits for B as it would for another Lambda: where B holds what A needs, A's clock goes on, B
may find that its time is over, and both are asked again as an identity provider does.
"""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.errors import ApiError, Busy
from chalicelib.storage.table import Table
from dev.repair.soundness import unsound
from tests.support.clock import ManualClock
from tests.support.faults import Request, Send
from tests.support.pictures import picture
from tests.support.races import DONE, RACES, Race
from tests.support.trial_runs import Stage, set_up
from tests.support.trials import Act

REFUSALS = {each.__name__ for each in ApiError.__subclasses__()} | {
    deep.__name__ for each in ApiError.__subclasses__() for deep in each.__subclasses__()
}


def told(response: Any) -> str:
    """Return the name of an error, and any other response as done."""
    return response if isinstance(response, str) and response in REFUSALS else DONE


@pytest.fixture
def race(name: str) -> Race:
    """Choose the race of a case."""
    return RACES[name]


@pytest.fixture
def stage(trial_table: Table, manual_clock: ManualClock, race: Race) -> Stage:
    """Set its scene."""
    return set_up(race.scene, trial_table, manual_clock)


def met(stage: Stage, outer: Act, inner: Act, index: int) -> tuple[str, str]:
    """Run `inner` as a whole before call `index` of `outer`; what both were told in the end."""
    heard: list[Any] = []

    def between(_: Request, send: Send) -> Any:
        heard.append(stage.insist(inner))
        return send()

    response: Any = stage.run(outer, index, between).response
    if told(response) == Busy.__name__:
        response = stage.insist(outer)
    stage.sweep()
    return told(response), told(heard[0])


@pytest.mark.parametrize("turned", [False, True], ids=["", "the other way round"])
@pytest.mark.parametrize("name", RACES)
def test_two_racing_requests_both_get_a_true_response(stage, race, turned, record_property):
    """Both orders, and every moment in between."""
    outer, inner = (race.other, race.one) if turned else (race.one, race.other)
    calls = stage.run(outer).calls

    for index, call in enumerate(calls):
        pair = met(stage, outer, inner, index)

        where = f"before call {index}, {call}: {pair}"
        assert (pair[::-1] if turned else pair) in race.allowed, where
        assert race.holds(picture(stage.items), pair[::-1] if turned else pair), where
        assert unsound(stage.items) == [], where
    record_property("meetings", len(calls))
