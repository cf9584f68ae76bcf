"""The handlers of the console: links for an organisation's admins, and sessions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from chalicelib.api.admin import cookies
from chalicelib.api.admin.request_bodies import SMALL, read_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import (
    NO_STORE,
    ConsoleLink,
    ConsoleSession,
    Created,
    NewConsoleLinkShown,
    NoContent,
    Ok,
    Page,
    Session,
    page,
)
from chalicelib.auth.authenticate import AdminPrincipal, authenticate_admin
from chalicelib.errors import BadRequest, NotFound, Unauthorized
from chalicelib.organisations import console
from chalicelib.organisations.console import Sender
from chalicelib.organisations.inputs import Body, NewConsoleLink
from chalicelib.storage import console_items

NO_SESSION = "Only a session can be ended here; an operator key ends when it is revoked."
# A mistyped parameter would end all sessions instead of one user's.
END_PARAMETERS = frozenset({"user"})
UNKNOWN_PARAMETER = "A query may have `user` only; no session was ended."


class Exchange(Body):
    """A console link to exchange for a session: what its URL has after the `#`."""

    link: str


# --- links ------------------------------------------------------------------------------------


def create_console_link(request: AdminRequest) -> Created[NewConsoleLinkShown]:
    """POST .../console-links: an admin link works for ten minutes, a setup link for days; once.

    The code is in the fragment of the URL, so that no server's log and no Referer header has it.
    """
    admin = request.admin_context()
    body = read_body(NewConsoleLink, request.http)
    origins = request.services.settings.return_origins
    new = console.create_link(request.services.table, admin, body, origins)
    url = f"{request.http.base_url}/console/#{new.text}"
    document: NewConsoleLinkShown = {
        "id": new.link.id,
        "url": url,
        "expires_at": new.link.expires,
    }
    return Created(document, NO_STORE)


def list_console_links(request: AdminRequest) -> Ok[Page[ConsoleLink]]:
    """GET .../console-links: those that can still be used."""
    return page([_link(each) for each in console.list_links(request.admin_context())])


def revoke_console_link(request: AdminRequest) -> NoContent:
    """DELETE .../console-links/{link}: it cannot be used any more."""
    console.revoke_link(request.admin_context(), request.http.path["link"])
    return NoContent()


def _link(link: console_items.ConsoleLink) -> ConsoleLink:
    return {
        "id": link.id,
        "name": link.name,
        "user": link.user,
        "purpose": link.purpose,
        "connection": link.connection,
        "contact": link.contact,
        "embedded": link.embedded,
        "return_url": link.return_url,
        "created": link.created,
        "expires_at": link.expires,
    }


# --- sessions ---------------------------------------------------------------------------------


def create_session(request: AdminRequest) -> Created[Session]:
    """POST /admin/sessions: a session for a link, as a cookie, for a script as a token too.

    A page gets no token that a script in it could read. A session that comes along ends: what was
    opened with one link does not go on beside what is opened with the next.

    Raises:
        Forbidden: a browser sends it from another site's page.
        Unauthorized: the link is used, expired, revoked or mistyped.
    """
    is_browser = cookies.is_browser(request.http)
    body = read_body(Exchange, request.http, SMALL)
    http = request.http
    sender = Sender(http.request_id, http.address or None, http.header("user-agent"))
    new = console.exchange(request.services.table, body.link, sender, request.deadline)
    _end_earlier_session(request)
    document: Session = {"expires_at": new.session.expires, "organisation": new.organisation}
    if not is_browser:
        document["token"] = new.text
    return Created(document, {"Set-Cookie": cookies.set_session(new.text), **NO_STORE})


def _end_earlier_session(request: AdminRequest) -> None:
    """End the session whose cookie came along; one that has ended already is left alone."""
    services, text = request.services, cookies.read_session(request.http)
    if text:
        with suppress(Unauthorized, NotFound):
            earlier = authenticate_admin(services.table, services.secrets, text, request.deadline)
            end_own_session(replace(request, principal=earlier))


def end_own_session(request: AdminRequest) -> NoContent:
    """DELETE /admin/sessions/current: it is rejected from the next request on."""
    principal = request.principal
    if not isinstance(principal, AdminPrincipal):
        raise NotFound(NO_SESSION)
    console.end_session(request.admin_context(principal.organisation), principal.session.id)
    return NoContent({"Set-Cookie": cookies.delete_session()})


def list_sessions(request: AdminRequest) -> Ok[Page[ConsoleSession]]:
    """GET .../sessions: those that go on."""
    return page([_session(each) for each in console.list_sessions(request.admin_context())])


def end_session(request: AdminRequest) -> NoContent:
    """DELETE .../sessions/{session}: it is rejected from the next request on."""
    console.end_session(request.admin_context(), request.http.path["session"])
    return NoContent()


def end_sessions(request: AdminRequest) -> NoContent:
    """DELETE .../sessions: ends those of `?user=`, by the SaaS's own id; without it all."""
    admin, query = request.admin_context(), request.http.query
    if not query.keys() <= END_PARAMETERS:
        raise BadRequest(UNKNOWN_PARAMETER)
    if "user" in query:
        console.end_sessions_of(admin, query["user"])
    else:
        console.end_all_sessions(admin)
    return NoContent()


def _session(session: console_items.ConsoleSession) -> ConsoleSession:
    return {
        "id": session.id,
        "name": session.name,
        "user": session.user,
        "purpose": session.purpose,
        "created": session.created,
        "last_used": session.last_used,
        "expires_at": session.expires,
    }
