"""A client that plays back DynamoDB's responses, and a clock that records each wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chalicelib.storage import grants
from chalicelib.storage.clock import Clock
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table

MINE = "abcdefghijklmnop"


@dataclass(slots=True)
class Script:
    """A client whose calls get these responses, one after another; an exception is raised.

    The last response is for all calls from there on. `requests` holds what was sent.
    """

    answers: list[Any]
    requests: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method that records its request and responds by the script."""

        def call(**request: Any) -> Any:
            self.requests.append((name, request))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def sent(self, part: str) -> list[Any]:
        """Give one parameter of every request."""
        return [request[part] for _, request in self.requests]


@dataclass(slots=True)
class Watch:
    """Time that passes only while somebody waits; notes each wait."""

    passed: float = 0.0
    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.passed += seconds

    def clock(self, seed: int = 1) -> Clock:
        """Make the clock of a store."""
        return Clock(
            monotonic=lambda: self.passed,
            sleep=self.wait,
            random=Random(seed),  # noqa: S311 - a test must be able to run again
        )


def a_namespace(client: Any, watch: Watch | None = None, seconds: float = 25) -> Namespace:
    """Bind a connection's namespace of a table that is reached by `client`."""
    clock = (watch or Watch()).clock()
    deadline = Deadline.after(seconds, clock)
    return Table(client, "table", clock).namespace(grants.scim(ConnectionKeys(MINE)), deadline)
