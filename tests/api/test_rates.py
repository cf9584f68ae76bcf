"""The rates that hold over all processes: each is reported, to an item of its owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from app import build
from chalicelib.api.rate_limit import REPORT, Buckets
from chalicelib.api.services import Services
from chalicelib.settings import Plan, Rate
from tests.support.builders import Customer, a_session, api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all

Send = Callable[[], int]
FORM = "application/x-www-form-urlencoded"


def scim(services: Services, context: Customer) -> Send:
    """Send SCIM requests."""
    send = api_client(build(services), context.token)
    return lambda: send("GET", f"/scim/v2/{context.connection}/Users?count=0").status


def changes(services: Services, context: Customer) -> Send:
    """Let an admin of the organisation change something."""
    send = api_client(build(services), a_session(services, context.organisation))
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    return lambda: send("PATCH", path, {"name": "Acme"}).status


def links(services: Services, context: Customer) -> Send:
    """Let the back end make console links."""
    send = api_client(build(services), OPERATOR_KEY)
    path = f"/admin/organisations/{context.organisation}/console-links"
    return lambda: send("POST", path, {"name": "Ada"}).status


def access_tokens(services: Services, context: Customer) -> Send:
    """Let the client of a connection ask for access tokens."""
    admin, send = api_client(build(services), OPERATOR_KEY), api_client(build(services))
    path = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    admin("PATCH", path, {"authentication": ["client_secret"]})
    made = admin("POST", f"{path}/credentials", {"name": "Entra", "type": "client_secret"}).body
    client = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    form = urlencode({"grant_type": "client_credentials", **client}).encode()
    token = f"/oauth2/{context.connection}/token"
    return lambda: send("POST", token, form, content_type=FORM).status


LIMITS = {
    "requests": (scim, "S#{connection}#B", 200),
    "admin": (changes, "C#{organisation}#B", 200),
    "links": (links, "C#{organisation}#B", 201),
    "access tokens": (access_tokens, "S#{connection}#B", 200),
}


def reported(services: Services) -> dict[tuple[str, str], int]:
    """Read what processes have reported, by key."""
    items = {key: item for key, item in read_all(services.table).items() if key.pk.endswith("#B")}
    return {(key.pk, key.sk): item["requests"] for key, item in items.items()}


@pytest.mark.parametrize("name", LIMITS)
def test_a_process_reports_what_it_has_counted(services, context, name):
    """After 20 requests, and not before; an hour later the item is gone."""
    make, partition, status = LIMITS[name]
    send = make(services, context)
    owner = partition.format(connection=context.connection, organisation=context.organisation)

    statuses = {send() for _ in range(REPORT - 1)}
    before = reported(services)
    statuses.add(send())

    assert statuses == {status}
    assert before == {}
    assert reported(services) == {(owner, name): REPORT}


def test_processes_share_the_rate_of_a_connection(services, context):
    """Each alone would accept the whole rate: so nothing was rejected on AWS."""
    plans = {"enterprise": Plan(scim=True, rate=Rate(per_second=1, burst=4))}
    settings = replace(services.settings, plans=plans)
    limited, now = replace(services, settings=settings), [0.0]
    processes = [scim(replace(limited, buckets=Buckets(lambda: now[0])), context) for _ in range(2)]

    def second() -> int:
        now[0] += 1
        return sum(send() == 200 for send in processes for _ in range(4))

    accepted = [second() for _ in range(15)]

    assert sum(accepted[10:]) <= 6  # two processes alone would accept 10
