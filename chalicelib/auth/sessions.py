"""Console links, which the operator creates, and the sessions of organisations' admins.

A link is exchanged once, within ten minutes, for a session of eight hours. The table stores
only the digest of either, as the key of an item. A credential that has expired is treated as one
that never existed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.auth.tokens import TokenType, digest, mint, parse
from chalicelib.errors import Unauthorized
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import EXISTS, NEW, Delete, Item, Put
from chalicelib.storage.grants import READ, Grant, console_credentials
from chalicelib.storage.keys import OrganisationKeys, console
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import DELETING, ConsoleCredential, Organisation
from chalicelib.storage.table import Table
from chalicelib.storage.transactions import TransactionCanceled

LINK_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=8)

INVALID_LINK = (
    "The console link is not accepted: it may be used already, older than ten minutes or "
    "mistyped. Open the SCIM settings from the SaaS again: that makes a new link."
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new link or session; `text` is sent in one response and stored nowhere."""

    text: str = field(repr=False)
    organisation: str
    name: str
    expires: str


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session: the admin's name, their organisation, and the digest of its text."""

    digest: str
    name: str
    organisation: Organisation


def make_link(table: Table, organisation: str, name: str, deadline: Deadline) -> Issued:
    """Create a link to the console for an admin of this name.

    The organisation is not looked up; a link to one that does not exist cannot be exchanged.
    """
    made = _issue(table, "link", LINK_LIFE, organisation, name)
    items = table.namespace(console_credentials(digest(made.text)), deadline)
    items.commit([_put(made, table.clock.now())])
    return made


def exchange(table: Table, link: str, deadline: Deadline) -> Issued:
    """Exchange a link for a session, in one transaction: a link works once.

    Raises:
        Unauthorized: it is used, expired or not a link.
    """
    item = _found(table, "link", link, deadline)
    if item is None or _organisation(table, item["org"], deadline) is None:
        raise Unauthorized(INVALID_LINK)
    made = _issue(table, "session", SESSION_LIFE, item["org"], item["name"])
    items = table.namespace(console_credentials(digest(link), digest(made.text)), deadline)
    try:
        items.commit([Delete(console(digest(link)), EXISTS), _put(made, table.clock.now())])
    except TransactionCanceled as canceled:
        raise Unauthorized(INVALID_LINK) from canceled
    return made


def find(table: Table, text: str, deadline: Deadline) -> Session | None:
    """Find the session of this text, with its organisation as it is now: two reads.

    None if it has ended or never existed, or if its organisation is gone or being deleted.
    """
    item = _found(table, "session", text, deadline)
    organisation = _organisation(table, item["org"], deadline) if item else None
    if item is None or organisation is None:
        return None
    return Session(digest(text), item["name"], organisation)


def end(table: Table, session: str, deadline: Deadline) -> None:
    """End the session of this digest now; ending it again is not an error."""
    table.namespace(console_credentials(session), deadline).commit([Delete(console(session))])


def _issue(
    table: Table, token_type: TokenType, life: timedelta, organisation: str, name: str
) -> Issued:
    text = mint(token_type, table.clock.random).text
    return Issued(text, organisation, name, timestamp(table.clock.now() + life))


def _put(issued: Issued, now: datetime) -> Put:
    """Write its item. DynamoDB deletes it some time after `expires`; until then that counts."""
    stored = ConsoleCredential(issued.organisation, issued.name, timestamp(now), issued.expires)
    expires = datetime.fromisoformat(issued.expires)
    return Put(console(digest(issued.text)), to_item(stored, expires), NEW)


def _found(table: Table, token_type: TokenType, text: str, deadline: Deadline) -> Item | None:
    """Read the item of a valid credential of this type; a malformed text is not looked up.

    The type is part of the text and so of the digest: a link is never taken for a session.
    """
    credential = parse(text)
    if credential is None or credential.token_type != token_type:
        return None
    key = console(digest(text))
    item = table.namespace((Grant(key.pk, READ),), deadline).get(key)
    return item if item is not None and timestamp(table.clock.now()) < item["expires"] else None


def _organisation(table: Table, organisation: str, deadline: Deadline) -> Organisation | None:
    keys = OrganisationKeys(organisation)
    item = table.namespace((Grant(keys.partition, READ),), deadline).get(keys.own_item)
    found = from_item(Organisation, item) if item else None
    return found if found is not None and found.state != DELETING else None
