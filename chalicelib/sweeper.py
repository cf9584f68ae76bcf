"""The sweeper: once a minute, what was begun and not finished, and secrets whose time has come.

An event source, not a route: EventBridge calls it, and `make run` does in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice

from chalice.app import Chalice, CloudWatchEvent, Rate

from chalicelib.api.services import Services
from chalicelib.directory import recovery
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy, Unavailable
from chalicelib.observability import logger
from chalicelib.organisations import purge
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Delete, Item, key_of
from chalicelib.storage.keys import (
    ConnectionKeys,
    OrganisationKeys,
    organisation_of,
    pending_change_owner,
    pending_changes_due,
)
from chalicelib.storage.retries import Deadline

# What one run looks at; the next one goes on.
MOST_OPERATIONS = 1_000
# What one operation may take of a run, unless it is a purge.
MOST_SECONDS = 10.0

# Noted where else stands by whom or with which token something was changed.
SWEEPER = "sweeper"


def schedule(application: Chalice, services: Services) -> None:
    """Give the app its scheduled function.

    No blueprint: Lambda would look for `sweep` in this module, where it is not; as the app's own
    it is looked for in `app`, which names it.
    """

    @application.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
    def sweep(_event: CloudWatchEvent) -> None:
        sweep_due(services)


def sweep_due(services: Services) -> int:
    """Finish what is due, purges last; tell how many operations were looked at.

    One that cannot be finished now stays for the next run and does not hold up the others. The
    directories come first: a fault of Secrets Manager may take a run's time, or last for days.
    """
    deadline = services.deadline()
    rows = services.table.namespace(grants.pending_changes(), deadline)
    now = timestamp(services.table.clock.now())
    found = list(
        islice(rows.query(pending_changes_due(now), page=MOST_OPERATIONS), MOST_OPERATIONS)
    )
    for item in sorted(found, key=_turn):
        if not deadline.passed():
            _try(services, item, deadline)
    return len(found)


def _turn(item: Item) -> int:
    """Tell when an operation has its turn; the oldest of a kind comes first."""
    return (item["change_type"] in FINISH) + _is_long(item)


def _is_long(item: Item) -> bool:
    return bool(item["change_type"] == purge.CHANGE_TYPE)


def _try(services: Services, item: Item, deadline: Deadline) -> None:
    """Finish one operation; a purge takes what is left of the run, any other a share of it."""
    clock = services.table.clock
    share = replace(deadline, at=min(deadline.at, clock.monotonic() + MOST_SECONDS))
    named = {"change_type": item["change_type"], "change": item["SK"]}
    finish = FINISH.get(item["change_type"], _finish_change)
    try:
        finish(services, item, deadline if _is_long(item) else share)
    except (Busy, Unavailable):
        logger.warning("operation left for the next sweep", extra=named)
    except Exception:  # noqa: BLE001 - one that always fails must not hold up the others
        logger.exception("operation cannot be finished", extra=named)


def _remove_secret(services: Services, item: Item, deadline: Deadline) -> None:
    keys = ConnectionKeys(_owner(item))
    rows = services.table.namespace(grants.scim(keys), deadline)
    services.secrets.delete(keys.connection, item["target"], deadline)
    rows.commit([Delete(keys.pending_change(item["SK"]))])


def _purge(services: Services, item: Item, deadline: Deadline) -> None:
    keys = OrganisationKeys(organisation_of(_owner(item)))
    rows = services.table.namespace(grants.purge(keys), deadline)
    admin = AdminContext(rows, keys, by=SWEEPER, request_id=item["SK"])
    left = purge.purge(admin, services.secrets, item)
    logger.info("purged", extra={"target": item["target"], "left": left})


def _finish_change(services: Services, item: Item, deadline: Deadline) -> None:
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


def _owner(item: Item) -> str:
    """Tell whose an operation is: a connection's, a self-test's or an organisation's."""
    return pending_change_owner(key_of(item))


FINISH: Mapping[str, Callable[[Services, Item, Deadline], None]] = {
    "secret": _remove_secret,
    purge.CHANGE_TYPE: _purge,
}
