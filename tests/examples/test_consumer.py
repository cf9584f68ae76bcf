"""The sample consumer: a SaaS with users adopts it, and its accounts equal the directory."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from app import build
from dev.measure.scene import QuickQueries
from examples.consumer import Consumer
from tests.support.builders import a_customer, api_client

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

    accounts: sqlite3.Connection
    operator: Any
    root: str
    provider: Provider
    random: Random
    acts: int = 0
    life: float = math.inf

    def send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Send the consumer's request; the provider may act before it, the consumer may die."""
        if self.acts and self.random.random() < 0.5:
            self.acts -= 1
            self.provider.act()
        self._survive()
        response = self.operator(method, self.root + path, body)
        self._survive()
        return response.status, response.body

    def _survive(self) -> None:
        """Kill the consumer when its life is over: before a request, or before its response."""
        self.life -= 1
        if self.life < 0:
            raise Killed

    def consumer(self) -> Consumer:
        """Start the consumer on the current accounts."""
        return Consumer(self.accounts, self.send)

    def step(self) -> bool:
        """Run one step of a newly started consumer; returns whether it survived."""
        try:
            self.consumer().step()
        except Killed:
            return False
        return True

    def linked(self) -> dict[str, tuple[str, bool]]:
        """Return the linked accounts: user id -> (address, active)."""
        found = self.accounts.execute("SELECT user, email, active FROM accounts WHERE user NOTNULL")
        return {uid: (email, bool(active)) for uid, email, active in found}

    def directory(self) -> dict[str, tuple[str, bool]]:
        """Return what the provider has made: user id -> (address, active)."""
        return {uid: (each["email"], each["active"]) for uid, each in self.provider.users.items()}


def drawn(seed):
    """Return random numbers that are the same in each run."""
    return Random(seed)  # noqa: S311 - no secret is made of it


@pytest.fixture
def world(services, operator, manual_clock):
    """300 accounts, 200 provisioned users: 120 match, 5 are protected, 5 of a foreign domain."""
    quick: Any = QuickQueries(services.table.client)
    services = replace(services, table=replace(services.table, client=quick))
    operator = api_client(build(services), operator.credential)
    context = a_customer(services)
    root = f"/admin/organisations/{context.organisation}"
    operator("PUT", f"{root}/domains/{DOMAIN}")
    client = api_client(build(services), context.token)

    def send(method, path, body=None):
        manual_clock.advance(seconds=1)
        return client(method, f"/scim/v2/{context.connection}{path}", body)

    world = World(sqlite3.connect(":memory:"), operator, root, Provider(send, drawn(7)), drawn(11))
    world.consumer()
    world.accounts.executemany(
        "INSERT INTO accounts VALUES (?, ?, ?, 1, NULL, NULL)", list(existing())
    )
    world.accounts.commit()
    for address in provisioned():
        uid = world.provider.create(address)
        if "boss" in address or ELSEWHERE in address:
            world.provider.settled.add(uid)
    return world


def existing():
    """Yield the SaaS's accounts from before."""
    yield from ((f"a{n}", f"Person{n}@{DOMAIN}", "reader") for n in range(120))
    yield from ((f"b{n}", f"boss{n}@{DOMAIN}", "admin") for n in range(5))
    yield from ((f"c{n}", f"person{n}@{ELSEWHERE}", "reader") for n in range(5))
    yield from ((f"d{n}", f"customer{n}@{DOMAIN}", "reader") for n in range(170))


def provisioned():
    """Yield the addresses of the users whom the provider creates."""
    yield from (f"person{n}@{DOMAIN}" for n in range(120))
    yield from (f"boss{n}@{DOMAIN}" for n in range(5))
    yield from (f"person{n}@{ELSEWHERE}" for n in range(5))
    yield from (f"stranger{n}@{DOMAIN}" for n in range(70))


def decisions(world):
    """Count what the consumer would do, by action."""
    decided = [decision.action for _, decision in world.consumer().report()]
    return {action: decided.count(action) for action in sorted(set(decided))}


def test_a_saas_with_users_adopts_the_service(world, manual_clock):
    """Report, link, then an hour of changes, with crashes: accounts and users are equal."""
    before = world.accounts.execute("SELECT * FROM accounts").fetchall()
    assert decisions(world) == {"create": 70, "hold": 10, "link": 120}
    assert world.accounts.execute("SELECT * FROM accounts").fetchall() == before

    assert world.step()
    assert decisions(world) == {"hold": 10}

    survived = [world.step() for _ in minutes(60, manual_clock, world)]
    decide(world)
    manual_clock.advance(minutes=2)
    assert world.step()

    assert {True, False} == set(survived)
    assert world.linked() == world.directory()
    assert decisions(world) == {}
    assert untouched(world) == 170


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


def decide(world):
    """Decide about the held users as a person would: each is the owner of the account."""
    for user, decision in list(world.consumer().report()):
        assert decision.action == "hold" or user["id"] not in world.provider.settled
        if user["id"] in world.provider.settled:
            (account,) = world.accounts.execute(
                "SELECT id FROM accounts WHERE email = ?", [user["user_name"]]
            ).fetchone()
            world.operator("PUT", f"{world.root}/users/{user['id']}/account", {"id": account})


