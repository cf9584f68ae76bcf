"""The console's links, which the operator creates, and the sessions they are exchanged for.

An admin link works for ten minutes and a setup link for days, each once. A session lasts eight
hours at most, and half an hour without a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from chalicelib.auth.sessions import find_reference
from chalicelib.auth.tokens import TOKEN_ID, digest, mint
from chalicelib.errors import Conflict, FieldError, InvalidFields, NotFound, Unauthorized
from chalicelib.organisations import audit, connections, organisations
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.inputs import NewConsoleLink
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
class Sender:
    """What the audit says of the request that exchanges a link."""

    request_id: str = ""
    address: str | None = None
    user_agent: str | None = None


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


def revoke_link(admin: AdminContext, link_id: str) -> None:
    """Revoke a link that is not used yet.

    Raises:
        NotFound: there is no such link any more.
    """
    is_well_formed = TOKEN_ID.fullmatch(link_id) is not None
    item = admin.items.get(admin.keys.console_link(link_id)) if is_well_formed else None
    if item is None:
        raise NotFound
    actions = list(_revocation(admin, from_item(ConsoleLink, item)))
    if admin.items.try_commit(actions) is not None:
        raise NotFound


# --- sessions ---------------------------------------------------------------------------------


def exchange(table: Table, link_text: str, sender: Sender, deadline: Deadline) -> NewSession:
    """Exchange a link for a session, in one transaction: a link works once.

    Raises:
        Unauthorized: it is used, expired, revoked or not a link.
    """
    reference = find_reference(table, "link", link_text, deadline)
    if reference is None:
        raise Unauthorized(INVALID_LINK, reason="link")
    keys = OrganisationKeys(reference.organisation)
    credential = mint("session", table.clock.random)
    references = console(digest(link_text)), console(digest(credential.text))
    may = (*grants.administration(keys), *(Grant(each.pk, ALL_VERBS) for each in references))
    items = table.namespace(may, deadline)
    link = _usable_link(items, keys, reference.id)
    session = _new_session(link, credential.id, table.clock.now())
    admin = AdminContext(items, keys, session.actor, **asdict(sender))
    if items.try_commit(list(_exchange_actions(admin, link, session, references))) is not None:
        raise Unauthorized(INVALID_LINK, reason="link")
    return NewSession(session, keys.organisation, credential.text)


def _usable_link(items: Namespace, keys: OrganisationKeys, link_id: str) -> ConsoleLink:
    link_key = keys.console_link(link_id)
    found = items.batch_get([keys.own_item, link_key])
    if found.keys() == {keys.own_item, link_key}:
        organisation = from_item(Organisation, found[keys.own_item])
        link = from_item(ConsoleLink, found[link_key])
        is_valid = link.is_valid(organisation.console_generation, items.table.clock.now())
        if organisation.state != DELETING and is_valid:
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
        generation=link.generation,
    )


def _exchange_actions(
    admin: AdminContext, link: ConsoleLink, session: ConsoleSession, references: tuple[Key, Key]
) -> Iterator[Action]:
    used, new = references
    expires = datetime.fromisoformat(session.expires)
    yield Delete(admin.keys.console_link(link.id), EXISTS)
    yield Delete(used)
    yield Put(admin.keys.console_session(session.id), to_item(session, expires), NEW)
    reference = ConsoleReference(admin.keys.organisation, session.id)
    yield Put(new, to_item(reference, expires), NEW)
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
