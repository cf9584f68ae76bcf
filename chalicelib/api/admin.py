"""The config routes: organisations, connections and tokens, in JSON.

Only the operator key opens them, and it is looked at before anything of the request is read.
What the answers hold is written here; what the operations do stands in `organisations`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from chalice.app import Blueprint
from chalice.app import Response as ChaliceResponse

from chalicelib import VERSION
from chalicelib.api import edge
from chalicelib.api.bodies import read_body
from chalicelib.api.edge import JSON, Answer, Request, Response
from chalicelib.api.problems import problem
from chalicelib.api.services import Services
from chalicelib.auth.principals import authenticate_operator
from chalicelib.organisations import connections, idempotency, organisations, tokens
from chalicelib.organisations.administration import Administration
from chalicelib.organisations.errors import Conflict
from chalicelib.organisations.idempotency import Attempt
from chalicelib.organisations.organisations import PAGE, Whole
from chalicelib.organisations.requests import (
    Body,
    ConnectionChanges,
    NewConnection,
    NewOrganisation,
    NewToken,
    OrganisationChanges,
)
from chalicelib.scim.errors import BadRequest, NotFound
from chalicelib.scim.preconditions import Precondition, if_match
from chalicelib.storage.configuration import (
    ORGANISATION_ID,
    Connection,
    TokenRow,
    new_organisation_id,
)
from chalicelib.storage.keys import OrganisationKeys, operator_grants
from chalicelib.storage.retries import Deadline

ORGANISATIONS = "/admin/organisations"
ORGANISATION = f"{ORGANISATIONS}/{{organisation}}"
CONNECTIONS = f"{ORGANISATION}/connections"
CONNECTION = f"{CONNECTIONS}/{{connection}}"
TOKENS = f"{CONNECTION}/tokens"
TOKEN = f"{TOKENS}/{{token}}"

OPERATOR = "operator"
GONE = "This request has created something before, which is no longer there."

SIZE = re.compile(r"[0-9]{1,3}")

Document = dict[str, Any]
Headers = Mapping[str, str]
T = TypeVar("T")

NO_HEADERS: Headers = MappingProxyType({})
NEVER_KEPT: Headers = MappingProxyType({"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the operator, and what it is served with."""

    services: Services
    request: Request
    deadline: Deadline

    def administration(self, organisation: str | None = None) -> Administration:
        """Bind an organisation: the path's, unless another is named.

        Raises:
            NotFound: the path names none that could be.
        """
        organisation = organisation or self.request.path["organisation"]
        if ORGANISATION_ID.fullmatch(organisation) is None:
            raise NotFound
        keys = OrganisationKeys(organisation)
        rows = self.services.table.namespace(keys.operator_grants(), self.deadline)
        return Administration(rows, keys, by=OPERATOR)

    def precondition(self) -> Precondition | None:
        """Read If-Match; several of them say together what is meant."""
        return if_match(", ".join(self.request.headers.get("if-match", ())) or None)

    @property
    def connection(self) -> str:
        """The connection that the path names; whether there is one is for others to say."""
        return self.request.path["connection"]

    def attempt(self, owner: str, body: Body) -> Attempt | None:
        """Read Idempotency-Key, for this route and what was sent."""
        values = self.request.headers.get("idempotency-key", ())
        route = "/".join((type(body).__name__, *self.request.path.values()))
        sent = body.model_dump(mode="json", exclude_unset=True)
        return idempotency.attempt(owner, values, route, sent)


Handler = Callable[[Call], Response]


def routes(services: Services) -> Blueprint:
    """Make the blueprint of the config routes and the health check."""
    blueprint = Blueprint(__name__)
    for method, path, handler in ROUTES:
        _register(blueprint, services, (method, path), _for_the_operator(services, handler))
    _register(blueprint, services, ("GET", "/health"), health)
    return blueprint


