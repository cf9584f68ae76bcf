"""`make slow`: search for the texts that take longest, in each area of a request.

hypothesis draws texts of an area's pieces, one part repeated, and climbs towards what takes the
most CPU. Each goes through the whole app; as in the second table of `make budget` a figure is how
many creates of a user take the same CPU, and the calls to AWS do not count.

    python -m tests.campaigns.slow [--minutes 15] [--only AREA] [--seed 1] [--write]

With --write the worst finds go into docs/performance.md and slow_finds.json, which a test replays.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from dev.measure import shares
from dev.measure.pages import Section
from tests.campaigns.slow_areas import AREAS, Area, World, world, written

SECTION = Section("performance.md", "slow")
FINDS = Path(__file__).with_name("slow_finds.json")

# What any text may have, beside the pieces of its area.
ANYWHERE = ("a", "0", "#", " ", '"', "\\", "/", "é", "\u0301", "\u0323", "\x00", "\n", "%", "_")
# Texts of so many bytes are searched for; the slowest are then measured at the whole limit.
LENGTH = 8_000
EXAMPLES, LEAST = 150, 20
KEPT = 4
# Twice the text may take less than three times as long.
LINEAR = 3
BROKEN = 500


@dataclass(frozen=True, slots=True)
class Shape:
    """A text of any length: what stands before and after, and what is repeated in between."""

    before: Sequence[str] = ()
    unit: Sequence[str] = ("a",)
    after: Sequence[str] = ()

    def text(self, length: int) -> str:
        """Write it with at most so many bytes; each `#` of the repeated part counts up."""
        before, unit, after = ("".join(part) for part in (self.before, self.unit, self.after))
        size = len(unit.encode()) + 5 * unit.count("#")
        count = max(1, (length - len(f"{before}{after}".encode())) // size)
        middle = (unit.replace("#", f"{number:06}") for number in range(count))
        return f"{before}{unit * count if '#' not in unit else ''.join(middle)}{after}"


def shapes(area: Area) -> st.SearchStrategy[Shape]:
    """Draw shapes of an area's pieces."""
    piece = st.sampled_from((*area.pieces, *(() if area.is_whole else ANYWHERE)))
    return st.builds(
        Shape,
        before=st.lists(piece, max_size=3),
        unit=st.lists(piece, min_size=1, max_size=4),
        after=st.lists(piece, max_size=2),
    )


