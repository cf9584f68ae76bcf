"""Look at each connection and webhook, and raise or clear its alerts.

The sweeper looks, every minute at the connections of a sixteenth of all organisations, so nothing
is computed while a request waits. The stream's function counts who loses access, since a mass
change must be known before it is over. What was found is one item of each connection; it is
written only when something has changed, on condition that nobody else has written it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.organisations import alerts, watched
from chalicelib.organisations.alerts import Facts
from chalicelib.settings import Plan
from chalicelib.storage import grants, lookups
from chalicelib.storage import keys as table_keys
from chalicelib.storage.alert_items import ALERT_TYPES, AlertType, Watched
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import HOUR_LENGTH, Health, health_of, hour
from chalicelib.storage.expressions import NEW, Delete, Put, Update, equals
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys, WebhookKeys
from chalicelib.storage.lookups import ConnectionScope
from chalicelib.storage.records import from_item, from_items, to_item, with_schema
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import (
    BASE32,
    SERVED_STATES,
    Connection,
    ConnectionToken,
    Organisation,
    OrganisationSummary,
)
from chalicelib.storage.table import Namespace, Table
from chalicelib.storage.webhook_items import Waiting, Webhook

# Every so many minutes each connection is looked at once.
ROUND = 16
# These requests were rejected by a limit of ours, which a provider may exceed.
OF_LIMITS = frozenset({"rate"})


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that has just been raised, of a connection or webhook."""

    alert: AlertType
    of: str


