"""The session of an organisation's admin: is it valid now, and what may it do?

Links and sessions are created and ended in `organisations.console`. A credential that has ended is
treated as one that never existed.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.auth.tokens import TokenType, digest, parse
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.console_items import ConsoleReference, ConsoleSession
from chalicelib.storage.expressions import EXISTS, Update, equals
from chalicelib.storage.keys import OrganisationKeys, console
from chalicelib.storage.records import from_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import DELETING, Organisation
from chalicelib.storage.table import Namespace, Table


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session, with its organisation as it is now."""

    stored: ConsoleSession
    organisation: Organisation


def find(table: Table, text: str, deadline: Deadline) -> Session | None:
    """Find the session of this text: a GetItem and a BatchGetItem, and a write once a minute.

    None if it has ended or never existed, or if its organisation is gone or being deleted. Both
    reads are consistent: a request that comes after a session was ended is rejected.
    """
    reference = find_reference(table, "session", text, deadline)
    if reference is None:
        return None
    keys = OrganisationKeys(reference.organisation)
    key = keys.console_session(reference.id)
    items = table.namespace(grants.console_session(keys), deadline)
    found = items.batch_get([keys.own_item, key])
    if found.keys() != {keys.own_item, key}:
        return None
    organisation = from_item(Organisation, found[keys.own_item])
    session = from_item(ConsoleSession, found[key])
    is_valid = session.is_valid(organisation.console_generation, table.clock.now())
    if organisation.state == DELETING or not is_valid:
        return None
    _write_use(items, keys, session)
    return Session(session, organisation)


def find_reference(
    table: Table, token_type: TokenType, text: str, deadline: Deadline
) -> ConsoleReference | None:
    """Find what a link or a session belongs to; a malformed text is not looked up.

    The type is part of the text and so of the digest: a link is never taken for a session.
    """
    credential = parse(text)
    if credential is None or credential.token_type != token_type:
        return None
    secret_digest = digest(text)
    items = table.namespace(grants.console_reference(secret_digest), deadline)
    item = items.get(console(secret_digest))
    return None if item is None else from_item(ConsoleReference, item)


def _write_use(items: Namespace, keys: OrganisationKeys, session: ConsoleSession) -> None:
    """Write that the session is being used, best effort; one that has ended stays ended."""
    now = items.table.clock.now()
    if session.is_use_to_be_written(now):
        as_read = EXISTS & equals("last_used", session.last_used)
        key = keys.console_session(session.id)
        items.try_once(Update(key, set={"last_used": timestamp(now)}, condition=as_read))
