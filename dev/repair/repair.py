"""Repair a table, one organisation at a time.

It can be stopped at any moment and run again: what is repaired is found to be whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy
from chalicelib.storage import grants
from chalicelib.storage.expressions import NEW, Action, Check, Delete, Item, Put, key_of
from chalicelib.storage.keys import (
    ConnectionKeys,
    OrganisationKeys,
    organisations,
)
from chalicelib.storage.local_users import LocalUser
from chalicelib.storage.records import to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table
from dev.repair import reading
from dev.repair.findings import PLANS, Finding, commits
from dev.repair.reading import State
from dev.repair.settings import connections, settings
from dev.repair.soundness import violations_of

# For everything of one organisation: it may have 40,000 users.
SECONDS_PER_ORGANISATION = 3600.0
# A repair can show what the next one has to do; more rounds than this change nothing any more.
ROUNDS = 4
REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for: only a report, repairs, or also the removal of what was lost.

    `without` names steps that are left out: `make damage` shows that each of them is needed.
    """

    apply: bool = False
    remove_remains: bool = False
    without: frozenset[str] = frozenset()

    def allow(self, finding: Finding) -> bool:
        """Return whether a finding is to be repaired."""
        return self.apply and (self.remove_remains or not finding.is_remains)


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a finding: repaired, not repaired as something changed, or left."""

    outcome: str
    text: str


def organisation_ids(table: Table) -> Iterator[str]:
    """Yield the ids of the organisations, in order."""
    deadline = Deadline.after(SECONDS_PER_ORGANISATION, table.clock)
    items = table.namespace(grants.organisation_list(), deadline)
    return (item["SK"] for item in items.query(organisations()))


def repair_organisation(table: Table, organisation: str, options: Options) -> list[Line]:
    """Check an organisation, its connections and what it stores about users; repair if asked."""
    keys = OrganisationKeys(organisation)
    deadline = Deadline.after(SECONDS_PER_ORGANISATION, table.clock)
    items = table.namespace(grants.purge(keys), deadline)
    states: list[State] = []
    lines = [settle(each, options) for each in settings(items, keys)]
    for connection in sorted(connections(items, keys)):
        state, found = _repair_connection(_context(items, connection), options)
        states.append(state)
        lines += found
    for step in (local_users, lost_roles):
        if step.__name__ not in options.without:
            lines += [settle(each, options) for each in step(items, keys, states)]
    return lines


def _context(items: Namespace, connection: str) -> ConnectionContext:
    keys = ConnectionKeys(connection)
    return ConnectionContext(
        items=items.narrowed(grants.scim(keys)),
        keys=keys,
        base_url="",
        default_role="",
        token_id=REPAIR,
        request_id=REPAIR,
    )


def _repair_connection(context: ConnectionContext, options: Options) -> tuple[State, list[Line]]:
    lines: list[Line] = []
    for _ in range(ROUNDS):
        state, lines_of_round = _round(context, options)
        lines += [each for each in lines_of_round if each not in lines]
        if not any(each.outcome == "repaired" for each in lines_of_round):
            break
    known = {each.text for each in lines}
    lines += [
        Line("left", text)
        for text in violations_of(state.directory)
        if not lines and text not in known
    ]
    return state, lines


def _round(context: ConnectionContext, options: Options) -> tuple[State, list[Line]]:
    """Take each step once; after one that repairs, read again, since later ones follow from it."""
    state, lines = reading.read(context), []
    for plan in (each for each in PLANS if each.__name__ not in options.without):
        found = [settle(each, options) for each in plan(state)]
        lines += found
        if any(each.outcome == "repaired" for each in found):
            state = reading.read(context)
    return state, lines


def settle(finding: Finding, options: Options) -> Line:
    """Repair a finding if that was asked for, and say what became of it."""
    if finding.repair is None or not options.allow(finding):
        return Line("left", finding.text)
    try:
        repaired = finding.repair()
    except Busy:
        repaired = False
    return Line("repaired" if repaired else "changed meanwhile", finding.text)


def local_users(
    items: Namespace, keys: OrganisationKeys, states: Sequence[State]
) -> Iterator[Finding]:
    """Find what the organisation stores about users who are gone: a role would outlive them."""
    users = {uid for state in states for uid in state.directory.users}
    ended = {uid for state in states for uid in state.feed.ended}
    for item in items.query(keys.all_local_users()):
        if item["SK"] not in users:
            yield _without_user(items, item, states, was_deleted=item["SK"] in ended)


def lost_roles(
    items: Namespace, keys: OrganisationKeys, states: Sequence[State]
) -> Iterator[Finding]:
    """Find users whose roles are lost: without them the default role would hold again."""
    today = items.table.clock.now().date()
    told = chain.from_iterable(items.query(keys.changes(day)) for day in reading.days(today))
    given = {item["id"] for item in told if item["change_type"] == "role"}
    stored = {item["SK"] for item in items.query(keys.all_local_users())}
    for state in states:
        for uid in sorted(given & state.directory.users.keys() - stored):
            put = Put(state.context.keys.local(uid), to_item(LocalUser(uid, 1, ())), NEW)
            text = f"roles of user {uid} are lost; they have none until an admin gives one"
            yield Finding(text, commits(items, [put]))


def _without_user(
    items: Namespace, item: Item, states: Sequence[State], *, was_deleted: bool
) -> Finding:
    uid = item["SK"]
    gone = [Check(state.context.keys.user(uid), NEW) for state in states]
    text = f"I12 user {uid}, who {'was deleted' if was_deleted else 'is lost'}, has roles here"
    actions: list[Action] = [Delete(key_of(item)), *gone]
    return Finding(text, commits(items, actions), is_remains=not was_deleted)
