"""`make crowded`: one noisy connection and ten quiet ones, on fifty processes and a virtual clock.

The limiter is the real one, and so is what each process reports; a client in memory adds it up. A
request passes the throttle of the stage and then keeps a process, chosen by chance among the free
ones of the reserved concurrency, for 50 ms on average when it is accepted. While all are busy it
waits for the first that is not, where Lambda would respond with 503: that may happen in the first
minute alone, before the processes know of each other. The same requests are sent three times:
without the noisy connection, with it, and with it to processes that limit nothing, where the model
has to show the harm.

Then five processes of this machine share a limit of 2/s on DynamoDB Local, for `--seconds`: what
they measure is printed and never judged.

    make crowded ARGS='--minutes 10 --seconds 60 --seed 1'
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from multiprocessing import get_context
from random import Random
from typing import Any

from chalicelib.api.rate_limit import REPORT, Bucket, Buckets
from chalicelib.errors import TooManyRequests
from chalicelib.settings import Rate
from chalicelib.storage.clock import Clock
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.measure.costs import ASSUMED
from dev.release.stages import THROTTLE
from dev.run import dynamodb_local
from tests.support.clock import ManualClock

PROCESSES = 50
ACCEPTED_SECONDS = 0.050
# Authentication and its call; a report is one call more.
REJECTED_SECONDS = (ASSUMED.ms_own + ASSUMED.ms_per_call) / 1000
REPORT_SECONDS = ASSUMED.ms_per_call / 1000

# The noisy connection sends so many times its limit, the quiet ones so many a second.
TIMES, QUIET = 20, 2.0
QUIET_CONNECTIONS = [f"quiet{number}" for number in range(10)]
# What Entra ID demands of a service (docs/connect-entra.md), and the limits that it is sent to.
PROVIDER = 25.0
PROVIDER_LIMITS = (Rate(), Rate(per_second=30), Rate(per_second=28))
# How far the noisy connection may be from its limit, and the quiet ones' p99 from what it was.
TOLERANCE = 0.10

SMALL, SMALL_PROCESSES, SLICE_SECONDS = Rate(per_second=2, burst=4), 5, 10


@dataclass(slots=True)
class Sums:
    """The client of a table that only adds: what comes back is the sum, as DynamoDB returns it."""

    total: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        """Add the one number of a request that has one."""
        owner = request["Key"]["PK"]["S"]
        added = request["UpdateExpression"].rpartition(" ")[2]
        self.total[owner] += int(request["ExpressionAttributeValues"][added]["N"])
        self.calls[owner] += 1
        return {"Attributes": {"requests": {"N": f"{self.total[owner]}"}}}


@dataclass(slots=True)
class Minute:
    """What one or more connections had in one or more minutes.

    Requests were rejected by the limiter or the throttle of the stage, or were late: they waited
    for a process. `seconds` is how long each accepted one took.
    """

    requests: int = 0
    limited: int = 0
    throttled: int = 0
    late: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """How many were rejected."""
        return self.limited + self.throttled

    @property
    def p99(self) -> float:
        """The milliseconds that 99 of 100 accepted requests did not exceed, waiting included."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] * 1000


