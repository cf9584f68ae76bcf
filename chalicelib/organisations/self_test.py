"""A run of a connection's self-test: a token for five minutes, and the shadow that it opens.

The shadow is a namespace of its own beside the connection's, so nothing that the run does appears
in any list, count or feed. Its pending changes are written first: the sweeper cleans up after a
run that was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import NewCredential, mint
from chalicelib.errors import Busy, Unavailable
from chalicelib.organisations import purge, purge_directory
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import PendingChange
from chalicelib.storage.expressions import EXISTS, NEW, Action, Check, Delete, Put
from chalicelib.storage.keys import ConnectionKeys, Key
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import to_item
from chalicelib.storage.settings_items import ConnectionToken
from chalicelib.storage.table import Table

LIFETIME = timedelta(minutes=5)
NAME = "self-test"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun; `text` is the token of its requests, which is stored nowhere."""

    connection: str
    token: ConnectionToken
    text: str = field(repr=False)

    @property
    def shadow(self) -> ConnectionKeys:
        """The keys of the users and groups that its token gives access to."""
        return ConnectionKeys(self.connection).self_test(self.token.id)


def begin(admin: AdminContext, table: Table, secrets: Secrets, connection_id: str) -> Run:
    """Begin a run: write the pending changes that clean up after it, and create its token.

    Raises:
        TransactionCanceled: the connection is gone.
        Unavailable: the token's secret cannot be created; the run is ended.
    """
    credential = mint("test", admin.clock.random)
    run = Run(connection_id, _token(admin, credential), credential.text)
    admin.items.commit(list(_first_actions(admin, run)))
    try:
        secrets.create(connection_id, credential.id, credential.digest, admin.items.deadline)
    except Unavailable:
        end(admin, table, secrets, run)
        raise
    return run


def _token(admin: AdminContext, credential: NewCredential) -> ConnectionToken:
    now = admin.now()
    return ConnectionToken(
        id=credential.id,
        name=NAME,
        hint=credential.hint,
        state="live",
        created=timestamp(now),
        created_by=admin.by,
        expires=timestamp(now + LIFETIME),
    )


def _first_actions(admin: AdminContext, run: Run) -> Iterator[Action]:
    secret = to_item(PendingChange("secret", run.token.id))
    clearing = to_item(PendingChange(purge.CHANGE_TYPE, run.shadow.connection))
    yield Check(admin.keys.connection(run.connection), EXISTS)
    yield Put(admin.keys.self_test_token(run.connection, run.token.id), to_item(run.token), NEW)
    yield Put(_secret_key(admin, run), secret)
    yield Put(_purge_key(admin, run), clearing)


def _secret_key(admin: AdminContext, run: Run) -> Key:
    return admin.keys.pending_change(run.token.secret_ends, run.connection, run.token.id)


def _purge_key(admin: AdminContext, run: Run) -> Key:
    return admin.keys.pending_change(run.token.expires, run.shadow.connection, run.token.id)


def end(admin: AdminContext, table: Table, secrets: Secrets, run: Run) -> None:
    """End a run: delete its items, secret and token; what fails is left to its pending changes."""
    items = table.namespace(grants.scim(run.shadow), admin.items.deadline)
    shadow = ConnectionScope(items, run.shadow)
    with suppress(Busy, Unavailable):
        purge_directory.clear(shadow, admin.now() - LIFETIME)
        secrets.delete(run.connection, run.token.id, admin.items.deadline)
        admin.items.commit(
            [
                Delete(admin.keys.self_test_token(run.connection, run.token.id)),
                Delete(_secret_key(admin, run)),
                Delete(_purge_key(admin, run)),
            ]
        )
