"""Where the webhooks of `make events` lead: one that lives, one that fails, one that is down.

And the SaaS's consumer, which is killed again and again: a process, or in memory something that
dies before or after it has written an event.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock, Timer
from typing import Any

from chalicelib.outbound import OutboundClient, OutboundRequest, OutboundResponse, Unreachable
from dev.run import engines
from dev.run.listener import HOST
from tests.campaigns.pushed.accounts import Accounts, Event, Read, follows, mark_of, object_of

LIVING, FLAKY, DOWN = (f"http://{HOST}:9/{name}" for name in ("living", "flaky", "down"))
FAILING = 0.2
# A process is killed within so many seconds after a delivery has begun.
SOON = 0.02


@dataclass(slots=True)
class Receiver:
    """Accepts events but a share of them, and notes which it has seen and in which order."""

    random: Random
    failing: float = 0.0
    seen: set[str] = field(default_factory=set)
    last: dict[str, str] = field(default_factory=dict)
    disorder: int = 0
    lock: Lock = field(default_factory=Lock)

    def receive(self, event: Event) -> int:
        """Return the status of the response."""
        with self.lock:
            if self.random.random() < self.failing:
                return 500
            if event["id"] not in self.seen and event["type"] in {"user", "team", "membership"}:
                name, mark = object_of(event), mark_of(event)
                self.disorder += not follows(self.last.get(name), mark)
                self.last[name] = mark
            self.seen.add(event["id"])
            return 204


@dataclass(slots=True)
class MortalAccounts:
    """The consumer in this process; where a process would be killed, it is opened anew."""

    file: Path
    read: Read
    random: Random
    accounts: Accounts = field(init=False)
    kills: int = 0
    due: bool = False

    def __post_init__(self) -> None:
        """Open it."""
        self.accounts = Accounts(self.file, self.read)

    def receive(self, event: Event) -> int:
        """Accept an event, or die before or after it is written."""
        if not self.due:
            self.accounts.accept(event)
            return 204
        self.due = False
        if self.random.random() < 0.5:
            self.accounts.accept(event)
        self.accounts, self.kills = Accounts(self.file, self.read), self.kills + 1
        raise Unreachable

    def revive(self) -> None:
        """Nothing is to be done."""


@dataclass(slots=True)
class AccountsProcess:
    """The consumer as a process of its own, which gets a SIGKILL in the middle of deliveries."""

    file: Path
    engine_url: str
    table: str
    random: Random
    port: int = field(default_factory=engines.free_port)
    kills: int = 0
    due: bool = False
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it receives."""
        return f"http://{HOST}:{self.port}/events"

    def revive(self) -> None:
        """Start it, where it does not run, and wait until it listens."""
        if self.process is not None and self.process.poll() is None:
            return
        command = ["-m", "tests.campaigns.pushed.consumer", str(self.port), str(self.file)]
        self.process = subprocess.Popen(
            [sys.executable, *command, self.engine_url, self.table],
            cwd=engines.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.process.stdout.readline()

    def kill_soon(self) -> None:
        """Kill it in the middle of what it is doing then, if its time has come."""
        if self.due and self.process is not None:
            self.due, self.kills = False, self.kills + 1
            Timer(self.random.uniform(0, SOON), self.process.kill).start()

    def end(self) -> None:
        """End it for good."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class Outbound:
    """Brings a delivery to a receiver of this process; any other URL is that of the consumer."""

    inside: Mapping[str, Callable[[Event], int]]
    consumer: AccountsProcess | None = None

    def send(self, request: OutboundRequest, **options: Any) -> OutboundResponse:
        """Send a request as OutboundClient does.

        Raises:
            Unreachable: nobody is there.
        """
        if request.url == DOWN:
            raise Unreachable
        receive = self.inside.get(request.url)
        if receive is not None:
            return OutboundResponse(receive(json.loads(request.body or b"")["data"]), b"")
        assert self.consumer
        self.consumer.kill_soon()
        return OutboundClient(allow_loopback=True).send(request, **options)