def watch_connections(
    table: Table, plans: Mapping[str, Plan], deadline: Deadline
) -> Iterator[Raised]:
    """Look at the connections whose turn it is; yield each alert that was raised.

    About four calls for each of them. What there is no time for is looked at in another round.

    Raises:
        Busy: the deadline has passed.
    """
    minute = int(table.clock.now().timestamp() // 60)
    items = table.namespace(grants.watch_list(), deadline)
    for letter in sorted(BASE32)[minute % ROUND :: ROUND]:
        before = {
            each.id: each
            for each in from_items(Watched, items.query(table_keys.watched_connections_of(letter)))
        }
        found = items.query(table_keys.organisations_of_letter(letter))
        organisations = list(from_items(OrganisationSummary, found))
        # In another order each time: where there is no time for all, it is not always the same.
        table.clock.random.shuffle(organisations)
        for each in organisations:
            yield from _watch_organisation(table, each, plans, before, deadline)
        # What is left belongs to no connection that is served.
        for gone in before.values():
            _forget(table, gone, deadline)


def _watch_organisation(
    table: Table,
    organisation: OrganisationSummary,
    plans: Mapping[str, Plan],
    before: dict[str, Watched],
    deadline: Deadline,
) -> Iterator[Raised]:
    """Look at the connections of an organisation; takes them out of `before`."""
    keys = OrganisationKeys(organisation.id)
    items = table.namespace(grants.watch(keys), deadline)
    plan = plans.get(organisation.plan, Plan(scim=False))
    for connection in from_items(Connection, items.query(keys.connections())):
        if connection.state in SERVED_STATES:
            known = before.pop(connection.id, Watched(id=connection.id))
            is_judged = (
                organisation.state == "active" and plan.scim and connection.state == "active"
            )
            after = _look(items, keys, connection, known, is_judged=is_judged)
            yield from _write(items, table_keys.watched_connection(connection.id), known, after)


def _look(
    items: Namespace,
    keys: OrganisationKeys,
    connection: Connection,
    known: Watched,
    *,
    is_judged: bool,
) -> Watched:
    """Read what there is to know of a connection; one that is not served by intent has no alert."""
    now = items.table.clock.now()
    recent = _health_of(items, connection.id, alerts.FAILURES_OF)
    found = _last_request(items, connection.id, recent, known)
    credential = _credential_in_use(items, keys, connection.id, recent, found)
    after = replace(
        found,
        state=connection.state,
        identity_provider=connection.identity_provider,
        credential=credential.id if credential else known.credential,
        expires=credential.expires if credential else known.expires,
    )
    facts = _facts(items, connection.id, recent, after)
    opened = alerts.connection_alerts(facts, known.alerts, now) if is_judged else ()
    return _with_alerts(after, opened, now)


def _with_alerts(found: Watched, opened: Sequence[str] | frozenset[str], now: datetime) -> Watched:
    since = {alert: found.alerts.get(alert, timestamp(now)) for alert in opened}
    return replace(found, alerts=since)


def _health_of(items: Namespace, connection: str, period: timedelta) -> Health:
    since = hour(items.table.clock.now() - period)
    return health_of(items.query(ConnectionKeys(connection).health_hours(since)), since, since)


def _last_request(items: Namespace, connection: str, recent: Health, known: Watched) -> Watched:
    """Find the last request and, where it is long ago, by when the next should have come.

    The two weeks that this follows from are read once after the last request, not in each round.
    """
    now = items.table.clock.now()
    last = recent.last_call or known.last_request
    if last is not None and last > timestamp(now - alerts.SHORTEST_SILENCE):
        return replace(known, last_request=last, expected_by=None)
    if known.expected_by is not None and last == known.last_request:
        return known
    past = _health_of(items, connection, alerts.LEARNED_FROM)
    if past.last_call is None:
        return replace(known, expected_by=alerts.NEVER)
    hours = [each.hour for each in past.hours if each.calls]
    expected = alerts.expected_by(hours, past.last_call)
    return replace(known, last_request=past.last_call, expected_by=expected)


def _credential_in_use(
    items: Namespace, keys: OrganisationKeys, connection: str, recent: Health, known: Watched
) -> ConnectionToken | None:
    """Find the credential that was used last, else the one that ends last; None without any."""
    now = items.table.clock.now()
    found = from_items(ConnectionToken, items.query(keys.tokens(connection)))
    live = {each.id: each for each in found if each.live(now)}
    used = max(recent.last_uses, key=lambda each: recent.last_uses[each].at, default="")
    for token_id in (used, known.credential):
        if token_id in live:
            return live[token_id]
    return max(live.values(), key=lambda each: each.expires, default=None)


def _facts(items: Namespace, connection: str, recent: Health, after: Watched) -> Facts:
    rejected = sum(each.count for each in recent.refusals if each.reason not in OF_LIMITS)
    leavers = users = 0
    if "mass_change" in after.alerts:
        leavers = _count_leavers(items, connection)
        users = lookups.count(ConnectionScope(items, ConnectionKeys(connection)), "U")
    return Facts(
        requests=recent.calls + rejected,
        failures=recent.errors + rejected,
        expected_by=after.expected_by or alerts.NEVER,
        credential_ends=after.expires,
        leavers=leavers,
        users=users,
    )


def _write(items: Namespace, key: Key, before: Watched, after: Watched) -> Iterator[Raised]:
    """Write what was found, if it has changed; yield what was raised by that."""
    if _shown(before) == _shown(after) and before.version:
        return
    unchanged = equals("v", before.version) if before.version else NEW
    put = Put(key, to_item(replace(after, version=before.version + 1)), unchanged)
    # Where another process was quicker, the next round looks again.
    if items.try_commit([put]) is None:
        for alert in ALERT_TYPES:
            if alert in after.alerts and alert not in before.alerts:
                yield Raised(alert, after.id)


def _shown(found: Watched) -> Watched:
    """Return what is worth a write: of the last request only its hour."""
    return replace(found, last_request=(found.last_request or "")[:HOUR_LENGTH])


def _forget(table: Table, gone: Watched, deadline: Deadline) -> None:
    keys = OrganisationKeys(table_keys.organisation_of(gone.id))
    items = table.namespace(grants.watch(keys), deadline)
    unchanged = equals("v", gone.version)
    items.try_commit([Delete(table_keys.watched_connection(gone.id), unchanged)])


# --- a mass change ----------------------------------------------------------------------------


def count_leavers(table: Table, connection: str, number: int, deadline: Deadline) -> list[Raised]:
    """Count users who have lost access; raise the alert as soon as they are too many.

    1 write, and 1 Query of the last hour; what reaches the threshold is compared with the number
    of users. A connection that is being deleted or has ended raises none.

    Raises:
        Busy: the deadline has passed.
    """
    keys = ConnectionKeys(connection)
    items = table.namespace(grants.count_leavers(keys), deadline)
    now = table.clock.now()
    written = with_schema({}, expires=now + 2 * alerts.LEAVERS_OF)
    items.try_once(Update(keys.leavers(_minute(now)), set=written, add={"n": number}))
    leavers = _count_leavers(items, connection)
    users = lookups.count(ConnectionScope(items, keys), "U") if _may_be_many(leavers) else 0
    if not alerts.is_mass_change(leavers, users):
        return []
    served = _served(items, connection)
    return [] if served is None else list(_raise_mass_change(items, served))


def _raise_mass_change(items: Namespace, connection: Connection) -> Iterator[Raised]:
    """Raise the alert, unless it is open.

    Raises:
        Busy: others kept writing the item until the deadline.
    """
    key, now = table_keys.watched_connection(connection.id), items.table.clock.now()
    for _ in items.deadline.attempts():
        before = watched.get(items, connection.id)
        if "mass_change" in before.alerts:
            return
        found = replace(
            before, state=connection.state, identity_provider=connection.identity_provider
        )
        after = _with_alerts(found, [*before.alerts, "mass_change"], now)
        if raised := list(_write(items, key, before, after)):
            yield from raised
            return


def _may_be_many(leavers: int) -> bool:
    return alerts.is_mass_change(leavers, users=0)


def _count_leavers(items: Namespace, connection: str) -> int:
    since = _minute(items.table.clock.now() - alerts.LEAVERS_OF)
    return sum(item["n"] for item in items.query(ConnectionKeys(connection).all_leavers(since)))


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M}"


