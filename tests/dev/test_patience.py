"""A call that AWS rejects for a while is repeated, and not for ever."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from dev.patience import Patience
from dev.release.account_setup import NEW_ROLE
from dev.run.resources import FREE_QUEUE_NAME, NEW_BACKUPS
from tests.support.clock import ManualClock


class Rejected:
    """A call that AWS rejects with a code until so many seconds have passed."""

    def __init__(self, time: ManualClock, seconds: float, code: str) -> None:
        """Take the clock, how long, and the code."""
        self.time, self.seconds, self.code, self.tries = time, seconds, code, 0

    def __call__(self) -> str:
        """Be rejected, or return."""
        self.tries += 1
        if self.time.passed < self.seconds:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "Call")
        return "done"


# What AWS's own pages and reports say of each, in seconds.
WAITS = [
    (NEW_BACKUPS, "ContinuousBackupsUnavailableException", 20),
    (FREE_QUEUE_NAME, "AWS.SimpleQueueService.QueueDeletedRecently", 60),
    (NEW_ROLE, "BadRequestException", 15),
    (NEW_ROLE, "TooManyRequestsException", 60),
]


@pytest.mark.parametrize(("patience", "code", "seconds"), WAITS)
def test_a_call_is_repeated_for_as_long_as_aws_takes(
    patience: Patience, code: str, seconds: int, capsys: pytest.CaptureFixture[str]
):
    """It says once what it waits for, and comes soon after the time is over."""
    time = ManualClock()
    call = Rejected(time, seconds, code)

    assert patience.repeat(call, time.clock()) == "done"
    assert (time.passed < seconds + 5, call.tries < seconds) == (True, True)
    assert capsys.readouterr().out == f"  Waiting for {patience.waiting_for} ...\n"


@pytest.mark.parametrize(("patience", "code", "_"), WAITS)
def test_a_call_is_not_repeated_for_ever(patience: Patience, code: str, _: int):
    """AWS's own words are the end of it."""
    time = ManualClock()

    with pytest.raises(ClientError, match=code):
        patience.repeat(Rejected(time, 1000, code), time.clock())

    assert 60 <= time.passed <= 90


def test_another_rejection_is_not_repeated():
    """A missing permission does not come by waiting."""
    time = ManualClock()
    call = Rejected(time, 1000, "AccessDeniedException")

    with pytest.raises(ClientError):
        NEW_BACKUPS.repeat(call, time.clock())

    assert (call.tries, time.waits) == (1, [])
