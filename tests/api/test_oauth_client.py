"""A real OAuth client, and some of Entra ID's dialogues, over HTTP with each type of credential.

`make corpus` plays all of its dialogues with each type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives import serialization

from app import build
from dev.play.corpus import ENTRA, wire
from dev.play.corpus_files import load, play
from dev.run.fake_issuer import FakeIssuer, fake_issuer
from dev.run.gateway import Gateway
from dev.run.listener import listening
from tests.support.builders import Customer, a_customer
from tests.support.oauth_provider import Provider, provider_of, trusting

DIALOGUES = [*load(ENTRA).values()][::12]


@dataclass(frozen=True, slots=True)
class Served:
    """A connection behind HTTP, at an address of this machine, and an issuer that it may trust."""

    address: str
    provider: Provider
    issuer: FakeIssuer

    @property
    def token_url(self) -> str:
        """Where access tokens are issued."""
        return f"{self.address}/oauth2/{self.provider.connection}/token"

    @property
    def scim_url(self) -> str:
        """Where users are provisioned."""
        return f"{self.address}/scim/v2/{self.provider.connection}"

    def session(self, method: str, client_id: str, secret: str) -> OAuth2Session:
        """Make a session that gets access tokens by itself."""
        return OAuth2Session(
            client_id,
            secret,
            token_endpoint_auth_method=method,
            token_endpoint=self.token_url,
            grant_type="client_credentials",
            scope="scim",
        )


@pytest.fixture
def customer(services) -> Customer:
    """Make a connection of Entra ID."""
    return a_customer(services)


@pytest.fixture
def served(services, customer) -> Iterator[Served]:
    """Serve the app on a port of this machine."""
    app = build(trusting(services, {}))
    provider = provider_of(app, customer.connection, services.table.clock.now)
    with fake_issuer() as issuer, listening(Gateway(app, "test", "id.example.com"), 0) as port:
        yield Served(f"http://127.0.0.1:{port}", provider, issuer)


def by_secret(served: Served, method: str) -> OAuth2Session:
    """Authenticate by a client secret."""
    sent = served.provider.client_secret()
    return served.session(method, sent["client_id"], sent["client_secret"])


def by_assertion(served: Served, method: str) -> OAuth2Session:
    """Authenticate by an assertion that the client signs itself with a key of the issuer."""
    served.provider.federated(served.issuer.url)
    key = served.issuer.keys[0]
    pem = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    session = served.session(method, served.provider.connection, pem.decode())
    # The session makes every assertion with these times.
    claims = served.provider.claims(served.issuer.url)
    claims["exp"] += 3600
    session.register_client_auth_method(PrivateKeyJWT(claims=claims, headers={"kid": key.kid}))
    return session


CLIENTS: dict[str, Callable[[Served, str], OAuth2Session]] = {
    "client_secret_basic": by_secret,
    "client_secret_post": by_secret,
    "private_key_jwt": by_assertion,
}


@pytest.mark.parametrize("method", CLIENTS)
def test_an_oauth_client_provisions_and_gets_the_next_token_by_itself(served, method, manual_clock):
    """Authlib's, as it is: it knows of the connection the token URL, and nothing else."""
    session = CLIENTS[method](served, method)
    first = session.fetch_token()
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada"}

    created = session.post(f"{served.scim_url}/Users", json=user)
    manual_clock.advance(seconds=3601)
    session.token["expires_at"] = 0
    found = session.get(f"{served.scim_url}/Users/{created.json()['id']}")

    assert (created.status_code, found.status_code) == (201, 200)
    assert first["token_type"] == "Bearer"
    assert session.token["access_token"] != first["access_token"]


def test_an_oauth_client_reads_why_it_gets_no_token(served):
    """The code of RFC 6749."""
    session = served.session("client_secret_basic", served.provider.connection, "wrong")

    with pytest.raises(OAuthError) as rejected:
        session.fetch_token()
    assert rejected.value.error == "invalid_client"


# What a connection accepts, one after the other, while it moves from the oldest to the newest.
MOVES = (
    ("token",),
    ("token", "client_secret"),
    ("client_secret",),
    ("client_secret", "federated"),
    ("federated",),
)


def test_entras_dialogues_pass_while_the_connection_moves_from_one_type_to_another(
    served, customer, record_property
):
    """Some with every type that is accepted at the time; the oldest ends as soon as it is not."""
    provider, issuer = served.provider, served.issuer
    secret, _ = provider.client_secret(), provider.federated(issuer.url)
    sent = {"client_secret": secret, "federated": provider.assertion(issuer)}
    ways = [(accepted, of_type) for accepted in MOVES for of_type in accepted]
    for number, (accepted, of_type) in enumerate(ways):
        provider.accept(*accepted)
        token = customer.token
        if of_type in sent:
            token = provider.token(**sent[of_type]).body["access_token"]
        with wire(served.scim_url, token) as send:
            for dialogue in DIALOGUES[number :: len(ways)]:
                assert play(dialogue, send) == []
        static = provider.scim(customer.token)("GET", "/Users?count=0")
        assert static.status == (200 if "token" in accepted else 401)

    record_property("dialogues of Entra ID while a connection moves", len(DIALOGUES))
