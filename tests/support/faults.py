"""Faults of DynamoDB, injected at a chosen call by a client that is passed in.

moto never conflicts, throttles or loses a response, and it applies a transaction twice whose
ClientRequestToken it has seen. `FaultyClient` adds both: the fault, and the memory of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

Request = Mapping[str, Any]
Send = Callable[[], Any]
Fault = Callable[[Request, Send], Any]

ENDPOINT = "https://dynamodb.invalid"


class Crash(BaseException):
    """The process ends here: nothing that runs after it may catch it."""


def client_error(code: str, status: int = 400, **fields: Any) -> ClientError:
    """Make the error that boto3 raises when AWS responds with `code`."""
    response: Any = {
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return ClientError(response, "Injected")


def canceled(*reasons: str | tuple[str, Request]) -> ClientError:
    """Make a cancelled transaction; a reason may hold the item that its condition met."""
    items = [each if isinstance(each, tuple) else (each, None) for each in reasons]
    return client_error(
        "TransactionCanceledException",
        CancellationReasons=[
            {"Code": code} | ({"Item": item} if item is not None else {}) for code, item in items
        ],
    )


def throttled(request: Request, send: Send) -> Any:
    """The table is throttled."""
    raise client_error("ProvisionedThroughputExceededException")


def broken(request: Request, send: Send) -> Any:
    """DynamoDB has a fault of its own."""
    raise client_error("InternalServerError", status=500)


def conflicting(request: Request, send: Send) -> Any:
    """Another transaction writes one of the items; a read does not meet that."""
    actions = request.get("TransactItems")
    if not actions:
        return send()
    raise canceled("TransactionConflict", *["None"] * (len(actions) - 1))


def in_progress(request: Request, send: Send) -> Any:
    """The same transaction is still under way."""
    if "TransactItems" not in request:
        return send()
    raise client_error("TransactionInProgressException")


def lost_reply(request: Request, send: Send) -> Any:
    """The call has its effect, or is rejected; its response is lost."""
    with suppress(ClientError):
        send()
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def lost_request(request: Request, send: Send) -> Any:
    """The call never arrives."""
    raise ConnectTimeoutError(endpoint_url=ENDPOINT)


def unprocessed(request: Request, send: Send) -> Any:
    """A batch comes back as it was sent; other calls do not know this."""
    asked = request.get("RequestItems")
    if asked is None:
        return send()
    return {"Responses": {}, "UnprocessedKeys": asked, "UnprocessedItems": asked}


def crash_before(request: Request, send: Send) -> Any:
    """The process ends before the call."""
    raise Crash


def crash_after(request: Request, send: Send) -> Any:
    """The process ends when the call has had its effect, or was rejected."""
    with suppress(ClientError):
        send()
    raise Crash


# The faults that a request survives with the correct response, and those that it does not.
PASSING: Mapping[str, Fault] = {
    "throttled": throttled,
    "broken": broken,
    "conflicting": conflicting,
    "in progress": in_progress,
    "lost reply": lost_reply,
    "lost request": lost_request,
    "unprocessed": unprocessed,
}
CRASHES: Mapping[str, Fault] = {"crash before": crash_before, "crash after": crash_after}


def fail(error: BaseException) -> Fault:
    """Fail without reaching the service."""

    def fault(_: Request, __: Send) -> Any:
        raise error

    return fault


def lose(error: BaseException) -> Fault:
    """Reach the service, and lose its reply."""

    def fault(_: Request, send: Send) -> Any:
        send()
        raise error

    return fault


def first(action: Callable[[], Any]) -> Fault:
    """Let something else happen just before the call."""

    def fault(_: Request, send: Send) -> Any:
        action()
        return send()

    return fault


def hide(*sort_keys: str) -> Fault:
    """Make items invisible to a Query, as those of a transaction that is not whole yet.

    AWS's Query is read-committed: it may show some of a transaction's items and not the others.
    """

    def fault(_: Request, send: Send) -> Any:
        answer = send()
        items = [each for each in answer["Items"] if each["SK"]["S"] not in sort_keys]
        return answer | {"Items": items}

    return fault


def unharmed(_: Request, send: Send) -> Any:
    """Nothing happens but the call."""
    return send()


@dataclass(slots=True)
class FaultyClient:
    """A boto3 client whose calls meet faults, and that records them.

    Call number `fail_at` (from 0) meets `fault`. `faults` holds, by method, what its next calls
    meet, one fault each. `every` call meets that one first. All other calls go well.

    A transaction whose token is known is not applied again, as in DynamoDB; with
    `remembers_tokens` False that is left to the engine behind the client.
    """

    client: Any
    fail_at: int = -1
    fault: Fault = throttled
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    every: Fault = unharmed
    remembers_tokens: bool = True
    calls: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _answered: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """Give the client's attribute; a method meets its faults first."""
        method = getattr(self.client, name)
        if not callable(method):
            return method

        def call(**request: Any) -> Any:
            fault = self._next_fault(name)
            self.calls.append(name)
            self.requests.append(request)
            return self.every(request, lambda: fault(request, lambda: self._send(method, request)))

        return call

    def _next_fault(self, name: str) -> Fault:
        if len(self.calls) == self.fail_at:
            return self.fault
        waiting = self.faults.get(name)
        return waiting.pop(0) if waiting else unharmed

    def _send(self, method: Callable[..., Any], request: Request) -> Any:
        token = request.get("ClientRequestToken") if self.remembers_tokens else None
        if token in self._answered:
            return self._answered[token]
        response = method(**request)
        if token:
            self._answered[token] = response
        return response
