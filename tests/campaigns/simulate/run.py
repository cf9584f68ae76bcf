"""One seed: a world, its weather, its clients, and the verdict."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from random import Random

from chalicelib.observability import logger
from tests.campaigns.simulate.exam import Exam
from tests.campaigns.simulate.follower import Follower
from tests.campaigns.simulate.judge import Histories
from tests.campaigns.simulate.network import Weather
from tests.campaigns.simulate.workload import Client, Shared, create_joined_groups, create_user
from tests.campaigns.simulate.world import World

REQUESTS = 300
CROWD = 45


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a seed; `calls` are those to AWS, `requests` the operations over HTTP."""

    seed: int
    requests: int
    calls: int
    seconds: float
    virtual: float
    injected: Counter[str]
    statuses: Counter[int]
    problems: Sequence[str] = ()
    log: Sequence[str] = ()


@dataclass(slots=True)
class Simulation:
    """Everything that a seed decides."""

    seed: int
    requests: int = REQUESTS
    verbose: bool = False
    world: World = field(init=False)
    shared: Shared = field(default_factory=Shared)
    random: Random = field(init=False)
    busy: int = 0

    def __post_init__(self) -> None:
        """Draw the world."""
        self.world = World(f"{self.seed}", log=[] if self.verbose else None)
        self.random = Random(f"plan {self.seed}")  # noqa: S311 - a run must be repeatable

    def weather(self) -> Weather:
        """Draw what goes wrong: nothing but concurrency in some worlds, much in others."""
        choice = self.random.choice
        return Weather(
            faults=choice([0.0, 0.01, 0.04, 0.12]),
            kills=choice([0.0, 0.0, 0.003, 0.01]),
            stalls=choice([0.0, 0.0, 0.003, 0.008]),
            half=choice([0.0, 0.3, 0.8]),
            skew=choice([0.0, 0.0, 5.0]),
        )

    def run(self) -> Verdict:
        """Run the world to its end, and judge."""
        started, problems = time.perf_counter(), list[str]()
        done: list[bool] = []
        self.world.schedule.start(lambda: self._play(problems, done))
        self.world.schedule.run(lambda: bool(done))
        self.world.finish()
        self.world.schedule.drain()
        large = set(self.shared.large_groups)
        joiners = frozenset(self.shared.joiners)
        histories = Histories(self.shared.events, large, self.world.skew, joiners)
        problems += histories.wrong()
        return Verdict(
            self.seed,
            self.world.requests,
            self.world.cloud.calls,
            time.perf_counter() - started,
            self.world.schedule.now,
            self.world.cloud.injected,
            Counter(event.reply.status for event in self.shared.events),
            problems,
            self.world.log or (),
        )

    def _play(self, problems: list[str], done: list[bool]) -> None:
        """Set up, let all clients work, and ask the last questions."""
        world = self.world
        world.set_up()
        first = Client(world, self.shared, Random(f"first {self.seed}"))  # noqa: S311 - as above
        if self.random.random() < 0.25:
            for number in range(CROWD):
                create_user(first, {"userName": f"crowd{number}"})
            self.shared.crowd, self.shared.users = self.shared.users, []
        elif self.random.random() < 0.15:
            create_joined_groups(first)
        weather = self.weather()
        world.begin(weather)
        follower = Follower(world, Random(f"follower {self.seed}"))  # noqa: S311 - as above
        clients = self.random.choice([2, 4, 6, 10])
        pace = self.random.choice([0.05, 0.3, 1.0])
        for number in range(clients):
            each = Client(world, self.shared, Random(f"{self.seed} client {number}"), pace)  # noqa: S311 - as above
            self._start(lambda c=each: c.work(self.requests // clients))  # type: ignore[misc]
        self._start(lambda: follower.follow(lambda: self.busy <= 2))
        self._start(lambda: self._sweep(lambda: self.busy <= 2))
        while self.busy:
            world.schedule.sleep(1.0)
        world.calm()
        exam = Exam(first, follower)
        exam.sit()
        problems += exam.problems + self.shared.problems
        done.append(True)

    def _start(self, task: Callable[[], object]) -> None:
        """Start a task of the busy part of the world."""
        self.busy += 1

        def run() -> None:
            task()
            self.busy -= 1

        self.world.schedule.start(run, self.random.random())

    def _sweep(self, until: Callable[[], bool]) -> None:
        while not until():
            self.world.schedule.sleep(self.random.uniform(5.0, 60.0))
            self.world.sweep()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the service logs from the terminal."""
    level = logger.log_level
    logger.setLevel(logging.CRITICAL)
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logger.setLevel(level)
        del os.environ["POWERTOOLS_METRICS_DISABLED"]
