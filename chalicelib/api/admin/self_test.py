"""The self-test of a connection: what its identity provider would meet, step by step.

First the settings, then the provider's own dialogue, played through everything that serves SCIM
below the edge, on a shadow of the connection. The dialogues are data beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

from chalice.app import Blueprint
from pydantic import TypeAdapter

from chalicelib.api import edge
from chalicelib.api.admin import dialogue_player, requests
from chalicelib.api.admin.dialogue_player import Answer, Played, Request, Send, Step
from chalicelib.api.admin.requests import CONNECTION, AdminRequest, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.scim.handler import respond
from chalicelib.api.scim.routes import ROUTES as SCIM_ROUTES
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.api.services import Services
from chalicelib.errors import NotFound
from chalicelib.organisations import connections, self_test, self_test_checks
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.self_test import Run
from chalicelib.organisations.self_test_checks import CHECKS, ConnectionDetails
from chalicelib.settings import Rate
from chalicelib.storage.retries import Deadline
from chalicelib.storage.transactions import TransactionCanceled

DIALOGUES = Path(__file__).parent / "data"

# Each run makes a secret and a few hundred writes: nobody needs one every second.
PACE = Rate(per_second=0.1, burst=6)
# Seconds of the request's time kept back to clear what the run has made.
KEPT_BACK = 5.0

MOST_REQUEST = 200
MOST_DETAIL = 500

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NOT_TRIED = "Not tried: it rests on what has failed before it."

# What to do where a step's own text says nothing, by the status that came.
FIXES: Mapping[int, str] = {
    400: "Where `unknown_attributes` of the connection is `strict`, set it to `lenient`.",
    401: "The connection's settings have changed during the test: run it again.",
    403: "The connection's settings have changed during the test: run it again.",
    413: "The plan's limit is too low for this provider: ask the SaaS's support.",
    429: "The plan's rate is too low for this provider: ask the SaaS's support.",
    503: "The service is busy: run the test again in a minute.",
}
REPORT = "Tell the SaaS's support this step and the time: the service is at fault here, not you."


@dataclass(frozen=True, slots=True)
class Result:
    """How one step went; `request` None is a look at the settings."""

    name: str
    request: str | None
    outcome: str
    detail: str
    fix: str | None = None


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the self-test."""
    return requests.routes(services, ROUTES, __name__)


def run_self_test(request: AdminRequest) -> Response:
    """POST .../connections/{connection}/test: 200, however the test went."""
    admin = request.admin_context()
    connection = connections.get(admin, request.connection)
    request.services.buckets.take(f"{connection.id} self-test", PACE)
    waiting = request.services.pending_counters.of(connection.id)
    details = self_test_checks.read(admin, connection, request.services.settings.plans, waiting)
    results = [*_looked_at(details), *_tried(request, admin, details)]
    failed = any(result.outcome == FAILED for result in results)
    document = {
        "outcome": FAILED if failed else PASSED,
        "steps": [asdict(result) for result in results],
        "advice": list(self_test_checks.advice(details)),
    }
    return requests.json(200, document)


def _looked_at(details: ConnectionDetails) -> Iterator[Result]:
    for check in CHECKS:
        holds = check.holds(details)
        outcome, fix = (PASSED, None) if holds else (FAILED, check.fix)
        yield Result(check.name, None, outcome, self_test_checks.describe(check, details), fix)


def _tried(
    request: AdminRequest, admin: AdminContext, details: ConnectionDetails
) -> Iterator[Result]:
    """Play the dialogue, unless nobody would be let in; what was not played is skipped."""
    steps = dialogue(details.connection.identity_provider)
    barred = any(check.bars and not check.holds(details) for check in CHECKS)
    played = [] if barred else _played(request, admin, details.connection.id, steps)
    yield from map(_told, played)
    for step in steps[len(played) :]:
        yield Result(step.name, f"{step.method} {step.path}", SKIPPED, NOT_TRIED)


def _told(played: Played) -> Result:
    step = played.step
    request = f"{step.method} {played.target}"[:MOST_REQUEST]
    if not played.faults:
        return Result(step.name, request, PASSED, f"Answered with {played.status}, as it should.")
    detail = "; ".join(played.faults)[:MOST_DETAIL]
    return Result(step.name, request, FAILED, detail, step.fix or FIXES.get(played.status, REPORT))


@cache
def dialogue(identity_provider: str) -> tuple[Step, ...]:
    """Read what a provider says, in order."""
    text = (DIALOGUES / f"self_test_{identity_provider}.json").read_bytes()
    return TypeAdapter(tuple[Step, ...]).validate_json(text)


def _played(
    request: AdminRequest, admin: AdminContext, connection: str, steps: Iterable[Step]
) -> list[Played]:
    """Play steps in a run of their own, which is cleared whatever happens.

    Raises:
        NotFound: the connection has gone meanwhile.
        Unavailable: the run's token cannot be made.
    """
    table, secrets = request.services.table, request.services.secrets
    try:
        run = self_test.begin(admin, table, secrets, connection)
    except TransactionCanceled as canceled:
        raise NotFound from canceled
    sooner = replace(request.deadline, at=request.deadline.at - KEPT_BACK)
    try:
        return list(dialogue_player.play(steps, _sender(request, run, sooner)))
    finally:
        self_test.end(admin, table, secrets, run)


def _sender(request: AdminRequest, run: Run, deadline: Deadline) -> Send:
    """Send requests as the edge would hand them on, with the run's token."""

    def send(asked: Request) -> Answer:
        path, _, query = asked.target.partition("?")
        template, named = _matched(path)
        sent = edge.Request(
            method=asked.method,
            base_url=request.http.base_url,
            request_id=request.http.request_id,
            route=f"{ROOT}{template}",
            path={"connection": run.connection, **named},
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={"authorization": (f"Bearer {run.text}",)},
            body=asked.body,
        )
        handler = partial(respond, request.services, SCIM_ROUTES[template], deadline=deadline)
        response = edge.respond(handler, scim_error, sent)
        # As text and back: what the wire would carry, and no object of ours.
        return Answer(
            response.status, response.media_type, json.loads(json.dumps(response.document))
        )

    return send


def _matched(path: str) -> tuple[str, Mapping[str, str]]:
    """Find the path of the SCIM routes that a dialogue's path is one of."""
    root, _, named = path.strip("/").partition("/")
    return (f"/{root}/{{id}}", {"id": named}) if named else (f"/{root}", {})


ROUTES = (Route("POST", f"{CONNECTION}/test", Who.OWN_ADMIN, run_self_test, harmless=True),)
