"""The user ids of a pending change of members: written before it starts, never changed.

Every process that works on the change, the first one or another after a crash, compares them
with the present members. A repetition does no harm, and there is no progress to store.
"""

from __future__ import annotations

from datetime import timedelta

from chalicelib.directory.context import ConnectionContext
from chalicelib.storage.directory_items import Delta, packed, unpacked
from chalicelib.storage.expressions import NEW, Put
from chalicelib.storage.table import chunks

# At 16 bytes an id, an item stays far below DynamoDB's 400 KB.
IDS_PER_ITEM = 10_000
# Longer than a restore of the table reaches back.
IDS_KEPT = timedelta(days=40)


def write_ids(context: ConnectionContext, change_id: str, delta: Delta) -> None:
    """Write the ids of the users that a change adds and removes."""
    expires = int((context.clock.now() + IDS_KEPT).timestamp())
    items = [
        {"what": what, "ids": packed(ids), "ttl": expires}
        for what, uids in (("add", delta.add), ("remove", delta.remove))
        for ids in chunks(sorted(uids), IDS_PER_ITEM)
    ]
    for page, item in enumerate(items):
        context.items.commit([Put(context.keys.pending_change_page(change_id, page), item, NEW)])


def read_ids(context: ConnectionContext, change_id: str) -> Delta:
    """Return the users that a change adds and removes."""
    found: dict[str, set[str]] = {"add": set(), "remove": set()}
    for item in context.items.query(context.keys.pending_change_pages(change_id)):
        found[item["what"]].update(unpacked(item["ids"]))
    return Delta(frozenset(found["add"]), frozenset(found["remove"]))


def delete_ids(context: ConnectionContext, change_id: str) -> None:
    """Delete the ids of a change that is finished."""
    found = list(context.items.query(context.keys.pending_change_pages(change_id)))
    first = context.keys.pending_change_page(change_id, 0)
    context.items.batch_delete(first._replace(sk=item["SK"]) for item in found)
