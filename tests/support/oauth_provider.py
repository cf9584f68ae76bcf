"""An identity provider that gets access tokens, and what its admin sees of that."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from chalice.app import Chalice

from app import build
from chalicelib.api.services import Services
from chalicelib.auth.issuers import Issuers
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.outbound import OutboundClient
from dev.run.fake_issuer import FakeIssuer
from tests.support.builders import ApiClient, Response, ScimClient, api_client, scim_client
from tests.support.environment import OPERATOR_KEY

FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT = {"grant_type": "client_credentials"}
SUBJECT, AUDIENCE = "sync-fabric", "api://scim"

# Status, code and the reason in the connection's health; None for what there is not.
Outcome = tuple[int, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider of one connection: how it asks for a token, and what it may do."""

    services: Services
    app: Chalice
    connection: str

    @property
    def admin(self) -> ApiClient:
        """A client of the admin API."""
        return api_client(self.app, OPERATOR_KEY)

    @property
    def path(self) -> str:
        """The connection's path in the admin API."""
        return f"/admin/organisations/{self.connection[:10]}/connections/{self.connection}"

    def accept(self, *types: str) -> None:
        """Let the connection accept these types of credentials only."""
        assert self.admin("PATCH", self.path, {"authentication": types}).status == 200

    def create(self, **body: Any) -> Any:
        """Create a credential."""
        created = self.admin("POST", f"{self.path}/credentials", {"name": "Entra", **body})
        assert created.status == 201, created.body
        return created.body

    def client_secret(self) -> dict[str, str]:
        """Create a client secret; return what the client sends."""
        created = self.create(type="client_secret")
        return {"client_id": created["client_id"], "client_secret": created["client_secret"]}

    def federated(self, issuer: str) -> Any:
        """Create a federated credential of an issuer."""
        trust = {"issuer": issuer, "subject": SUBJECT, "audience": f"{AUDIENCE}/.default"}
        return self.create(type="federated", **trust)

    def assertion(self, issuer: FakeIssuer, key: int = 0, **claims: Any) -> dict[str, str]:
        """Return what the client sends: an assertion that holds now."""
        return assertion_form(issuer.keys[key].sign(self.claims(issuer.url, **claims)))

    def claims(self, issuer: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of an assertion that holds now, with changes."""
        now = int(self.services.table.clock.now().timestamp())
        whole = {"iss": issuer, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return {name: value for name, value in {**whole, **changes}.items() if value is not None}

    def token(self, headers: Any = None, **form: Any) -> Response:
        """Ask for an access token."""
        return self.post(urlencode(GRANT | form).encode(), headers=headers)

    def post(self, body: bytes, media_type: str = FORM, headers: Any = None) -> Response:
        """Send anything to the token endpoint."""
        path = f"/oauth2/{self.connection}/token"
        return api_client(self.app)("POST", path, body, headers, content_type=media_type)

    def scim(self, credential: str) -> ScimClient:
        """Return a SCIM client with this bearer token."""
        return scim_client(self.app, self.connection, credential)

    def reasons(self) -> dict[str, int]:
        """Read why requests were rejected."""
        health = self.admin("GET", self.path).body["health"]
        return {each["reason"]: each["count"] for each in health["refusals"]}

    def outcome(self, send: Callable[[], Response]) -> tuple[Response, Outcome]:
        """Send a request for a token; return the response, and what its client and admin see."""
        before = Counter(self.reasons())
        response = send()
        reasons = [*(Counter(self.reasons()) - before).elements()]
        assert len(reasons) <= 1
        reason = reasons[0] if reasons else None
        return response, (response.status, response.body.get("error"), reason)


def provider_of(services: Services, connection: str, issuers: Mapping[str, str]) -> Provider:
    """Let the deployment trust issuers on loopback, and a connection accept all types."""
    ring = KeyRing(Issuers(issuers), OutboundClient(allow_loopback=True))
    trusting = replace(services, key_ring=ring)
    made = Provider(trusting, build(trusting), connection)
    made.accept("token", "client_secret", "federated")
    return made


def assertion_form(assertion: str) -> dict[str, str]:
    """Return the parameters of a request with an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def basic(client_id: str, secret: str) -> str:
    """Write client id and secret as the Authorization header has them."""
    return f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"
