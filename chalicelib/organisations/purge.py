"""The purge: delete an organisation or a connection to its last item and secret.

Its pending change is written in the transaction that sets the state `deleting`, and becomes due
when no request that was accepted before can still be in progress. The sweeper purges within its
deadline and goes on the next time: the items that still exist say what is left to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain

from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Busy
from chalicelib.organisations import audit, erasure, purge_directory
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
    watched_connection,
)
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.settings_items import (
    DELETING,
    Connection,
    ConnectionToken,
    Organisation,
)

CHANGE_TYPE = "purge"
# Longer than any request: those accepted before the state changed have ended by then.
WAIT = timedelta(seconds=60)
# Pending changes become due within seconds, those of a self-test within five minutes. Only the
# deletion of a token's secret may be due in years; its key follows from the token.
AHEAD = timedelta(minutes=10)


def scheduled_purge(admin: AdminContext, target: str) -> Put:
    """Make the pending change that purges `target`, for the transaction that sets its state."""
    begins = timestamp(admin.now() + WAIT)
    key = admin.keys.pending_change(begins, target, admin.clock.new_id())
    return Put(key, to_item(PendingChange(CHANGE_TYPE, target)))


def purge(admin: AdminContext, secrets: Secrets, pending_change: Item) -> Mapping[str, int]:
    """Purge the target of a pending change, unless it is gone already or not being deleted.

    Returns what was counted in the end: no users, no groups, no members, no tokens.

    Raises:
        Busy: not finished at the deadline; the next sweep goes on.
        Unavailable: a secret cannot be deleted now; the next sweep goes on.
    """
    target, key = pending_change["target"], key_of(pending_change)
    if is_organisation(target):
        return _purge_organisation(admin, secrets, key)
    if self_test_of(target):
        return _purge_run(admin, key)
    return _purge_connection(admin, secrets, target, key)


def progress(admin: AdminContext) -> dict[str, int]:
    """Count what an organisation that is being deleted still has, by counters and tokens.

    A connection that has ended without users has only itself to be counted.
    """
    items = list(_connections(admin))
    past = admin.keys.past_connections().pk
    with_users = [each for each in items if each["PK"] != past or each["state"] == DELETING]
    ids = [from_item(Connection, each).id for each in with_users]
    scopes = [ConnectionScope(admin.items, ConnectionKeys(each)) for each in ids]
    return {
        "connections": len(items),
        "users": sum(lookups.count(scope, "U") for scope in scopes),
        "teams": sum(lookups.count(scope, "G") for scope in scopes),
        "tokens": sum(len(list(_tokens(admin, each))) for each in ids),
    }


def _connections(admin: AdminContext) -> Iterator[Item]:
    yield from admin.items.query(admin.keys.connections())
    yield from admin.items.query(admin.keys.past_connections())


def _tokens(admin: AdminContext, connection_id: str) -> Iterator[Item]:
    yield from admin.items.query(admin.keys.tokens(connection_id))
    yield from admin.items.query(admin.keys.past_tokens(connection_id))


# --- a connection -----------------------------------------------------------------------------


def _purge_connection(
    admin: AdminContext, secrets: Secrets, connection_id: str, pending: Key
) -> Mapping[str, int]:
    key = admin.keys.past_connection(connection_id)
    item = admin.items.get(key)
    if item is None or item["state"] != DELETING:
        admin.items.commit([Delete(pending)])
        return {}
    left = _empty(admin, secrets, from_item(Connection, item), pending)
    edit = Edit("connection", connection_id, after=left, action="purged")
    # Fails where another sweeper has finished at the same moment.
    admin.items.try_commit(
        [
            Delete(key, equals("state", DELETING)),
            Delete(watched_connection(connection_id)),
            Delete(pending),
            admin.change_item(Change("connection", connection_id)),
            audit.entry_item(admin, edit),
        ]
    )
    return left


def _empty(
    admin: AdminContext, secrets: Secrets, connection: Connection, pending: Key
) -> dict[str, int]:
    """Delete all that a connection has except its own item, and count what is left: nothing.

    Raises:
        Busy: something was written while it was being deleted.
    """
    scope = _scope(admin, connection.id)
    _drop_pending_changes(admin, secrets, connection.id, pending)
    purge_directory.clear(scope, datetime.fromisoformat(connection.created))
    _drop_tokens(admin, secrets, connection.id)
    left = purge_directory.count_left(scope) | {"tokens": len(list(_tokens(admin, connection.id)))}
    if any(left.values()):
        raise Busy
    return left


def _scope(admin: AdminContext, connection_id: str) -> ConnectionScope:
    """Narrow what is purged to one connection, or to one run of a self-test."""
    keys = ConnectionKeys(connection_id)
    return ConnectionScope(admin.items.narrowed(grants.scim(keys)), keys)


def _drop_tokens(admin: AdminContext, secrets: Secrets, connection_id: str) -> None:
    """Delete the secret of each token, then its item and the pending change of the secret."""
    for item in chain(*map(admin.items.query, admin.keys.owned_by(connection_id))):
        keys = [key_of(item)]
        # An item that expires is of a token whose secret has been deleted.
        if setting_of(key_of(item)).setting_type == "token" and "ttl" not in item:
            token = from_item(ConnectionToken, item)
            secrets.delete(connection_id, token.id, admin.items.deadline)
            keys.append(admin.keys.pending_change(token.secret_ends, connection_id, token.id))
        admin.items.batch_delete(keys)


# --- pending changes --------------------------------------------------------------------------


def _drop_pending_changes(admin: AdminContext, secrets: Secrets, owner: str, spared: Key) -> None:
    """Drop the pending changes of a connection, or of an organisation, that would run soon."""
    soon = timestamp(admin.now() + AHEAD)
    for item in chain(*map(admin.items.query, pending_changes_due(soon))):
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


def _purge_run(admin: AdminContext, pending: Key) -> Mapping[str, int]:
    run = pending_change_owner(pending)
    _clear_run(admin, run)
    admin.items.commit([Delete(pending)])
    return purge_directory.count_left(_scope(admin, run))


def _clear_run(admin: AdminContext, shadow: str) -> None:
    """Delete a run's items and its token; a pending change of its own deletes the secret."""
    purge_directory.clear(_scope(admin, shadow), admin.now() - AHEAD)
    if run := self_test_of(shadow):
        admin.items.batch_delete([admin.keys.self_test_token(*run)])


