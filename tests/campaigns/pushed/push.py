"""`make events`: what is pushed under contention, kills and failing receivers; nothing is lost.

    make events ARGS='--changes 10000 --organisations 100 --seed 1'
    make events ARGS=--head        how many events a second the feed takes, on a virtual clock

Eight writers change the same users and groups of one organisation after another, on Amazon DynamoDB
Local with a client in between that cancels transactions that meet. Meanwhile the table's stream is
played, parts of it twice, and four webhooks get the events: the SaaS's consumer, a process that is
killed 50 times; a receiver that always accepts; one that fails for every fifth event; and one that
is down for good. After each stage all must be told: no event is lost, those of each object come in
their order, the living are not behind, and the consumer's table equals the directory of every
organisation by the digest. At last ten differences are hidden in the largest one, and found.

With `--in-memory` the table is an engine of our own (`make differential` compares it with DynamoDB
Local), and the consumer lives in this process and dies by not coming back from a delivery.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from chalicelib.organisations.digest import read_digest
from dev.measure import reference
from dev.progress import progress
from dev.run import dynamodb_local
from tests.campaigns.conflicts import Conflicts
from tests.campaigns.pushed import head
from tests.campaigns.pushed.accounts import Accounts
from tests.campaigns.pushed.consumer import read_from
from tests.campaigns.pushed.hidden import Search, hide_and_find
from tests.campaigns.pushed.receivers import (
    FAILING,
    FLAKY,
    LIVING,
    AccountsProcess,
    MortalAccounts,
    Outbound,
    Receiver,
)
from tests.campaigns.pushed.site import CONSUMER, Hours, Site, services_on, subscribe
from tests.campaigns.pushed.streamed import InMemory, stream_of
from tests.campaigns.pushed.tenants import VISIT, WRITERS, Tenant, Tenants, settle
from tests.support.builders import an_admin_context

FILE = "accounts.db"
HEAD_SECONDS = 60.0
HOUR = 3600.0
# After so many visits of the writers the site may take its next step.
EVERY = 8
MAX_STEPS = 200
ALIVE = ("consumer", "living", "failing")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true after a stage: `lost`, `disorder` and `behind` by webhook."""

    requests: int
    events: int
    batches: int
    resent: int
    kills: int
    conflicts: int
    lost: Counter[str]
    disorder: Counter[str]
    behind: Counter[str]
    unequal: int
    letters: int

    @property
    def is_clean(self) -> bool:
        """Whether all holds."""
        wrong = self.lost.total() + self.disorder.total() + self.unequal + self.letters
        return not wrong and not self.behind["living"]

    def __str__(self) -> str:
        """Return the line to print."""
        return (
            f"{self.requests:,} changes, {self.events:,} events in {self.batches:,} batches, "
            f"{self.resent:,} of them twice; {self.conflicts:,} conflicts, {self.kills} kills: "
            f"{self.lost.total()} lost, {self.disorder.total()} out of order, "
            f"{self.letters} given up, {self.unequal} organisations differ; "
            f"behind at most (batches): {dict(self.behind)}"
        )