@dataclass(slots=True)
class Service:
    """The processes of the function, their table, and the throttle before them."""

    random: Random
    limit: Rate | None
    clock: ManualClock = field(default_factory=ManualClock)
    client: Sums = field(default_factory=Sums)
    throttle: Bucket = field(default_factory=lambda: Bucket(THROTTLE.burst, 0.0))
    buckets: list[Buckets] = field(default_factory=list)
    free: list[int] = field(default_factory=lambda: list(range(PROCESSES)))
    busy: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give each process buckets of its own."""
        self.buckets = [Buckets(lambda: self.clock.passed) for _ in range(PROCESSES)]

    def send(self, at: float, connection: str, needs: float, minute: Minute) -> None:
        """Send a request that needs so many seconds of a process, if it is accepted."""
        minute.requests += 1
        self.throttle.fill(THROTTLE.per_second, THROTTLE.burst, at)
        if self.throttle.left < 1:
            minute.throttled += 1
            return
        self.throttle.left -= 1
        begins, process = self._process(at)
        self.clock.passed = max(self.clock.passed, begins)
        calls = self.client.calls.total()
        accepted = self._is_accepted(process, connection)
        ends = begins + (needs if accepted else REJECTED_SECONDS)
        ends += (self.client.calls.total() - calls) * REPORT_SECONDS
        heapq.heappush(self.busy, (ends, process))
        minute.late += begins > at
        minute.limited += not accepted
        if accepted:
            minute.seconds.append(ends - at)

    def _process(self, at: float) -> tuple[float, int]:
        """Choose a process for a request that comes at a time; return when it begins."""
        while self.busy and self.busy[0][0] <= at:
            self.free.append(heapq.heappop(self.busy)[1])
        if not self.free:
            return heapq.heappop(self.busy)
        place = self.random.randrange(len(self.free))
        self.free[place], self.free[-1] = self.free[-1], self.free[place]
        return at, self.free.pop()

    def _is_accepted(self, process: int, connection: str) -> bool:
        if self.limit is None:
            return True
        table = Table(self.client, "table", self.clock.clock())  # type: ignore[arg-type]
        return is_accepted(self.buckets[process], connection, self.limit, table)


def is_accepted(buckets: Buckets, connection: str, rate: Rate, table: Table) -> bool:
    """Take a request from the limit of a connection; return whether there was one."""
    key = ConnectionKeys(connection).rate_limit("requests")
    try:
        buckets.take_shared(key, rate, table, Deadline.after(25, table.clock))
    except TooManyRequests:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Result:
    """What a run measured: minutes by connection, and the calls of each for its reports."""

    minutes: Mapping[str, Sequence[Minute]]
    calls: Mapping[str, int]

    def of(self, *connections: str, first: int = 0) -> Minute:
        """Add up what some connections had, from minute `first` on."""
        counted = [each for name in connections for each in self.minutes[name][first:]]
        return Minute(
            sum(each.requests for each in counted),
            sum(each.limited for each in counted),
            sum(each.throttled for each in counted),
            sum(each.late for each in counted),
            list(chain.from_iterable(each.seconds for each in counted)),
        )

    def calls_per_request(self, *connections: str) -> float:
        """Return how many calls a request of some connections costs more, on average."""
        return sum(self.calls[name] for name in connections) / self.of(*connections).requests


def simulate(demand: Mapping[str, float], limit: Rate | None, minutes: int, seed: int) -> Result:
    """Send requests of each connection, so many a second; None: the processes limit nothing."""
    service = Service(Random(seed), limit)  # noqa: S311 - to run it again
    counted = {name: [Minute() for _ in range(minutes)] for name in demand}
    streams = [_requests(name, rate, minutes * 60.0, seed) for name, rate in demand.items()]
    for at, name, needs in heapq.merge(*streams):
        service.send(at, name, needs, counted[name][int(at // 60)])
    calls = {
        name: service.client.calls[ConnectionKeys(name).rate_limit("requests").pk]
        for name in demand
    }
    return Result(counted, calls)


def _requests(
    name: str, rate: float, seconds: float, seed: int
) -> Iterator[tuple[float, str, float]]:
    """Yield when each request of a connection comes, and what it needs: the same in each run."""
    random = Random(f"{seed} {name}")  # noqa: S311 - to run it again
    at = random.expovariate(rate)
    while at < seconds:
        yield at, name, random.expovariate(1 / ACCEPTED_SECONDS)
        at += random.expovariate(rate)


# --- what must hold ---------------------------------------------------------------------------


def faults(limit: Rate, minutes: int, seed: int) -> Iterator[str]:
    """Run with and without the noisy connection, print both, and yield what must not be."""
    quiet = dict.fromkeys(QUIET_CONNECTIONS, QUIET)
    crowd = {"noisy": limit.per_second * TIMES, **quiet}
    alone, beside = simulate(quiet, limit, minutes, seed), simulate(crowd, limit, minutes, seed)
    yield from _noisy(limit, beside)
    yield from _quiet(alone, beside)


def _noisy(limit: Rate, beside: Result) -> Iterator[str]:
    accepted = [len(each.seconds) / 60 for each in beside.minutes["noisy"]]
    calls = beside.calls_per_request("noisy")
    print(f"noisy: {limit.per_second * TIMES:.0f}/s asked, its limit is {limit.per_second:.0f}/s")
    print(f"  accepted in each minute: {', '.join(f'{each:.1f}/s' for each in accepted)}")
    print(f"  {calls:.4f} calls more for each request")
    if any(abs(each / limit.per_second - 1) > TOLERANCE for each in accepted[1:]):
        yield "the noisy connection does not get its limit within 10 %"
    if calls > 1 / REPORT:
        yield "a request of the noisy connection costs more calls than allowed"


def _quiet(alone: Result, beside: Result) -> Iterator[str]:
    before, after = (each.of(*QUIET_CONNECTIONS) for each in (alone, beside))
    calls = [each.calls_per_request(*QUIET_CONNECTIONS) for each in (alone, beside)]
    print(f"quiet, {len(QUIET_CONNECTIONS)} connections, alone and beside it:")
    print(f"  {before.rejected} of {before.requests} and {after.rejected} rejected")
    late, later = after.late, beside.of(*QUIET_CONNECTIONS, first=1).late
    print(f"  {before.late} and {late} found no free process, {later} of them after a minute")
    print(f"  p99 {before.p99:.1f} and {after.p99:.1f} ms")
    print(f"  {calls[0]:.4f} and {calls[1]:.4f} calls more for each request")
    if after.rejected:
        yield "a request of a quiet connection is rejected"
    if later:
        yield "the noisy connection uses up the processes after the first minute"
    if after.p99 > before.p99 * (1 + TOLERANCE):
        yield "the noisy connection slows down the quiet ones"
    if max(calls) > 1 / REPORT or abs(calls[0] - calls[1]) > 0.1 / REPORT:
        yield "a request of a quiet connection costs more calls than alone"


def provider_faults(limits: Sequence[Rate], minutes: int, seed: int) -> Iterator[str]:
    """Let a provider send 25 requests a second to a limit, and yield where one is rejected."""
    for limit in limits:
        result = simulate({"provider": PROVIDER}, limit, minutes, seed).of("provider")
        at = f"a provider at {PROVIDER:.0f}/s, limit {limit.per_second:.0f}/s"
        print(f"{at}: {result.rejected} of {result.requests} rejected")
        if result.rejected:
            yield f"{at}: a request is rejected"


def harm_without_limits(limit: Rate, minutes: int, seed: int) -> Minute:
    """Return what quiet connections have beside a noisy one if no process limits anything."""
    crowd = {"noisy": limit.per_second * TIMES, **dict.fromkeys(QUIET_CONNECTIONS, QUIET)}
    return simulate(crowd, None, minutes, seed).of(*QUIET_CONNECTIONS)


# --- on DynamoDB Local ------------------------------------------------------------------------


def run_on_dynamodb_local(seconds: float) -> None:
    """Let five processes share a limit of 2/s, asked for 20 times as much; print what they got."""
    slices = max(1, int(seconds // SLICE_SECONDS))
    print(
        f"DynamoDB Local, {SMALL_PROCESSES} processes for {slices * SLICE_SECONDS} s: "
        f"{SMALL.per_second * TIMES:.0f}/s asked, limit {SMALL.per_second:.0f}/s",
        flush=True,
    )
    with dynamodb_local.running() as engine, reference.table(reference.client(engine.url)) as table:
        # Each with an interpreter of its own: a copy of this one would share its connections.
        pool = ProcessPoolExecutor(SMALL_PROCESSES, get_context("spawn"))
        with pool:
            send = partial(_send, engine.url, table.name, slices)
            accepted = list(pool.map(send, range(SMALL_PROCESSES)))
    rates = [sum(each) / SLICE_SECONDS for each in zip(*accepted, strict=True)]
    print(f"  accepted in each {SLICE_SECONDS} s: {', '.join(f'{each:.1f}/s' for each in rates)}")


def _send(url: str, table_name: str, slices: int, _: int) -> list[int]:
    """Send a process's part of the requests; return how many it accepted in each slice."""
    table, buckets = Table(reference.client(url), table_name, Clock()), Buckets()
    accepted, started = [0] * slices, time.monotonic()
    pause = SMALL_PROCESSES / (SMALL.per_second * TIMES)
    while (passed := time.monotonic() - started) < slices * SLICE_SECONDS:
        accepted[int(passed // SLICE_SECONDS)] += is_accepted(buckets, "crowded", SMALL, table)
        time.sleep(pause)
    return accepted


def main(arguments: Sequence[str]) -> int:
    """Run all and print what was measured; 0 when all is as it must be."""
    parser = argparse.ArgumentParser(prog="make crowded", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    wrong = [
        *faults(Rate(), options.minutes, options.seed),
        *provider_faults(PROVIDER_LIMITS, options.minutes, options.seed),
    ]
    harm = harm_without_limits(Rate(), 1, options.seed)
    print(f"without limits the quiet ones' p99 would be {harm.p99:.0f} ms,")
    print(f"  and {harm.late} of {harm.requests} requests would find no free process")
    if options.seconds:
        run_on_dynamodb_local(options.seconds)
    for each in wrong:
        print(f"  {each}")
    return bool(wrong)