def _register(
    blueprint: Blueprint, services: Services, at: tuple[str, str], answer: Answer
) -> None:
    method, path = at
    guarded = edge.guarded(path, answer, problem, services.table.clock.monotonic)
    public_url = services.settings.base_url

    def view(**_: str) -> ChaliceResponse:
        return edge.write(guarded(edge.read(blueprint.current_request, public_url)))

    view.__name__ = f"{method}_{path}"
    register = blueprint.route(path, methods=[method], content_types=edge.ACCEPTED)
    register(view)


def _for_the_operator(services: Services, handler: Handler) -> Answer:
    def answer(request: Request) -> Response:
        deadline = services.deadline()
        authenticate_operator(services.secrets, request.headers.get("authorization", ()), deadline)
        return handler(Call(services, request, deadline))

    return answer


def health(_: Request) -> Response:
    """GET /health, open to anyone: that it runs, and which version."""
    return _json(200, {"ok": True, "version": VERSION})


# --- organisations ----------------------------------------------------------------------------


def create_organisation(call: Call) -> Response:
    """POST /admin/organisations."""
    body = read_body(NewOrganisation, call.request)
    tried = call.attempt(OPERATOR, body)
    admin = call.administration(new_organisation_id(call.services.table.clock.random))
    known = idempotency.recall(admin.rows, tried)
    if known is None:
        made = organisations.create(admin, body, call.services.settings.plans, tried)
    else:
        made = _still_there(organisations.get, call.administration(known))
    location = f"{call.request.base_url}{ORGANISATIONS}/{made.organisation.id}"
    return _whole(made, 201, {"Location": location})


def list_organisations(call: Call) -> Response:
    """GET /admin/organisations."""
    query = call.request.query
    rows = call.services.table.namespace(operator_grants(), call.deadline)
    if "reference" in query:
        page = organisations.by_reference(rows, query["reference"])
    else:
        page = organisations.listed(rows, query.get("cursor", ""), _size(query.get("limit")))
    return _list([asdict(each) for each in page.items], page.following)


def _size(limit: str | None) -> int:
    if limit is None:
        return PAGE
    if SIZE.fullmatch(limit) is None or not 1 <= int(limit) <= PAGE:
        raise BadRequest(f"limit: a whole number from 1 to {PAGE}.")
    return int(limit)


def get_organisation(call: Call) -> Response:
    """GET /admin/organisations/{org}."""
    return _whole(organisations.get(call.administration()))


def change_organisation(call: Call) -> Response:
    """PATCH /admin/organisations/{org}."""
    admin = call.administration()
    body = read_body(OrganisationChanges, call.request)
    plans = call.services.settings.plans
    return _whole(organisations.change(admin, body, plans, call.precondition()))


def _whole(whole: Whole, status: int = 200, headers: Headers = NO_HEADERS) -> Response:
    organisation = whole.organisation
    document = {
        "id": organisation.id,
        "name": organisation.name,
        "reference": organisation.reference,
        "plan": organisation.plan,
        "state": organisation.state,
        "sso": organisation.sso,
        "workspaces": [asdict(workspace) for workspace in whole.workspaces],
        "roles": [asdict(role) for role in whole.roles],
        "domains": list(whole.domains),
        "created": organisation.created,
        "last_modified": organisation.modified,
    }
    return _json(status, document, {"ETag": organisations.version(organisation), **headers})


# --- connections ------------------------------------------------------------------------------


def create_connection(call: Call) -> Response:
    """POST /admin/organisations/{org}/connections."""
    admin = call.administration()
    body = read_body(NewConnection, call.request)
    tried = call.attempt(admin.keys.organisation, body)
    known = idempotency.recall(admin.rows, tried)
    if known is None:
        made = connections.create(admin, body, call.services.settings.plans, tried)
    else:
        made = _still_there(connections.get, admin, known)
    path = f"{ORGANISATIONS}/{admin.keys.organisation}/connections/{made.id}"
    return _connection(call, made, 201, {"Location": f"{call.request.base_url}{path}"})


