"""An identity provider that gets access tokens, and what its admin sees of that."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from chalice.app import Chalice

from chalicelib.api.services import Services
from chalicelib.auth.issuers import Issuers
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.outbound import OutboundClient
from dev.run.fake_issuer import FakeIssuer
from tests.support.builders import ApiClient, Response, ScimClient, api_client
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

    anyone: ApiClient
    connection: str
    now: Callable[[], datetime]
    operator_key: str = field(default=OPERATOR_KEY, repr=False)
    _counted: Counter[str] = field(default_factory=Counter)

    @property
    def admin(self) -> ApiClient:
        """A client of the admin API."""
        return self.anyone.with_credential(self.operator_key)

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

    def revoke(self, credential: str) -> None:
        """Revoke a credential."""
        assert self.admin("DELETE", f"{self.path}/credentials/{credential}").status == 204

    def assertion(self, issuer: FakeIssuer, key: int = 0, **claims: Any) -> dict[str, str]:
        """Return what the client sends: an assertion that holds now."""
        return assertion_form(issuer.keys[key].sign(self.claims(issuer.url, **claims)))

    def claims(self, issuer: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of an assertion that holds now, with changes."""
        now = int(self.now().timestamp())
        whole = {"iss": issuer, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return {name: value for name, value in {**whole, **changes}.items() if value is not None}

    def token(self, headers: Any = None, **form: Any) -> Response:
        """Ask for an access token."""
        return self.post(urlencode(GRANT | form).encode(), headers=headers)

    def post(self, body: bytes, media_type: str = FORM, headers: Any = None) -> Response:
        """Send anything to the token endpoint."""
        path = f"/oauth2/{self.connection}/token"
        return self.anyone("POST", path, body, headers, content_type=media_type)

    def scim(self, credential: str) -> ScimClient:
        """Return a SCIM client with this bearer token."""
        client = self.anyone.with_credential(credential)
        return ScimClient(client, f"/scim/v2/{self.connection}")

    def prove(self, assertion: str) -> Outcome:
        """Ask for an access token by an assertion; return what its client and its admin see."""
        return self.outcome(lambda: self.token(**assertion_form(assertion)))[1]

    def reasons(self) -> dict[str, int]:
        """Read why requests were rejected."""
        health = self.admin("GET", self.path).body["health"]
        return {each["reason"]: each["count"] for each in health["refusals"]}

    def outcome(self, send: Callable[[], Response]) -> tuple[Response, Outcome]:
        """Send a request for a token; return the response, and what its client and admin see.

        Every request that may be rejected is sent this way, or the reason could be another's.
        """
        response = send()
        after = Counter(self.reasons())
        reasons = [*(after - self._counted).elements()]
        assert len(reasons) <= 1
        self._counted.update(reasons)
        reason = reasons[0] if reasons else None
        return response, (response.status, response.body.get("error"), reason)


def trusting(
    services: Services, issuers: Mapping[str, str], fetch_seconds: float = 5.0
) -> Services:
    """Let a deployment trust issuers on loopback, and others with the URL of their keys."""
    trusted = Issuers(issuers, trust_loopback=True)
    client = OutboundClient(allow_loopback=True)
    return replace(services, key_ring=KeyRing(trusted, client, fetch_seconds))


def provider_of(
    app: Chalice,
    connection: str,
    now: Callable[[], datetime],
    operator_key: str = OPERATOR_KEY,
) -> Provider:
    """Let a connection of an app accept all types of credentials."""
    made = Provider(api_client(app), connection, now, operator_key)
    made.accept("token", "client_secret", "federated")
    return made


def assertion_form(assertion: str) -> dict[str, str]:
    """Return the parameters of a request with an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def basic(client_id: str, secret: str) -> str:
    """Write client id and secret as the Authorization header has them."""
    return f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"
