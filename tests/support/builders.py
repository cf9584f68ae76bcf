"""Build what tests of several packages need: HTTP clients, organisations, connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice

from chalicelib.api.services import Services
from chalicelib.events import leavers
from chalicelib.organisations import audit, connections, console, organisations, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import AuditQuery
from chalicelib.organisations.console import Opening, Sender
from chalicelib.organisations.inputs import (
    NewConnection,
    NewConsoleLink,
    NewOrganisation,
    NewToken,
)
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import timestamp
from chalicelib.storage.event_items import Event
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys, organisation_of
from chalicelib.storage.settings_items import new_organisation_id
from chalicelib.storage.table import Namespace
from dev.run.gateway import Gateway, HttpRequest
from tests.support import described
from tests.support.clock import ManualClock
from tests.support.wire import Wire

OPERATOR = Actor("operator", "operator", "operator")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response with its body decoded."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Send requests to the app, as API Gateway passes them on, with a credential."""

    gateway: Gateway | Wire
    credential: str = ""

    def __call__(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send one request; a body that is not bytes is sent as JSON.

        Check also that the OpenAPI document describes the response.
        """
        path, _, query = target.partition("?")
        sent = {"Content-Type": content_type, **(headers or {})}
        if self.credential:
            sent = {"Authorization": f"Bearer {self.credential}", **sent}
        raw = self.gateway.respond(
            HttpRequest(method, path, query, tuple(sent.items()), _bytes(body))
        )
        read = {name.lower(): value for name, value in raw.headers}
        response = Response(raw.status, read, _read(raw.body, read))
        described.require(method, path, response)
        return response

    def with_credential(self, credential: str) -> ApiClient:
        """Return a client that sends another credential; "" sends none."""
        return ApiClient(self.gateway, credential)


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


def _read(body: bytes, headers: Mapping[str, str]) -> Any:
    if headers.get("content-type", "").startswith(("text/", "application/x-ndjson")):
        return body.decode()
    return json.loads(body) if body else None


def api_client(app: Chalice, credential: str = "") -> ApiClient:
    """Return a client of an app, through the local gateway."""
    return ApiClient(Gateway(app, "test", "id.example.com"), credential)


@dataclass(frozen=True, slots=True)
class ScimClient:
    """Send requests to the SCIM routes of a connection; paths are relative to its URL."""

    client: ApiClient
    root: str

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send one request."""
        return self.client(method, f"{self.root}{path}", body, headers)

    def with_credential(self, credential: str) -> ScimClient:
        """Return a client that sends another credential; "" sends none."""
        return ScimClient(self.client.with_credential(credential), self.root)

    def follow(self, location: str) -> Response:
        """Send a GET to a URL that a response contained, like `meta.location`."""
        return self("GET", location.partition(self.root)[2])

    def a_user(self, name: str = "ada", **attributes: Any) -> dict[str, Any]:
        """Create a user."""
        created: dict[str, Any] = self("POST", "/Users", {"userName": name, **attributes}).body
        return created


def scim_client(app: Chalice, connection: str, token: str) -> ScimClient:
    """Return a client of one connection's SCIM routes, through the local gateway."""
    return ScimClient(api_client(app, token), f"/scim/v2/{connection}")


def a_second_apart(scim: ScimClient, manual_clock: ManualClock) -> Callable[..., Response]:
    """Return a client that advances the clock by a second before each request."""

    def call(*request: Any, **more: Any) -> Response:
        manual_clock.advance(seconds=1)
        return scim(*request, **more)

    return call


# --- organisations, connections, tokens --------------------------------------------------------

WORKSPACES = [{"id": "main", "name": "Main"}, {"id": "lab", "name": "Lab"}]
ROLES = [
    {"id": "reader", "name": "Reader"},
    {"id": "editor", "name": "Editor"},
    {"id": "auditor", "name": "Auditor", "may_be_default": False},
    {"id": "admin", "name": "Admin", "protected": True},
]


def organisation_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a POST that creates an organisation; None leaves a field out."""
    whole = {
        "name": "Acme",
        "plan": "enterprise",
        "workspaces": WORKSPACES,
        "roles": ROLES,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def connection_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a POST that creates a connection."""
    return {
        "name": "Entra ID",
        "workspace": "main",
        "default_role": "reader",
        "identity_provider": "entra",
        **changes,
    }


@dataclass(frozen=True, slots=True)
class Customer:
    """An organisation with one connection and one valid token, and its AdminContext."""

    admin: AdminContext
    connection: str
    token: str
    token_id: str

    @property
    def organisation(self) -> str:
        """Its organisation's id."""
        return self.admin.keys.organisation


def an_admin_context(services: Services, organisation: str | None = None) -> AdminContext:
    """Return the operator's context of an organisation; without an id, of a new one."""
    organisation = organisation or new_organisation_id(services.table.clock.random)
    keys = OrganisationKeys(organisation)
    items = services.table.namespace(grants.operator(keys), services.deadline())
    return AdminContext(items, keys, OPERATOR)


def audit_entries(admin: AdminContext, cursor: str | None = None, size: int = 100) -> Any:
    """Read a page of the organisation's audit, the newest first."""
    now = admin.now()
    query = AuditQuery(now - admin.retention.audit, now, cursor=cursor)
    return audit.list_entries(admin.items, admin.keys.audit, query, size)


def an_organisation(services: Services, **changes: Any) -> AdminContext:
    """Create an organisation; return its context."""
    admin = an_admin_context(services)
    body = NewOrganisation.model_validate(organisation_body(**changes))
    organisations.create(admin, body, services.settings.plans, None)
    return admin


def a_customer(services: Services, **changes: Any) -> Customer:
    """Create an organisation, a connection and a token of it."""
    admin = an_organisation(services)
    asked = NewConnection.model_validate(connection_body(**changes))
    connection = connections.create(admin, asked, services.settings.plans, None).id
    made = tokens.create(admin, services.secrets, connection, NewToken(name="first"), None)
    return Customer(admin, connection, made.text or "", made.token.id)


def a_session(services: Services, organisation: str, name: str = "Ada") -> str:
    """Create an admin session of an organisation; return its token."""
    return exchanged(services, a_link(services, organisation, name=name))


def a_link(services: Services, organisation: str, **body: Any) -> str:
    """Create an admin link of an organisation; return its text."""
    admin = an_admin_context(services, organisation)
    asked = NewConsoleLink.model_validate({"name": "Ada", **body})
    return console.create_link(services.table, admin, asked).text


def exchanged(services: Services, link: str) -> str:
    """Exchange an admin link; return the session's token."""
    return console.exchange(services.table, Opening(link), Sender(), services.deadline()).text


def scim_namespace(services: Services, connection: str) -> Namespace:
    """Return the namespace of a SCIM request of a connection."""
    return services.table.namespace(grants.scim(ConnectionKeys(connection)), services.deadline())


def a_leaver(services: Services, connection: str, uid: str) -> str:
    """Store that a user has lost access, as the stream's function does; return the event's id."""
    organisation, now = organisation_of(connection), timestamp(services.table.clock.now())
    event_id = services.table.clock.new_id()
    event = Event(event_id, "user", "deactivated", organisation, connection, uid, now)
    may = grants.expect_leavers([organisation])
    leavers.expect(services.table.namespace(may, services.deadline()), [event])
    return event_id
