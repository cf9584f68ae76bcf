"""The consumer of the Python client: a copy stays equal to the directory, and proves it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import pytest

from app import build
from chalicelib.stream import append_records
from passerelle_client import Admin, Consumer, Copy, SqliteCopy, StoredTeam, StoredUser
from passerelle_client.digest import Membership
from passerelle_client.types import Team, User
from tests.support.builders import a_customer, api_client, scim_client
from tests.support.client_transport import URL, InProcess
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import reader_of, with_stream


@dataclass
class Memory:
    """A store in memory, of all organisations; it counts what is written."""

    whole: dict[str, Copy] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    writes: int = 0

    def user(self, user: str) -> StoredUser | None:
        """Return a stored user."""
        found = (copy.users.get(user) for copy in self.whole.values())
        return next(filter(None, found), None)

    def team(self, team: str) -> StoredTeam | None:
        """Return a stored team."""
        found = (copy.teams.get(team) for copy in self.whole.values())
        return next(filter(None, found), None)

    def put_user(self, organisation: str, user: User) -> None:
        """Store a user."""
        self.writes += 1
        self.names[user["id"]] = user["user_name"]
        stored = StoredUser(user["id"], user["connection"], user["version"], user["active"])
        self.copy(organisation).users[user["id"]] = stored

    def delete_user(self, user: str) -> None:
        """Forget a user and their memberships."""
        self.writes += 1
        for copy in self.whole.values():
            copy.users.pop(user, None)
            copy.memberships.difference_update({p for p in copy.memberships if p[1] == user})

    def put_team(self, organisation: str, team: Team) -> None:
        """Store a team."""
        self.writes += 1
        stored = StoredTeam(team["id"], team["connection"], team["version"])
        self.copy(organisation).teams[team["id"]] = stored

    def delete_team(self, team: str) -> None:
        """Forget a team and its memberships."""
        self.writes += 1
        for copy in self.whole.values():
            copy.teams.pop(team, None)
            copy.memberships.difference_update({p for p in copy.memberships if p[0] == team})

    def put_membership(self, team: str, user: str) -> None:
        """Store a membership."""
        self.writes += 1
        self._members_of(user).add((team, user))

    def delete_membership(self, team: str, user: str) -> None:
        """Forget a membership."""
        self.writes += 1
        for copy in self.whole.values():
            copy.memberships.discard((team, user))

    def copy(self, organisation: str) -> Copy:
        """Return all of an organisation."""
        return self.whole.setdefault(organisation, Copy({}, {}, set()))

    def _members_of(self, user: str) -> set[Membership]:
        return next(copy.memberships for copy in self.whole.values() if user in copy.users)


@dataclass
class World:
    """A deployment with one customer, and the copy of it."""

    services: Any
    scim: Any
    organisation: str
    store: Memory
    transport: InProcess
    consumer: Consumer
    reader: Any
    table: Any

    def play(self) -> None:
        """Give what has come in the stream to the feed."""
        for records in self.reader.read():
            append_records(self.services, records)

    def read_on(self, cursor: str) -> str:
        """Follow the feed until nothing newer is there."""
        self.play()
        step = self.consumer.step(cursor)
        while step.more:
            step = self.consumer.step(step.cursor)
        return step.cursor

    def events(self, cursor: str) -> Any:
        """Read the feed."""
        self.play()
        return Admin(URL, OPERATOR_KEY, transport=self.transport).list_events(after=cursor)

    def is_equal(self) -> bool:
        """Compare by the digest."""
        return self.consumer.is_equal(self.organisation)


@pytest.fixture
def world(services, dynamodb):
    """Provision six users, two teams of three."""
    services = with_stream(services, dynamodb)
    context = a_customer(services, identity_provider="other")
    app = build(services)
    scim = scim_client(app, context.connection, context.token)
    uids = [scim.a_user(f"u{number}")["id"] for number in range(6)]
    for name, members in (("first", uids[:3]), ("second", uids[2:5])):
        body = {"displayName": name, "members": [{"value": each} for each in members]}
        scim("POST", "/Groups", body)
    store, transport = Memory(), InProcess(api_client(app))
    consumer = Consumer(Admin(URL, OPERATOR_KEY, transport=transport), store)
    reader = reader_of(services)
    return World(services, scim, context.organisation, store, transport, consumer, reader, dynamodb)


def patch(world, uid, path, value):
    """Change an attribute of a user."""
    operation = {"op": "replace", "path": path, "value": value}
    world.scim("PATCH", f"/Users/{uid}", {"Operations": [operation]})


def users(world):
    """List the users of the copy."""
    return sorted(world.store.copy(world.organisation).users)


def test_a_new_copy_equals_the_directory(world):
    """Users, teams and memberships, by lists."""
    assert not world.is_equal()
    world.consumer.start()
    copy = world.store.copy(world.organisation)

    assert (len(copy.users), len(copy.teams), len(copy.memberships)) == (6, 2, 6)
    assert world.is_equal()


def test_the_copy_follows_every_change(world):
    """Created, renamed, deactivated, deleted, moved to another team, a team that goes."""
    world.play()
    cursor = world.consumer.start()
    ada, bob = world.scim.a_user("ada")["id"], users(world)[0]
    patch(world, ada, "userName", "ada@acme.example")
    patch(world, users(world)[1], "active", value=False)
    first, second = (each["id"] for each in world.scim("GET", "/Groups").body["Resources"])
    added = {"op": "add", "path": "members", "value": [{"value": ada}]}
    world.scim("PATCH", f"/Groups/{first}", {"Operations": [added]})
    world.scim("DELETE", f"/Users/{bob}")
    world.scim("DELETE", f"/Groups/{second}")
    world.read_on(cursor)

    assert world.store.names[ada] == "ada@acme.example"
    assert (first, ada) in world.store.copy(world.organisation).memberships
    assert world.is_equal()


def test_events_that_are_told_again_change_nothing(world):
    """A version that is not above the stored one is not even read."""
    world.play()
    cursor = world.consumer.start()
    patch(world, users(world)[0], "title", "Dr")
    events = world.events(cursor)["items"]
    world.consumer.apply(events[0])
    writes, requests = world.store.writes, len(world.transport.sent)
    world.consumer.apply(events[0])

    assert (world.store.writes, len(world.transport.sent)) == (writes, requests)


def test_events_may_come_in_any_order_between_objects(world):
    """A membership before its user and its team: both are read."""
    world.play()
    cursor = world.consumer.start()
    ada = world.scim.a_user("ada")["id"]
    world.scim("POST", "/Groups", {"displayName": "third", "members": [{"value": ada}]})
    for event in reversed(world.events(cursor)["items"]):
        world.consumer.apply(event)

    assert world.is_equal()


def test_a_leaver_who_is_told_of_again_stays_away(world):
    """Also where the event of their creation comes once more."""
    world.play()
    cursor = world.consumer.start()
    ada = world.scim.a_user("ada")["id"]
    world.scim("DELETE", f"/Users/{ada}")
    events = world.events(cursor)["items"]
    for event in [*events, *events]:
        world.consumer.apply(event)

    assert ada not in users(world)
    assert world.is_equal()


def test_a_disconnected_connection_takes_its_users_along(world, operator):
    """Deactivate: they read as inactive."""
    world.play()
    cursor = world.consumer.start()
    connection = world.scim.root.rpartition("/")[2]
    at = f"/admin/organisations/{world.organisation}/connections/{connection}"
    assert operator("DELETE", f"{at}?users=deactivate").status == 204
    world.read_on(cursor)

    assert not any(each.active for each in world.store.copy(world.organisation).users.values())
    assert world.is_equal()


def hide(copy, scim):
    """Make ten differences that no event tells of; returns them as a comparison names them."""
    user, team = sorted(copy.users), sorted(copy.teams)
    pairs = sorted(copy.memberships)
    ghost = "f" * 32
    copy.users[user[0]] = StoredUser(user[0], copy.users[user[0]].connection, 99, active=True)
    copy.users[user[1]] = StoredUser(user[1], copy.users[user[1]].connection, 1, active=False)
    copy.users[ghost] = StoredUser(ghost, copy.users[user[0]].connection, 1, active=True)
    copy.teams[team[0]] = StoredTeam(team[0], copy.teams[team[0]].connection, 9)
    copy.memberships.discard(pairs[0])
    copy.memberships.add((team[1], ghost))
    return {("user", user[0]), ("user", user[1]), ("user", ghost), ("team", team[0])} | {
        ("membership", pairs[0][1]),
        ("membership", ghost),
    }


def test_hidden_differences_are_found_and_corrected(world):
    """In a few requests, as many as there are differing buckets and objects."""
    world.consumer.start()
    hidden = hide(world.store.copy(world.organisation), world.scim)
    before = len(world.transport.sent)
    found = world.consumer.reconcile(world.organisation)

    assert {*found} >= hidden - {("membership", "f" * 32)}
    assert len(world.transport.sent) - before <= 30
    assert world.is_equal()
    assert world.consumer.reconcile(world.organisation) == []


@pytest.mark.parametrize("read", ["reconcile", "read_organisation"])
def test_a_copy_that_is_ahead_of_a_restored_directory_is_corrected(world, read):
    """A store keeps the higher version; what the directory has no longer must not stay for that."""
    store = SqliteCopy(sqlite3.connect(":memory:"))
    consumer = Consumer(world.consumer._admin, store)
    consumer.read_organisation(world.organisation)
    for table in ("directory_users", "directory_teams"):
        store.sql(f"UPDATE {table} SET version = version + 7")  # noqa: S608 - names of ours
    assert not consumer.is_equal(world.organisation)

    getattr(consumer, read)(world.organisation)
    assert consumer.is_equal(world.organisation)


def test_a_copy_that_is_empty_is_read_by_lists(world):
    """Not bucket by bucket."""
    for number in range(80):
        world.scim.a_user(f"more{number}")
    world.consumer.reconcile(world.organisation)

    assert len(world.transport.sent) < 20
    assert world.is_equal()


def test_a_restored_table_is_compared_by_the_digest(world):
    """The feed rejects the cursor; nothing is skipped over."""
    world.play()
    cursor = world.consumer.start()
    world.table.delete_item(
        TableName=world.services.table.name, Key={"PK": {"S": "E#HEAD"}, "SK": {"S": "#"}}
    )
    world.scim("DELETE", f"/Users/{users(world)[0]}")
    world.play()
    step = world.consumer.step(cursor)

    assert step.more
    assert world.is_equal()
    assert world.consumer.step(step.cursor).cursor == step.cursor


def test_following_yields_each_cursor_to_store(world):
    """And waits where nothing is new."""
    world.play()
    cursor = world.consumer.start()
    ada = world.scim.a_user("ada")["id"]
    world.play()
    pauses: list[float] = []
    cursors = world.consumer.follow(cursor, idle=0.5, sleep=pauses.append)

    assert next(cursors) != cursor
    assert ada in users(world)
    bob = world.scim.a_user("bob")["id"]
    world.play()
    next(cursors)
    assert (bob in users(world), set(pauses)) == (True, {0.5})