def untouched(world):
    """Count the earlier accounts that were never linked, unchanged."""
    found = "SELECT count(*) FROM accounts WHERE id LIKE 'd%' AND active = 1 AND user IS NULL"
    (count,) = world.accounts.execute(found).fetchone()
    return count


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        ([("1", f"ann@{DOMAIN}", "admin")], "protected"),
        ([("1", f"ann@{DOMAIN}", "reader"), ("2", f"ANN@{DOMAIN}", "reader")], "more than one"),
    ],
)
def test_a_user_whom_the_rule_does_not_fit_is_held(services, operator, accounts, reason):
    """An address alone never links an account: a person decides."""
    context = a_customer(services)
    root = f"/admin/organisations/{context.organisation}"
    operator("PUT", f"{root}/domains/{DOMAIN}")
    api_client(build(services), context.token)(
        "POST", f"/scim/v2/{context.connection}/Users", {"userName": f"ann@{DOMAIN}"}
    )
    database = sqlite3.connect(":memory:")
    consumer = Consumer(
        database, World(database, operator, root, Provider(None, drawn(1)), drawn(1)).send
    )
    database.executemany("INSERT INTO accounts VALUES (?, ?, ?, 1, NULL, NULL)", accounts)
    consumer.step()

    ((_, decision),) = consumer.report()

    assert decision.action == "hold"
    assert reason in decision.reason
    assert database.execute("SELECT count(*) FROM accounts WHERE user NOTNULL").fetchone() == (0,)


# --- two customers on one table of accounts (B11) -----------------------------------------------

A, B = "a.example", "b.example"


class Customer:
    """An organisation with a verified domain, its provider, and its consumer."""

    def __init__(self, services, operator, accounts, domain) -> None:
        """Create it; the table of accounts has those of other organisations too."""
        made = a_customer(services)
        root = f"/admin/organisations/{made.organisation}"
        operator("PUT", f"{root}/domains/{domain}")
        scim = api_client(build(services), made.token)
        path = f"/scim/v2/{made.connection}"
        self.provider = Provider(lambda m, p, b=None: scim(m, f"{path}{p}", b), drawn(1))
        self.organisation = made.organisation
        self.consumer = World(accounts, operator, root, self.provider, drawn(1)).consumer()

    def held(self):
        """Return the userNames of those who are held, and why."""
        return {user["user_name"]: decision.reason for user, decision in self.consumer.report()}


@pytest.fixture
def customers(services, operator):
    """Create both."""
    accounts = sqlite3.connect(":memory:")
    return [Customer(services, operator, accounts, domain) for domain in (A, B)]


def stored(customer):
    """Read all accounts: (address, organisation)."""
    found = "SELECT email, organisation FROM accounts ORDER BY email"
    return customer.consumer.accounts.execute(found).fetchall()


def test_an_address_of_another_customer_is_held_when_it_is_provisioned(customers):
    """A's provider sends the address of B's chief: no account waits for the chief."""
    a, b = customers
    for address in (f"ceo@{B}", f"CFO@{B.upper()}", f"ceo@sub.{A}", f"ceo@{A}.{B}", f"x@{B}@{A}x"):
        a.provider.create(address)
    a.consumer.step()
    assert stored(a) == []

    b.provider.create(f"ceo@{B}")
    b.consumer.step()
    assert stored(b) == [(f"ceo@{B}", b.organisation)]
    assert set(a.held().values()) >= {"the address is not in a verified domain"}
    assert len(a.held()) == 5


def test_an_address_of_another_customer_is_held_when_a_user_is_renamed(customers, manual_clock):
    """The account keeps its address; whether it is active follows the directory."""
    a, b = customers
    uid = a.provider.create(f"eve@{A}")
    a.consumer.step()
    manual_clock.advance(minutes=2)
    a.provider.edit(uid, email=f"ceo@{B}")
    a.provider.edit(uid, active=False)
    a.consumer.step()

    assert stored(a) == [(f"eve@{A}", a.organisation)]
    assert a.consumer.accounts.execute("SELECT active FROM accounts").fetchall() == [(0,)]
    b.provider.create(f"ceo@{B}")
    b.consumer.step()
    assert stored(b) == [(f"ceo@{B}", b.organisation), (f"eve@{A}", a.organisation)]


def test_an_account_of_another_organisation_is_never_linked(customers, operator):
    """Though its address is in a domain that has moved to this one."""
    a, b = customers
    b.provider.create(f"ann@{B}")
    b.consumer.step()
    operator("DELETE", f"/admin/organisations/{b.organisation}/domains/{B}")
    operator("PUT", f"/admin/organisations/{a.organisation}/domains/{B}")
    a.provider.create(f"ann@{B}")
    a.consumer.step()

    assert stored(a) == [(f"ann@{B}", b.organisation)]
    assert "of another organisation" in a.held()[f"ann@{B}"]


def test_an_address_that_another_account_has_is_held_when_a_user_is_renamed(
    customers, manual_clock
):
    """Two accounts with one address would be one at the next sign-in."""
    a, _ = customers
    a.provider.create(f"ann@{A}")
    uid = a.provider.create(f"eve@{A}")
    a.consumer.step()
    manual_clock.advance(minutes=2)
    a.provider.edit(uid, email=f"ann@{A}")
    a.consumer.step()

    assert stored(a) == [(f"ann@{A}", a.organisation), (f"eve@{A}", a.organisation)]
