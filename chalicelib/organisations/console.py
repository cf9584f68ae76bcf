"""The console's links, which the operator creates, and the sessions they are exchanged for.

An admin link works for ten minutes, once, and a setup link for days. A session lasts eight
hours at most, and half an hour without a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from chalicelib.auth import sessions
from chalicelib.auth.sessions import find_reference
from chalicelib.auth.tokens import (
    SECRET_BITS,
    SECRET_LENGTH,
    SESSION,
    TOKEN_ID,
    NewCredential,
    base62,
    derive,
    digest,
    mint,
)
from chalicelib.errors import Conflict, FieldError, InvalidFields, NotFound, Unauthorized
from chalicelib.organisations import audit, connections, organisations, setup_links
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.inputs import NewConsoleLink
from chalicelib.organisations.setup_links import Browser
from chalicelib.settings import RETENTION, Retention
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.console_items import ConsoleLink, ConsoleReference, ConsoleSession
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Put, Update
from chalicelib.storage.grants import ALL_VERBS, Grant
from chalicelib.storage.keys import Key, OrganisationKeys, console
from chalicelib.storage.records import from_item, from_items, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import DELETING, Organisation
from chalicelib.storage.table import Namespace, Table

ADMIN_LINK_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=8)
SETUP_DAYS = 7
# A second click, or the same request sent again by a proxy.
REPEATED_WITHIN = timedelta(seconds=10)

INVALID_LINK = (
    "The console link is not accepted: it may be used already, expired, revoked or mistyped. Open "
    "the SCIM settings from the SaaS again: that makes a new link."
)
BEING_DELETED = "The organisation is being deleted; it can have no new console links."
NO_CONNECTION = "there is no such connection in this organisation"
OTHER_ORIGIN = "expected a URL of an origin that the setting RETURN_ORIGINS names"


@dataclass(frozen=True, slots=True)
class NewLink:
    """A new link; `text` is sent in one response and stored nowhere."""

    link: ConsoleLink
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session; `text` is sent in one response and stored nowhere."""

    session: ConsoleSession
    organisation: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """What is sent to exchange a link.

    `nonce` makes a second click the same request. `earlier` is the text of the session that the
    browser had before, by which a setup link knows it again; `code` is what another one needs.
    """

    link: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    earlier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sender:
    """What the audit says of the request that exchanges a link."""

    request_id: str = ""
    address: str | None = None
    user_agent: str | None = None
    retention: Retention = RETENTION


# --- links ------------------------------------------------------------------------------------


def create_link(
    table: Table, admin: AdminContext, body: NewConsoleLink, return_origins: Iterable[str] = ()
) -> NewLink:
    """Create a link. A setup link revokes an earlier one for the same connection.

    Raises:
        NotFound: no such organisation.
        InvalidFields: no such connection, or the return URL has an origin that is not allowed.
        Conflict: the organisation is being deleted.
    """
    organisation = organisations.get(admin)
    if organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    _require_known(admin, body, return_origins)
    credential = mint("link", admin.clock.random)
    link = _new_link(admin, organisation, body, credential.id)
    expires = datetime.fromisoformat(link.expires)
    reference = ConsoleReference(organisation.id, link.id)
    key = console(digest(credential.text))
    may = (*grants.administration(admin.keys), Grant(key.pk, ALL_VERBS))
    table.namespace(may, admin.items.deadline).commit(
        [
            Put(admin.keys.console_link(link.id), to_item(link, expires), NEW),
            Put(key, to_item(reference, expires), NEW),
            audit.entry_item(admin, Edit("console_link", link.id, after=_audited(link))),
        ]
    )
    for earlier in _earlier(admin, link):
        admin.items.try_commit(list(_revocation(admin, earlier)))
        setup_links.end_sessions(admin, earlier.id)
    return NewLink(link, credential.text)


def _require_known(
    admin: AdminContext, body: NewConsoleLink, return_origins: Iterable[str]
) -> None:
    if body.connection is not None:
        try:
            connections.get(admin, body.connection)
        except NotFound:
            raise InvalidFields(FieldError("connection", NO_CONNECTION)) from None
    if body.return_url is not None:
        url = urlsplit(body.return_url)
        if f"{url.scheme}://{url.netloc}" not in {*return_origins}:
            raise InvalidFields(FieldError("return_url", OTHER_ORIGIN))


