"""Setup links: how often, by whom and for how long one may be opened, and how it is finished.

The browser that has opened a link may open it again; another one needs a code of six digits, which
the first one shows and the operator can read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.auth.tokens import digest
from chalicelib.errors import CodeRequired, NotFound
from chalicelib.organisations import audit
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.storage.clock import timestamp
from chalicelib.storage.console_items import ConsoleLink, ConsoleSession
from chalicelib.storage.counters import COUNT
from chalicelib.storage.expressions import EXISTS, Action, Delete, Update, absent, equals
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys
from chalicelib.storage.log_entries import OUTCOMES
from chalicelib.storage.records import from_item, from_items
from chalicelib.storage.table import Namespace

# A link goes on for so long after the identity provider's first good request.
AFTER_FIRST_SUCCESS = timedelta(hours=72)
CODE_LIFE = timedelta(minutes=10)
# So many wrong codes in all end the link: 10 of 1,000,000.
MOST_WRONG_CODES = 10
MOST_BROWSERS = 5
CODES = 1_000_000
SUCCESS = f"{COUNT}{OUTCOMES[0]}"


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that opens a link: the texts of its earlier session and of its new one, and a code.

    It keeps the text of a session that has ended, and the link keeps its digest.
    """

    earlier: str | None = field(repr=False)
    code: str | None
    new: str = field(repr=False)


def has_ended(items: Namespace, link: ConsoleLink) -> bool:
    """Tell whether 72 hours have passed since the first good request: one Query of its hours."""
    if link.connection is None:
        return False
    created = link.created[: len("2027-01-31T12")]
    for item in items.query(ConnectionKeys(link.connection).health_hours()):
        if item["SK"] >= created and item.get(SUCCESS):
            first = datetime.fromisoformat(f"{item['SK']}:00:00+00:00") + timedelta(hours=1)
            return items.table.clock.now() >= first + AFTER_FIRST_SUCCESS
    return False


def opening(admin: AdminContext, link: ConsoleLink, browser: Browser) -> Update:
    """Make the update of a link that is opened.

    Raises:
        CodeRequired: another browser has opened it, and the code is missing or wrong.
    """
    earlier = digest(browser.earlier) if browser.earlier else None
    is_known = not link.browsers or earlier in link.browsers
    if not is_known and (browser.code is None or browser.code != link.valid_code(admin.now())):
        _ask_for_code(admin, link, is_wrong=browser.code is not None)
    # Of many who guess at once, one that is right is too late.
    guesses = equals("wrong_codes", link.wrong_codes) if link.wrong_codes else absent("wrong_codes")
    others = [each for each in link.browsers if each != earlier]
    return Update(
        admin.keys.console_link(link.id),
        set={
            "browsers": [*others[1 - MOST_BROWSERS :], digest(browser.new)],
            "opened": timestamp(admin.now()),
        },
        add={"openings": 1},
        remove=("code", "code_expires"),
        condition=EXISTS & guesses,
    )


def _ask_for_code(admin: AdminContext, link: ConsoleLink, *, is_wrong: bool) -> None:
    """Write a code, unless there is one, and count a wrong one; too many of those end the link.

    Raises:
        CodeRequired: always.
    """
    key = admin.keys.console_link(link.id)
    wrong = link.wrong_codes + is_wrong
    actions: list[Action] = []
    if wrong >= MOST_WRONG_CODES:
        edit = Edit("console_link", link.id, after={"wrong_codes": wrong}, action="revoked")
        actions = [Delete(key, EXISTS), audit.entry_item(admin, edit)]
    elif is_wrong:
        actions = [Update(key, add={"wrong_codes": 1}, condition=EXISTS)]
    elif link.valid_code(admin.now()) is None:
        code = f"{admin.clock.random.randrange(CODES):06d}"
        ends = timestamp(admin.now() + CODE_LIFE)
        edit = Edit("console_link", link.id, after={"code_expires": ends}, action="code_asked")
        written = Update(key, set={"code": code, "code_expires": ends}, condition=EXISTS)
        actions = [written, audit.entry_item(admin, edit)]
    if actions:
        admin.items.try_commit(actions)
    raise CodeRequired(reason="code")


def find(admin: AdminContext, link_id: str) -> ConsoleLink | None:
    """Find a link by its id."""
    item = admin.items.get(admin.keys.console_link(link_id))
    return from_item(ConsoleLink, item) if item else None


def finish(admin: AdminContext, session: ConsoleSession) -> None:
    """End the setup link of a session with all sessions of it: the set-up is done.

    Raises:
        NotFound: the session comes from no setup link.
    """
    if session.link is None:
        raise NotFound
    edit = Edit("console_link", session.link, action="finished")
    actions: list[Action] = [
        Delete(admin.keys.console_link(session.link)),
        audit.entry_item(admin, edit),
    ]
    admin.items.commit(actions)
    end_sessions(admin, session.link)


def end_sessions(admin: AdminContext, link_id: str) -> None:
    """End all sessions that a link was exchanged for."""
    for session in list(_sessions(admin.items, admin.keys)):
        if session.link == link_id:
            edit = Edit("session", session.id, action="ended")
            key = admin.keys.console_session(session.id)
            # Fails where it has ended meanwhile.
            admin.items.try_commit([Delete(key, EXISTS), audit.entry_item(admin, edit)])


def _sessions(items: Namespace, keys: OrganisationKeys) -> Iterator[ConsoleSession]:
    return from_items(ConsoleSession, items.query(keys.console_sessions()))
