"""The organisations of `make events`, and the writers who change the same users and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from chalicelib.api.services import Services
from chalicelib.directory import deletes
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import ApiError
from chalicelib.organisations import connections
from chalicelib.organisations.inputs import NewConnection
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from tests.support.builders import an_organisation, connection_body
from tests.support.directory import a_group, a_user, change, connection_context, edit, rename

WRITERS = 8
# How many requests a writer sends to a tenant before all turn to the next one.
BURST = 4
VISIT = WRITERS * BURST
USERS_EACH, GROUPS_EACH = 4, 2
PATIENCE = 300.0


@dataclass(slots=True)
class Tenant:
    """A connection of an organisation, with the ids of the users and groups that it had."""

    organisation: str
    connection: str
    uids: list[str] = field(default_factory=list)
    gids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Writer:
    """One writer at one tenant."""

    context: ConnectionContext
    tenant: Tenant
    random: Random

    def name(self) -> str:
        """Make a name that nobody has."""
        return f"{self.random.getrandbits(48):012x}"

    def create_user(self) -> None:
        """Create a user, one in four inactive."""
        active = self.random.random() < 0.75
        self.tenant.uids.append(a_user(self.context, self.name(), active=active))

    def delete_user(self) -> None:
        """Delete one of the oldest users, whom others may be changing."""
        if len(self.tenant.uids) > USERS_EACH:
            deletes.delete_user(self.context, self.tenant.uids.pop(0))

    def create_group(self) -> None:
        """Create a group with a member."""
        some = [self.random.choice(self.tenant.uids)]
        self.tenant.gids.append(a_group(self.context, self.name(), some))

    def delete_group(self) -> None:
        """Delete the oldest group."""
        if len(self.tenant.gids) > GROUPS_EACH:
            deletes.delete_group(self.context, self.tenant.gids.pop(0))

    def retitle(self) -> None:
        """Change a user's title."""
        edit(self.context, self.random.choice(self.tenant.uids), title=self.name())

    def switch(self) -> None:
        """Deactivate or reactivate a user."""
        active = self.random.random() < 0.5
        edit(self.context, self.random.choice(self.tenant.uids), active=active)

    def rename(self) -> None:
        """Rename a group."""
        rename(self.context, self.random.choice(self.tenant.gids), self.name())

    def join(self) -> None:
        """Add a user to a group."""
        some = [self.random.choice(self.tenant.uids)]
        change(self.context, self.random.choice(self.tenant.gids), add=some)

    def leave(self) -> None:
        """Remove a user from a group."""
        some = [self.random.choice(self.tenant.uids)]
        change(self.context, self.random.choice(self.tenant.gids), remove=some)


WEIGHTS: Mapping[Callable[[Writer], None], int] = {
    Writer.create_user: 12,
    Writer.delete_user: 10,
    Writer.create_group: 3,
    Writer.delete_group: 3,
    Writer.retitle: 20,
    Writer.switch: 14,
    Writer.rename: 6,
    Writer.join: 20,
    Writer.leave: 12,
}


def patient(table: Table, connection: str) -> ConnectionContext:
    """Return the context of a request that a machine with much else to do completes too."""
    context = connection_context(table, connection)
    deadline = Deadline.after(PATIENCE, table.clock)
    return replace(context, items=context.items.with_deadline(deadline))


@dataclass(slots=True)
class Tenants:
    """All of them; `table` is reached by a client that cancels transactions that meet."""

    table: Table
    random: Random
    all: Sequence[Tenant]

    def visit(self, writers: ThreadPoolExecutor) -> int:
        """Let all writers change one tenant at once; return how many requests succeeded."""
        tenant = self.random.choice(self.all)
        seeds = [self.random.getrandbits(32) for _ in range(WRITERS)]
        return sum(writers.map(lambda seed: self._burst(tenant, seed), seeds))

    def _burst(self, tenant: Tenant, seed: int) -> int:
        random, done = Random(seed), 0  # noqa: S311 - a schedule, no secret
        for act in random.choices([*WEIGHTS], [*WEIGHTS.values()], k=BURST):
            writer = Writer(patient(self.table, tenant.connection), tenant, random)
            try:
                act(writer)
            except (ApiError, IndexError):
                # Another writer was quicker: the user is gone.
                continue
            done += 1
        return done


def settle(services: Services, client: Any, count: int, seed: int, large: int) -> Tenants:
    """Create organisations, each with a few users and groups; the first has `large` users."""
    table = replace(services.table, client=client)
    made: list[Tenant] = []

    def create(number: int) -> Tenant:
        admin = an_organisation(services)
        asked = NewConnection.model_validate(connection_body(identity_provider="other"))
        of = connections.create(admin, asked, services.settings.plans, None).id
        users = large if number == 0 else USERS_EACH
        uids = [a_user(patient(services.table, of), f"u{n}") for n in range(users)]
        context = patient(services.table, of)
        gids = [a_group(context, f"Group {n}", uids[:2]) for n in range(GROUPS_EACH)]
        return Tenant(admin.keys.organisation, of, uids, gids)

    with ThreadPoolExecutor(WRITERS) as pool:
        made.extend(pool.map(create, range(count)))
    return Tenants(table, Random(seed), made)  # noqa: S311 - a schedule, no secret