def _new_link(
    admin: AdminContext, organisation: Organisation, body: NewConsoleLink, link_id: str
) -> ConsoleLink:
    days = timedelta(days=body.expires_in_days or SETUP_DAYS)
    life = days if body.purpose == "setup" else ADMIN_LINK_LIFE
    return ConsoleLink(
        id=link_id,
        created=timestamp(admin.now()),
        expires=timestamp(admin.now() + life),
        generation=organisation.console_generation,
        **body.model_dump(exclude={"expires_in_days"}),
    )


def _audited(link: ConsoleLink) -> dict[str, str | None]:
    names = ("name", "user", "purpose", "connection", "contact")
    return {name: getattr(link, name) for name in names} | {"expires_at": link.expires}


def _earlier(admin: AdminContext, link: ConsoleLink) -> Iterator[ConsoleLink]:
    """Yield the other setup links of a setup link's connection."""
    if link.purpose == "setup" and link.connection is not None:
        others = (each for each in _stored_links(admin) if each.id != link.id)
        yield from (each for each in others if each.connection == link.connection)


def _revocation(admin: AdminContext, link: ConsoleLink) -> Iterator[Action]:
    yield Delete(admin.keys.console_link(link.id), EXISTS)
    edit = Edit("console_link", link.id, before=_audited(link), action="revoked")
    yield audit.entry_item(admin, edit)


def list_links(admin: AdminContext) -> list[ConsoleLink]:
    """List the links that can still be used, the newest first.

    Raises:
        NotFound: no such organisation.
    """
    generation, now = organisations.get(admin).console_generation, admin.now()
    found = [each for each in _stored_links(admin) if each.is_valid(generation, now)]
    return sorted(found, key=lambda each: (each.created, each.id), reverse=True)


def _stored_links(admin: AdminContext) -> Iterator[ConsoleLink]:
    return from_items(ConsoleLink, admin.items.query(admin.keys.console_links()))


def revoke_link(admin: AdminContext, link_id: str) -> ConsoleLink:
    """Revoke a link, and end the sessions of a setup link.

    Raises:
        NotFound: there is no such link any more.
    """
    is_well_formed = TOKEN_ID.fullmatch(link_id) is not None
    item = admin.items.get(admin.keys.console_link(link_id)) if is_well_formed else None
    if item is None:
        raise NotFound
    link = from_item(ConsoleLink, item)
    if admin.items.try_commit(list(_revocation(admin, link))) is not None:
        raise NotFound
    setup_links.end_sessions(admin, link_id)
    return link


# --- sessions ---------------------------------------------------------------------------------


def exchange(table: Table, sent: Opening, sender: Sender, deadline: Deadline) -> NewSession:
    """Exchange a link for a session, in one transaction. An admin link works once.

    The same link and nonce get the same session for ten seconds: a double click is one.

    Raises:
        Unauthorized: it is used, expired, revoked or not a link.
        CodeRequired: a setup link is opened in a second browser.
    """
    salt = sent.nonce or base62(table.clock.random.getrandbits(SECRET_BITS), SECRET_LENGTH)
    credential = derive(SESSION, sent.link, salt)
    repeated = _find_repeated(table, credential, sent, deadline)
    if repeated is not None:
        return repeated
    reference = find_reference(table, "link", sent.link, deadline)
    if reference is None:
        raise Unauthorized(INVALID_LINK, reason="link")
    keys = OrganisationKeys(reference.organisation)
    references = console(digest(sent.link)), console(digest(credential.text))
    may = (*grants.administration(keys), *(Grant(each.pk, ALL_VERBS) for each in references))
    items = table.namespace(may, deadline)
    link = _usable_link(items, keys, reference.id)
    session = _new_session(link, credential.id, table.clock.now())
    admin = AdminContext(
        items,
        keys,
        session.actor,
        sender.request_id,
        sender.address,
        sender.user_agent,
        retention=sender.retention,
    )
    used = _use(admin, link, sent, credential)
    actions = [*used, *_session_actions(admin, link, session, references[1])]
    if items.try_commit(actions) is not None:
        repeated = _find_repeated(table, credential, sent, deadline)
        if repeated is None:
            raise Unauthorized(INVALID_LINK, reason="link")
        return repeated
    return NewSession(session, keys.organisation, credential.text)


def _find_repeated(
    table: Table, credential: NewCredential, sent: Opening, deadline: Deadline
) -> NewSession | None:
    """Find the session that an equal request with a nonce has made within ten seconds."""
    found = sessions.find(table, credential.text, deadline) if sent.nonce else None
    if found is None or found.stored.created < timestamp(table.clock.now() - REPEATED_WITHIN):
        return None
    return NewSession(found.stored, found.organisation.id, credential.text)