def list_connections(call: Call) -> Response:
    """GET /admin/organisations/{org}/connections."""
    admin = call.administration()
    organisations.read_row(admin)
    return _list([_described(call, each) for each in connections.listed(admin)])


def get_connection(call: Call) -> Response:
    """GET /admin/organisations/{org}/connections/{connection}."""
    return _connection(call, connections.get(call.administration(), call.connection))


def change_connection(call: Call) -> Response:
    """PATCH /admin/organisations/{org}/connections/{connection}."""
    admin = call.administration()
    body = read_body(ConnectionChanges, call.request)
    changed = connections.change(admin, call.connection, body, call.precondition())
    return _connection(call, changed)


def _connection(
    call: Call, connection: Connection, status: int = 200, headers: Headers = NO_HEADERS
) -> Response:
    etag = {"ETag": connections.version(connection)}
    return _json(status, _described(call, connection), {**etag, **headers})


def _described(call: Call, connection: Connection) -> Document:
    return {
        "id": connection.id,
        "organisation": connection.organisation,
        "name": connection.name,
        "scim_url": f"{call.request.base_url}/scim/v2/{connection.id}",
        "state": connection.state,
        "workspace": connection.workspace,
        "default_role": connection.default_role,
        "identity_provider": connection.identity_provider,
        "settings": {"group_patch_answer": connection.group_patch_answer},
        "created": connection.created,
        "last_modified": connection.modified,
    }


# --- tokens -----------------------------------------------------------------------------------


def create_token(call: Call) -> Response:
    """POST .../connections/{connection}/tokens: the only answer that ever holds a token."""
    admin = call.administration()
    body = read_body(NewToken, call.request)
    tried = call.attempt(admin.keys.organisation, body)
    known = idempotency.recall(admin.rows, tried)
    if known:
        raise tokens.replayed(admin, call.connection, known)
    made = tokens.create(admin, call.services.secrets, call.connection, body, tried)
    return _json(201, _token(call, made.row) | {"token": made.text}, NEVER_KEPT)


def list_tokens(call: Call) -> Response:
    """GET .../connections/{connection}/tokens."""
    found = tokens.listed(call.administration(), call.connection)
    return _list([_token(call, row) for row in found])


def revoke_token(call: Call) -> Response:
    """DELETE .../connections/{connection}/tokens/{token}: revoked at the very next request."""
    named = call.request.path["token"]
    tokens.revoke(call.administration(), call.services.secrets, call.connection, named)
    return Response(204)


def _token(call: Call, row: TokenRow) -> Document:
    ended = row.state == "live" and not row.live(call.services.table.clock.now())
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "state": "expired" if ended else row.state,
        "created": row.created,
        "created_by": row.created_by,
        "expires_at": row.expires,
    }


# --- all of them ------------------------------------------------------------------------------


def _still_there(read: Callable[..., T], *named: Any) -> T:
    """Read what a POST that is sent again has created the first time.

    Raises:
        Conflict: it is no longer there.
    """
    try:
        return read(*named)
    except NotFound:
        raise Conflict(GONE) from None


def _list(items: Sequence[Document], following: str | None = None) -> Response:
    return _json(200, {"items": items, "next": following})


def _json(status: int, document: Document, headers: Headers = NO_HEADERS) -> Response:
    return Response(status, document, headers, media_type=JSON)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", ORGANISATIONS, create_organisation),
    ("GET", ORGANISATIONS, list_organisations),
    ("GET", ORGANISATION, get_organisation),
    ("PATCH", ORGANISATION, change_organisation),
    ("POST", CONNECTIONS, create_connection),
    ("GET", CONNECTIONS, list_connections),
    ("GET", CONNECTION, get_connection),
    ("PATCH", CONNECTION, change_connection),
    ("POST", TOKENS, create_token),
    ("GET", TOKENS, list_tokens),
    ("DELETE", TOKEN, revoke_token),
)
