"""Delete a connection's users, groups, memberships, log and counters, all of them.

Only for a connection whose requests are all rejected. What is left to do follows from the items
that still exist, so it can be repeated after a crash, and run several times at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from chalicelib.storage.directory_items import (
    CHANGES_KEPT,
    Group,
    User,
    group_index_keys,
    index_keys,
)
from chalicelib.storage.expressions import EXISTS, Action, Delete, Item, Update, key_of
from chalicelib.storage.keys import Key, Range, ResourceClass, user_and_group
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import from_item, from_items
from chalicelib.storage.table import MAX_BATCH_WRITES
from chalicelib.storage.transactions import MAX_ACTIONS

# DynamoDB may take days to delete an expired item.
TTL_DELAY = timedelta(days=14)


def clear(scope: ConnectionScope, since: datetime) -> None:
    """Delete all items of a connection that was created at `since`.

    Groups and users are deleted with their uniqueness and index items, several in one
    transaction. Memberships, log entries, changes and counters in batches.

    Raises:
        Busy: the deadline has passed before all were deleted; the next run continues.
    """
    keys = scope.keys
    _clear_resources(scope, "G")
    delete_all(scope, keys.all_members())
    _clear_resources(scope, "U")
    delete_all(scope, keys.users_from())
    for day in days(since, scope.items.table.clock.now()):
        for items in (keys.changes(day), keys.log_entries(day)):
            delete_all(scope, items)
    counters = (keys.health_hours(), keys.counters("U"), keys.counters("G"))
    for items in (
        *counters,
        keys.rejected_requests(),
        keys.access_tokens(),
        keys.rate_limits(),
    ):
        delete_all(scope, items)


def count_left(scope: ConnectionScope) -> dict[str, int]:
    """Count users, groups and memberships by reading all of them; call it when few are left."""
    keys = scope.keys
    users = (item for item in scope.items.query(keys.users_from()) if _is_user(item))
    return {
        "users": _count(users),
        "teams": _count(scope.items.query(keys.groups_from())),
        "members": _count(scope.items.query(keys.all_members())),
    }


def _is_user(item: Item) -> bool:
    _, gid = user_and_group(key_of(item))
    return gid is None


def _count(items: Iterable[Item]) -> int:
    return sum(1 for _ in items)


def days(since: datetime, now: datetime) -> list[date]:
    """List the days that may have changes or log entries, the oldest first."""
    first = max(since, now - CHANGES_KEPT - TTL_DELAY).date()
    return [first + timedelta(days=passed) for passed in range((now.date() - first).days + 1)]


def delete_all(scope: ConnectionScope, items: Range, spared: str = "") -> None:
    """Delete the items of a range, 25 per call, except the one with the id `spared`."""
    found = (item for item in scope.items.query(items) if not spared or item["id"] != spared)
    while page := [key_of(item) for item in islice(found, MAX_BATCH_WRITES)]:
        scope.items.batch_delete(page)


# --- users and groups, with their uniqueness and index items ----------------------------------


def _clear_resources(scope: ConnectionScope, class_: ResourceClass) -> None:
    """Delete all users or all groups; repeat until a Query finds none."""
    found = True
    while found:
        found = False
        for batch in _batches(DELETIONS[class_](scope)):
            found = True
            _commit(scope, class_, batch)


@dataclass(frozen=True, slots=True)
class _Deletion:
    """The actions that delete one user or group, without its counter."""

    id: str
    actions: tuple[Action, ...]


def _batches(deletions: Iterable[_Deletion]) -> Iterator[list[_Deletion]]:
    """Group deletions into transactions, assuming that each deletion updates another counter."""
    batch: list[_Deletion] = []
    size = 0
    for deletion in deletions:
        needed = len(deletion.actions) + 1
        if size + needed > MAX_ACTIONS:
            yield batch
            batch, size = [], 0
        batch.append(deletion)
        size += needed
    if batch:
        yield batch


def _commit(scope: ConnectionScope, class_: ResourceClass, batch: Sequence[_Deletion]) -> None:
    """Delete a batch in one transaction.

    The transaction is cancelled if another sweeper has deleted one of them meanwhile; the next
    read finds those that are left.
    """
    counted = Counter(scope.keys.counter(class_, deletion.id) for deletion in batch)
    counters = [Update(key, add={"n": -number}) for key, number in counted.items()]
    scope.items.try_commit([*(each for one in batch for each in one.actions), *counters])


def _user_deletions(scope: ConnectionScope) -> Iterator[_Deletion]:
    keys = scope.keys
    for item in scope.items.query(keys.users_from()):
        if _is_user(item):
            user = from_item(User, item)
            name_and_local = [keys.user_name(user.document["userName"]), keys.local(user.id)]
            indexes = index_keys(keys, user.id, user.document)
            yield _deletion(keys.user(user.id), [*name_and_local, *indexes])


def _group_deletions(scope: ConnectionScope) -> Iterator[_Deletion]:
    keys = scope.keys
    for group in from_items(Group, scope.items.query(keys.groups_from())):
        name = keys.group_name(group.document["displayName"])
        indexes = group_index_keys(keys, group.id, group.document)
        yield _deletion(keys.group(group.id), [name, *indexes])


def _deletion(key: Key, others: Iterable[Key]) -> _Deletion:
    return _Deletion(key.sk, (Delete(key, EXISTS), *map(Delete, others)))


DELETIONS: Mapping[ResourceClass, Callable[[ConnectionScope], Iterator[_Deletion]]] = {
    "U": _user_deletions,
    "G": _group_deletions,
}
