"""One deadline for every cause of failure that passes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from chalicelib.errors import Busy
from chalicelib.storage.retries import TRANSIENT_CODES, Deadline, is_transient
from tests.support.clock import ManualClock
from tests.support.doubles import Script
from tests.support.faults import ENDPOINT, client_error

THROTTLED = client_error("ThrottlingException")

PASSING = {
    **{code: client_error(code) for code in sorted(TRANSIENT_CODES)},
    "any fault of the service": client_error("NobodyKnows", status=500),
    "503": client_error("", status=503),
    "lost reply": ReadTimeoutError(endpoint_url=ENDPOINT),
    "lost request": ConnectTimeoutError(endpoint_url=ENDPOINT),
    "no connection": EndpointConnectionError(endpoint_url=ENDPOINT),
}

LASTING = {
    "a condition": client_error("ConditionalCheckFailedException"),
    "no table": client_error("ResourceNotFoundException"),
    "no permission": client_error("AccessDeniedException"),
    "an invalid request": client_error("ValidationException"),
    "another request with this token": client_error("IdempotentParameterMismatchException"),
    "wrong parameters": ParamValidationError(report="injected"),
    "no error of AWS": KeyError("injected"),
}


def test_the_codes_that_pass_are_these():
    """Adding one is a decision: repeating a permanent error only delays the response (rule 8)."""
    assert sorted(TRANSIENT_CODES) == [
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "KeyRangeThroughputExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ]


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_passes_is_repeated(error):
    """The client gets the response and does not see the failure before it."""
    client, manual_clock = Script([error, error, "answer"]), ManualClock()

    response = Deadline.after(25, manual_clock.clock()).repeat(client.call)

    assert response == "answer"
    assert len(client.requests) == 3


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_what_lasts_is_raised_at_once(error):
    """An error that nobody foresaw is not hidden behind a long repetition."""
    client, manual_clock = Script([error]), ManualClock()

    with pytest.raises(type(error)):
        Deadline.after(25, manual_clock.clock()).repeat(client.call)

    assert not is_transient(error)
    assert len(client.requests) == 1


def test_at_the_deadline_it_is_busy():
    """503 with Retry-After: identity providers repeat that, and nothing else."""
    client, manual_clock = Script([THROTTLED]), ManualClock()

    with pytest.raises(Busy):
        Deadline.after(25, manual_clock.clock()).repeat(client.call)

    assert manual_clock.passed == pytest.approx(25)


def test_nothing_is_sent_after_the_deadline():
    """API Gateway has ended the request by then; a late write would surprise the client."""
    client, manual_clock = Script(["answer"]), ManualClock()
    deadline = Deadline.after(25, manual_clock.clock())
    manual_clock.advance(seconds=25)

    with pytest.raises(Busy):
        deadline.repeat(client.call)

    assert client.requests == []


@pytest.mark.parametrize("seconds", [0.001, 0.01, 1.0, 25.0])
def test_no_pause_goes_past_the_deadline(seconds):
    """Sleeping when nothing can be sent any more only delays the 503."""
    manual_clock = ManualClock()

    with pytest.raises(Busy):
        Deadline.after(seconds, manual_clock.clock()).repeat(Script([THROTTLED]).call)

    assert manual_clock.passed <= seconds + 1e-9


def test_pauses_are_spread_wide_and_bounded():
    """Full jitter: 5 ms and up to 4, 8 ... 200 ms, or many clients come back together."""
    bounds = [min(200, 4 * 2**attempt) for attempt in range(10)]
    seen = [pauses(seed, len(bounds)) for seed in range(200)]

    for scope, waits in zip(bounds, zip(*seen, strict=True), strict=True):
        assert min(waits) >= 0.005
        assert max(waits) <= (5 + scope) / 1000
        assert min(waits) < (5 + scope * 0.1) / 1000
        assert max(waits) > (5 + scope * 0.9) / 1000


def pauses(seed: int, count: int) -> list[float]:
    """Measure the first pauses between attempts."""
    manual_clock = ManualClock()
    Deadline.after(25, manual_clock.clock(seed)).repeat(Script([THROTTLED] * count + ["done"]).call)
    return manual_clock.waits


def test_attempts_are_counted_from_the_first():
    """A loop that reads and writes again shares the deadline of what it calls."""
    attempts = Deadline.after(25, ManualClock().clock()).attempts()

    assert [next(attempts) for _ in range(3)] == [0, 1, 2]


CONFLICT = client_error("TransactionConflictException")


def pauses_for_others(count: int, patience: float = 4.0) -> list[float]:
    """Measure the pauses of a call that meets others so often."""
    manual_clock = ManualClock()
    deadline = replace(Deadline.after(19, manual_clock.clock()), patience=patience)
    call = Script([CONFLICT] * count + ["done"]).call
    with suppress(Busy):
        deadline.repeat(call, conflicting=lambda error: error is CONFLICT)
    return manual_clock.waits


def test_pauses_for_others_fall_so_that_the_first_to_come_is_not_overtaken():
    """The third one is the longest; after 1.5 s, and from then on, they are the shortest."""
    waits = pauses_for_others(40)

    assert 0.01 <= waits[0] <= 0.02
    assert 0.025 <= waits[1] <= 0.05
    assert 0.45 <= waits[2] <= 1.0
    assert all(0.015 <= wait <= 0.03 for wait in waits[20:])


def test_the_patience_with_others_ends():
    """503 within 5 s instead of one of many that still wait at the deadline."""
    waits = pauses_for_others(1_000, patience=4.0)

    assert 4.0 <= sum(waits) <= 4.1


def test_patience_is_for_conflicts_only():
    """Throttling is repeated until the deadline."""
    manual_clock = ManualClock()
    deadline = replace(Deadline.after(19, manual_clock.clock()), patience=1.0)

    with pytest.raises(Busy):
        deadline.repeat(Script([THROTTLED]).call)

    assert manual_clock.passed == pytest.approx(19)
