"""The organisation of an admin request: its namespace of the table, and who makes the request.

Made once, after authentication. No function of this package takes an organisation's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.settings import (
    CREDENTIAL_TYPES,
    LONGEST_CREDENTIAL,
    RETENTION,
    CredentialType,
    Retention,
)
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import Clock
from chalicelib.storage.directory_items import Change
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.records import put_change
from chalicelib.storage.table import Namespace


@dataclass(frozen=True, slots=True)
class AdminContext:
    """One organisation, for one request; `actor`, `address` and `user_agent` are for the audit.

    `setup_link` is the link of a setup session, and `unbound_session` one that has no connection
    yet: it gets the one it creates. No
    credential is created that is valid for more than `longest_credential`, and no connection
    accepts another type of credentials than `authentication_types`. What outlives its cause is kept
    as `retention` says.
    """

    items: Namespace
    keys: OrganisationKeys
    actor: Actor
    request_id: str = ""
    address: str | None = None
    user_agent: str | None = None
    unbound_session: str | None = None
    longest_credential: timedelta = LONGEST_CREDENTIAL
    authentication_types: Sequence[CredentialType] = CREDENTIAL_TYPES
    setup_link: str | None = None
    retention: Retention = RETENTION

    @property
    def by(self) -> str:
        """The actor's name, for what they create."""
        return self.actor.by

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
