"""Between a process and AWS: time, faults, and transactions that take a while.

What AWS documents and its local engine does not do is here: a transaction locks its items while it
is in progress, so another one that names one of them is cancelled; its items become visible one
after another to a Query; a call may be throttled, lost on its way there or back, or have its
effect after its client has given up; a batch may come back in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from tests.campaigns.simulate.engine import Engine, Pair, Transaction, canceled, failure, pair_of
from tests.campaigns.simulate.schedule import Schedule

ENDPOINT = "https://dynamodb.invalid"
# As in app.py: after that the client gives up, in seconds.
CONNECT_TIMEOUT, READ_TIMEOUT = 1.0, 3.0
KEYS, ITEMS = "UnprocessedKeys", "UnprocessedItems"
# How long a transaction may be half visible, in seconds: a reader that sees half of it for longer
# than 0.4 s takes it for damage, returns what is there and has it counted again.
LONGEST_HALF = 0.3
# How long a call may be under way until it begins to have its effect, in seconds: what AWS has not
# begun when its client gives up is never begun.
LATEST = 2.9


@dataclass(frozen=True, slots=True)
class Weather:
    """How often, of all calls, something goes wrong; `half` of transactions are visible in parts.

    `skew` is how far a clock may be wrong, in seconds.
    """

    faults: float = 0.0
    kills: float = 0.0
    stalls: float = 0.0
    half: float = 0.3
    skew: float = 0.0


class Killed(BaseException):
    """The process ends here: nothing that runs after it may catch it."""


@dataclass(slots=True)
class Cloud:
    """The engine in time: what all processes call."""

    schedule: Schedule
    random: Random
    weather: Weather
    engine: Engine = field(default_factory=Engine)
    secrets: dict[str, str] = field(default_factory=dict)
    # The items of transactions that are decided and not yet visible as a whole to a Query.
    decided: dict[Pair, Transaction] = field(default_factory=dict)
    injected: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    log: Callable[[str], None] | None = None

    def latency(self) -> float:
        """Return how long a call takes, in seconds; a few take much longer."""
        slow = 40.0 if self.random.random() < 0.01 else 1.0
        return self.random.uniform(0.002, 0.008) * slow

    def serve(self, name: str, request: Mapping[str, Any]) -> Any:
        """Serve a call that is no transaction at this moment."""
        if self.decided and name in {"get_item", "batch_get_item"}:
            for pair in _pairs(request):
                if pair in self.decided:
                    self.engine.apply(self.decided[pair], pair)
        return getattr(self.engine, name)(**request)

    def transact(
        self, request: Mapping[str, Any], done: Callable[[], None], unlucky: Mapping[Pair, str]
    ) -> None:
        """Begin a transaction; `done` is called when it is visible as a whole.

        Raises:
            ClientError: it is cancelled or rejected.
        """
        locked = {pair: "another" for pair in unlucky if pair not in self.engine.locked}
        self.engine.locked |= locked
        try:
            transaction = self.engine.prepare(request, lambda: self.random.random() < 0.5)
        except ClientError as error:
            raise _renamed(error, request, unlucky) from None
        finally:
            for pair in locked:
                del self.engine.locked[pair]
        if transaction is None:
            self.schedule.after(self.latency(), done)
        else:
            takes = self.latency()
            self.schedule.after(takes, partial(self._decide, transaction, done))

    def _decide(self, transaction: Transaction, done: Callable[[], None]) -> None:
        """Make the items visible, all at once or in two parts."""
        if self.log:
            self.log(f"decided: {transaction.token[:6]}")
        pairs = list(transaction.images)
        if self.random.random() >= self.weather.half:
            self._show(transaction, pairs)
            self._finish(transaction, done)
            return
        self.injected["transactions half visible for a while"] += 1
        first = [pair for pair in pairs if self.random.random() < 0.5]
        second = [pair for pair in pairs if pair not in first]
        # A GetItem is serialisable with transactions, a Query is not; but what the one has shown of
        # an item, the other shows too: both ask the same replica, which leads.
        self.decided |= dict.fromkeys(pairs, transaction)
        self._show(transaction, first)
        if self.log:
            self.log(f"visible for now: {first}")
        gap = self.random.choice([0.001, 0.01, 0.1, LONGEST_HALF]) * self.random.random()
        self.schedule.after(gap, partial(self._show, transaction, second))
        self.schedule.after(gap, partial(self._finish, transaction, done))

    def _show(self, transaction: Transaction, pairs: list[Pair]) -> None:
        for pair in pairs:
            self.engine.apply(transaction, pair)

    def _finish(self, transaction: Transaction, done: Callable[[], None]) -> None:
        for pair in transaction.images:
            self.decided.pop(pair, None)
        self.engine.finish(transaction)
        done()


def _pairs(request: Mapping[str, Any]) -> list[Pair]:
    """List the items that a call reads one by one."""
    if "RequestItems" not in request:
        return [pair_of(request)]
    ((_, asked),) = request["RequestItems"].items()
    return [pair_of({"Key": key}) for key in asked["Keys"]]


def _renamed(
    error: ClientError, request: Mapping[str, Any], unlucky: Mapping[Pair, str]
) -> ClientError:
    """Give the actions that a fault was injected into its reason."""
    reasons: Any = error.response.get("CancellationReasons")
    if not unlucky or not reasons:
        return error
    pairs = [pair_of(part) for entry in request["TransactItems"] for part in entry.values()]
    return canceled(
        [
            {"Code": unlucky[pair]} if pair in unlucky else reason
            for pair, reason in zip(pairs, reasons, strict=True)
        ]
    )


def _keys_of(request: Mapping[str, Any]) -> str:
    """Name the items of a call, for the log of a seed."""
    if "TransactItems" in request:
        parts = [(verb, part) for each in request["TransactItems"] for verb, part in each.items()]
        token = request.get("ClientRequestToken", "")[:6]
        return f"{token} {[(verb, *pair_of(part)) for verb, part in parts]}"
    if "RequestItems" in request:
        return str(request["RequestItems"])
    values = request.get("ExpressionAttributeValues", {})
    return str(values if ":low" in values else pair_of(request))


@dataclass(slots=True)
class Process:
    """One process of our code: its clock, and whether it is alive.

    `ends` is when Lambda ends the request that it serves.
    """

    cloud: Cloud
    number: int
    random: Random
    skew: float = 0.0
    alive: bool = True
    ends: float = float("inf")

    def sleep(self, seconds: float) -> None:
        """Wait as a part of a request; a process that was ended meanwhile does nothing more.

        Raises:
            Killed: it was.
        """
        self.cloud.schedule.sleep(seconds)
        if self.cloud.schedule.now > self.ends:
            self.cloud.injected["requests ended by Lambda"] += 1
            self.alive = False
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """End the process at a call."""
        self.cloud.injected["processes killed"] += 1
        self.alive = False
        raise Killed

    def stall(self) -> None:
        """Stand still for a while, most often for longer than a lease."""
        self.cloud.injected["stalls"] += 1
        # The machine stands still, and the clock that would end the process with it.
        self.ends += 12.0
        self.sleep(self.random.choice([1.0, 10.0, 31.0, 36.0]))


class Calls:
    """A client of DynamoDB, as boto3's, for one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._cloud = process.cloud

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method of the client."""
        return partial(self._call, name)

    def _call(self, name: str, **request: Any) -> Any:
        """Make one call, which may meet a fault."""
        cloud, process = self._cloud, self._process
        if not process.alive:
            raise Killed
        cloud.calls += 1
        self._mishap()
        chance = cloud.random.random()
        if chance < cloud.weather.faults:
            (fault,) = cloud.random.choices(list(FAULTS), list(FAULTS.values()))
            named = fault.__name__.strip("_").replace("_", " ")
            cloud.injected[named] += 1
            if cloud.log:
                cloud.log(f"process {process.number}: {named} at the next call")
            response = fault(self, name, request)
        else:
            response = self._send(name, request, {})
        self._mishap()
        return response

    def _mishap(self) -> None:
        chance, weather = self._cloud.random.random(), self._cloud.weather
        if chance < weather.kills:
            self._process.kill()
        elif chance < weather.kills + weather.stalls:
            self._process.stall()

    def _send(self, name: str, request: Any, unlucky: Mapping[Pair, str]) -> Any:
        """Send a call; a transaction goes on without us once it has begun."""
        cloud, process = self._cloud, self._process
        process.sleep(cloud.latency())
        if name == "batch_get_item" and cloud.random.random() < cloud.weather.half:
            return self._in_two_moments(request)
        if cloud.log:
            cloud.log(f"process {process.number}: {name} {_keys_of(request)}")
        if name != "transact_write_items":
            return cloud.serve(name, request)
        finished: list[bool] = []
        cloud.transact(request, lambda: finished.append(True), unlucky)
        while not finished:
            process.sleep(cloud.latency())
        return {}

    def _in_two_moments(self, request: Any) -> Any:
        """Read a batch item by item: each is of some moment, all of them are of no one moment."""
        ((table, asked),) = request["RequestItems"].items()
        middle = len(asked["Keys"]) // 2
        found: list[Any] = []
        for keys in (asked["Keys"][:middle], asked["Keys"][middle:]):
            if keys:
                part = {"RequestItems": {table: {**asked, "Keys": keys}}}
                found += self._cloud.serve("batch_get_item", part)["Responses"][table]
                self._process.sleep(self._cloud.latency())
        return {"Responses": {table: found}, KEYS: {}}

    # --- faults -------------------------------------------------------------------------

    def _throttled(self, name: str, request: Any) -> Any:
        self._process.sleep(self._cloud.latency())
        if name == "transact_write_items" and self._cloud.random.random() < 0.5:
            return self._send(name, request, self._some(request, "ThrottlingError"))
        raise failure("ProvisionedThroughputExceededException")

    def _conflict(self, name: str, request: Any) -> Any:
        if name == "transact_write_items":
            return self._send(name, request, self._some(request, "TransactionConflict"))
        return self._send(name, request, {})

    def _some(self, request: Any, code: str) -> dict[Pair, str]:
        (part,) = self._cloud.random.choice(request["TransactItems"]).values()
        return {pair_of(part): code}

    def _server_error(self, name: str, request: Any) -> Any:
        if self._cloud.random.random() < 0.5:
            self._send(name, request, {})
        raise failure("InternalServerError", status=500)

    def _lost_request(self, _name: str, _request: Any) -> Any:
        self._process.sleep(CONNECT_TIMEOUT)
        raise ConnectTimeoutError(endpoint_url=ENDPOINT)

    def _lost_response(self, name: str, request: Any) -> Any:
        self._later(name, request, self._cloud.latency())
        self._process.sleep(READ_TIMEOUT)
        raise ReadTimeoutError(endpoint_url=ENDPOINT)

    def _late_effect(self, name: str, request: Any) -> Any:
        self._later(name, request, self._cloud.random.uniform(0.5, LATEST))
        self._process.sleep(READ_TIMEOUT)
        raise ReadTimeoutError(endpoint_url=ENDPOINT)

    def _later(self, name: str, request: Any, seconds: float) -> None:
        """Let a call have its effect in a while, whatever becomes of the process."""

        def arrive() -> None:
            try:
                if name == "transact_write_items":
                    self._cloud.transact(request, lambda: None, {})
                else:
                    self._cloud.serve(name, request)
            except ClientError:
                return

        self._cloud.schedule.after(seconds, arrive)

    def _unprocessed(self, name: str, request: Any) -> Any:
        """Let a batch come back, in whole or in part."""
        asked = request.get("RequestItems")
        if asked is None:
            return self._send(name, request, {})
        ((table, part),) = asked.items()
        listed: Any = part["Keys"] if isinstance(part, dict) else part
        kept = self._cloud.random.randrange(len(listed))
        done, left = listed[:kept], listed[kept:]
        again: Any = part | {"Keys": left} if "Keys" in part else left
        whole: Any = part | {"Keys": done} if "Keys" in part else done
        response = self._send(name, {"RequestItems": {table: whole}}, {}) if done else {}
        found = response.get("Responses", {}).get(table, [])
        if isinstance(again, list):
            again = again + response.get("UnprocessedItems", {}).get(table, [])
        return {"Responses": {table: found}, KEYS: {table: again}, ITEMS: {table: again}}


Fault = Callable[[Calls, str, Any], Any]
FAULTS: Mapping[Fault, int] = {
    Calls._throttled: 5,
    Calls._conflict: 4,
    Calls._server_error: 3,
    Calls._lost_request: 2,
    Calls._lost_response: 4,
    Calls._late_effect: 2,
    Calls._unprocessed: 4,
}


class SecretCalls:
    """A client of Secrets Manager, as boto3's, for one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stored = process.cloud.secrets

    def create_secret(self, **request: Any) -> Any:
        """Create a secret; again with the same content is no error."""
        self._wait()
        name = request["Name"]
        if self._stored.setdefault(name, request["SecretString"]) != request["SecretString"]:
            raise failure("ResourceExistsException")
        return {}

    def get_secret_value(self, **request: Any) -> Any:
        """Read a secret."""
        self._wait()
        if request["SecretId"] not in self._stored:
            raise failure("ResourceNotFoundException")
        return {"SecretString": self._stored[request["SecretId"]]}

    def delete_secret(self, **request: Any) -> Any:
        """Delete a secret; again is no error, as with ForceDeleteWithoutRecovery."""
        self._wait()
        self._stored.pop(request["SecretId"], None)
        return {}

    def _wait(self) -> None:
        cloud = self._process.cloud
        self._process.sleep(cloud.latency())
        if cloud.random.random() < cloud.weather.faults:
            cloud.injected["throttled secrets"] += 1
            raise failure("ThrottlingException")