# --- an organisation --------------------------------------------------------------------------


def _purge_organisation(admin: AdminContext, secrets: Secrets, pending: Key) -> Mapping[str, int]:
    own_item = admin.items.get(admin.keys.own_item)
    if own_item is None or own_item["state"] != DELETING:
        admin.items.commit([Delete(pending)])
        return {}
    organisation = from_item(Organisation, own_item)
    left: Counter[str] = Counter()
    for item in list(_connections(admin)):
        connection = from_item(Connection, item)
        left.update(_empty(admin, secrets, connection, pending))
        admin.items.batch_delete([key_of(item), watched_connection(connection.id)])
    _drop_pending_changes(admin, secrets, organisation.id, pending)
    _clear_settings(admin, organisation)
    record = _completed_record(admin, secrets, left)
    # Fails where another sweeper has finished at the same moment.
    admin.items.try_commit([*_last_actions(admin, organisation, pending), *record])
    return left


def _completed_record(
    admin: AdminContext, secrets: Secrets, left: Mapping[str, int]
) -> Iterator[Action]:
    """Make the action that completes the record of the erasure; an earlier release wrote none."""
    ordered = erasure.find(admin)
    if ordered is not None:
        yield erasure.completion(erasure.completed(admin, secrets, ordered, left))


def _clear_settings(admin: AdminContext, organisation: Organisation) -> None:
    """Delete what belongs to the organisation itself, and release its domains."""
    keys, scope = admin.keys, ConnectionScope(admin.items, ConnectionKeys(organisation.id))
    for item in admin.items.query(keys.domains()):
        uniqueness_key = verified_domain(setting_of(key_of(item)).id)
        _release(admin, uniqueness_key)
    if organisation.reference is not None:
        _release(admin, reference(organisation.reference))
    since = datetime.fromisoformat(organisation.created)
    for day in purge_directory.days(since, admin.now()):
        # Where another sweeper has finished, the change that it wrote last must stay.
        purge_directory.delete_all(scope, keys.changes(day), spared=organisation.id)
    for each in (
        keys.settings_after_own_item(),
        keys.all_local_users(),
        keys.accounts(),
        keys.all_idempotency_keys(),
        keys.audit(),
        keys.console_items(),
        keys.health_hours(),
        keys.rate_limits(),
    ):
        purge_directory.delete_all(scope, each)


def _release(admin: AdminContext, uniqueness_key: Key) -> None:
    """Let others have a domain or reference; one that is not the organisation's stays."""
    admin.items.try_commit([Delete(uniqueness_key, equals("org", admin.keys.organisation))])


def _last_actions(
    admin: AdminContext, organisation: Organisation, pending: Key
) -> Iterator[Action]:
    """Make the last transaction; the change that it writes is all that remains, for a while."""
    yield Delete(admin.keys.own_item, equals("state", DELETING))
    yield Delete(admin.keys.list_item())
    yield Delete(pending)
    yield admin.change_item(Change("connection", organisation.id))
