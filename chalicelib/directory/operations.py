"""Operations of many steps: what is to be true at the end is written down before it begins.

Whoever works on one, first or after a crash, computes what still differs, so a repetition does
no harm and there is no progress to keep. The row that an operation holds says so in `op`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.directory.tenant import Tenant
from chalicelib.storage.expressions import NEW, Put
from chalicelib.storage.items import Delta, Operation, packed, unpacked
from chalicelib.storage.table import chunks

# 16 bytes each: a row of this many stays far below DynamoDB's 400 KB.
IDS_A_ROW = 10_000
# Longer than a restore of the table reaches back.
IDS_KEPT = timedelta(days=40)


def write_ids(tenant: Tenant, operation: Operation, delta: Delta) -> None:
    """Write down whom an operation adds and removes; the rows are never changed again."""
    expires = int((tenant.clock.now() + IDS_KEPT).timestamp())
    rows = [
        {"what": what, "ids": packed(ids), "ttl": expires}
        for what, uids in (("add", delta.add), ("remove", delta.remove))
        for ids in chunks(sorted(uids), IDS_A_ROW)
    ]
    for page, row in enumerate(rows):
        tenant.rows.commit([Put(tenant.keys.operation_page(operation.id, page), row, NEW)])


def read_ids(tenant: Tenant, operation_id: str) -> Delta:
    """Read whom an operation adds and removes."""
    found: dict[str, set[str]] = {"add": set(), "remove": set()}
    for row in tenant.rows.query(tenant.keys.operation_pages(operation_id)):
        found[row["what"]].update(unpacked(row["ids"]))
    return Delta(frozenset(found["add"]), frozenset(found["remove"]))


def drop_ids(tenant: Tenant, operation_id: str) -> None:
    """Delete the ids of an operation that is over."""
    pages: Sequence[str] = [
        row["SK"] for row in tenant.rows.query(tenant.keys.operation_pages(operation_id))
    ]
    first = tenant.keys.operation_page(operation_id, 0)
    tenant.rows.batch_delete(first._replace(sk=page) for page in pages)
