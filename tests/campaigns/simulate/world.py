"""A deployment in virtual time: processes of our code behind a gateway, and clients of it.

Each process has an app of its own, built as in app.py, and serves one request at a time, as Lambda
does. Requests and responses are HTTP, in the shapes of API Gateway.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from math import inf
from random import Random
from typing import Any

from app import build
from chalicelib.api.rate_limit import Buckets
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import mint
from chalicelib.errors import Busy
from chalicelib.settings import Plan, Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from chalicelib.sweeper import sweep_due
from dev.run.gateway import Gateway, HttpRequest
from dev.run.operator_keys import OperatorKeys
from tests.campaigns.simulate.network import Calls, Cloud, Killed, Process, SecretCalls, Weather
from tests.campaigns.simulate.schedule import Promise, Schedule
from tests.support.builders import connection_body, organisation_body
from tests.support.clock import NOON

# As Lambda and API Gateway, in seconds.
FUNCTION_TIMEOUT, GATEWAY_TIMEOUT = 28.0, 29.0
MAX_IDLE = 16
SETTINGS = Settings(
    table_name="simulated",
    stage="test",
    admin_changes=None,
    plans={"enterprise": Plan(scim=True, max_connections=1, rate=None)},
)
CALM = Weather(half=0.0)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client knows of its request: when it sent it, and the response.

    Status 0 stands for no response: whether the request had its effect is not known, nor will be.
    That of a 503 is not known either.
    """

    begin: float
    end: float
    status: int
    body: Any = None
    request_id: str = ""

    @property
    def certain(self) -> bool:
        """Whether the outcome is known."""
        return self.status not in {0, 503, 504}

    @property
    def ended(self) -> float:
        """When the request had its effect at the latest."""
        return self.end if self.certain else inf


@dataclass(slots=True)
class Running:
    """A process and what it serves requests with."""

    process: Process
    services: Services
    gateway: Gateway


