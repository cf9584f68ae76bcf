"""The Python sample: a SaaS with users adopts it, and its accounts equal the directory."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

import pytest

from app import build
from chalicelib.stream import append_records
from dev.measure.scene import QuickQueries
from examples.python.accounts import Accounts
from passerelle_client import Admin, Consumer, pages
from tests.support.builders import a_customer, api_client
from tests.support.client_transport import URL, InProcess
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import reader_of, with_stream

pytestmark = pytest.mark.clients

DOMAIN, ELSEWHERE = "acme.example", "mail.example"


class Killed(Exception):
    """The consumer's process ends at this point."""


@dataclass
class Provider:
    """An identity provider that makes one change after another, and remembers the result."""

    send: Any
    random: Random
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    hired: int = 0

    def create(self, address: str) -> str:
        """Provision a user; returns the id."""
        body = {"userName": address, "emails": [{"value": address, "primary": True}]}
        uid = str(self.send("POST", "/Users", body).body["id"])
        self.users[uid] = {"email": address, "active": True}
        return uid

    def act(self) -> None:
        """Make one random change to a random user."""
        self.random.choice([self.hire, self.change, self.toggle, self.toggle, self.dismiss])()

    def hire(self) -> None:
        """Provision a new user."""
        self.hired += 1
        self.create(f"new{self.hired}@{DOMAIN}")

    def change(self) -> None:
        """Change a user's address."""
        uid = self.anyone()
        self.hired += 1
        self.edit(uid, email=f"other{self.hired}@{DOMAIN}")

    def toggle(self) -> None:
        """Deactivate a user, or activate them again."""
        uid = self.anyone()
        self.edit(uid, active=not self.users[uid]["active"])

    def dismiss(self) -> None:
        """Delete a user; half of them come back as a new user with the same address."""
        uid = self.anyone()
        self.send("DELETE", f"/Users/{uid}")
        gone = self.users.pop(uid)
        if self.random.random() < 0.5:
            self.create(gone["email"])

    def edit(self, uid: str, **changes: Any) -> None:
        """Change a user by PATCH."""
        self.users[uid] |= changes
        now = self.users[uid]
        value = {"active": now["active"], "emails": [{"value": now["email"], "primary": True}]}
        self.send("PATCH", f"/Users/{uid}", {"Operations": [{"op": "replace", "value": value}]})

    def anyone(self) -> str:
        """Choose a user who is not held for a person's decision."""
        return self.random.choice(sorted(self.users.keys() - self.settled))


@dataclass
class World:
    """The SaaS's accounts, its consumer, and a provider that makes changes at the same time."""

    services: Any
    database: sqlite3.Connection
    organisation: str
    provider: Provider
    random: Random
    acts: int = 0
    life: float = math.inf
    cursor: str = ""

    def __post_init__(self) -> None:
        """Let the client send its requests through this world."""
        self.transport = InProcess(api_client(build(self.services)))
        self.reader = reader_of(self.services)
        self.admin = Admin(URL, OPERATOR_KEY, transport=self.send)
        self.accounts = Accounts(self.database, self.admin)

    def send(self, *request: Any) -> Any:
        """Send the consumer's request; the provider may act before it, the consumer may die."""
        if self.acts and self.random.random() < 0.5:
            self.acts -= 1
            self.provider.act()
        self._survive()
        reply = self.transport(*request)
        self._survive()
        return reply

    def _survive(self) -> None:
        """Kill the consumer when its life is over: before a request, or before its response."""
        self.life -= 1
        if self.life < 0:
            raise Killed

    def step(self) -> bool:
        """Let a newly started consumer catch up; returns whether it survived."""
        for records in self.reader.read():
            append_records(self.services, records)
        try:
            self.cursor = Consumer(self.admin, self.accounts).catch_up(self.cursor)
        except Killed:
            return False
        return True

    def is_equal(self) -> bool:
        """Prove it by the digest."""
        return Consumer(self.admin, self.accounts).is_equal(self.organisation)

    def unlinked(self) -> list[tuple[Any, str, str]]:
        """Return what would happen to each user without an account."""
        read = partial(self.admin.list_users, self.organisation, linked=False)
        users = [*pages(lambda cursor: read(cursor=cursor))]
        return [(each, *self.accounts.decide(self.organisation, each)) for each in users]

    def linked(self) -> dict[str, tuple[str, bool]]:
        """Return the linked accounts: user id -> (address, active)."""
        found = self.accounts.sql("SELECT user, email, active FROM accounts WHERE user NOTNULL")
        return {uid: (email.lower(), bool(active)) for uid, email, active in found}

    def directory(self) -> dict[str, tuple[str, bool]]:
        """Return what the provider has made: user id -> (address, active)."""
        return {uid: (each["email"], each["active"]) for uid, each in self.provider.users.items()}


