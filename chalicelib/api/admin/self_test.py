"""The handler of a connection's self-test: what its identity provider would meet, step by step.

First the settings are checked, then the provider's own dialogue is played on a shadow of the
connection, through everything that serves SCIM below the edge. The dialogues are data beside this
module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qs

from pydantic import TypeAdapter

from chalicelib.api import edge
from chalicelib.api.admin import dialogue_player
from chalicelib.api.admin.dialogue_player import Played, Request, Response, Send, Step
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, TestReport, TestStep
from chalicelib.api.query import QueryParameters
from chalicelib.api.scim.handler import respond
from chalicelib.api.scim.routes import ROUTES as SCIM_ROUTES
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.errors import NotFound
from chalicelib.organisations import audit, connections, self_test, self_test_checks
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.self_test import Run
from chalicelib.organisations.self_test_checks import CHECKS, ConnectionDetails
from chalicelib.settings import Rate
from chalicelib.storage.connection_settings import PRESETS
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.transactions import TransactionCanceled

DIALOGUES = Path(__file__).parent / "data"
_STEPS = TypeAdapter(tuple[Step, ...])

# Each run creates a secret and makes a few hundred writes: none is needed every second.
RATE = Rate(per_second=0.1, burst=6)
# The part of the request's time that is kept to delete what the run has created.
CLEANUP_SECONDS = 5.0

MAX_REQUEST = 200
MAX_DETAIL = 500

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NOT_TRIED = "Not tried: it depends on the step that failed before it."

# What to do where a step's own text says nothing, by the status that came.
FIXES: Mapping[int, str] = {
    400: "Where `unknown_attributes` of the connection is `strict`, set it to `lenient`.",
    401: "The connection's settings have changed during the test: run it again.",
    403: "The connection's settings have changed during the test: run it again.",
    413: "The plan's limit is too low for this provider: ask the SaaS's support.",
    429: "The plan's rate is too low for this provider: ask the SaaS's support.",
    503: "The service is busy: run the test again in a minute.",
}
REPORT = "Report this step and the time to the SaaS's support: the fault is in the service."


def run_self_test(request: AdminRequest) -> Ok[TestReport]:
    """POST .../connections/{connection}/test: 200, whatever the outcome."""
    admin = request.admin_context()
    connection = connections.get(admin, request.connection)
    request.services.buckets.take(ConnectionKeys(connection.id).rate_limit("self-test"), RATE)
    pending = request.services.pending_counters.of(connection.id)
    details = self_test_checks.read_details(
        admin, connection, request.services.settings.plans, pending
    )
    steps = [*_check(details), *_try(request, admin, details)]
    outcome = FAILED if any(step["outcome"] == FAILED for step in steps) else PASSED
    edit = Edit("connection", connection.id, after={"outcome": outcome}, action="tested")
    admin.items.commit([audit.entry_item(admin, edit)])
    return Ok(
        {
            "outcome": outcome,
            "steps": steps,
            "advice": list(self_test_checks.advice(details)),
        }
    )


def _check(details: ConnectionDetails) -> Iterator[TestStep]:
    """Check the settings."""
    for check in CHECKS:
        passes = check.passes(details)
        yield {
            "name": check.name,
            "request": None,
            "outcome": PASSED if passes else FAILED,
            "detail": self_test_checks.describe(check, details),
            "fix": None if passes else check.fix,
        }


def _try(
    request: AdminRequest, admin: AdminContext, details: ConnectionDetails
) -> Iterator[TestStep]:
    """Play the dialogue, unless every request would be rejected; the rest is skipped."""
    steps = dialogue(details.connection.identity_provider)
    rejected = any(check.blocks_requests and not check.passes(details) for check in CHECKS)
    played = [] if rejected else _play(request, admin, details.connection.id, steps)
    yield from map(_result, played)
    for step in steps[len(played) :]:
        yield {
            "name": step.name,
            "request": f"{step.method} {step.path}",
            "outcome": SKIPPED,
            "detail": NOT_TRIED,
            "fix": None,
        }


def _result(played: Played) -> TestStep:
    step, passed = played.step, not played.faults
    text = f"The response was {played.status}, as expected."
    return {
        "name": step.name,
        "request": f"{step.method} {played.target}"[:MAX_REQUEST],
        "outcome": PASSED if passed else FAILED,
        "detail": text if passed else "; ".join(played.faults)[:MAX_DETAIL],
        "fix": None if passed else step.fix or FIXES.get(played.status, REPORT),
    }


@cache
def dialogue(identity_provider: str) -> tuple[Step, ...]:
    """Read the requests of a provider, in order."""
    texts = (
        (DIALOGUES / f"self_test_{name}.json").read_bytes()
        for name in PRESETS[identity_provider].dialogue
    )
    return tuple(step for text in texts for step in _STEPS.validate_json(text))


def _play(
    request: AdminRequest, admin: AdminContext, connection: str, steps: Iterable[Step]
) -> list[Played]:
    """Play steps in a run of their own, whose directory is deleted whatever happens.

    Raises:
        NotFound: the connection has been deleted meanwhile.
        Unavailable: the run's token cannot be created.
    """
    table, secrets = request.services.table, request.services.secrets
    try:
        run = self_test.begin(admin, table, secrets, connection)
    except TransactionCanceled as canceled:
        raise NotFound from canceled
    deadline = replace(request.deadline, at=request.deadline.at - CLEANUP_SECONDS)
    try:
        return list(dialogue_player.play(steps, _sender(request, run, deadline)))
    finally:
        self_test.end(admin, table, secrets, run)


def _sender(request: AdminRequest, run: Run, deadline: Deadline) -> Send:
    """Return what sends a request as the edge would pass it on, with the run's token."""

    def send(sent: Request) -> Response:
        path, _, query = sent.target.partition("?")
        root, _, resource_id = path.strip("/").partition("/")
        template = f"/{root}/{{id}}" if resource_id else f"/{root}"
        handler = partial(respond, request.services, SCIM_ROUTES[template], deadline=deadline)
        response = edge.respond(
            handler,
            scim_error,
            edge.Request(
                method=sent.method,
                base_url=request.http.base_url,
                request_id=request.http.request_id,
                route=f"{ROOT}{template}",
                path={"connection": run.connection, "id": resource_id},
                query=QueryParameters(parse_qs(query, keep_blank_values=True)),
                headers={"authorization": (f"Bearer {run.text}",)},
                body=sent.body,
            ),
        )
        # As text and back: what would be sent, and none of our objects.
        document = json.loads(json.dumps(response.document))
        return Response(response.status, response.media_type, document)

    return send
