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


def refusal(code: str, *, status: int = 400, **fields: Any) -> ClientError:
    """Make the error that boto3 raises when DynamoDB responds with `code`."""
    answer: Any = {
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return ClientError(answer, "Injected")


def canceled(*reasons: str | tuple[str, Request]) -> ClientError:
    """Make a cancelled transaction; a reason may hold the item that its condition met."""
    rows = [each if isinstance(each, tuple) else (each, None) for each in reasons]
    return refusal(
        "TransactionCanceledException",
        CancellationReasons=[
            {"Code": code} | ({"Item": item} if item is not None else {}) for code, item in rows
        ],
    )


def throttled(request: Request, send: Send) -> Any:
    """The table is throttled."""
    raise refusal("ProvisionedThroughputExceededException")


def broken(request: Request, send: Send) -> Any:
    """DynamoDB has a fault of its own."""
    raise refusal("InternalServerError", status=500)


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
    raise refusal("TransactionInProgressException")


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


@dataclass(slots=True)
class FaultyClient:
    """A client whose call number `fail_at` (from 0) meets the fault; all others go well.

    `calls` names the calls so far. A transaction whose token is known is not applied again.
    """

    client: Any
    fail_at: int = -1
    fault: Fault = throttled
    calls: list[str] = field(default_factory=list)
    _answered: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give the client's method, with the fault before it if its turn has come."""

        def call(**request: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)

            def send() -> Any:
                return self._send(name, request)

            return self.fault(request, send) if number == self.fail_at else send()

        return call

    def _send(self, name: str, request: Request) -> Any:
        token = request.get("ClientRequestToken", "")
        if token in self._answered:
            return self._answered[token]
        answer = getattr(self.client, name)(**request)
        if token:
            self._answered[token] = answer
        return answer