def _served(items: Namespace, connection: str) -> Connection | None:
    """Read a connection; None where it, or its organisation, is not served any more."""
    keys = OrganisationKeys(table_keys.organisation_of(connection))
    wanted = keys.own_item, keys.connection(connection)
    own, item = map(items.batch_get(wanted).get, wanted)
    if own is None or item is None:
        return None
    found = from_item(Connection, item)
    is_served = from_item(Organisation, own).state == "active" and found.state in SERVED_STATES
    return found if is_served else None


# --- webhooks ---------------------------------------------------------------------------------


def watch_webhooks(table: Table, deadline: Deadline) -> Iterator[Raised]:
    """Look at all webhooks; yield each alert that was raised: 2 Queries, and 1 of what waits.

    Raises:
        Busy: the deadline has passed.
    """
    items, now = table.namespace(grants.watch_webhooks(), deadline), table.clock.now()
    before = {
        each.id: each for each in from_items(Watched, items.query(table_keys.watched_webhooks()))
    }
    for webhook in from_items(Webhook, items.query(table_keys.webhooks())):
        known = before.pop(webhook.id, Watched(id=webhook.id))
        opened = (
            alerts.webhook_alerts(webhook.failures, _attempts(items, webhook))
            if webhook.state == "active"
            else frozenset()
        )
        after = _with_alerts(known, opened, now)
        yield from _write(items, table_keys.watched_webhook(webhook.id), known, after)
    for gone in before.values():
        items.try_commit([Delete(table_keys.watched_webhook(gone.id), equals("v", gone.version))])


def _attempts(items: Namespace, webhook: Webhook) -> int:
    if webhook.next_waiting is None:
        return 0
    found = from_items(Waiting, items.query(WebhookKeys(webhook.id).all_waiting()))
    return max((each.attempts for each in found), default=0)
