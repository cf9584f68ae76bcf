"""What lets an organisation's admin in: a link for him, a session for the link, and its end."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from chalicelib.api.admin import cookies, requests
from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import NEVER_KEPT, ORGANISATION, AdminRequest, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.auth import sessions
from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations import organisations
from chalicelib.organisations.inputs import Body, Name
from chalicelib.storage.settings_items import DELETING

BEING_DELETED = "The organisation is being deleted; nobody can be let in any more."
NO_SESSION = "Only a session can be ended here; the operator key ends by being replaced."


# An admin of such a name would leave a trail that reads as another's.
RESERVED = frozenset({"operator", "sweeper"})


def _not_reserved(name: str) -> str:
    if name.casefold() in RESERVED:
        raise PydanticCustomError("reserved", "is what the audit calls another; give his own name")
    return name


class NewConsoleLink(Body):
    """A console link; `name` says who will use it and stands beside what he changes."""

    name: Annotated[Name, AfterValidator(_not_reserved)]


class Exchange(Body):
    """A console link that shall become a session: what stands behind the `#` of its address."""

    link: str


def routes(services: Services) -> Blueprint:
    """Make the blueprint of console links and sessions."""
    return requests.routes(services, ROUTES, __name__)


def create_console_link(request: AdminRequest) -> Response:
    """POST /admin/organisations/{org}/console-links: for one use within ten minutes.

    The link stands behind a `#`, so that no server's log and no Referer header ever holds it.
    """
    admin = request.admin_context()
    body = read_body(NewConsoleLink, request.http)
    organisation = organisations.get(admin)
    if organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    made = sessions.make_link(request.services.table, organisation.id, body.name, request.deadline)
    url = f"{request.http.base_url}/console#{made.text}"
    return requests.json(201, {"url": url, "expires_at": made.expires}, NEVER_KEPT)


def create_session(request: AdminRequest) -> Response:
    """POST /admin/sessions: a session for a link, as a cookie and as a token for scripts."""
    body = read_body(Exchange, request.http)
    made = sessions.exchange(request.services.table, body.link, request.deadline)
    document = {
        "token": made.text,
        "expires_at": made.expires,
        "organisation": made.organisation,
    }
    return requests.json(201, document, {"Set-Cookie": cookies.write(made.text), **NEVER_KEPT})


def end_session(request: AdminRequest) -> Response:
    """DELETE /admin/sessions/current: it opens nothing any more, at the very next request."""
    if request.principal.session is None:
        raise NotFound(NO_SESSION)
    sessions.end(request.services.table, request.principal.session, request.deadline)
    return Response(204, headers={"Set-Cookie": cookies.ended()})


SESSIONS = "/admin/sessions"
ROUTES = (
    Route("POST", f"{ORGANISATION}/console-links", Who.OPERATOR, create_console_link),
    Route("POST", SESSIONS, Who.ANYONE, create_session),
    Route("DELETE", f"{SESSIONS}/current", Who.OWN_ADMIN, end_session, harmless=True),
)
