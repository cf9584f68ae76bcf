"""The self-test of a connection: what its identity provider would meet, step by step.

First the settings, then the provider's own dialogue, played through everything that serves SCIM
below the edge, on a shadow of the connection. The dialogues are data beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

from chalice.app import Blueprint
from pydantic import TypeAdapter

from chalicelib.api import calls, dialogues, edge, protocol
from chalicelib.api.calls import CONNECTION, Call, Route, Who
from chalicelib.api.dialogues import Answer, Played, Request, Send, Step
from chalicelib.api.edge import Response
from chalicelib.api.scim import ROOT
from chalicelib.api.scim_calls import scim_error
from chalicelib.api.services import Services
from chalicelib.organisations import connections, diagnosis, self_tests
from chalicelib.organisations.administration import Administration
from chalicelib.organisations.diagnosis import CHECKS, Facts
from chalicelib.organisations.self_tests import Run
from chalicelib.scim.errors import NotFound
from chalicelib.settings import Rate
from chalicelib.storage.retries import Deadline
from chalicelib.storage.transactions import Cancelled

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
    return calls.routes(services, ROUTES, __name__)


def run_self_test(call: Call) -> Response:
    """POST .../connections/{connection}/test: 200, however the test went."""
    admin = call.administration()
    connection = connections.get(admin, call.connection)
    call.services.buckets.take(f"{connection.id} self-test", PACE)
    waiting = call.services.tallies.waiting(connection.id)
    facts = diagnosis.read(admin, connection, call.services.settings.plans, waiting)
    results = [*_looked_at(facts), *_tried(call, admin, facts)]
    failed = any(result.outcome == FAILED for result in results)
    document = {
        "outcome": FAILED if failed else PASSED,
        "steps": [asdict(result) for result in results],
        "advice": list(diagnosis.advice(facts)),
    }
    return calls.json(200, document)


def _looked_at(facts: Facts) -> Iterator[Result]:
    for check in CHECKS:
        holds = check.holds(facts)
        outcome, fix = (PASSED, None) if holds else (FAILED, check.fix)
        yield Result(check.name, None, outcome, diagnosis.describe(check, facts), fix)


def _tried(call: Call, admin: Administration, facts: Facts) -> Iterator[Result]:
    """Play the dialogue, unless nobody would be let in; what was not played is skipped."""
    steps = dialogue(facts.connection.identity_provider)
    barred = any(check.bars and not check.holds(facts) for check in CHECKS)
    played = [] if barred else _played(call, admin, facts.connection.id, steps)
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
    call: Call, admin: Administration, connection: str, steps: Iterable[Step]
) -> list[Played]:
    """Play steps in a run of their own, which is cleared whatever happens.

    Raises:
        NotFound: the connection has gone meanwhile.
        Unavailable: the run's token cannot be made.
    """
    try:
        run = self_tests.begin(admin, call.services.secrets, connection)
    except Cancelled as cancelled:
        raise NotFound from cancelled
    sooner = replace(call.deadline, at=call.deadline.at - KEPT_BACK)
    try:
        return list(dialogues.play(steps, _sender(call, run, sooner)))
    finally:
        self_tests.end(admin, call.services.secrets, run)


def _sender(call: Call, run: Run, deadline: Deadline) -> Send:
    """Send requests as the edge would hand them on, with the run's token."""

    def send(asked: Request) -> Answer:
        path, _, query = asked.target.partition("?")
        template, named = _matched(path)
        request = edge.Request(
            method=asked.method,
            base_url=call.request.base_url,
            request_id=call.request.request_id,
            route=f"{ROOT}{template}",
            path={"connection": run.connection, **named},
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={"authorization": (f"Bearer {run.text}",)},
            body=asked.body,
        )
        offer = protocol.RESOURCES[template]
        answer: Callable[[edge.Request], Response] = partial(
            protocol.answer, call.services, offer, deadline=deadline
        )
        response = edge.answered(answer, scim_error, request)
        # As text and back: what the wire would carry, and no object of ours.
        return Answer(
            response.status, response.media_type, json.loads(json.dumps(response.document))
        )

    return send


def _matched(path: str) -> tuple[str, Mapping[str, str]]:
    """Find the path of protocol.RESOURCES that a dialogue's path is one of."""
    root, _, named = path.strip("/").partition("/")
    return (f"/{root}/{{id}}", {"id": named}) if named else (f"/{root}", {})


ROUTES = (Route("POST", f"{CONNECTION}/test", Who.OWN_ADMIN, run_self_test, harmless=True),)