@dataclass(slots=True)
class Search:
    """The search in one area: how many texts were tried, and the slowest shapes."""

    area: Area
    app: World
    create: float
    tried: int = 0
    slowest: list[tuple[float, Shape]] = field(default_factory=list)
    broken: list[Shape] = field(default_factory=list)

    def creates(self, shape: Shape, length: int, rounds: int = 1) -> float:
        """Measure a shape at a length: the least CPU of some rounds, in creates."""
        text, taken = shape.text(length), []
        for _ in range(rounds):
            act, status = self.area.prepare(self.app, text), list[object]()
            taken.append(self.app.bench.seconds(lambda a=act, s=status: s.append(a())))  # type: ignore[misc]
            if isinstance(status[0], int) and status[0] >= BROKEN:
                self.broken.append(shape)
        return min(taken) / self.create

    def try_shape(self, shape: Shape) -> float:
        """Measure a shape, and keep it if it is one of the slowest; what seems slow twice."""
        length, self.tried = min(LENGTH, self.area.limit), self.tried + 1
        found = self.creates(shape, length)
        if len(self.slowest) < KEPT or found > self.slowest[-1][0]:
            found = min(found, self.creates(shape, length, rounds=2))
            known = {"".join(each.unit): (cost, each) for cost, each in [(found, shape)]}
            for cost, each in self.slowest:
                known.setdefault("".join(each.unit), (cost, each))
            self.slowest = sorted(known.values(), key=lambda pair: -pair[0])[:KEPT]
        return found

    def run(self, seconds: float, first_seed: int) -> None:
        """Draw shapes until the time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._climb(first_seed + self.tried, end)

    def _climb(self, number: int, end: float) -> None:
        @seed(number)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.target),
            suppress_health_check=[*HealthCheck],
        )
        @given(shapes(self.area))
        def climb(shape: Shape) -> None:
            if time.monotonic() < end or self.tried < LEAST:
                target(self.try_shape(shape))

        climb()


@dataclass(frozen=True, slots=True)
class Find:
    """The slowest shape of an area, at half of its limit and at all of it, in creates."""

    area: Area
    shape: Shape
    half: float
    whole: float
    tried: int
    broken: Sequence[Shape] = ()

    @property
    def complaints(self) -> list[str]:
        """Say what is wrong with it: too slow, not linear, or a fault of ours."""
        found = [f"a response of 5xx: {each.text(80)!r}" for each in self.broken]
        if self.whole > self.area.aim:
            found.append(f"{self.whole:,.1f} creates, the aim is {self.area.aim:g}: {self.text}")
        if self.whole > LINEAR * max(self.half, 1):
            found.append(f"not linear, {self.half:.1f} and {self.whole:.1f}: {self.text}")
        return [f"{self.area.name}: {each}" for each in found]

    @property
    def text(self) -> str:
        """Write the shape for a page."""
        return written(asdict(self.shape))


def search(area: Area, seconds: float, first_seed: int = 1) -> Find:
    """Search in an area for a time; measure the slowest shapes at its whole limit."""
    with world() as app, shares.silent():
        gc.freeze()  # or each measurement would look at all of the emulator's objects
        unit = app.bench.measure(partial(shares.create, app.bench), rounds=30).seconds
        at_limit = Search(area, app, unit)
        at_limit.run(seconds, first_seed)
        measured = [each for _, each in at_limit.slowest]
        worst = max(measured, key=lambda shape: at_limit.creates(shape, area.limit))
        find = measure(at_limit, worst)
        gc.unfreeze()
    return find


def measure(searched: Search, shape: Shape, rounds: int = 3) -> Find:
    """Measure a shape at half of its area's limit and at all of it, the least of some rounds.

    By turns: a busy moment of the machine hits both.
    """
    area = searched.area
    parts = (area.limit // 2, area.limit)
    turns = [[searched.creates(shape, each) for each in parts] for _ in range(rounds)]
    half, whole = map(min, zip(*turns, strict=True))
    return Find(area, shape, half, whole, searched.tried, tuple(searched.broken[:KEPT]))


HEAD = "| where | slowest text found | bytes | 50 % | 100 % | aim |\n|---|---|---|---|---|---|\n"


def table(finds: Sequence[Find]) -> str:
    """Return the table; figures are creates."""
    return HEAD + "".join(
        f"| {find.area.name} | {_cell(find)} | {find.area.limit:,} "
        f"| {find.half:.1f} | {find.whole:.1f} | {find.area.aim:g} |\n"
        for find in finds
    )


def _cell(find: Find) -> str:
    return f"`` {find.text} ``"


def searched(areas: Sequence[Area], minutes: float, first_seed: int) -> Iterator[Find]:
    """Search in one area after another, and say what was found in each."""
    for number, area in enumerate(areas, start=1):
        find = search(area, 60 * minutes / len(areas), first_seed)
        line = f"{number} of {len(areas)}, {area.name}: {find.tried:,} texts, slowest"
        print(f"{line} {find.whole:.1f} creates: {find.text}", flush=True)
        yield find


def main(arguments: Sequence[str]) -> int:
    """Search, print the table, and say what costs too much; 0 when nothing does."""
    parser = ArgumentParser("make slow")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--only", choices=[area.name for area in AREAS])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Passerelle")
    areas = [area for area in AREAS if asked.only in (None, area.name)]
    finds = list(searched(areas, asked.minutes, asked.seed))
    SECTION.publish(table(finds), ["--write"] if asked.write else [])
    if asked.write:
        FINDS.write_text(_as_json(finds), encoding="utf-8")
    complaints = [each for find in finds for each in find.complaints]
    print("\n".join([*complaints, f"{sum(f.tried for f in finds):,} texts"]), file=sys.stderr)
    return 1 if complaints else 0


def _as_json(finds: Sequence[Find]) -> str:
    kept: list[dict[str, Any]] = [{"area": f.area.name, **asdict(f.shape)} for f in finds]
    return json.dumps(kept, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
