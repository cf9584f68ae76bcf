"""Operations of many steps: what is to be true at the end is written down before it begins.

Whoever works on one, first or after a crash, computes what still differs, so a repetition does
no harm and there is no progress to keep. The row that an operation holds says so in `lease`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.directory.context import ConnectionContext
from chalicelib.storage.directory_items import Delta, Lease, packed, unpacked
from chalicelib.storage.expressions import NEW, Put
from chalicelib.storage.table import chunks

# 16 bytes each: a row of this many stays far below DynamoDB's 400 KB.
IDS_A_ROW = 10_000
# Longer than a restore of the table reaches back.
IDS_KEPT = timedelta(days=40)


def write_ids(context: ConnectionContext, lease: Lease, delta: Delta) -> None:
    """Write down whom an operation adds and removes; the rows are never changed again."""
    expires = int((context.clock.now() + IDS_KEPT).timestamp())
    rows = [
        {"what": what, "ids": packed(ids), "ttl": expires}
        for what, uids in (("add", delta.add), ("remove", delta.remove))
        for ids in chunks(sorted(uids), IDS_A_ROW)
    ]
    for page, row in enumerate(rows):
        context.items.commit(
            [Put(context.keys.pending_change_page(lease.change_id, page), row, NEW)]
        )


def read_ids(context: ConnectionContext, change_id: str) -> Delta:
    """Read whom an operation adds and removes."""
    found: dict[str, set[str]] = {"add": set(), "remove": set()}
    for row in context.items.query(context.keys.pending_change_pages(change_id)):
        found[row["what"]].update(unpacked(row["ids"]))
    return Delta(frozenset(found["add"]), frozenset(found["remove"]))


def drop_ids(context: ConnectionContext, change_id: str) -> None:
    """Delete the ids of an operation that is over."""
    pages: Sequence[str] = [
        row["SK"] for row in context.items.query(context.keys.pending_change_pages(change_id))
    ]
    first = context.keys.pending_change_page(change_id, 0)
    context.items.batch_delete(first._replace(sk=page) for page in pages)
