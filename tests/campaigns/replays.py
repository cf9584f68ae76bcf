"""`make replays`: the feed after a contention, read by pages of five sizes, equals the directory.

    make replays ARGS='--runs 100 --seed 1'

In each run sixteen writers change the memberships of six users in four groups, on Amazon DynamoDB
Local with a client in between that cancels transactions that meet (conflicts.py). Then the feed is
read from its beginning by pages of 1, 3, 10, 33 and 100 entries, by the text of the cursor as a
consumer does. Beside it stands what a replay would end with that did what each change says.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Busy
from chalicelib.organisations import connections, feed
from chalicelib.organisations.feed import Entry
from chalicelib.organisations.inputs import NewConnection
from chalicelib.settings import Settings
from chalicelib.storage.clock import Clock
from chalicelib.storage.table import Table
from dev.measure import reference
from dev.measure.scene import NOBODY
from dev.progress import progress
from dev.run import dynamodb_local
from tests.campaigns.conflicts import Conflicts
from tests.support.builders import an_admin_context, an_organisation, connection_body
from tests.support.directory import a_group, a_user, change, connection_context, member_ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_SIZES = (1, 3, 10, 33, 100)
WRITERS, ROUNDS, USERS, GROUPS = 16, 10, 6, 4

# A membership is the ids of its group and its user.
Memberships = set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Contended:
    """A directory after a contention: the memberships that it has, and how often writers met."""

    services: Services
    organisation: str
    truth: Memberships
    conflicts: int

    def replay(self, size: int) -> tuple[Memberships, Memberships]:
        """Apply the feed; gives what its states end in, and what doing each change would."""
        of_states: Memberships = set()
        of_changes: Memberships = set()
        for entry in self._follow(size):
            if entry.user is not None:
                pair = (entry.change.id, entry.user)
                _apply(of_states, pair, present=entry.present)
                _apply(of_changes, pair, present=entry.user in entry.change.added)
        return of_states, of_changes

    def _follow(self, size: int) -> Iterator[Entry]:
        cursor, more = None, True
        while more:
            admin = an_admin_context(self.services, self.organisation)
            since = feed.unbroken_since(admin.now(), None)
            page = feed.list_changes(admin, feed.parse_cursor(cursor, since, admin.now()), size)
            yield from page.entries
            cursor, more = str(page.next_cursor), page.has_more


def _apply(memberships: Memberships, pair: tuple[str, str], *, present: bool) -> None:
    (memberships.add if present else memberships.discard)(pair)


def contend(table: Table, seed: int, rounds: int = ROUNDS) -> Contended:
    """Let writers change the same memberships, each as a process of its own."""
    settings = Settings(table_name=table.name, stage="test")
    secrets = Secrets(NOBODY.client("secretsmanager"), settings.secrets_prefix)
    services = Services(table, secrets, settings)
    admin = an_organisation(services)
    asked = NewConnection.model_validate(connection_body())
    connection = connections.create(admin, asked, settings.plans, None).id
    scope = connection_context(table, connection)
    uids = [a_user(scope, f"user{number}") for number in range(USERS)]
    gids = [a_group(scope, f"Group {number}") for number in range(GROUPS)]
    client: Any = Conflicts(table.client, seed)

    def write(number: int) -> None:
        random = Random(f"{seed} {number}")  # noqa: S311 - a schedule, no secret
        for _ in range(rounds):
            one = connection_context(replace(table, client=client, clock=Clock()), connection)
            verb = random.choice(["add", "remove"])
            named: Any = {verb: [random.choice(uids)]}
            with suppress(Busy):  # a machine with much else to do: a change less
                change(one, random.choice(gids), **named)

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))
    later = connection_context(table, connection)
    truth = {(gid, uid) for gid in gids for uid in member_ids(later, gid)}
    return Contended(services, admin.keys.organisation, truth, client.conflicts)


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a contention: page sizes whose replay is wrong, and what changes would say."""

    conflicts: int
    wrong: Sequence[int]
    wrong_by_changes: int


def runs(client: DynamoDBClient, count: int, seed: int) -> Iterator[Run]:
    """Replay the feed of each of `count` contentions by every page size."""
    for number in range(seed, seed + count):
        with reference.table(client, Clock()) as table:
            contended = contend(table, number)
            replayed = {size: contended.replay(size) for size in PAGE_SIZES}
            wrong = [size for size, (states, _) in replayed.items() if states != contended.truth]
            (_, of_changes), *_ = replayed.values()
            yield Run(contended.conflicts, wrong, len(of_changes ^ contended.truth))


def main(arguments: Sequence[str]) -> int:
    """Print how many replays end as the directory; 0 when all do."""
    parser = argparse.ArgumentParser(prog="make replays", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with dynamodb_local.running() as engine:
        played = runs(reference.client(engine.url, connections=WRITERS), options.runs, options.seed)
        found = list(progress(played, options.runs, "contentions"))
    print(*summary(found), sep="\n")
    return any(run.wrong for run in found)


def summary(found: Sequence[Run]) -> Iterator[str]:
    """Say how many replays ended as the directory, and how many would by what changes say."""
    replays, wrong = len(found) * len(PAGE_SIZES), sum(len(run.wrong) for run in found)
    by_changes = [run.wrong_by_changes for run in found if run.wrong_by_changes]
    sizes, pairs = ", ".join(map(str, PAGE_SIZES)), len(found) * USERS * GROUPS
    conflicts = sum(run.conflicts for run in found)
    yield f"{len(found)} contentions of {WRITERS} writers, {conflicts:,} conflicts"
    yield f"by pages of {sizes}: {wrong} of {replays} replays differ from the directory"
    yield (
        f"by what each change did: {len(by_changes)} of {len(found)} replays would differ, "
        f"in {sum(by_changes)} of {pairs:,} memberships"
    )
