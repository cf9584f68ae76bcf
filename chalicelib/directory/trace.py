"""What one request touches, collected where its change rows are made.

The connection's log tells of it when the request is over. A request that is refused has touched
nothing; then it is what the request was about to change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.scim.masking import masked
from chalicelib.storage.directory_items import Change, Document

# More ids than these are not kept: a team of 10,000 would make a long row.
MOST_IDS = 100

Masked = dict[str, Any]


@dataclass(slots=True)
class Trace:
    """The ids that a request has met, and the masked values of what it changes.

    All is by id: a change that is sent again, because another writer came first, is told once.
    """

    ids: dict[str, None] = field(default_factory=dict)
    before: dict[str, Masked | None] = field(default_factory=dict)
    after: dict[str, Masked | None] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def add_ids(self, ids: Iterable[str]) -> None:
        """Note whom a request has read or moved, up to a hundred."""
        for each in ids:
            if len(self.ids) == MOST_IDS:
                return
            self.ids[each] = None

    def add_change(self, change: Change, before: Document | None, after: Document | None) -> None:
        """Note a change with the documents around it; None: it says nothing of them."""
        self.before.setdefault(change.id, _chosen(before, change.attributes))
        self.after[change.id] = _chosen(after, change.attributes) or self.after.get(change.id)
        self.added.update(change.added)
        self.removed.update(change.removed)
        self.add_ids([*change.added, *change.removed])

    @property
    def target(self) -> str | None:
        """The one resource that is changed; None where there is none, or more than one."""
        return next(iter(self.after)) if len(self.after) == 1 else None

    @property
    def difference(self) -> tuple[Masked | None, Masked | None]:
        """The masked values of the one resource, before and after; of members, how many moved."""
        target = self.target
        if target is None:
            return None, None
        moved = {"added": len(self.added), "removed": len(self.removed)}
        members = {"members": moved} if any(moved.values()) else {}
        return self.before[target], {**(self.after[target] or {}), **members} or None


def _chosen(document: Document | None, names: Iterable[str]) -> Masked | None:
    if document is None:
        return None
    chosen = list(names) or list(document)
    return {name: masked(document[name]) for name in chosen if name in document} or None
