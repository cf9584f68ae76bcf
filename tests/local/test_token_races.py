"""Access tokens end with what they were issued for: over HTTP and on DynamoDB Local, by threads.

`RACES=1000` runs as many: of each end as often, with a client secret and with an assertion.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from random import SystemRandom
from time import monotonic
from typing import Any

import pytest

from app import build
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import mint
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from dev.run.fake_issuer import FakeIssuer, fake_issuer
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import a_customer
from tests.support.oauth_provider import Provider, provider_of, trusting

RACES = int(os.environ.get("RACES") or "9")
POLLS = 3


@pytest.fixture
def services(table: Table, secretsmanager: Any) -> Services:
    """Put the services on the reference engine, with the real time."""
    settings = Settings.from_environment()
    secrets = Secrets(secretsmanager, settings.secrets_prefix)
    made = Services(replace(table, clock=Clock()), secrets, settings)
    return trusting(made, {})


@pytest.fixture
def operator_key(services: Services, secretsmanager: Any) -> str:
    """Make the operator's key."""
    keys = OperatorKeys(services.table, secretsmanager, services.settings.secrets_prefix)
    return keys.provide(lambda: mint("op", SystemRandom()).text)


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    """Run an issuer."""
    with fake_issuer() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Access:
    """A credential of a connection, and what its client sends for access tokens."""

    provider: Provider
    credential: str
    form: dict[str, str]

    @property
    def organisation(self) -> str:
        """The path of its organisation in the admin API."""
        return self.provider.path.partition("/connections")[0]


def with_secret(provider: Provider, _: FakeIssuer) -> Access:
    """Create a client secret."""
    made = provider.create(type="client_secret")
    form = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    return Access(provider, made["id"], form)


def with_assertion(provider: Provider, issuer: FakeIssuer) -> Access:
    """Create a federated credential."""
    made = provider.federated(issuer.url)
    return Access(provider, made["id"], provider.assertion(issuer))


def changes(path: Callable[[Access], str], **body: Any) -> Callable[[Access], tuple[Any, ...]]:
    """Return a PATCH."""
    return lambda access: ("PATCH", path(access), body)


def of_connection(access: Access) -> str:
    """Return the path of the connection in the admin API."""
    return access.provider.path


def of_organisation(access: Access) -> str:
    """Return the path of the organisation in the admin API."""
    return access.organisation


def of_credential(access: Access) -> str:
    """Return the path of the credential in the admin API."""
    return f"{access.provider.path}/credentials/{access.credential}"


ENDS: Mapping[str, Callable[[Access], tuple[Any, ...]]] = {
    "the credential is revoked": lambda access: ("DELETE", of_credential(access)),
    "it is rotated": lambda access: (
        "POST",
        f"{of_credential(access)}/rotate",
        {"overlap_hours": 0},
    ),
    "the connection is paused": changes(of_connection, state="paused"),
    "its type is taken": changes(of_connection, authentication=["token"]),
    "the organisation's type is taken": changes(of_organisation, authentication=["token"]),
    "the plan is taken": changes(of_organisation, plan="free"),
    "the organisation is suspended": changes(of_organisation, state="suspended"),
    "the connection is disconnected": lambda access: (
        "DELETE",
        f"{access.provider.path}?users=deactivate",
    ),
    "the organisation is deleted": lambda access: (
        "DELETE",
        access.organisation,
        None,
        {"Passerelle-Confirm": "Acme"},
    ),
}
MAKES = (with_secret, with_assertion)
# A federated credential has nothing to rotate.
ONLY_SECRET = frozenset({"it is rotated"})


@dataclass(frozen=True, slots=True)
class Use:
    """What is done with an access, and what of it succeeded when."""

    access: Access
    tokens: list[str] = field(default_factory=list)
    succeeded: list[tuple[str, float]] = field(default_factory=list)

    def renew(self) -> None:
        """Ask for an access token."""
        came = monotonic()
        issued = self.access.provider.token(**self.access.form)
        if issued.status == 200:
            self.tokens.append(issued.body["access_token"])
            self.succeeded.append(("a request for a token", came))

    def provision(self, token: str) -> None:
        """Send a SCIM request."""
        came = monotonic()
        if self.access.provider.scim(token)("GET", "/Users?count=0").status == 200:
            self.succeeded.append(("a SCIM request", came))


def late(access: Access, end: tuple[Any, ...]) -> list[str]:
    """End an access while it is used; return what succeeded though it came after the end."""
    use = Use(access)
    use.renew()
    use.renew()
    uses: list[Callable[[], None]] = [
        use.renew,
        *(partial(use.provision, token) for token in use.tokens),
    ]
    assert len(uses) == 3
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(repeat, each) for each in uses]
        ended = threads.submit(access.provider.admin, *end).result()
        ended_at = monotonic()
        for each in running:
            each.result()
    assert ended.status < 300, ended.body
    # Also those that were issued while it ended.
    for token in use.tokens:
        use.provision(token)
    return [what for what, came in use.succeeded if came > ended_at]


def repeat(use: Callable[[], None]) -> None:
    """Do the same several times."""
    for _ in range(POLLS):
        use()


def test_no_access_token_outlives_its_end(services, operator_key, issuer, record_property):
    """Of the requests that come after the end none succeeds, and no new token is issued."""
    app, found = build(services), []
    for number in range(RACES):
        end = [*ENDS][number % len(ENDS)]
        # There is an odd number of ends: each comes with both, one after the other.
        make = with_secret if end in ONLY_SECRET else MAKES[number % 2]
        made = provider_of(
            app, a_customer(services).connection, services.table.clock.now, operator_key
        )
        access = make(made, issuer)
        found += [(end, what) for what in late(access, ENDS[end](access))]

    assert found == []
    record_property("ends of access tokens against their requests", RACES)
