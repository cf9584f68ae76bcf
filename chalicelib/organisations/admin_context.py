"""The organisation of an admin request: its namespace of the table, and who makes the request.

Made once, after authentication. No function of this package takes an organisation's id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.storage.clock import Clock
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.records import put_change
from chalicelib.storage.table import Namespace


@dataclass(frozen=True, slots=True)
class AdminContext:
    """One organisation, for one request; `by` names the principal in what is written."""

    items: Namespace
    keys: OrganisationKeys
    by: str
    request_id: str = ""

    @property
    def clock(self) -> Clock:
        """The clock and the source of ids."""
        return self.items.table.clock

    def now(self) -> datetime:
        """Return the present time."""
        return self.clock.now()

    def change_item(self, change: Change) -> Put:
        """Make the item of a change for the feed, to be written in the same transaction."""
        entropy = self.clock.random.getrandbits(80)
        change = replace(change, request_id=self.request_id, token_id=self.by)
        return put_change(change, self.keys, self.now(), entropy)