@dataclass(slots=True)
class Campaign:
    """A campaign in progress."""

    site: Site
    tenants: Tenants
    conflicts: Conflicts
    receivers: dict[str, Receiver]
    accounts: Accounts
    requests: int = 0

    def stage(self, changes: int, kills: int) -> Verdict:
        """Let the writers change something until there were so many; then check everything.

        `kills` is how often the consumer is to have been killed by then.
        """
        target, pushing = self.requests + changes, Future[None]()
        pushing.set_result(None)
        with ThreadPoolExecutor(WRITERS) as writers, ThreadPoolExecutor(1) as pusher:
            visits = self._visits(writers, target)
            for number, visit in enumerate(progress(visits, changes // VISIT, "visits")):
                self.requests += visit
                if number % EVERY == 0 and pushing.done():
                    pushing.result()
                    self._let_die(kills)
                    pushing = pusher.submit(self.site.step)
        pushing.result()
        self._push_all(kills)
        return self._verdict()

    def _visits(self, writers: ThreadPoolExecutor, target: int) -> Iterator[int]:
        while self.requests < target:
            yield self.tenants.visit(writers)

    def _let_die(self, kills: int) -> None:
        self.site.consumer.due = self.site.consumer.kills < kills

    def _push_all(self, kills: int) -> None:
        """Let the sweeper finish what writers have left, and push until nothing waits.

        Raises:
            AssertionError: something still waits after 200 steps.
        """
        reference.sweep(self.tenants.table)
        self.site.send_again()
        for _ in range(MAX_STEPS):
            self._let_die(kills)
            self.site.step(HOUR)
            if all(map(self.site.is_done, ALIVE)):
                return
        raise AssertionError("something still waits to be sent")

    def _verdict(self) -> Verdict:
        site = self.site
        events = site.read_feed()
        seen = {name: each.seen for name, each in self.receivers.items()}
        seen["consumer"] = self.accounts.seen()
        disorder = Counter({name: each.disorder for name, each in self.receivers.items()})
        disorder["consumer"] = self.accounts.disorder()
        return Verdict(
            self.requests,
            len(events),
            site.cursor.number,
            site.resent,
            site.consumer.kills,
            self.conflicts.conflicts,
            Counter({name: len(events - found) for name, found in seen.items()}),
            disorder,
            Counter(site.behind),
            sum(not self._is_equal(each) for each in self.tenants.all),
            site.letters(),
        )

    def _is_equal(self, tenant: Tenant) -> bool:
        admin = an_admin_context(self.site.services, tenant.organisation)
        ours = read_digest(admin, tenant.connection).buckets
        theirs = self.accounts.digest(tenant.connection)
        return all([*found] == theirs[name] for name, found in ours.items())

    def search(self, count: int) -> Search:
        """Hide differences in the largest organisation, and find them by the digest."""
        largest = self.tenants.all[0]
        admin = an_admin_context(self.site.services, largest.organisation)
        return hide_and_find(self.accounts, admin, largest.connection, count)


@dataclass(frozen=True, slots=True)
class Asked:
    """How large a campaign is."""

    changes: int
    organisations: int
    stages: int
    kills: int
    seed: int


def begin(asked: Asked, client: Any, site_of: Any) -> Campaign:
    """Create the organisations and the webhooks."""
    hours, random = Hours(), Random(asked.seed)  # noqa: S311 - a schedule, no secret
    name, stream, consumer, file, url = site_of
    services = services_on(client, name, hours)
    conflicts = Conflicts(client, asked.seed)
    large = max(40, asked.changes // 50)
    tenants = settle(services, conflicts, asked.organisations, asked.seed, large)
    receivers = {"living": Receiver(random), "failing": Receiver(random, FAILING)}
    inside = {LIVING: receivers["living"].receive, FLAKY: receivers["failing"].receive}
    if isinstance(consumer, MortalAccounts):
        inside[CONSUMER] = consumer.receive
    outbound = Outbound(inside, consumer if isinstance(consumer, AccountsProcess) else None)
    webhooks = subscribe(services, url)
    site = Site(services, hours, stream, outbound, consumer, random, webhooks)
    accounts = Accounts(file, read_from(services.table))
    return Campaign(site, tenants, conflicts, receivers, accounts)


@contextmanager
def in_memory(asked: Asked, folder: Path) -> Iterator[Campaign]:
    """Begin a campaign on an engine in memory, with a consumer in this process."""
    client: Any = InMemory()
    file, read = folder / FILE, read_from(services_on(client, "events", Hours()).table)
    consumer = MortalAccounts(file, read, Random(asked.seed))  # noqa: S311 - as above
    yield begin(asked, client, ("events", client.stream, consumer, file, CONSUMER))


@contextmanager
def on_dynamodb_local(asked: Asked, folder: Path) -> Iterator[Campaign]:
    """Begin a campaign on DynamoDB Local, with a consumer in a process of its own."""
    with (
        dynamodb_local.running() as engine,
        reference.table(reference.client(engine.url, connections=64)) as table,
    ):
        file = folder / FILE
        random = Random(asked.seed)  # noqa: S311 - as above
        consumer = AccountsProcess(file, engine.url, table.name, random)
        stream = stream_of(table.client, table.name)
        try:
            place = (table.name, stream, consumer, file, consumer.url)
            yield begin(asked, table.client, place)
        finally:
            consumer.end()


def stages(campaign: Campaign, asked: Asked) -> Iterator[Verdict]:
    """Run the stages one after another."""
    for number in range(1, asked.stages + 1):
        yield campaign.stage(asked.changes // asked.stages, asked.kills * number // asked.stages)


def main(arguments: Sequence[str]) -> int:
    """Print a line for each stage, and what was found of the hidden; 0 when all holds."""
    parser = argparse.ArgumentParser(prog="make events", description=str(__doc__).splitlines()[0])
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--organisations", type=int, default=1_000)
    parser.add_argument("--stages", type=int, default=20)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--head", action="store_true", help="how much the feed's head takes")
    given = vars(parser.parse_args(arguments))
    if given.pop("head"):
        print(*head.rates(HEAD_SECONDS), sep="\n")
        return 0
    begin_on = in_memory if given.pop("in_memory") else on_dynamodb_local
    asked, is_clean = Asked(**given), True
    with tempfile.TemporaryDirectory() as folder, begin_on(asked, Path(folder)) as campaign:
        for number, verdict in enumerate(stages(campaign, asked), start=1):
            print(f"stage {number} of {asked.stages}: {verdict}", flush=True)
            is_clean &= verdict.is_clean
        search = campaign.search(10)
        print(search)
    return not (is_clean and search.is_complete)