def _usable_link(items: Namespace, keys: OrganisationKeys, link_id: str) -> ConsoleLink:
    link_key = keys.console_link(link_id)
    found = items.batch_get([keys.own_item, link_key])
    if found.keys() == {keys.own_item, link_key}:
        organisation = from_item(Organisation, found[keys.own_item])
        link = from_item(ConsoleLink, found[link_key])
        is_valid = link.is_valid(organisation.console_generation, items.table.clock.now())
        if organisation.state != DELETING and is_valid and not setup_links.has_ended(items, link):
            return link
    raise Unauthorized(INVALID_LINK, reason="link")


def _new_session(link: ConsoleLink, session_id: str, now: datetime) -> ConsoleSession:
    return ConsoleSession(
        id=session_id,
        name=link.name,
        created=timestamp(now),
        expires=timestamp(now + SESSION_LIFE),
        last_used=timestamp(now),
        purpose=link.purpose,
        user=link.user,
        connection=link.connection,
        link=link.id if link.purpose == "setup" else None,
        embedded=link.embedded,
        return_url=link.return_url,
        generation=link.generation,
    )


def _use(
    admin: AdminContext, link: ConsoleLink, sent: Opening, credential: NewCredential
) -> tuple[Action, ...]:
    """Use up an admin link; of a setup link write that it was opened.

    Raises:
        CodeRequired: a setup link is opened in a second browser.
    """
    if link.purpose == "setup":
        browser = Browser(sent.earlier, sent.code, credential.text)
        return (setup_links.opening(admin, link, browser),)
    reference = console(digest(sent.link))
    return Delete(admin.keys.console_link(link.id), EXISTS), Delete(reference)


def _session_actions(
    admin: AdminContext, link: ConsoleLink, session: ConsoleSession, reference_key: Key
) -> Iterator[Action]:
    expires = datetime.fromisoformat(session.expires)
    yield Put(admin.keys.console_session(session.id), to_item(session, expires), NEW)
    reference = ConsoleReference(admin.keys.organisation, session.id)
    yield Put(reference_key, to_item(reference, expires), NEW)
    after = {"link": link.id, "purpose": session.purpose, "expires_at": session.expires}
    yield audit.entry_item(admin, Edit("session", session.id, after=after))


def list_sessions(admin: AdminContext) -> list[ConsoleSession]:
    """List the sessions that go on, the newest first.

    Raises:
        NotFound: no such organisation.
    """
    generation, now = organisations.get(admin).console_generation, admin.now()
    found = [each for each in _stored_sessions(admin) if each.is_valid(generation, now)]
    return sorted(found, key=lambda each: (each.created, each.id), reverse=True)


def _stored_sessions(admin: AdminContext) -> Iterator[ConsoleSession]:
    return from_items(ConsoleSession, admin.items.query(admin.keys.console_sessions()))


def end_session(admin: AdminContext, session_id: str) -> None:
    """End a session: no request that comes after this is served.

    Raises:
        NotFound: there is no such session any more.
    """
    is_well_formed = TOKEN_ID.fullmatch(session_id) is not None
    if not is_well_formed or admin.items.try_commit(_end(admin, session_id)) is not None:
        raise NotFound


def end_sessions_of(admin: AdminContext, user: str) -> None:
    """End all sessions of a user, by the SaaS's own id of them."""
    ids = [each.id for each in _stored_sessions(admin) if each.user == user]
    for session_id in ids:
        # Fails where it has ended meanwhile.
        admin.items.try_commit(_end(admin, session_id))


def _end(admin: AdminContext, session_id: str) -> list[Action]:
    edit = Edit("session", session_id, action="ended")
    return [
        Delete(admin.keys.console_session(session_id), EXISTS),
        audit.entry_item(admin, edit),
    ]


def end_all_sessions(admin: AdminContext) -> None:
    """End all sessions of the organisation, and its links, by one write.

    Raises:
        NotFound: no such organisation.
    """
    edit = Edit("organisation", admin.keys.organisation, action="sessions_ended")
    end = Update(admin.keys.own_item, add={"console_generation": 1}, condition=EXISTS)
    if admin.items.try_commit([end, audit.entry_item(admin, edit)]) is not None:
        raise NotFound
