"""Counts rejected administrative requests by reason, where an admin sees them.

Best effort: a fault here never changes the response. A flood costs a few writes, as for SCIM
requests, and an organisation that does not exist costs none.
"""

from __future__ import annotations

from chalicelib.api.edge import Request
from chalicelib.api.scim.recorder import clean_user_agent
from chalicelib.api.services import LONGEST_CALL, Services
from chalicelib.errors import ApiError, NotFound
from chalicelib.observability import log_fault
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import Counters, hour
from chalicelib.storage.keys import OrganisationKeys, deployment_health
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import ORGANISATION_ID

# Whose counters those of requests are that name no organisation.
DEPLOYMENT = "deployment"


def count(services: Services, request: Request, error: ApiError, deadline: Deadline) -> None:
    """Count a request that was rejected before its handler."""
    # An unknown organisation, or another connection: the session belongs elsewhere.
    reason = "foreign" if isinstance(error, NotFound) else getattr(error, "reason", None)
    if reason is not None:
        try:
            _count(services, request, reason, deadline)
        except Exception as fault:  # noqa: BLE001 - it never becomes a fault of the request
            log_fault("rejection not counted", fault, request_id=request.request_id)


def _count(services: Services, request: Request, reason: str, deadline: Deadline) -> None:
    organisation = request.path.get("organisation", "")
    owner = organisation if ORGANISATION_ID.fullmatch(organisation) else DEPLOYMENT
    now = services.table.clock.now()
    agent = clean_user_agent(request.header("user-agent") or "")
    counters = services.pending_counters.count(
        owner, reason, now, lambda each: each.count_rejected(reason, agent, timestamp(now))
    )
    if counters is not None:
        _write(services, owner, counters, deadline)


def _write(services: Services, owner: str, counters: Counters, deadline: Deadline) -> None:
    now = services.table.clock.now()
    if owner == DEPLOYMENT:
        items = services.table.namespace(grants.deployment_health(), deadline)
        items.try_once(counters.update(deployment_health(hour(now)), now), LONGEST_CALL)
        return
    keys = OrganisationKeys(owner)
    items = services.table.namespace(grants.organisation_health(keys), deadline)
    if items.get(keys.own_item) is not None:
        items.try_once(counters.update(keys.health(hour(now)), now), LONGEST_CALL)
