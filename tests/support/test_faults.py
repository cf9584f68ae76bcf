"""The injected faults are what they say: a test of the tests."""

from __future__ import annotations

import pytest

from chalicelib.storage.retries import is_transient
from tests.support.faults import CRASHES, PASSING, Crash, FaultyClient, lost_reply, throttled


class Counting:
    """A client that counts what it has done."""

    done = 0

    def transact_write_items(self, **_):
        """Take effect."""
        self.done += 1
        return {"done": self.done}

    get_item = transact_write_items


REQUEST = {"TransactItems": [{"Put": {}}], "ClientRequestToken": "1"}


def test_the_fault_comes_at_the_chosen_call():
    """Before and after it all goes well."""
    client = FaultyClient(Counting(), 1, throttled)

    client.get_item()
    with pytest.raises(Exception, match="ProvisionedThroughputExceeded"):
        client.get_item()
    client.get_item()

    assert client.calls == ["get_item"] * 3
    assert client.client.done == 2


def test_a_lost_reply_has_its_effect_once():
    """DynamoDB repeats the first response for a token that it knows; moto would apply it again."""
    client = FaultyClient(Counting(), 0, lost_reply)

    with pytest.raises(Exception, match="Read timeout"):
        client.transact_write_items(**REQUEST)

    assert client.transact_write_items(**REQUEST) == {"done": 1}


RAISED = {
    name: fault for name, fault in PASSING.items() if name not in ("unprocessed", "conflicting")
}


@pytest.mark.parametrize("fault", RAISED.values(), ids=RAISED)
def test_what_passes_is_an_error_that_passes(fault):
    """A conflict passes within transactions only, and unprocessed keys are no error."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        FaultyClient(Counting(), 0, fault).transact_write_items(**REQUEST)

    assert is_transient(caught.value)


@pytest.mark.parametrize("fault", CRASHES.values(), ids=CRASHES)
def test_a_crash_is_never_caught(fault):
    """`except Exception` would turn the end of a process into a response."""
    with pytest.raises(Crash):
        FaultyClient(Counting(), 0, fault).get_item()

    assert not issubclass(Crash, Exception)
