"""The routes beside SCIM: who may call one, what it is served with, how it answers.

A module of routes is a table of `Route`; `routes` registers them. Who calls is decided before
anything else of the request is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any

from chalice.app import Blueprint

from chalicelib.api import edge
from chalicelib.api.admin import cookies
from chalicelib.api.admin.problems import problem
from chalicelib.api.edge import JSON, Request, Response
from chalicelib.api.services import Services
from chalicelib.auth.authenticate import AdminPrincipal, authenticate_admin, bearer
from chalicelib.errors import BadRequest, Forbidden, NotFound
from chalicelib.organisations import idempotency
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import Body
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.storage import grants
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import ORGANISATION_ID

ORGANISATIONS = "/admin/organisations"
ORGANISATION = f"{ORGANISATIONS}/{{organisation}}"
CONNECTIONS = f"{ORGANISATION}/connections"
CONNECTION = f"{CONNECTIONS}/{{connection}}"

# The most items of a page, and the number where the client names none.
PAGE = 100
SIZE = re.compile(r"[0-9]{1,3}")

Document = dict[str, Any]
Headers = Mapping[str, str]

NO_HEADERS: Headers = MappingProxyType({})
NEVER_KEPT: Headers = MappingProxyType({"Cache-Control": "no-store"})

FOR_THE_OPERATOR = "Only the operator of this deployment may do this."
AT_REST = (
    "The organisation is suspended: its settings can be read, but not changed. Ask the SaaS's "
    "support to set it to active again."
)


class Who(Enum):
    """Who may call a route: anyone, only the operator, or also the organisation's own admin."""

    ANYONE = "anyone"
    OPERATOR = "operator"
    OWN_ADMIN = "own admin"


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """One request of somebody who may make it, and what it is served with."""

    services: Services
    http: Request
    principal: AdminPrincipal
    deadline: Deadline

    def admin_context(self, organisation: str | None = None) -> AdminContext:
        """Bind an organisation: the path's, unless another is named.

        Raises:
            NotFound: the path names none that could be, or one that is not this admin's own.
        """
        organisation = organisation or self.http.path["organisation"]
        if ORGANISATION_ID.fullmatch(organisation) is None or not self.principal.sees(organisation):
            raise NotFound
        keys = OrganisationKeys(organisation)
        may = grants.operator if self.principal.is_operator else grants.administration
        rows = self.services.table.namespace(may(keys), self.deadline)
        return AdminContext(rows, keys, self.principal.name, self.http.request_id)

    def precondition(self) -> Precondition | None:
        """Read If-Match; several of them say together what is meant."""
        return entity_tags(self.http.headers.get("if-match", ()))

    @property
    def connection(self) -> str:
        """The connection that the path names; whether there is one is for others to say."""
        return self.http.path["connection"]

    @property
    def page_size(self) -> int:
        """How many items a page is to have: `?limit=`.

        Raises:
            BadRequest: no number from 1 to 100.
        """
        limit = self.http.query.get("limit", str(PAGE))
        if SIZE.fullmatch(limit) is None or not 1 <= int(limit) <= PAGE:
            raise BadRequest(f"limit: a whole number from 1 to {PAGE}.")
        return int(limit)

    def idempotency_key(self, owner: str, body: Body) -> IdempotencyKey | None:
        """Read Idempotency-Key, for this route and what was sent."""
        values = self.http.headers.get("idempotency-key", ())
        route = "/".join((type(body).__name__, *self.http.path.values()))
        sent = body.model_dump(mode="json", exclude_unset=True)
        return idempotency.parse_header(owner, values, route, sent)


Handler = Callable[[AdminRequest], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A method of a path, who may call it, and what answers.

    `harmless` marks one that changes no setting though it is no GET: the admin of a suspended
    organisation may call it too.
    """

    method: str
    path: str
    who: Who
    handler: Handler
    harmless: bool = False

    @property
    def changes(self) -> bool:
        """Tell whether it changes anything of the organisation."""
        return self.method != "GET" and not self.harmless


def routes(services: Services, table: Iterable[Route], name: str) -> Blueprint:
    """Make a blueprint of these routes."""
    blueprint = Blueprint(name)
    for route in table:
        _register(blueprint, services, route)
    return blueprint


def _register(blueprint: Blueprint, services: Services, route: Route) -> None:
    respond = _for_anyone if route.who is Who.ANYONE else _for_admins
    endpoint = edge.Endpoint(route.path, (route.method,), partial(respond, services, route))
    edge.register(blueprint, services, endpoint, problem)


def _for_anyone(services: Services, route: Route, request: Request) -> Response:
    return route.handler(
        AdminRequest(services, request, AdminPrincipal.nobody(), services.deadline())
    )


def _for_admins(services: Services, route: Route, request: Request) -> Response:
    deadline = services.deadline()
    authorization = request.headers.get("authorization", ())
    # Whoever sends Authorization is judged by that alone.
    cookie = "" if authorization else cookies.read(request)
    credential = bearer(authorization) or cookie
    principal = authenticate_admin(services.table, services.secrets, credential, deadline)
    if cookie:
        cookies.require_own_page(request)
    _admit(principal, route, request)
    return route.handler(AdminRequest(services, request, principal, deadline))


def _admit(principal: AdminPrincipal, route: Route, request: Request) -> None:
    """Let a known caller in.

    Another organisation is not there for him, whatever the route: that is said first.

    Raises:
        NotFound: the path names an organisation that is not this admin's own.
        Forbidden: it is the operator's route, or the admin's organisation is suspended.
    """
    if not principal.sees(request.path.get("organisation", principal.organisation or "")):
        raise NotFound
    if route.who is Who.OPERATOR and not principal.is_operator:
        raise Forbidden(FOR_THE_OPERATOR)
    if principal.at_rest and route.changes:
        raise Forbidden(AT_REST)


def items(found: Sequence[Document], next_cursor: str | None = None) -> Response:
    """Answer a page of a list; `following` is the cursor of the next one."""
    return json(200, {"items": found, "next": next_cursor})


def json(status: int, document: Document, headers: Headers = NO_HEADERS) -> Response:
    """Answer with a document."""
    return Response(status, document, headers, media_type=JSON)
