"""The handlers of the console: links for an organisation's admins, and sessions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints

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
from chalicelib.organisations import console, setup_links, tokens
from chalicelib.organisations.console import SESSION_LIFE, Opening, Sender
from chalicelib.organisations.inputs import MAX_SETUP_DAYS, Body, NewConsoleLink
from chalicelib.settings import Rate
from chalicelib.storage import console_items

NO_SESSION = "Only a session can be ended here; an operator key ends when it is revoked."
# How many links an organisation gets: far more than its admins open.
LINKS = Rate(per_second=5, burst=100)
# A mistyped parameter would end all sessions instead of one user's.
END_PARAMETERS = frozenset({"user"})
UNKNOWN_LINK_PARAMETER = (
    "A query may have `credentials` only: expected keep or revoke. No link was revoked."
)
UNKNOWN_PARAMETER = "A query may have `user` only; no session was ended."


# The longest that a setup link is valid.
BROWSER_LIFE = timedelta(days=MAX_SETUP_DAYS)
# 128 random bits or more, as in `crypto.randomUUID()`: it protects the session.
NONCE_FORM = r"^[A-Za-z0-9_-]{22,128}$"


class Exchange(Body):
    """A console link to exchange for a session: what its URL has after the `#`.

    With the same `nonce` a second request within ten seconds gets the same session. `code` is what
    a setup link needs in a second browser.
    """

    link: str
    nonce: Annotated[str, StringConstraints(pattern=NONCE_FORM)] | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None


# --- links ------------------------------------------------------------------------------------


def create_console_link(request: AdminRequest) -> Created[NewConsoleLinkShown]:
    """POST .../console-links: an admin link works for ten minutes, once; a setup link for days.

    The code is in the fragment of the URL, so that no server's log and no Referer header has it.
    """
    admin = request.admin_context()
    body = read_body(NewConsoleLink, request.http)
    request.services.buckets.take_shared(
        admin.keys.rate_limit("links"), LINKS, request.services.table, request.deadline
    )
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
    admin = request.admin_context()
    return page([_link(each, admin.now()) for each in console.list_links(admin)])


def revoke_console_link(request: AdminRequest) -> NoContent:
    """DELETE .../console-links/{link}: it cannot be used any more, and its sessions end.

    `?credentials=revoke` also revokes the credentials that were created by a setup link.

    Raises:
        BadRequest: a parameter that is not known, or a value that is not.
    """
    admin, query = request.admin_context(), request.http.query
    if query not in ({}, {"credentials": "keep"}, {"credentials": "revoke"}):
        raise BadRequest(UNKNOWN_LINK_PARAMETER)
    link = console.revoke_link(admin, request.http.path["link"])
    if query.get("credentials") == "revoke" and link.connection is not None:
        tokens.revoke_of_link(admin, request.services.secrets, link.connection, link.id)
    return NoContent()


def _link(link: console_items.ConsoleLink, now: datetime) -> ConsoleLink:
    return {
        "id": link.id,
        "name": link.name,
        "user": link.user,
        "purpose": link.purpose,
        "connection": link.connection,
        "contact": link.contact,
        "embedded": link.embedded,
        "return_url": link.return_url,
        "openings": link.openings,
        "last_opened": link.opened,
        "code": link.valid_code(now),
        "created": link.created,
        "expires_at": link.expires,
    }


# --- sessions ---------------------------------------------------------------------------------


def create_session(request: AdminRequest) -> Created[Session]:
    """POST /admin/sessions: a session for a link, as a cookie, for a script as a token too.

    A page gets no token that a script in it could read, unless it is embedded: a frame of another
    site gets no cookie. A session that comes along ends: what was opened with one link does not go
    on beside what is opened with the next.

    Raises:
        Forbidden: a browser sends it from another site's page.
        Unauthorized: the link is used, expired, revoked or mistyped.
        CodeRequired: a setup link is opened in a second browser.
    """
    is_browser = cookies.is_browser(request.http)
    body = read_body(Exchange, request.http, SMALL)
    http = request.http
    retention = request.services.settings.retention
    sender = Sender(http.request_id, http.address or None, http.header("user-agent"), retention)
    opening = Opening(body.link, body.nonce, body.code, cookies.read_session(http) or None)
    new = console.exchange(request.services.table, opening, sender, request.deadline)
    document: Session = {"expires_at": new.session.expires, "organisation": new.organisation}
    if new.session.embedded:
        return Created({**document, "token": new.text}, NO_STORE)
    if cookies.read_session(http) != new.text:
        _end_earlier_session(request)
    if not is_browser:
        document["token"] = new.text
    # By the cookie a setup link knows the browser again, also when the session has ended.
    life = BROWSER_LIFE if new.session.link else SESSION_LIFE
    return Created(document, {"Set-Cookie": cookies.set_session(new.text, life), **NO_STORE})


def finish_setup(request: AdminRequest) -> NoContent:
    """POST /admin/sessions/current/finish: the setup link and all sessions of it end.

    Raises:
        NotFound: the session does not come from a setup link.
    """
    principal = request.principal
    if not isinstance(principal, AdminPrincipal):
        raise NotFound(NO_SESSION)
    setup_links.finish(request.admin_context(principal.organisation), principal.session)
    return NoContent({"Set-Cookie": cookies.delete_session()})


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
    # What is left of a setup session opens nothing, but its link knows the browser by it.
    return NoContent({} if principal.session.link else {"Set-Cookie": cookies.delete_session()})


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
