"""A transaction is applied once, however often it is sent; why it failed is read by position."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.errors import Busy
from chalicelib.storage.expressions import EXISTS, NEW, Action, Check, Put
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.transactions import TransactionCanceled
from tests.support.clock import ManualClock
from tests.support.doubles import MINE, Script, a_namespace
from tests.support.faults import ENDPOINT, canceled, client_error

KEYS = ConnectionKeys(MINE)
FIRST, SECOND = KEYS.user("1"), KEYS.user("2")
ACTIONS: list[Action] = [Put(FIRST, {"n": 1}, NEW), Check(SECOND, EXISTS)]
TOKEN = "ClientRequestToken"

CONFLICT = canceled("None", "TransactionConflict")

PASSING = {
    "conflict": CONFLICT,
    "throttled": canceled("ThrottlingError", "None"),
    "throughput": canceled("ProvisionedThroughputExceeded", "None"),
    "no reason": canceled("None", "None"),
    "in progress": client_error("TransactionInProgressException"),
    "table throttled": client_error("ProvisionedThroughputExceededException"),
    "lost reply": ReadTimeoutError(endpoint_url=ENDPOINT),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_the_token_stays_for_every_repetition(error):
    """A lost reply and a new token would count a membership twice."""
    client = Script([error, error, {}])

    a_namespace(client).commit(ACTIONS)

    tokens = client.sent(TOKEN)
    assert len(tokens) == 3
    assert len(set(tokens)) == 1


def test_the_content_stays_for_every_repetition():
    """The same token with other content is an IdempotentParameterMismatch."""
    client = Script([CONFLICT, {}])

    a_namespace(client).commit(ACTIONS)

    first, second = client.sent("TransactItems")
    assert first == second


def test_other_content_has_another_token():
    """Otherwise DynamoDB would return the first result and not write the second."""
    client = Script([{}])
    items = a_namespace(client)

    items.commit(ACTIONS)
    items.commit(ACTIONS[:1])

    assert len(set(client.sent(TOKEN))) == 2


def test_a_token_fits_dynamodb():
    """ClientRequestToken takes 36 characters at most."""
    client = Script([{}])

    a_namespace(client).commit(ACTIONS)

    assert len(client.sent(TOKEN)[0]) == 32


def test_the_failed_condition_is_found_by_its_position():
    """Never guessed from a text: 409, 404 and 412 depend on it."""
    client = Script([canceled("None", "ConditionalCheckFailed")])

    with pytest.raises(TransactionCanceled) as caught:
        a_namespace(client).commit(ACTIONS)

    assert caught.value.items == {SECOND: None}


def test_the_item_that_a_condition_met_comes_with_it():
    """A lock that is held says by whom, without another read."""
    met = {"PK": {"S": FIRST.pk}, "SK": {"S": FIRST.sk}, "uid": {"S": "x"}}
    client = Script([canceled(("ConditionalCheckFailed", met), "ConditionalCheckFailed")])

    with pytest.raises(TransactionCanceled) as caught:
        a_namespace(client).commit(ACTIONS)

    assert caught.value.items == {FIRST: {"PK": FIRST.pk, "SK": FIRST.sk, "uid": "x"}, SECOND: None}


def test_a_condition_that_failed_beside_a_conflict_is_final():
    """The condition's result is known; waiting for the conflict to pass adds nothing."""
    client = Script([canceled("ConditionalCheckFailed", "TransactionConflict")])

    with pytest.raises(TransactionCanceled) as caught:
        a_namespace(client).commit(ACTIONS)

    assert list(caught.value.items) == [FIRST]
    assert caught.value.unjudged == {SECOND}
    assert len(client.requests) == 1


def test_contention_to_the_end_is_busy():
    """Never 409 or 412: no other user has the name, the item was merely written often."""
    manual_clock = ManualClock()

    with pytest.raises(Busy):
        a_namespace(Script([CONFLICT]), manual_clock).commit(ACTIONS)

    assert manual_clock.passed == pytest.approx(25)


FINAL = {
    "validation": client_error("ValidationException"),
    "other content under this token": client_error("IdempotentParameterMismatchException"),
    "too large": canceled("ItemCollectionSizeLimitExceeded", "None"),
    "item at fault": canceled("ValidationError", "None"),
    "no permission": client_error("AccessDeniedException"),
}


@pytest.mark.parametrize("error", FINAL.values(), ids=FINAL)
def test_an_unexpected_error_is_not_swallowed(error):
    """It becomes a 500 with a request id, not a wrong response."""
    client = Script([error])

    with pytest.raises(ClientError) as caught:
        a_namespace(client).commit(ACTIONS)

    assert caught.value is error
    assert len(client.requests) == 1


# --- an action that may be left out -------------------------------------------------------------

EXTRA = Put(KEYS.user("3"), {"n": 3})
ALONE = {
    "throttled": canceled("None", "None", "ThrottlingError"),
    "throughput": canceled("None", "None", "ProvisionedThroughputExceeded"),
    "conflict": canceled("None", "None", "TransactionConflict"),
    "too large": canceled("None", "None", "ValidationError"),
    "the whole too large": client_error("ValidationException"),
}


def test_an_extra_action_goes_with_the_others():
    """In one transaction, so it costs no call."""
    client = Script([{}])

    assert a_namespace(client).commit(ACTIONS, EXTRA) is True

    (sent,) = client.sent("TransactItems")
    assert [next(iter(each)) for each in sent] == ["Put", "ConditionCheck", "Put"]


@pytest.mark.parametrize("error", ALONE.values(), ids=ALONE)
def test_the_others_are_sent_without_it_if_it_alone_fails(error):
    """At once, and as another transaction: other content with the same token is an error."""
    client = Script([error, {}])

    assert a_namespace(client).commit(ACTIONS, EXTRA) is False

    assert [len(each) for each in client.sent("TransactItems")] == [3, 2]
    assert len(set(client.sent(TOKEN))) == 2


def test_a_failed_condition_is_found_beside_an_extra_action():
    """The extra action is not the reason, so nothing is sent again."""
    client = Script([canceled("None", "ConditionalCheckFailed", "None")])

    with pytest.raises(TransactionCanceled) as caught:
        a_namespace(client).commit(ACTIONS, EXTRA)

    assert caught.value.items == {SECOND: None}
    assert len(client.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        canceled("TransactionConflict", "None", "None"),
        canceled("ThrottlingError", "None", "ThrottlingError"),
        client_error("ProvisionedThroughputExceededException"),
        ReadTimeoutError(endpoint_url=ENDPOINT),
    ],
    ids=str,
)
def test_an_extra_action_stays_while_others_fail_too(error):
    """Whether a transaction was written whose response is lost, only the same one tells."""
    client = Script([error, {}])

    assert a_namespace(client).commit(ACTIONS, EXTRA) is True

    first, second = client.sent("TransactItems")
    assert first == second
    assert len(set(client.sent(TOKEN))) == 1
