"""A client that plays back DynamoDB's responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.storage import grants
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table
from tests.support.clock import ManualClock

MINE = "abcdefghijklmnop"


@dataclass(slots=True)
class Script:
    """A client whose calls get these responses, one after another; an exception is raised.

    The last response is for all calls from there on. `requests` holds what was sent.
    """

    responses: list[Any]
    requests: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method that records its request and responds by the script."""

        def call(**request: Any) -> Any:
            self.requests.append((name, request))
            response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
            if isinstance(response, Exception):
                raise response
            return response

        return call

    def sent(self, part: str) -> list[Any]:
        """Give one parameter of every request."""
        return [request[part] for _, request in self.requests]


def a_namespace(
    client: Any, manual_clock: ManualClock | None = None, seconds: float = 25
) -> Namespace:
    """Bind a connection's namespace of a table that is reached by `client`."""
    clock = (manual_clock or ManualClock()).clock()
    deadline = Deadline.after(seconds, clock)
    return Table(client, "table", clock).namespace(grants.scim(ConnectionKeys(MINE)), deadline)
