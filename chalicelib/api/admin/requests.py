"""One request of the admin API: who may make it, and what its handler sees of it.

Access is checked before anything else of the request is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from chalicelib.api.admin import cookies, rejections
from chalicelib.api.edge import Request, Response
from chalicelib.api.router import find_handler
from chalicelib.api.services import Services
from chalicelib.auth.authenticate import (
    AdminPrincipal,
    AnonymousPrincipal,
    OperatorPrincipal,
    Principal,
    authenticate_admin,
    bearer,
)
from chalicelib.errors import BadRequest, Forbidden, NotFound, TooManyRequests, Unauthorized
from chalicelib.organisations import idempotency
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.connections import ALREADY_SET_UP
from chalicelib.organisations.idempotency import IdempotencyKey, Owner
from chalicelib.organisations.inputs import Body
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.storage import grants
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.operator_keys import Scope
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import ORGANISATION_ID

# The largest page, and its size where the request names none.
MAX_PAGE = 100
PAGE_SIZE = re.compile(r"[0-9]{1,3}")

Document = dict[str, Any]

SETUP_ONLY = "This session is for setting up one connection: it may configure and test that one."
WITHOUT_SCOPE = (
    "This operator key lacks the scope `{scope}`, which the request needs. Use a key that has it; "
    "`make operator-key` makes one."
)
OPERATOR_ONLY = "Only the operator of this deployment may do this."
SUSPENDED = (
    "The organisation is suspended: its settings can be read, but not changed. Ask the SaaS's "
    "support to set it to active again."
)
# The text where a request is repeated with its Idempotency-Key.
CREATED_IS_GONE = "This request has created something before, which has been deleted since."


class Access(Enum):
    """Who may make a request: anyone, only the operator, the organisation's own admin too.

    SETUP: who sets up the connection too, which is the one of their session.
    """

    ANYONE = "anyone"
    OPERATOR = "operator"
    OWN_ADMIN = "own admin"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """An authorized request, with the services that respond to it."""

    services: Services
    http: Request
    principal: Principal
    deadline: Deadline

    def admin_context(self, organisation: str | None = None) -> AdminContext:
        """Return the context of an organisation: the path's, unless another is named.

        Raises:
            NotFound: it does not have the form of an id, or it is not this admin's own.
        """
        if organisation is None:
            organisation = self.http.path["organisation"]
        if ORGANISATION_ID.fullmatch(organisation) is None or not self.principal.sees(organisation):
            raise NotFound
        keys = OrganisationKeys(organisation)
        is_operator = isinstance(self.principal, OperatorPrincipal)
        may = grants.operator if is_operator else grants.administration
        items = self.services.table.namespace(may(keys), self.deadline)
        return AdminContext(
            items,
            keys,
            self.principal.actor,
            self.http.request_id,
            self.http.address or None,
            self.http.header("user-agent"),
            self.principal.unbound_session,
            self.services.settings.longest_credential,
            self.services.settings.authentication_types,
            self.principal.setup_link,
            self.services.settings.retention,
        )

    def precondition(self) -> Precondition | None:
        """Read If-Match; None without the header."""
        return entity_tags(self.http.headers.get("if-match", ()))

    @property
    def connection(self) -> str:
        """The connection in the path; it need not exist."""
        return self.http.path["connection"]

    @property
    def page_size(self) -> int:
        """How many items a page may have: `?limit=`.

        Raises:
            BadRequest: not a number from 1 to 100.
        """
        limit = self.http.query.get("limit", str(MAX_PAGE))
        if PAGE_SIZE.fullmatch(limit) is None or not 1 <= int(limit) <= MAX_PAGE:
            raise BadRequest(f"limit: expected a whole number from 1 to {MAX_PAGE}.")
        return int(limit)

    def idempotency_key(self, owner: str, body: Body) -> IdempotencyKey | None:
        """Read Idempotency-Key, for this route and what was sent."""
        values = self.http.headers.get("idempotency-key", ())
        actor = self.principal.actor
        whose = Owner(owner, f"{actor.type} {actor.session or actor.id}")
        route = "/".join((type(body).__name__, *self.http.path.values()))
        sent = body.model_dump(mode="json", exclude_unset=True)
        nonce = self.services.table.clock.new_id()
        return idempotency.parse_header(whose, values, (route, sent), nonce)


Handler = Callable[[AdminRequest], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A method of a path, who may use it, and its handler; an operator key needs the `scope`.

    `allowed_while_suspended` marks one that is not a GET and yet changes no setting: the admin of
    a suspended organisation may use it. A setup session may use one that `creates_connection` once.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    scope: Scope = "admin"
    allowed_while_suspended: bool = False
    creates_connection: bool = False

    @property
    def changes_settings(self) -> bool:
        """Whether it changes anything of the organisation."""
        return self.method != "GET" and not self.allowed_while_suspended


def respond(services: Services, methods: Mapping[str, Route], request: Request) -> Response:
    """Respond to one request by the route of its method: authenticate, authorize, run the handler.

    Raises:
        MethodNotAllowed: the path has no such method; which it has is public.
        ApiError: the request is rejected or fails; `edge.respond` makes a response of it.
    """
    route = find_handler(methods, request.method)
    deadline = services.deadline()
    principal: Principal = AnonymousPrincipal()
    if route.access is not Access.ANYONE:
        try:
            principal = authenticate(services, request, deadline)
            authorize(principal, route, request)
            limit_changes(services, principal, route, deadline)
        except (Unauthorized, Forbidden, NotFound, TooManyRequests) as error:
            rejections.count(services, request, error, deadline)
            raise
    try:
        return route.handler(AdminRequest(services, request, principal, deadline))
    except Unauthorized as error:  # a console link
        rejections.count(services, request, error, deadline)
        raise


def limit_changes(
    services: Services, principal: Principal, route: Route, deadline: Deadline
) -> None:
    """Take one change of the rate of the admin's organisation; the operator has no limit.

    Raises:
        TooManyRequests: its admins have sent too many; says in how many seconds to try again.
    """
    rate = services.settings.admin_changes
    if rate and isinstance(principal, AdminPrincipal) and route.changes_settings:
        limit = OrganisationKeys(principal.organisation).rate_limit("admin")
        services.buckets.take_shared(limit, rate, services.table, deadline)


def authenticate(services: Services, request: Request, deadline: Deadline) -> Principal:
    """Authenticate the bearer credential, else the session of the cookie.

    Raises:
        Unauthorized: neither is accepted.
        Forbidden: the cookie is right, but the request does not come from the console's page.
    """
    authorization = request.headers.get("authorization", ())
    # With an Authorization header the cookie does not count.
    cookie = "" if authorization else cookies.read_session(request)
    credential = bearer(authorization) or cookie
    principal = authenticate_admin(services.table, services.secrets, credential, deadline)
    if cookie:
        cookies.require_console_page(request)
    return principal


def authorize(principal: Principal, route: Route, request: Request) -> None:
    """Check that the principal may use the route.

    Raises:
        NotFound: the path names an organisation that is not this admin's own; checked first, so
            that another organisation does not exist for them on any route.
        Forbidden: only the operator may use it, or their key lacks the scope; the session is for
            setting up a connection; or the admin's organisation is suspended.
    """
    organisation = request.path.get("organisation")
    if organisation is not None and not principal.sees(organisation):
        raise NotFound
    if isinstance(principal, AdminPrincipal):
        _authorize_setup(principal, route, request)
    if isinstance(principal, OperatorPrincipal) and route.scope not in principal.scopes:
        raise Forbidden(WITHOUT_SCOPE.format(scope=route.scope), reason="scope")
    if route.access is Access.OPERATOR and not isinstance(principal, OperatorPrincipal):
        raise Forbidden(OPERATOR_ONLY, reason="operator only")
    is_suspended = isinstance(principal, AdminPrincipal) and principal.is_suspended
    if is_suspended and route.changes_settings:
        raise Forbidden(SUSPENDED, reason="suspended")


def _authorize_setup(principal: AdminPrincipal, route: Route, request: Request) -> None:
    """Check that a setup session stays with its connection, or creates it.

    Raises:
        NotFound: the path names another connection.
        Forbidden: the route is not one of setting up a connection, or another one is there already.
    """
    session = principal.session
    if session.purpose != "setup":
        return
    if route.access is not Access.SETUP:
        raise Forbidden(SETUP_ONLY, reason="setup")
    if request.path.get("connection", session.connection) != session.connection:
        raise NotFound
    if route.creates_connection and session.connection is not None:
        raise Forbidden(ALREADY_SET_UP, reason="setup")
