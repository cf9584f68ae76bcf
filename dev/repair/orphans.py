"""Find names and look-up items that nobody has: the only part of a repair that reads all items.

Each of them is in a partition of its own, whose key is a hash, so no Query finds one whose owner is
gone. They do no harm: the request that needs such a name frees it, and a look-up leaves out who is
gone. So this is only done where it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib.storage import grants
from chalicelib.storage.directory_items import Group, User
from chalicelib.storage.expressions import (
    NEW,
    Action,
    Check,
    Delete,
    Item,
    equals,
    from_wire,
    key_of,
)
from chalicelib.storage.keys import ONLY, ConnectionKeys, Key, lookup_of
from chalicelib.storage.records import from_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table
from dev.repair.findings import Finding
from dev.repair.soundness import Directory, names_and_lookups

SECONDS_PER_PAGE = 60.0


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whom a name or look-up item leads to, and whether that owner has the value."""

    key: Key
    item: Item | None
    has_it: bool


def orphans(table: Table) -> Iterator[Finding]:
    """Yield the names and look-up items without an owner: 1 RCU for each 8 KB of the table."""
    for item in _all_keys(table):
        found = lookup_of(key_of(item))
        if found is not None:
            keys = ConnectionKeys(found.connection)
            deadline = Deadline.after(SECONDS_PER_PAGE, table.clock)
            items = table.namespace(grants.scim(keys), deadline)
            owner = _owner(items, keys, item, is_user=found.is_user)
            if not owner.has_it:
                text = f"I1 {key_of(item).pk} leads to an owner without it"
                yield Finding(text, partial(_delete, items, item, owner))


def _all_keys(table: Table) -> Iterator[Item]:
    request: dict[str, Any] = {"TableName": table.name, "ProjectionExpression": "PK, SK, uid, gid"}
    while True:
        page = table.client.scan(**request)
        yield from map(from_wire, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _owner(items: Namespace, keys: ConnectionKeys, item: Item, *, is_user: bool) -> _Owner:
    owner_id = str(item.get("uid") or item.get("gid") or item["SK"])
    key = keys.user(owner_id) if is_user else keys.group(owner_id)
    found = items.get(key)
    directory = Directory(keys)
    if found is not None and is_user:
        directory.users[owner_id] = from_item(User, found)
    elif found is not None:
        directory.groups[owner_id] = from_item(Group, found)
    return _Owner(key, found, key_of(item) in names_and_lookups(directory))


def _delete(items: Namespace, item: Item, owner: _Owner) -> bool:
    """Delete it if its owner is as it was read, and the item still leads there."""
    as_read = NEW if owner.item is None else equals("v", owner.item["v"])
    actions: list[Action] = [Check(owner.key, as_read)]
    if item["SK"] == ONLY:
        attribute = "uid" if "uid" in item else "gid"
        actions.append(Delete(key_of(item), equals(attribute, item[attribute])))
    else:
        actions.append(Delete(key_of(item)))
    return items.try_commit(actions) is None
