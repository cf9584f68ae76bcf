"""The sweeper: once a minute, what was begun and not finished, and secrets whose time has come.

An event source, not a route: EventBridge calls it, and `make run` does in its place.
"""

from __future__ import annotations

from itertools import islice

from chalice.app import Chalice, CloudWatchEvent, Rate

from chalicelib.api.services import Services
from chalicelib.directory import sweeping
from chalicelib.directory.tenant import Tenant
from chalicelib.observability import logger
from chalicelib.scim.errors import Busy, Unavailable
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Delete, Item
from chalicelib.storage.keys import FIRST, READ, Grant, Range, ScimKeys

# What one run looks at; the next one goes on.
MOST_OPERATIONS = 100


def schedule(application: Chalice, services: Services) -> None:
    """Give the app its scheduled function.

    No blueprint: Lambda would look for `sweep` in this module, where it is not; as the app's own
    it is looked for in `app`, which names it.
    """

    @application.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
    def sweep(_event: CloudWatchEvent) -> None:
        sweep_due(services)


def sweep_due(services: Services) -> int:
    """Finish what is due, oldest first; tell how many operations were looked at.

    One that cannot be finished now stays for the next run and does not hold up the others.
    """
    rows = services.table.namespace((Grant("O#", READ),), services.deadline())
    now = timestamp(services.table.clock.now())
    due = list(islice(rows.query(Range("O#", FIRST, now), page=MOST_OPERATIONS), MOST_OPERATIONS))
    for item in due:
        try:
            _finish(services, item)
        except (Busy, Unavailable):
            logger.warning("operation left for the next sweep", extra={"kind": item["kind"]})
        except Exception:  # noqa: BLE001 - one that always fails must not hold up the others
            logger.exception("operation cannot be finished", extra={"kind": item["kind"]})
    return len(due)


def _finish(services: Services, item: Item) -> None:
    operation_id = item["SK"]
    keys = ScimKeys(operation_id.split("#")[1])
    rows = services.table.namespace(keys.grants(), services.deadline())
    if item["kind"] == "secret":
        services.secrets.delete(keys.connection, item["target"], rows.deadline)
        rows.commit([Delete(keys.operation(operation_id))])
        return
    tenant = Tenant(
        rows=rows,
        keys=keys,
        base_url="",
        default_role="",
        token_id="sweeper",  # noqa: S106 - noted in the change rows in a token's place
        request_id=operation_id,
    )
    sweeping.finish(tenant, item["kind"], operation_id, item["target"])
