"""The purge: an organisation or connection that is being deleted goes, to its last row and secret.

It is declared in the transaction that sets the state `deleting`, and begins when no request
that was let in before can still be at work. The sweeper does it, within its deadline, and goes
on the next time: what is still there says what is still to be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Busy
from chalicelib.organisations import audit, purge_directory
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.storage import grants, lookups
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Change, PendingChange
from chalicelib.storage.expressions import Action, Delete, Item, Put, equals, key_of
from chalicelib.storage.keys import (
    ConnectionKeys,
    Key,
    is_organisation,
    pending_change_owner,
    pending_changes_due,
    reference,
    self_test_of,
    setting_of,
    verified_domain,
)
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    ConnectionToken,
    Organisation,
    of_type,
)
from chalicelib.storage.transactions import TransactionCanceled

CHANGE_TYPE = "purge"
# Longer than any request: who was let in before the state changed has ended by then.
WAITS = timedelta(seconds=60)
# Operations are due within seconds of their beginning, a self-test's after five minutes; the
# removal of a token's secret may be due in years, but the token's row tells when.
AHEAD = timedelta(minutes=10)


def scheduled_purge(admin: AdminContext, target: str) -> Put:
    """Declare, in the transaction that sets the state, that what is named shall be purged."""
    begins = timestamp(admin.now() + WAITS)
    key = admin.keys.pending_change(begins, target, admin.clock.new_id())
    return Put(key, to_item(PendingChange(CHANGE_TYPE, target)))


def purge(admin: AdminContext, secrets: Secrets, operation: Item) -> Mapping[str, int]:
    """Purge what an operation names; one that has been purged, or stands, is left alone.

    Gives what was counted at the end of it: no user, no team, no member, no token.

    Raises:
        Busy: not through at the deadline; the next sweep goes on.
        Unavailable: a secret cannot be removed now; the next sweep goes on.
    """
    target, key = operation["target"], key_of(operation)
    if is_organisation(target):
        return _purge_organisation(admin, secrets, key)
    if self_test_of(target):
        return _purge_run(admin, key)
    return _purge_connection(admin, secrets, target, key)


def progress(admin: AdminContext, connections: Iterable[Connection]) -> dict[str, int]:
    """Count what these connections still have, by their counters and tokens."""
    there = list(connections)
    bounds = [ConnectionScope(admin.items, ConnectionKeys(each.id)) for each in there]
    return {
        "connections": len(there),
        "users": sum(lookups.count(scope, "U") for scope in bounds),
        "teams": sum(lookups.count(scope, "G") for scope in bounds),
        "tokens": sum(len(list(_tokens(admin, each.id))) for each in there),
    }


def _tokens(admin: AdminContext, connection_id: str) -> Iterator[Item]:
    return admin.items.query(admin.keys.tokens(connection_id))


# --- a connection -----------------------------------------------------------------------------


def _purge_connection(
    admin: AdminContext, secrets: Secrets, connection_id: str, operation: Key
) -> Mapping[str, int]:
    row = admin.items.get(admin.keys.connection(connection_id))
    if row is None or row["state"] != DELETING:
        admin.items.commit([Delete(operation)])
        return {}
    left = _emptied(admin, secrets, from_item(Connection, row), operation)
    edit = Edit("connection", connection_id, after=left, action="purged")
    with suppress(TransactionCanceled):  # another sweeper was through at the same moment
        admin.items.commit(
            [
                Delete(admin.keys.connection(connection_id), equals("state", DELETING)),
                Delete(operation),
                admin.change_item(Change("connection", connection_id)),
                audit.entry_item(admin, edit),
            ]
        )
    return left


def _emptied(
    admin: AdminContext, secrets: Secrets, connection: Connection, operation: Key
) -> dict[str, int]:
    """Delete all that a connection has but its own row; count what is left: nothing.

    Raises:
        Busy: something is there that was not when it was looked for.
    """
    scope = _scope(admin, connection.id)
    _drop_operations(admin, secrets, connection.id, operation)
    purge_directory.clear(scope, datetime.fromisoformat(connection.created))
    _drop_tokens(admin, secrets, connection.id)
    left = purge_directory.left(scope) | {"tokens": len(list(_tokens(admin, connection.id)))}
    if any(left.values()):
        raise Busy
    return left


def _scope(admin: AdminContext, connection_id: str) -> ConnectionScope:
    """Narrow what is purged to one connection, or to one run of a self-test."""
    keys = ConnectionKeys(connection_id)
    return ConnectionScope(admin.items.narrowed(grants.scim(keys)), keys)


def _owned(admin: AdminContext, connection_id: str) -> Iterator[Item]:
    return admin.items.query(admin.keys.owned_by(connection_id))


def _drop_tokens(admin: AdminContext, secrets: Secrets, connection_id: str) -> None:
    """Remove the secret of each token, then its row and the declaration that the secret goes."""
    for item in _owned(admin, connection_id):
        keys = [key_of(item)]
        if setting_of(key_of(item)).setting_type == "token":
            token = from_item(ConnectionToken, item)
            secrets.delete(connection_id, token.id, admin.items.deadline)
            keys.append(admin.keys.pending_change(token.secret_ends, connection_id, token.id))
        admin.items.batch_delete(keys)


# --- operations -------------------------------------------------------------------------------


def _drop_operations(admin: AdminContext, secrets: Secrets, owner: str, spared: Key) -> None:
    """Drop what is under way, or will soon be due, for a connection or all of an organisation."""
    soon = timestamp(admin.now() + AHEAD)
    for item in admin.items.query(pending_changes_due(soon)):
        if pending_change_owner(key_of(item)).startswith(owner) and key_of(item) != spared:
            DROPS.get(item["change_type"], _drop_ids)(admin, secrets, item)
            admin.items.batch_delete([key_of(item)])


def _drop_secret(admin: AdminContext, secrets: Secrets, item: Item) -> None:
    secrets.delete(pending_change_owner(key_of(item)), item["target"], admin.items.deadline)


def _drop_run(admin: AdminContext, _: Secrets, item: Item) -> None:
    if self_test_of(item["target"]):
        _clear_run(admin, item["target"])


def _drop_ids(admin: AdminContext, _: Secrets, item: Item) -> None:
    scope = _scope(admin, pending_change_owner(key_of(item)))
    purge_directory.delete_all(scope, scope.keys.pending_change_pages(item["SK"]))


DROPS: Mapping[str, Callable[[AdminContext, Secrets, Item], None]] = {
    "secret": _drop_secret,
    CHANGE_TYPE: _drop_run,
}


# --- a run of a self-test ---------------------------------------------------------------------


def _purge_run(admin: AdminContext, operation: Key) -> Mapping[str, int]:
    run = pending_change_owner(operation)
    _clear_run(admin, run)
    admin.items.commit([Delete(operation)])
    return purge_directory.left(_scope(admin, run))


def _clear_run(admin: AdminContext, shadow: str) -> None:
    """Clear a run's rows, and its token's; that the secret goes is declared beside."""
    purge_directory.clear(_scope(admin, shadow), admin.now() - AHEAD)
    if run := self_test_of(shadow):
        admin.items.batch_delete([admin.keys.self_test_token(*run)])


# --- an organisation --------------------------------------------------------------------------


def _purge_organisation(admin: AdminContext, secrets: Secrets, operation: Key) -> Mapping[str, int]:
    row = admin.items.get(admin.keys.own_item)
    if row is None or row["state"] != DELETING:
        admin.items.commit([Delete(operation)])
        return {}
    organisation = from_item(Organisation, row)
    left: Counter[str] = Counter()
    for item in list(of_type("connection", admin.items.query(admin.keys.connections()))):
        left.update(_emptied(admin, secrets, from_item(Connection, item), operation))
        admin.items.batch_delete([key_of(item)])
    _drop_operations(admin, secrets, organisation.id, operation)
    _clear_settings(admin, organisation)
    with suppress(TransactionCanceled):  # another sweeper was through at the same moment
        admin.items.commit(list(_last(admin, organisation, operation)))
    return left


def _clear_settings(admin: AdminContext, organisation: Organisation) -> None:
    """Delete what belongs to the organisation itself, and let go of its domains."""
    keys, scope = admin.keys, ConnectionScope(admin.items, ConnectionKeys(organisation.id))
    for item in admin.items.query(keys.domains()):
        held = verified_domain(setting_of(key_of(item)).id)
        with suppress(TransactionCanceled):  # let go of before
            admin.items.commit([Delete(held, equals("org", organisation.id))])
    since = datetime.fromisoformat(organisation.created)
    for day in purge_directory.days(since, admin.now()):
        # The last change, where another sweeper was through already, tells of the organisation.
        purge_directory.delete_all(scope, keys.changes(day), spared=organisation.id)
    for each in (
        keys.settings_after_own_item(),
        keys.all_local_users(),
        keys.all_idempotency_keys(),
        keys.audit(),
    ):
        purge_directory.delete_all(scope, each)


def _last(admin: AdminContext, organisation: Organisation, operation: Key) -> Iterator[Action]:
    """Make the last transaction; the change that it writes is all that stays, for a while."""
    yield Delete(admin.keys.own_item, equals("state", DELETING))
    yield Delete(admin.keys.list_item())
    yield Delete(operation)
    if organisation.reference is not None:
        yield Delete(reference(organisation.reference), equals("org", organisation.id))
    yield admin.change_item(Change("connection", organisation.id))
