"""The handlers of the console: links for an organisation's admins, and sessions."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from chalicelib.api.admin import cookies
from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import NO_STORE, ConsoleLink, Created, NoContent, Session
from chalicelib.auth import sessions
from chalicelib.auth.authenticate import AdminPrincipal
from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations import organisations
from chalicelib.organisations.inputs import Body, Name
from chalicelib.storage.settings_items import DELETING

BEING_DELETED = "The organisation is being deleted; it can have no new console links."
NO_SESSION = "Only a session can be ended here; an operator key ends when it is replaced."

# The audit would show an admin of such a name as another principal.
RESERVED = frozenset({"operator", "sweeper"})


def _not_reserved(name: str) -> str:
    if name.casefold() in RESERVED:
        raise PydanticCustomError("reserved", "is reserved; expected the admin's own name")
    return name


class NewConsoleLink(Body):
    """A console link; `name` says who will use it, and the audit shows it beside their changes."""

    name: Annotated[Name, AfterValidator(_not_reserved)]


class Exchange(Body):
    """A console link to exchange for a session: what its URL has after the `#`."""

    link: str


def create_console_link(request: AdminRequest) -> Created[ConsoleLink]:
    """POST /admin/organisations/{org}/console-links: for one use within ten minutes.

    The code is in the fragment of the URL, so that no server's log and no Referer header has it.
    """
    admin = request.admin_context()
    body = read_body(NewConsoleLink, request.http)
    organisation = organisations.get(admin)
    if organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    link = sessions.make_link(request.services.table, organisation.id, body.name, request.deadline)
    url = f"{request.http.base_url}/console#{link.text}"
    return Created({"url": url, "expires_at": link.expires}, NO_STORE)


def create_session(request: AdminRequest) -> Created[Session]:
    """POST /admin/sessions: a session for a link, as a cookie and as a token for scripts."""
    body = read_body(Exchange, request.http)
    session = sessions.exchange(request.services.table, body.link, request.deadline)
    document: Session = {
        "token": session.text,
        "expires_at": session.expires,
        "organisation": session.organisation,
    }
    return Created(document, {"Set-Cookie": cookies.set_session(session.text), **NO_STORE})


def end_session(request: AdminRequest) -> NoContent:
    """DELETE /admin/sessions/current: it is rejected from the next request on."""
    if not isinstance(request.principal, AdminPrincipal):
        raise NotFound(NO_SESSION)
    sessions.end(request.services.table, request.principal.session, request.deadline)
    return NoContent({"Set-Cookie": cookies.delete_session()})
