"""The sweeper: finishes, once a minute, pending changes that nobody works on any more.

Such a change is left by a crash or by a request that reached its deadline; others are to be made
later from the start, such as deleting the secret of a token when the token has expired. Before
that it looks at the connections whose turn it is: what needs attention becomes an alert.

An event source, not a route: EventBridge invokes it, and `make run` does in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import NamedTuple

from chalicelib.api.services import Services
from chalicelib.directory import recovery
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy, Unavailable
from chalicelib.events import leavers
from chalicelib.observability import count, log_fault, logger, record_age, record_alert
from chalicelib.organisations import purge, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.watch import watch_connections, watch_webhooks
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Delete, Item, key_of
from chalicelib.storage.keys import (
    ConnectionKeys,
    OrganisationKeys,
    organisation_of,
    pending_change_due,
    pending_change_owner,
    pending_changes_due,
)
from chalicelib.storage.records import SCHEMA, schema_of
from chalicelib.storage.retries import Deadline

# How many pending changes of a job one run finishes; the next run goes on.
MAX_CHANGES = 1_000
# How many one run reads: about 20 MB.
MAX_READ = 100_000
# How long a run lasts, in seconds: nobody waits for it, and it logs to no connection.
SECONDS_PER_RUN = 23.0
# How long it looks at connections before it sweeps.
SECONDS_TO_WATCH = 8.0
# How long a run tries to finish one pending change before it turns to the next, in seconds.
SECONDS_PER_CHANGE = 10.0

# Who made a change, in the audit log, the feed and the provisioning log.
SWEEPER = "sweeper"


class SweepFailed(Exception):
    """A sweep did not come to its end; the log has the types and frames of the error."""


def sweep(services: Services) -> None:
    """Do what is scheduled.

    Raises:
        SweepFailed: it did not come to its end. Lambda tries again.
    """
    deadline = Deadline.after(SECONDS_PER_RUN, services.table.clock)
    watch(services, _earlier(deadline, SECONDS_TO_WATCH))
    try:
        sweep_due(services, deadline)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
        log_fault("the sweep failed", error)
        # Lambda writes the text of what is raised into the log.
        raise SweepFailed from None


def watch(services: Services, deadline: Deadline) -> None:
    """Look at what may need somebody's attention, and count each alert that was raised.

    It never keeps the sweep from its work.
    """
    table = services.table
    found = [watch_connections(table, services.settings.plans, deadline)]
    if services.settings.stream_arn:
        found.append(watch_webhooks(table, deadline))
    for each in found:
        try:
            for raised in each:
                record_alert(raised.alert, raised.of)
        except Busy:
            logger.warning("not all connections were looked at")
        except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
            log_fault("connections were not looked at", error)


def sweep_due(services: Services, deadline: Deadline | None = None) -> int:
    """Finish the pending changes whose time has come; return how many there were.

    One that cannot be finished stays for the next run and does not hold up the others.
    """
    deadline = deadline or Deadline.after(SECONDS_PER_RUN, services.table.clock)
    by_job = _due(services, deadline)
    _record_oldest(services, [items[0] for items in by_job.values()])
    for number, job in enumerate(by_job):
        # Each job has an equal share of what is left, so none waits for the others' outage.
        share = _earlier(deadline, (deadline.left() / (len(by_job) - number)))
        for item in by_job[job]:
            if not share.passed():
                _try_to_finish(services, job, item, share)
    return sum(map(len, by_job.values()))


def _record_oldest(services: Services, items: Sequence[Item]) -> None:
    """Record how long the oldest change could have been finished: one that never is, is seen."""
    if items:
        oldest = min(pending_change_due(key_of(each)) for each in items)
        age = services.table.clock.now() - oldest
        record_age("OldestPendingChange", age.total_seconds())


def _due(services: Services, deadline: Deadline) -> dict[Job, list[Item]]:
    """Read the changes whose time has come, the oldest first; of each job as many as one run does.

    All are read: however many of one job there are, those of the others are found.
    """
    items = services.table.namespace(grants.pending_changes(), deadline)
    parts = pending_changes_due(timestamp(services.table.clock.now()))
    due = merge(*map(items.query, parts), key=lambda item: str(item["SK"]))
    by_job: dict[Job, list[Item]] = {job: [] for job in (DIRECTORY_CHANGE, *JOBS.values())}
    unknown: Counter[str] = Counter()
    for item in islice(due, MAX_READ):
        job = _job(item)
        if job is None:
            unknown[item["change_type"]] += 1
        elif len(by_job[job]) < MAX_CHANGES:
            by_job[job].append(item)
    if unknown:
        logger.warning("pending changes of a later release are left", extra={"left": unknown})
    return {job: found for job, found in by_job.items() if found}


def _earlier(deadline: Deadline, seconds: float) -> Deadline:
    """Return the deadline, or one that is `seconds` from now if that is earlier."""
    return replace(deadline, at=min(deadline.at, deadline.clock.monotonic() + seconds))


def _try_to_finish(services: Services, job: Job, item: Item, deadline: Deadline) -> None:
    if job.seconds is not None:
        deadline = _earlier(deadline, job.seconds)
    named = {"change_type": item["change_type"], "change_id": item["SK"]}
    try:
        job.finish(services, item, deadline)
    except (Busy, Unavailable):
        logger.warning("pending change left for the next sweep", extra=named)
    except Exception as error:  # noqa: BLE001 - one that always fails must not hold up the others
        log_fault("pending change cannot be finished", error, **named)


def _finish_directory_change(services: Services, item: Item, deadline: Deadline) -> None:
    """Finish a change of members or a delete of a user or group."""
    keys = ConnectionKeys(_owner(item))
    context = ConnectionContext(
        items=services.table.namespace(grants.scim(keys), deadline),
        keys=keys,
        base_url="",
        default_role="",
        token_id=SWEEPER,
        request_id=item["SK"],
    )
    recovery.finish(context, item["change_type"], item["SK"], item["target"])


def _delete_secret(services: Services, item: Item, deadline: Deadline) -> None:
    """Delete the secret of a token that has expired or was revoked."""
    connection = _owner(item)
    keys = OrganisationKeys(organisation_of(connection))
    items = services.table.namespace(grants.administration(keys), deadline)
    services.secrets.delete(connection, item["target"], deadline)
    tokens.record_secret_deleted(items, connection, item["target"], key_of(item))


def _purge(services: Services, item: Item, deadline: Deadline) -> None:
    """Delete the data of a disconnected connection or a deleted organisation."""
    keys = OrganisationKeys(organisation_of(_owner(item)))
    items = services.table.namespace(grants.purge(keys), deadline)
    admin = AdminContext(items, keys, Actor("system", SWEEPER, SWEEPER), request_id=item["SK"])
    admin = replace(admin, retention=services.settings.retention)
    left = purge.purge(admin, services.secrets, item)
    logger.info("purged", extra={"target": item["target"], "left": left})


def _count_late_leaver(services: Services, item: Item, deadline: Deadline) -> None:
    """Count a leaver whose end of access the SaaS has not acknowledged in time."""
    connection = _owner(item)
    items = services.table.namespace(grants.late_leaver(ConnectionKeys(connection)), deadline)
    logger.warning(
        "a leaver is not acknowledged", extra={"event": item["target"], "connection": connection}
    )
    count("LeaversNotAcknowledged")
    items.commit([Delete(key_of(item))])


def _owner(item: Item) -> str:
    """Return the id of the connection or organisation of a pending change."""
    return pending_change_owner(key_of(item))


class Job(NamedTuple):
    """How pending changes of a type are finished.

    Each may take `seconds` of its job's share of a run; None: all that is left of it.
    """

    finish: Callable[[Services, Item, Deadline], None]
    seconds: float | None


# In the order in which a run takes them.
DIRECTORY_CHANGE = Job(_finish_directory_change, seconds=SECONDS_PER_CHANGE)
JOBS: Mapping[str, Job] = {
    "secret": Job(_delete_secret, seconds=SECONDS_PER_CHANGE),
    purge.CHANGE_TYPE: Job(_purge, seconds=None),
    leavers.CHANGE_TYPE: Job(_count_late_leaver, seconds=SECONDS_PER_CHANGE),
}


def _job(item: Item) -> Job | None:
    """Return how a pending change is finished; None if only a later release knows that."""
    change_type = item["change_type"]
    if schema_of(item) > SCHEMA:
        return None
    return JOBS.get(change_type) or (DIRECTORY_CHANGE if change_type in recovery.FINISH else None)
