"""One transaction: all of its actions or none, once, however often it is sent.

A create or a counter must not be sent twice when an answer is lost, so every write of SCIM
data is a TransactWriteItems with a ClientRequestToken. The token stays for every repetition of
the same content; other content is another transaction with another token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.storage.expressions import Action, Item, from_wire, render
from chalicelib.storage.keys import Key
from chalicelib.storage.retries import Deadline, error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's limit of actions in one transaction.
MOST_ACTIONS = 100

CONDITION_FAILED = "ConditionalCheckFailed"
NO_REASON = "None"
# Reasons of single actions that pass by themselves; whether the condition holds is not known then.
HELD_UP = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class TransactionCanceled(Exception):
    """Nothing was written: at least one condition did not hold.

    `rows` gives, for each action whose condition failed, the row that it met (None: no row).
    DynamoDB answers by position; an item stands in a transaction once, so its key names it.
    `unjudged` names rows whose conditions a conflict or throttling kept from being looked at.
    """

    def __init__(self, rows: Mapping[Key, Item | None], unjudged: frozenset[Key]) -> None:
        """Take the failed rows in the order in which they were sent."""
        self.items = rows
        self.unjudged = unjudged
        super().__init__(f"{len(rows)} conditions failed")


def transact(
    client: DynamoDBClient, table: str, actions: Sequence[Action], deadline: Deadline
) -> None:
    """Send one transaction until it has an answer.

    Cost: 2 WCU for each started KB of each action's row, also when it fails.

    Raises:
        Cancelled: a condition did not hold.
        Busy: still contended or throttled at the deadline.
    """
    request: Any = {
        "TransactItems": [render(action, table) for action in actions],
        "ClientRequestToken": deadline.clock.new_id(),
    }
    try:
        deadline.repeat(lambda: client.transact_write_items(**request), _passes)
    except ClientError as error:
        failed = _failed_rows(error, actions)
        if not failed:
            raise
        raise TransactionCanceled(failed, _unjudged_rows(error, actions)) from error


def _passes(error: Exception) -> bool:
    reasons = _reasons(error)
    if not reasons:
        return is_transient(error)
    return all(reason.get("Code", NO_REASON) in {NO_REASON, *HELD_UP} for reason in reasons)


def _reasons(error: Exception) -> list[dict[str, Any]]:
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        return reasons
    return []


def _failed_rows(error: ClientError, actions: Sequence[Action]) -> dict[Key, Item | None]:
    return {
        action.key: from_wire(reason["Item"]) if reason.get("Item") else None
        for action, reason in zip(actions, _reasons(error), strict=False)
        if reason.get("Code") == CONDITION_FAILED
    }


def _unjudged_rows(error: ClientError, actions: Sequence[Action]) -> frozenset[Key]:
    answers = zip(actions, _reasons(error), strict=False)
    return frozenset(action.key for action, reason in answers if reason.get("Code") in HELD_UP)
