"""A canary goes through every request: it is found where it belongs, and nowhere else.

What an organisation has is given texts of its own, and secrets that only its clients have.
Then every request of the app is sent, and again as nobody would.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app import build
from chalicelib.observability import logger
from chalicelib.settings import Plan
from dev.measure.scene import QuickQueries
from tests.support.builders import Response, api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.every_request import Request, Side, a_side, fresh, requests_of
from tests.support.invariants import read_all
from tests.support.routes import all_routes

# After so many requests the whole table is read.
LOOKS = 20
EMAIL, NAME = "canary-ada@canary.example.com", "canary-lovelace"

# Where a user's address and name may be read in the table, by class and type of partition: in
# the user's own item. All other items have the id, and find it by digests.
ROWS = {"S U"}
# Who gets a user's address or name in a response: who asked for users, and the provider that
# has just sent them.
ANSWERS = {
    "GET /Users",
    "GET /Users/<user>",
    "PUT /Users/<user>",
    "PATCH /Users/<user>",
    "GET /Groups/<team>",  # the names of its members, where they are asked for
    "POST /.search",
    "POST /Users/.search",
    "GET /users",
    "GET /users/<user>",
    "PUT /users/<user>/account",
    "PUT /users/<user>/roles",
    "PUT /users/<user>/roles/<role>",
    "POST /users/<user>/password-set",
    "GET /teams/<team>/members",
    "POST /resolve",
}
# Who gets a credential in a response: who creates one, once.
CREDENTIALS = {
    "POST /connections/<connection>/tokens",
    "POST /connections/<connection>/tokens/<token>/rotate",
    "POST /connections/<connection>/credentials",
    "POST /connections/<connection>/credentials/<token>/rotate",
    "POST /console-links",
}


# A hint of a token shows how it begins and ends.
CREDENTIAL = re.compile(r"psl_[a-z]+_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}")


@pytest.fixture
def written(capsys) -> Iterator[Any]:
    """Give what the service has written: its log lines, and its metrics."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield lambda: lines.getvalue() + capsys.readouterr().out
    logging.getLogger(logger.service).removeHandler(handler)


@pytest.fixture
def world(services):
    """Make the services, without a limit of requests and connections."""
    plans = {"enterprise": Plan(scim=True, max_connections=900, rate=None)}
    quick: Any = QuickQueries(services.table.client)
    settings = replace(services.settings, plans=plans)
    return replace(services, settings=settings, table=replace(services.table, client=quick))


def sent(services, canary: Side) -> Iterator[tuple[Request, Response]]:
    """Send every request with what the canary has; each also with an unknown path."""
    send = api_client(build(services))
    for number, request in enumerate(requests_of(all_routes())):
        target, body = request.filled({**canary.values, **fresh(number)})
        principal = canary.token if request.route.is_scim else OPERATOR_KEY
        yield request, send.with_credential(principal)(request.route.method, target, body)
        send.with_credential(f"{principal}x")(request.route.method, f"{target}?q={EMAIL}", body)


def credentials(canary: Side) -> list[str]:
    """Return the secret parts of the canary's credentials."""
    return [text.split("_")[3] for text in (canary.token, canary.session, OPERATOR_KEY)]


def holding(texts: list[str], found: str) -> set[str]:
    """Return which of these a text has."""
    return {text for text in texts if text in found}


def test_log_lines_and_metrics_hold_no_canary(world, written):
    """A request is logged with its id and route only, with no value that a customer has chosen."""
    canary = a_side(world, "canary")
    responded = [response.status for _, response in sent(world, canary)]
    out = written()

    assert out.count('"message":"request"') >= len(responded) > 100
    assert '"Responses2xx"' in out
    assert "canary" not in out
    assert holding(credentials(canary), out) == set()


def test_the_table_holds_a_user_in_their_own_item_alone(world, secretsmanager):
    """Secrets Manager has the digests and the operator key; no credential is stored elsewhere."""
    canary = a_side(world, "canary")
    told, secrets = set(), set()
    for number, _ in enumerate(sent(world, canary)):
        items = read_all(world.table).items() if number % LOOKS == 0 else ()
        told |= {kind_of(key) for key, item in items if holding([EMAIL, NAME], f"{key}{item}")}
        secrets |= holding(credentials(canary), f"{items}")

    assert told == ROWS
    assert secrets == set()
    kept = [secret_of(secretsmanager, each) for each in secretsmanager.list_secrets()["SecretList"]]
    assert holding(credentials(canary)[:2], "".join(kept)) == set()


def secret_of(secretsmanager, listed) -> str:
    """Read a secret."""
    return str(secretsmanager.get_secret_value(SecretId=listed["ARN"])["SecretString"])


def kind_of(key) -> str:
    """Name the class of a partition, and what of its owner's: `S U` holds users."""
    name, _, *kind = key.pk.split("#")
    return " ".join([name, *kind[:1]])


def test_a_response_holds_a_user_only_where_users_are_requested(world):
    """The log, the feed, the audit and every error do not; credentials are shown once."""
    canary = a_side(world, "canary")
    found, secrets = set(), set()
    for request, response in sent(world, canary):
        text = json.dumps(response.body)
        if holding([EMAIL, NAME], text):
            found.add(request.short)
        if CREDENTIAL.search(text):
            secrets.add(request.short)
        assert holding(credentials(canary), text) == set()

    assert found <= ANSWERS
    assert found >= {"GET /Users", "GET /users", "POST /resolve"}
    assert secrets == CREDENTIALS