def drawn(seed):
    """Return random numbers that are the same in each run."""
    return Random(seed)  # noqa: S311 - no secret is made of it


@pytest.fixture
def world(services, dynamodb, operator, manual_clock):
    """300 accounts, 90 provisioned users: 60 match, 5 are protected, 5 of a foreign domain."""
    quick: Any = QuickQueries(services.table.client)
    services = with_stream(services, dynamodb)
    services = replace(services, table=replace(services.table, client=quick))
    context = a_customer(services)
    operator("PUT", f"/admin/organisations/{context.organisation}/domains/{DOMAIN}")
    client = api_client(build(services), context.token)

    def send(method, path, body=None):
        manual_clock.advance(seconds=1)
        return client(method, f"/scim/v2/{context.connection}{path}", body)

    provider = Provider(send, drawn(7))
    world = World(services, sqlite3.connect(":memory:"), context.organisation, provider, drawn(11))
    insert = "INSERT INTO accounts VALUES (?, ?, ?, 1, ?, NULL, NULL)"
    world.database.executemany(insert, list(existing()))
    world.database.commit()
    for address in provisioned():
        uid = provider.create(address)
        if "boss" in address or ELSEWHERE in address:
            provider.settled.add(uid)
    return world


def existing():
    """Yield the SaaS's accounts from before; every third has no password yet."""
    yield from ((f"a{n}", f"Person{n}@{DOMAIN}", "reader", password(n)) for n in range(120))
    yield from ((f"b{n}", f"boss{n}@{DOMAIN}", "admin", "hash") for n in range(5))
    yield from ((f"c{n}", f"person{n}@{ELSEWHERE}", "reader", "hash") for n in range(5))
    yield from ((f"d{n}", f"customer{n}@{DOMAIN}", "reader", "hash") for n in range(170))


def password(number):
    """Give two of three accounts a password."""
    return "hash" if number % 3 else None


def provisioned():
    """Yield the addresses of the users whom the provider creates."""
    yield from (f"person{n}@{DOMAIN}" for n in range(60))
    yield from (f"boss{n}@{DOMAIN}" for n in range(5))
    yield from (f"person{n}@{ELSEWHERE}" for n in range(5))
    yield from (f"stranger{n}@{DOMAIN}" for n in range(20))


def decisions(world):
    """Count what would happen to the users without an account, by action."""
    return Counter(
        "hold" if held else "create" if account.startswith("acc_") else "link"
        for _, account, held in world.unlinked()
    )


def test_a_saas_with_users_adopts_the_service(world, operator, manual_clock):
    """Report, link, then fifteen minutes of changes, with crashes: both sides are equal."""
    before = world.accounts.sql("SELECT * FROM accounts")
    assert decisions(world) == {"create": 20, "hold": 10, "link": 60}
    assert world.accounts.sql("SELECT * FROM accounts") == before

    assert world.step()
    assert decisions(world) == {"hold": 10}
    assert who_must_reset(operator) == {n: n % 3 == 0 for n in range(12)}

    survived = [world.step() for _ in minutes(15, manual_clock, world)]
    decide(world, operator)
    assert world.step()

    assert {True, False} == set(survived)
    assert world.linked() == world.directory()
    assert decisions(world) == {}
    assert world.is_equal()
    assert untouched(world) == 170


def who_must_reset(operator):
    """Ask as the sign-in page does: a linked account that has a password needs no other."""
    asked = {n: operator("POST", "/sign-in", {"email": f"person{n}@{DOMAIN}"}) for n in range(12)}
    return {n: response.body["reset_required"] for n, response in asked.items()}


def minutes(count, manual_clock, world):
    """Let a minute pass before each step, in which the provider makes three changes.

    In every third step the consumer is killed.
    """
    for number in range(count):
        manual_clock.advance(minutes=1)
        world.acts = 3
        world.life = math.inf if number % 3 else world.random.randrange(12)
        yield number
    world.life = math.inf
    world.acts = 0


def decide(world, operator):
    """Decide about the held users as a person would: each is the owner of the account."""
    for user, _, held in world.unlinked():
        assert held or user["id"] not in world.provider.settled
        if user["id"] in world.provider.settled:
            by_email = "SELECT id FROM accounts WHERE email = ?"
            ((account,),) = world.accounts.sql(by_email, user["user_name"])
            at = f"/admin/organisations/{world.organisation}/users/{user['id']}/account"
            operator("PUT", at, {"id": account})


