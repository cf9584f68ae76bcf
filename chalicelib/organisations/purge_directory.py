"""Clearing a connection's part of the table to its last row.

Only for one that nobody is served from any more. It computes what is still there, so whoever
works on it, first or after a crash, goes on; any number may at once. It knows no settings: what
a connection is, who may delete it and what is told of it stands elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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
from chalicelib.storage.table import MOST_BATCH_WRITES
from chalicelib.storage.transactions import MOST_ACTIONS, TransactionCanceled

# DynamoDB may take days to delete what is past its time.
LATE = timedelta(days=14)


def clear(scope: ConnectionScope, since: datetime) -> None:
    """Delete all rows of a connection that has been there `since` then.

    Teams and users go with their locks and indexes, several in one transaction. The rows of
    memberships, the notes of calls and changes, and the counters go without condition.

    Raises:
        Busy: there is more than the deadline allows; the next call goes on.
    """
    keys = scope.keys
    _clear_resources(scope, "G")
    delete_all(scope, keys.all_members())
    _clear_resources(scope, "U")
    delete_all(scope, keys.users_from())
    for day in days(since, scope.items.table.clock.now()):
        for rows in (keys.changes(day), keys.log_entries(day)):
            delete_all(scope, rows)
    for rows in (keys.health_hours(), keys.counters("U"), keys.counters("G")):
        delete_all(scope, rows)


def left(scope: ConnectionScope) -> dict[str, int]:
    """Count what is there, by reading it: for the end, when it is nothing."""
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


def _count(rows: Iterable[Item]) -> int:
    return sum(1 for _ in rows)


def days(since: datetime, now: datetime) -> list[date]:
    """List the days of which there may be notes, the first one first."""
    first = max(since, now - CHANGES_KEPT - LATE).date()
    return [first + timedelta(days=passed) for passed in range((now.date() - first).days + 1)]


def delete_all(scope: ConnectionScope, rows: Range, spared: str = "") -> None:
    """Delete the rows of a range, 25 a call, but those that tell of the `id` that is spared."""
    found = (item for item in scope.items.query(rows) if not spared or item["id"] != spared)
    while page := [key_of(item) for item in islice(found, MOST_BATCH_WRITES)]:
        scope.items.batch_delete(page)


# --- users and teams, with their locks and indexes -------------------------------------------


def _clear_resources(scope: ConnectionScope, kind: ResourceClass) -> None:
    """Delete users or teams until a look at them finds none."""
    found = True
    while found:
        found = False
        for batch in _fitting(REMOVALS[kind](scope)):
            found = True
            _commit(scope, kind, batch)


@dataclass(frozen=True, slots=True)
class _Removal:
    """What the delete of one user or team takes, beside the counter."""

    id: str
    actions: tuple[Action, ...]


def _fitting(removals: Iterable[_Removal]) -> Iterator[list[_Removal]]:
    """Put as many together as fit one transaction, each with a counter of its own."""
    batch: list[_Removal] = []
    size = 0
    for removal in removals:
        needed = len(removal.actions) + 1
        if size + needed > MOST_ACTIONS:
            yield batch
            batch, size = [], 0
        batch.append(removal)
        size += needed
    if batch:
        yield batch


def _commit(scope: ConnectionScope, kind: ResourceClass, batch: Sequence[_Removal]) -> None:
    """Delete a batch; where another sweeper has deleted one of it, the next look tells."""
    counted = Counter(scope.keys.counter(kind, removal.id) for removal in batch)
    counters = [Update(key, add={"n": -number}) for key, number in counted.items()]
    with suppress(TransactionCanceled):
        scope.items.commit([*(each for one in batch for each in one.actions), *counters])


def _user_removals(scope: ConnectionScope) -> Iterator[_Removal]:
    keys = scope.keys
    for item in scope.items.query(keys.users_from()):
        if _is_user(item):
            user = from_item(User, item)
            with_him = [keys.user_name(user.document["userName"]), keys.local(user.id)]
            yield _removal(
                keys.user(user.id), [*with_him, *index_keys(keys, user.id, user.document)]
            )


def _group_removals(scope: ConnectionScope) -> Iterator[_Removal]:
    keys = scope.keys
    for group in from_items(Group, scope.items.query(keys.groups_from())):
        with_it = group_index_keys(keys, group.id, group.document)
        yield _removal(
            keys.group(group.id), [keys.group_name(group.document["displayName"]), *with_it]
        )


def _removal(key: Key, beside: Iterable[Key]) -> _Removal:
    return _Removal(key.sk, (Delete(key, EXISTS), *map(Delete, beside)))


REMOVALS: Mapping[ResourceClass, Callable[[ConnectionScope], Iterator[_Removal]]] = {
    "U": _user_removals,
    "G": _group_removals,
}
