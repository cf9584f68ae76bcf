"""Write many users and groups as items at once, as if each had been created by a request.

For tests and measurements that need a large directory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from chalicelib.directory.context import ConnectionContext
from chalicelib.storage.directory_items import (
    Document,
    Group,
    User,
    checksum_of,
    group_index_keys,
    index_keys,
)
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import Key, ResourceClass
from chalicelib.storage.records import to_item
from chalicelib.storage.table import Table, chunks
from dev.measure import reference
from dev.measure.scene import CONNECTION, write

THREADS = 4
ITEMS_PER_TASK = 500


@dataclass(frozen=True, slots=True)
class Population:
    """The ids of all users, the group that the first of them are in, and a user in many groups.

    `others` are more groups of the same members.
    """

    uids: tuple[str, ...]
    group: str
    joiner: str
    others: tuple[str, ...] = ()


def user_document(uid: str) -> Document:
    """Return a user's document, below 1 KB; its names are derived from the id."""
    return {
        "externalId": f"{uid[:8]}-0000-4000-8000-{uid[-12:]}",
        "userName": f"{uid}@example.com",
        "displayName": "Ada Lovelace",
        "name": {"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"},
        "emails": [{"value": f"{uid}@example.com", "type": "work", "primary": True}],
        "active": True,
    }


def populate(  # noqa: PLR0913 - the size of a directory
    table: Table,
    users: int,
    *,
    joined: int,
    groups: int = 0,
    others: int = 0,
    connection: str = CONNECTION,
    document: Callable[[str], Document] = user_document,
) -> Population:
    """Write users, a group of the first `joined`, and one more user who is in `groups` others."""
    context = reference.request(table, connection)
    uids = tuple(table.clock.new_id() for _ in range(users))
    joiner, *full = (table.clock.new_id() for _ in range(2 + others))
    gids = [table.clock.new_id() for _ in range(groups)]
    items = [
        *_users(context, [*uids, joiner], document),
        *_groups(context, full, uids[:joined]),
        *_groups(context, gids, [joiner]),
        *_counters(context, "U", [*uids, joiner]),
        *_counters(context, "G", [*full, *gids]),
        *(item for gid in full for uid in uids[:joined] for item in _membership(context, gid, uid)),
        *(item for gid in gids for item in _membership(context, gid, joiner)),
    ]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(partial(write, table), chunks(items, ITEMS_PER_TASK)))
    return Population(uids, full[0], joiner, tuple(full[1:]))


def group_document(gid: str) -> Document:
    """Return a group's document."""
    return {"displayName": f"Group {gid}", "externalId": f"{gid[:8]}-0000-4000-8000-{gid[-12:]}"}


def _users(
    context: ConnectionContext, uids: Iterable[str], document_of: Callable[[str], Document]
) -> Iterator[Item]:
    keys, now = context.keys, context.now()
    for uid in uids:
        document = document_of(uid)
        user = User(uid, 1, 1, document, context.default_role, now, now)
        yield _item(keys.user(uid), to_item(user))
        yield _item(keys.user_name(document["userName"]), {"uid": uid})
        yield from (_item(key, {}) for key in index_keys(keys, uid, document))


def _groups(context: ConnectionContext, gids: Iterable[str], uids: Sequence[str]) -> Iterator[Item]:
    keys, now, checksum = context.keys, context.now(), checksum_of(uids)
    for gid in gids:
        document = group_document(gid)
        group = Group(gid, 1, 1, len(uids), document, now, now, checksum=checksum)
        yield _item(keys.group(gid), to_item(group))
        yield _item(keys.group_name(document["displayName"]), {"gid": gid})
        yield from (_item(key, {}) for key in group_index_keys(keys, gid, document))


def _counters(
    context: ConnectionContext, kind: ResourceClass, ids: Sequence[str]
) -> Iterator[Item]:
    counted = Counter(context.keys.counter(kind, each) for each in ids)
    yield from (_item(key, {"n": count}) for key, count in counted.items())


def _membership(context: ConnectionContext, gid: str, uid: str) -> Iterator[Item]:
    yield _item(context.keys.member(gid, uid), {})
    yield _item(context.keys.reverse(uid, gid), {"since": context.now()})


def _item(key: Key, item: Item) -> Item:
    return {**item, "PK": key.pk, "SK": key.sk}