def untouched(world):
    """Count the earlier accounts that were never linked, unchanged."""
    found = "SELECT count(*) FROM accounts WHERE id LIKE 'd%' AND active = 1 AND user IS NULL"
    ((count,),) = world.accounts.sql(found)
    return count


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        ([("1", f"ann@{DOMAIN}", "admin")], "protected"),
        ([("1", f"ann@{DOMAIN}", "reader"), ("2", f"ANN@{DOMAIN}", "reader")], "more than one"),
    ],
)
def test_a_user_whom_the_rule_does_not_fit_is_held(customers, operator, accounts, reason):
    """An address alone never links an account: a person decides."""
    a, _ = customers
    operator("PUT", f"/admin/organisations/{a.organisation}/domains/{DOMAIN}")
    insert = "INSERT INTO accounts VALUES (?, ?, ?, 1, NULL, NULL, NULL)"
    a.world.database.executemany(insert, accounts)
    a.provider.create(f"ann@{DOMAIN}")
    a.world.step()

    assert reason in a.held()[f"ann@{DOMAIN}"]
    assert a.world.linked() == {}


# --- two customers on one table of accounts (B11) -----------------------------------------------

A, B = "a.example", "b.example"


class Customer:
    """An organisation with a verified domain, its provider, and the SaaS's one table."""

    def __init__(self, services, operator, database, domain) -> None:
        """Create it."""
        made = a_customer(services)
        self.organisation = made.organisation
        operator("PUT", f"/admin/organisations/{made.organisation}/domains/{domain}")
        scim = api_client(build(services), made.token)
        path = f"/scim/v2/{made.connection}"
        self.provider = Provider(lambda m, p, b=None: scim(m, f"{path}{p}", b), drawn(1))
        self.world = World(services, database, made.organisation, self.provider, drawn(1))

    def held(self):
        """Return the userNames of those who are held, and why."""
        held = "SELECT user_name, reason FROM held JOIN directory_users ON id = user"
        return dict(self.world.accounts.sql(f"{held} WHERE organisation = ?", self.organisation))


@pytest.fixture
def customers(services, dynamodb, operator):
    """Create two on one database."""
    services, database = with_stream(services, dynamodb), sqlite3.connect(":memory:")
    return [Customer(services, operator, database, domain) for domain in (A, B)]


def stored(customer):
    """Read all accounts: (address, organisation)."""
    return customer.world.accounts.sql("SELECT email, organisation FROM accounts ORDER BY email")


def test_an_address_of_another_customer_is_held_when_it_is_provisioned(customers):
    """A's provider sends the address of B's chief: no account waits for the chief."""
    a, b = customers
    for address in (f"ceo@{B}", f"CFO@{B.upper()}", f"ceo@sub.{A}", f"ceo@{A}.{B}", f"x@{B}@{A}x"):
        a.provider.create(address)
    a.world.step()
    assert stored(a) == []

    b.provider.create(f"ceo@{B}")
    b.world.step()
    assert stored(b) == [(f"ceo@{B}", b.organisation)]
    assert set(a.held().values()) >= {"the address is not in a verified domain"}
    assert len(a.held()) == 5


def test_an_address_of_another_customer_is_held_when_a_user_is_renamed(customers, manual_clock):
    """The account keeps its address; whether it is active follows the directory."""
    a, b = customers
    uid = a.provider.create(f"eve@{A}")
    a.world.step()
    manual_clock.advance(minutes=2)
    a.provider.edit(uid, email=f"ceo@{B}")
    a.provider.edit(uid, active=False)
    a.world.step()

    assert stored(a) == [(f"eve@{A}", a.organisation)]
    assert a.world.accounts.sql("SELECT active FROM accounts") == [(0,)]
    b.provider.create(f"ceo@{B}")
    b.world.step()
    assert stored(b) == [(f"ceo@{B}", b.organisation), (f"eve@{A}", a.organisation)]


def test_an_account_of_another_organisation_is_never_linked(customers, operator):
    """Though its address is in a domain that has moved to this one."""
    a, b = customers
    b.provider.create(f"ann@{B}")
    b.world.step()
    operator("DELETE", f"/admin/organisations/{b.organisation}/domains/{B}")
    operator("PUT", f"/admin/organisations/{a.organisation}/domains/{B}")
    a.provider.create(f"ann@{B}")
    a.world.step()

    assert stored(a) == [(f"ann@{B}", b.organisation)]
    assert "of another organisation" in a.held()[f"ann@{B}"]


def test_an_address_that_another_account_has_is_held_when_a_user_is_renamed(
    customers, manual_clock
):
    """Two accounts with one address would be one at the next sign-in."""
    a, _ = customers
    a.provider.create(f"ann@{A}")
    uid = a.provider.create(f"eve@{A}")
    a.world.step()
    manual_clock.advance(minutes=2)
    a.provider.edit(uid, email=f"ann@{A}")
    a.world.step()

    assert stored(a) == [(f"ann@{A}", a.organisation), (f"eve@{A}", a.organisation)]
