"""The search for slow texts finds one, and what it has found stays quick."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from dev.measure import shares
from tests.campaigns import slow
from tests.campaigns.slow import FINDS, Find, Search, Shape
from tests.campaigns.slow_areas import ANYONE, AREAS, BY_NAME, Area, world

LENGTH = 2_500
KNOWN = {
    each["area"]: Shape(each["before"], each["unit"], each["after"])
    for each in json.loads(FINDS.read_text(encoding="utf-8"))
}


@pytest.fixture(scope="module")
def search() -> Iterator[Search]:
    """Prepare the app once; each test searches in an area of its own."""
    with world() as app, shares.silent():
        unit = app.bench.measure(partial(shares.create, app.bench), rounds=10).seconds
        yield Search(AREAS[0], app, unit)


def test_the_former_worst_is_found(search):
    """Any word without `@` was read again from each of its characters: 0.6 s for a header."""
    former = re.compile(r"[^\s\"'<>]+@[^\s\"'<>]+")
    area = Area("former", ("a@", "<"), 3_000, ANYONE, lambda _, text: partial(former.sub, "", text))
    searched = Search(area, search.app, search.create)

    searched.run(0.5, first_seed=1)
    found = slow.measure(searched, searched.slowest[0][1])

    assert any("the aim is 2" in each for each in found.complaints)
    assert any("not linear" in each for each in found.complaints)


@pytest.mark.parametrize("name", KNOWN)
def test_the_worst_finds_stay_within_their_aim(search, name):
    """Each at a length that is quick to measure, with twice its aim for a busy machine."""
    area = BY_NAME[name]
    limit = min(area.limit, LENGTH)
    # What any request may cost, and its share of what the limit buys.
    short = replace(area, limit=limit, aim=2 * (ANYONE + area.aim * limit / area.limit))

    found = slow.measure(replace(search, area=short, broken=[]), KNOWN[name], rounds=4)

    assert found.complaints == []


def test_a_fault_of_ours_is_a_complaint(search):
    """A response of 5xx, which no text of a client's may cause."""
    area = replace(AREAS[0], prepare=lambda _, __: lambda: 500)

    found = slow.measure(replace(search, area=area, broken=[]), Shape())

    assert "a response of 5xx" in found.complaints[0]


def test_a_text_has_the_length_that_is_asked_for():
    """In bytes; a number counts up, so that keys differ."""
    assert Shape(("é",), ("a#",), ("!",)).text(20) == "éa000000a000001!"
    assert len(Shape((), ("ab",)).text(1_000)) == 1_000


def test_the_page_and_the_finds_have_every_area():
    """`make slow ARGS=--write` has written both."""
    (shown,) = slow.SECTION.marked.findall(slow.SECTION.page.read_text(encoding="utf-8"))

    assert re.findall(r"^\| (?!where|-)(.+?) \|", shown, re.MULTILINE) == [a.name for a in AREAS]
    assert set(KNOWN) == set(BY_NAME)
    assert Find(AREAS[0], Shape(), 1.0, 1.0, 1).complaints == []
