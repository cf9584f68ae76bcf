"""One transaction: all of its actions or none, once, however often it is sent.

A create or a counter must not be applied twice when a reply is lost, so every write of SCIM
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
MAX_ACTIONS = 100

CONDITION_FAILED = "ConditionalCheckFailed"
NO_REASON = "None"
# Transient reasons of single actions; DynamoDB has not evaluated their conditions.
CONFLICT = "TransactionConflict"
TRANSIENT_REASONS = frozenset({CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"})


class TransactionCanceled(Exception):
    """Nothing was written: at least one condition did not hold.

    `items` has, for the key of each action whose condition failed, the item as it was (None:
    it did not exist). A transaction may name an item once, so its key identifies the action.
    `unjudged` are the keys whose conditions were not evaluated, for a conflict or throttling.
    """

    def __init__(self, items: Mapping[Key, Item | None], unjudged: frozenset[Key]) -> None:
        """Take the failed items in the order in which they were sent."""
        self.items = items
        self.unjudged = unjudged
        super().__init__(f"{len(items)} conditions failed")


def transact(
    client: DynamoDBClient,
    table: str,
    actions: Sequence[Action],
    deadline: Deadline,
    extra: Action | None = None,
) -> bool:
    """Send one transaction, again after transient errors.

    `extra` is written with the actions, but never keeps them from being written: if it alone
    fails, they are sent without it, which is another transaction. Returns whether it was written.

    Cost: 2 WCU for each started KB of each action's item, also when it fails.

    Raises:
        TransactionCanceled: a condition did not hold.
        Busy: still throttled at the deadline, or in conflict with others beyond its patience.
    """
    if extra is not None and _send(client, table, actions, deadline, extra):
        return True
    _send(client, table, actions, deadline)
    return False


def _send(
    client: DynamoDBClient,
    table: str,
    actions: Sequence[Action],
    deadline: Deadline,
    extra: Action | None = None,
) -> bool:
    """Send actions with one token; False: nothing was written, since the extra action failed."""
    sent = [*actions, *([extra] if extra else [])]
    request: Any = {
        "TransactItems": [render(action, table) for action in sent],
        "ClientRequestToken": deadline.clock.new_id(),
    }

    def is_transient(error: Exception) -> bool:
        return _is_transient(error) and not (extra and _only_last_failed(error))

    try:
        deadline.repeat(lambda: client.transact_write_items(**request), is_transient, _is_conflict)
    except ClientError as error:
        if extra and _only_last_failed(error):
            return False
        failed = _failed_items(error, actions)
        if not failed:
            raise
        raise TransactionCanceled(failed, _unjudged_keys(error, actions)) from error
    return True


def _only_last_failed(error: Exception) -> bool:
    """Return whether a transaction was canceled because of its last action, and of no other.

    Also whether it is not valid, which without its last action it may be.
    """
    if isinstance(error, ClientError) and error_code(error) == "ValidationException":
        return True
    *others, last = [each.get("Code", NO_REASON) for each in _reasons(error)] or [NO_REASON]
    return last != NO_REASON and {*others} <= {NO_REASON}


def _is_transient(error: Exception) -> bool:
    reasons = _reasons(error)
    if not reasons:
        return is_transient(error)
    return all(
        reason.get("Code", NO_REASON) in {NO_REASON, *TRANSIENT_REASONS} for reason in reasons
    )


def _is_conflict(error: Exception) -> bool:
    """Return whether other transactions on its items are all that kept it from being written."""
    return {reason.get("Code", NO_REASON) for reason in _reasons(error)} - {NO_REASON} == {CONFLICT}


def _reasons(error: Exception) -> list[dict[str, Any]]:
    if isinstance(error, ClientError) and error_code(error) == "TransactionCanceledException":
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        return reasons
    return []


def _failed_items(error: ClientError, actions: Sequence[Action]) -> dict[Key, Item | None]:
    return {
        action.key: from_wire(reason["Item"]) if reason.get("Item") else None
        for action, reason in zip(actions, _reasons(error), strict=False)
        if reason.get("Code") == CONDITION_FAILED
    }


def _unjudged_keys(error: ClientError, actions: Sequence[Action]) -> frozenset[Key]:
    pairs = zip(actions, _reasons(error), strict=False)
    return frozenset(
        action.key for action, reason in pairs if reason.get("Code") in TRANSIENT_REASONS
    )