@dataclass(slots=True)
class World:
    """One deployment of one organisation with one connection, and the order of its events."""

    seed: str
    schedule: Schedule = field(default_factory=Schedule)
    random: Random = field(init=False)
    cloud: Cloud = field(init=False)
    idle: list[Running] = field(default_factory=list)
    started: int = 0
    requests: int = 0
    log: list[str] | None = None
    weather: Weather = CALM
    operator_key: str = ""
    token: str = ""
    organisation: str = ""
    connection: str = ""

    def __post_init__(self) -> None:
        """Make the random numbers of this seed."""
        self.random = Random(self.seed)  # noqa: S311 - a run must be repeatable
        self.cloud = Cloud(self.schedule, Random(f"cloud {self.seed}"), CALM)  # noqa: S311 - as above
        if self.log is not None:
            self.cloud.log = self._log

    # --- processes ----------------------------------------------------------------------

    def start_process(self) -> Running:
        """Start a process, as at a cold start."""
        self.started += 1
        number = self.started
        skew = self.random.uniform(-1, 1) * self.cloud.weather.skew
        process = Process(self.cloud, number, Random(f"{self.seed} process {number}"), skew)  # noqa: S311 - as above
        clock = Clock(
            now=lambda: NOON + timedelta(seconds=round(self.schedule.now + skew, 6)),
            monotonic=lambda: self.schedule.now,
            sleep=process.sleep,
            random=process.random,
        )
        calls: Any = Calls(process)
        secrets: Any = SecretCalls(process)
        services = Services(
            Table(calls, SETTINGS.table_name, clock),
            Secrets(secrets, SETTINGS.secrets_prefix),
            SETTINGS,
            Buckets(clock.monotonic),
        )
        return Running(process, services, Gateway(build(services), "test", "id.example.com"))

    def _serve(self, run: Callable[[Running], Any], done: Callable[[Any], None]) -> None:
        """Let a process that is idle, or a new one, do something; `done` gets None if it dies."""
        many = len(self.idle) > 1
        running = (
            self.idle.pop(self.random.randrange(len(self.idle))) if many else self.start_process()
        )
        running.process.ends = self.schedule.now + FUNCTION_TIMEOUT
        try:
            result = run(running)
        except Killed:
            self._log(f"process {running.process.number} is dead")
            if self.random.random() < 0.5:  # else the gateway says so when it gives up
                done(None)
            return
        running.process.ends = inf
        if len(self.idle) < MAX_IDLE:
            self.idle.append(running)
        done(result)

    def sweep(self) -> None:
        """Run the sweeper in a process, as EventBridge does every minute; wait for its end."""
        promise = Promise(self.schedule)

        def run(running: Running) -> Any:
            self._log(f"process {running.process.number} sweeps")
            with suppress(Busy):  # the next run goes on, a minute later
                sweep_due(running.services)
            return True

        self.schedule.start(lambda: self._serve(run, promise.keep))
        promise.wait(GATEWAY_TIMEOUT)

    # --- requests -----------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request to the SCIM routes of the connection, or to the admin API."""
        self.requests += 1
        number, begin = self.requests, self.schedule.now
        admin = path.startswith("/admin")
        target = path if admin else f"/scim/v2/{self.connection}{path}"
        raw_path, _, query = target.partition("?")
        credential = self.operator_key if admin else self.token
        sent = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        http = HttpRequest(
            method, raw_path, query, tuple({**sent, **(headers or {})}.items()), content
        )
        self._log(f"request {number}: {method} {target} {body} {headers or ''}")
        promise = Promise(self.schedule)
        task = partial(self._serve, lambda r: self._respond(r, http, number), promise.keep)
        self.schedule.start(task, self.random.uniform(0.001, 0.004))
        response = promise.wait(GATEWAY_TIMEOUT)
        reply = _reply(begin, self.schedule.now, response)
        self._log(f"response {number}: {reply.status} {reply.body}")
        return reply

    def _respond(self, running: Running, http: HttpRequest, number: int) -> Any:
        self._log(f"process {running.process.number} serves request {number}")
        return running.gateway.respond(http)

    def _log(self, line: str) -> None:
        if self.log is not None:
            self.log.append(f"{self.schedule.now:9.3f} {line}")

    # --- the organisation ---------------------------------------------------------------

    def set_up(self) -> None:
        """Create an organisation, a connection and a token, as an operator does."""
        first = self.start_process()
        keys = OperatorKeys(
            first.services.table, SecretCalls(first.process), SETTINGS.secrets_prefix
        )
        self.operator_key = keys.provide(lambda: mint("op", first.process.random).text)
        made = self.request("POST", "/admin/organisations", organisation_body()).body
        self.organisation = made["id"]
        connections = f"/admin/organisations/{self.organisation}/connections"
        self.connection = self.request("POST", connections, connection_body()).body["id"]
        tokens = f"{connections}/{self.connection}/tokens"
        self.token = self.request("POST", tokens, {"name": "first"}).body["token"]

    @property
    def skew(self) -> float:
        """How far the clocks of two processes may be apart, in seconds, by half."""
        return self.weather.skew

    @property
    def logs_everything(self) -> bool:
        """Whether nothing has kept a process from writing its log."""
        weather = self.weather
        return not (weather.faults or weather.kills or weather.stalls)

    def begin(self, weather: Weather) -> None:
        """Let the weather come up: processes that start now have other clocks."""
        self.weather = self.cloud.weather = weather
        self.idle.clear()

    def calm(self) -> None:
        """Let the weather calm down; the processes stay."""
        self.cloud.weather = Weather(half=0.0, skew=self.weather.skew)

    def finish(self) -> None:
        """End what is under way: nothing of a world may go on when it is over."""
        for running in self.idle:
            running.process.alive = False
        self.cloud.weather = CALM


def _reply(begin: float, end: float, response: Any) -> Reply:
    if response is None:
        return Reply(begin, end, 0)
    headers = {name.lower(): value for name, value in response.headers}
    body = json.loads(response.body) if response.body else None
    return Reply(begin, end, response.status, body, headers["x-amzn-requestid"])
