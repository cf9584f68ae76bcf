"""Every operation, every call of it, every fault at that call.

A single fault is survived: the response is correct and the effect happens once. After a
crash the next client that repeats the request, or the sweeper alone, completes everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from chalicelib.storage.table import Table
from dev.repair.soundness import unsound
from tests.local.conftest import simulated_table
from tests.support.clock import SEEDS, ManualClock
from tests.support.faults import CRASHES, PASSING, Crash, Fault, Request, Send
from tests.support.pictures import names_in, picture, said
from tests.support.trial_runs import Stage, set_up
from tests.support.trials import TRIALS, Trial


def half_unprocessed(request: Request, send: Send) -> Any:
    """The first half of a batch is returned with nothing, the rest not at all."""
    response = send()
    return response | {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}


def met_by(call: str) -> Iterator[tuple[str, Fault]]:
    """Yield the faults that a call of this type can meet and survive."""
    only = {
        "conflicting": call == "transact_write_items",
        "in progress": call == "transact_write_items",
        "unprocessed": call.startswith("batch_"),
    }
    yield from ((name, fault) for name, fault in PASSING.items() if only.get(name, True))
    if call == "batch_get_item":
        yield "half unprocessed", half_unprocessed


@pytest.fixture
def trial(name: str) -> Trial:
    """Choose the trial of a case."""
    return TRIALS[name]


@pytest.fixture
def stage(trial_table: Table, manual_clock: ManualClock, trial: Trial) -> Stage:
    """Set its scene."""
    return set_up(trial.scene, trial_table, manual_clock)


@pytest.mark.parametrize("name", TRIALS)
def test_on_the_simulated_table_it_is_what_it_is_on_dynamodb_local(table, trial, manual_clock):
    """The same response after the same calls, and the same items: so the faults may use it."""
    own = next(SEEDS) * 1_000
    runs = []
    for each in (table, simulated_table(manual_clock)):
        begun = replace(each, clock=manual_clock.clock(own))
        runs.append(set_up(trial.scene, begun, manual_clock, count(own + 1)).run(trial.act))

    local, simulated = ((run.said, run.calls, run.picture) for run in runs)
    assert simulated == local


@pytest.mark.parametrize("name", TRIALS)
def test_a_single_fault_changes_neither_response_nor_effect(stage, trial, record_property):
    """The correct response and one effect, down to the feed."""
    plain = stage.run(trial.act)
    cases = [
        (index, called, named, fault)
        for index, called in enumerate(plain.calls)
        for named, fault in met_by(called)
    ]

    for index, called, named, fault in cases:
        run = stage.run(trial.act, index, fault)

        where = f"{named} at call {index}, {called}"
        assert run.said == plain.said, where
        assert run.picture == plain.picture, where
        assert unsound(run.items) == [], where
    assert unsound(plain.items) == []
    record_property("faults survived", len(cases))


WRITES = [name for name, trial in TRIALS.items() if not trial.reads]


@pytest.mark.parametrize("name", WRITES)
def test_a_crash_is_made_good_by_the_sweeper_alone(stage, trial, record_property):
    """Nobody comes again: all of it has happened or nothing, and nothing stays under way."""
    plain = stage.run(trial.act)
    ends = [picture(stage.before).state(), plain.picture.state()]
    cases = [(index, fault) for index in range(len(plain.calls)) for fault in CRASHES.items()]

    for index, (named, fault) in cases:
        crashed = stage.run(trial.act, index, fault)
        stage.sweep()

        where = f"{named} call {index}, {plain.calls[index]}"
        assert crashed.response == Crash.__name__, where
        assert picture(stage.items).state() in ends, where
        assert unsound(stage.items) == [], where
    record_property("crashes swept", len(cases))


@pytest.mark.parametrize("name", WRITES)
def test_a_crash_is_made_good_by_who_asks_again(stage, trial, record_property):
    """The identity provider repeats its request and gets the response, or that it is done."""
    plain = stage.run(trial.act)
    allowed = {plain.said, said(trial.refused, {})}
    cases = [(index, fault) for index in range(len(plain.calls)) for fault in CRASHES.items()]

    for index, (named, fault) in cases:
        stage.run(trial.act, index, fault)
        response = stage.insist(trial.act)
        stage.sweep()

        where = f"{named} call {index}, {plain.calls[index]}"
        assert said(response, names_in(stage.items)) in allowed, where
        assert picture(stage.items).state() == plain.picture.state(), where
        assert unsound(stage.items) == [], where
    record_property("crashes repeated", len(cases))
