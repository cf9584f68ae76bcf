"""Keeps a copy of the directory equal to it: by events, by the feed, and by the digest.

The application stores the copy: it gives a `Store`, and keeps the cursor. Every step reads what is
so now and may be repeated, so an event that is told twice or late does no harm:

- an event of a user or team whose version is not above the stored one is ignored;
- a membership is set to its state; whom the copy does not know yet is read first;
- a cursor that the feed no longer has leads to a new one, and to a comparison by the digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from passerelle_client.admin import Admin
from passerelle_client.digest import Copy, Membership, StoredTeam, StoredUser
from passerelle_client.http import ApiError
from passerelle_client.types import (
    Digest,
    DigestBucket,
    EventPage,
    Team,
    ToldAlert,
    ToldChange,
    ToldMembership,
    User,
)

T = TypeVar("T")
Event = ToldChange | ToldMembership | ToldAlert

# A copy that differs in more buckets is read by lists.
MANY_BUCKETS = 64
# While the directory changes, a comparison is repeated.
ROUNDS = 3
LONGEST_PREFIX = 8
HEXADECIMAL = "0123456789abcdef"
IDLE_SECONDS = 1.0


class Store(Protocol):
    """What the application stores of the directory.

    Each method is one transaction. A user or team of a higher version is never overwritten; to
    delete what is not there does nothing.
    """

    def user(self, user: str) -> StoredUser | None:
        """Return what is stored of a user; None: nothing."""

    def team(self, team: str) -> StoredTeam | None:
        """Return what is stored of a team; None: nothing."""

    def put_user(self, organisation: str, user: User) -> None:
        """Create or update a user."""

    def delete_user(self, user: str) -> None:
        """Delete a user and their memberships: a leaver."""

    def put_team(self, organisation: str, team: Team) -> None:
        """Create or update a team."""

    def delete_team(self, team: str) -> None:
        """Delete a team and its memberships."""

    def put_membership(self, team: str, user: str) -> None:
        """Let a user be in a team; both are stored."""

    def delete_membership(self, team: str, user: str) -> None:
        """Let a user not be in a team."""

    def copy(self, organisation: str) -> Copy:
        """Return all that is stored of an organisation."""


class Step(NamedTuple):
    """Where the feed goes on, for the application to store; and whether more is there already."""

    cursor: str
    more: bool


class Difference(NamedTuple):
    """What a comparison has found and corrected: a user, a team, or a membership (by its user)."""

    type: str
    id: str


class Consumer:
    """Keeps the copy of one store equal to the directory."""

    def __init__(self, admin: Admin, store: Store) -> None:
        """Take the client, whose key has the scopes `directory:read` and `changes`."""
        self._admin = admin
        self._store = store

    # --- the feed

    def start(self) -> str:
        """Read everything; return the cursor from which `follow` misses nothing."""
        cursor = self._now()
        for organisation in self.organisations():
            self.read_organisation(organisation)
        return cursor

    def step(self, cursor: str) -> Step:
        """Apply the page of the feed after a cursor. Store the cursor of the result last.

        Where the feed no longer has what follows (the table was restored, or 90 days went by), the
        copy is compared with the directory, and the result has a new cursor.
        """
        try:
            page = cast("EventPage", self._admin.list_events(after=cursor))
        except ApiError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            return Step(self.restart(), more=True)
        for event in page["items"]:
            self.apply(event)
        return Step(page["next"], page["more"])

    def catch_up(self, cursor: str) -> str:
        """Follow the feed until nothing newer is there; return the cursor to store.

        Without a cursor ("") everything is read first.
        """
        step = Step(cursor or self.start(), more=True)
        while step.more:
            step = self.step(step.cursor)
        return step.cursor

    def restart(self) -> str:
        """Compare everything by the digest; return a new cursor."""
        cursor = self._now()
        for organisation in self.organisations():
            self.reconcile(organisation)
        return cursor

    def follow(
        self, cursor: str, idle: float = IDLE_SECONDS, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[str]:
        """Follow the feed for ever: yield each cursor to store; wait where nothing is new."""
        while True:
            step = self.step(cursor)
            if step.cursor != cursor:
                cursor = step.cursor
                yield cursor
            if not step.more:
                sleep(idle)

    # --- one event

    def apply(self, event: Event) -> None:
        """Apply an event: of the feed, or the `data` of a delivery that `verify` has accepted."""
        if event["type"] == "alert":
            return  # it is about a connection, and changes nothing of the directory
        if event["type"] == "membership":
            self._apply_membership(event)
        elif event["type"] == "connection":
            self.read_organisation(event["organisation"])
        elif event["type"] in {"role", "account"}:
            self._read_user(event["organisation"], event["subject"])
        elif event["type"] == "user":
            self._apply_user(event)
        elif event["type"] == "team":
            self._apply_team(event)

    def _apply_user(self, event: ToldChange) -> None:
        stored, version = self._store.user(event["subject"]), event["version"]
        if version is None:
            self._store.delete_user(event["subject"])
        elif stored is None or stored.version < version:
            self._read_user(event["organisation"], event["subject"])

    def _apply_team(self, event: ToldChange) -> None:
        stored, version = self._store.team(event["subject"]), event["version"]
        if version is None:
            self._store.delete_team(event["subject"])
        elif stored is None or stored.version < version:
            self._read_team(event["organisation"], event["subject"])

    def _apply_membership(self, event: ToldMembership) -> None:
        if event["state"] == "absent":
            self._store.delete_membership(event["team"], event["user"])
        else:
            self._add_member(event["organisation"], event["team"], event["user"])

    def _add_member(self, organisation: str, team: str, user: str) -> None:
        """Store a membership; read first whom the copy does not know yet."""
        if self._store.user(user) is None:
            self._read_user(organisation, user)
        if self._store.team(team) is None:
            self._read_team(organisation, team)
        if self._store.user(user) is not None and self._store.team(team) is not None:
            self._store.put_membership(team, user)

    def _read_user(self, organisation: str, user: str) -> None:
        found = _unless_gone(lambda: self._admin.get_user(organisation, user))
        if found is None:
            self._store.delete_user(user)
        else:
            self._store.put_user(organisation, found)

    def _read_team(self, organisation: str, team: str) -> None:
        found = _unless_gone(lambda: self._admin.get_team(organisation, team))
        if found is None:
            self._store.delete_team(team)
        else:
            self._store.put_team(organisation, found)

    # --- a whole organisation

    def read_organisation(self, organisation: str) -> None:
        """Read all users, teams and memberships of an organisation by lists."""
        before = self._store.copy(organisation)
        users: list[User] = self._listed(self._admin.list_users, organisation)
        teams: list[Team] = self._listed(self._admin.list_teams, organisation)
        self._forget_later(
            before,
            {each["id"]: each["version"] for each in users},
            {each["id"]: each["version"] for each in teams},
        )
        for user in users:
            self._store.put_user(organisation, user)
        for team in teams:
            self._store.put_team(organisation, team)
        # Who is not in the lists is read: they may have come since.
        for uid in before.users.keys() - {each["id"] for each in users}:
            self._read_user(organisation, uid)
        for tid in before.teams.keys() - {each["id"] for each in teams}:
            self._read_team(organisation, tid)
        members = {(each["id"], user["id"]) for user in users for each in user.get("teams", ())}
        stored = self._store.copy(organisation).memberships
        for pair in stored - members:
            self._store.delete_membership(*pair)
        for pair in members - stored:
            self._add_member(organisation, *pair)

    def _forget_later(self, ours: Copy, users: Mapping[str, int], teams: Mapping[str, int]) -> None:
        """Delete what has a later version than the directory, of which these are the versions.

        The directory was restored to an earlier moment, and a store keeps the higher version.
        """
        for uid, user in ours.users.items():
            if user.version > users.get(uid, user.version):
                self._store.delete_user(uid)
        for tid, team in ours.teams.items():
            if team.version > teams.get(tid, team.version):
                self._store.delete_team(tid)

    # --- the digest

    def is_equal(self, organisation: str) -> bool:
        """Tell whether the copy of an organisation equals the directory, by the digest."""
        copy, connections = self._store.copy(organisation), self._connections(organisation)
        return all(each.connection in connections for each in copy.users.values()) and not any(
            self._differing(organisation, each, copy) for each in connections
        )

    def reconcile(self, organisation: str) -> list[Difference]:
        """Compare the copy of an organisation by the digest and correct it; return what differed.

        Ends after three comparisons: what goes on changing is left to the feed.
        """
        found = []
        copy, connections = self._store.copy(organisation), self._connections(organisation)
        for uid, user in copy.users.items():
            if user.connection not in connections:
                found.append(Difference("user", uid))
                self._read_user(organisation, uid)
        for tid, team in copy.teams.items():
            if team.connection not in connections:
                found.append(Difference("team", tid))
                self._read_team(organisation, tid)
        for connection in connections:
            found += self._reconcile(organisation, connection)
        return found

    def _reconcile(self, organisation: str, connection: str) -> Iterator[Difference]:
        for _ in range(ROUNDS):
            copy = self._store.copy(organisation)
            buckets = self._differing(organisation, connection, copy)
            if len(buckets) > MANY_BUCKETS:
                yield Difference("connection", connection)
                self.read_organisation(organisation)
                continue
            if not buckets:
                return
            own = copy.of(connection)
            for bucket in buckets:
                yield from self._correct(organisation, connection, bucket, own)

    def _correct(
        self, organisation: str, connection: str, prefix: str, own: Copy
    ) -> Iterator[Difference]:
        """Read what differs among the ids that begin with `prefix`."""
        try:
            found = self._admin.get_digest(organisation, connection, bucket=prefix)
        except ApiError as error:
            # It has too many objects for one response.
            if error.status != HTTPStatus.BAD_REQUEST or len(prefix) == LONGEST_PREFIX:
                raise
            for digit in HEXADECIMAL:
                yield from self._correct(organisation, connection, prefix + digit, own)
            return
        theirs, ours = _listed(cast("DigestBucket", found), connection), own.part(prefix)
        self._forget_later(
            ours,
            {uid: each.version for uid, each in theirs.users.items()},
            {tid: each.version for tid, each in theirs.teams.items()},
        )
        for uid in _differing(theirs.users, ours.users):
            yield Difference("user", uid)
            self._read_user(organisation, uid)
        for tid in _differing(theirs.teams, ours.teams):
            yield Difference("team", tid)
            self._read_team(organisation, tid)
        yield from self._correct_members(organisation, theirs.memberships, ours.memberships)

    def _correct_members(
        self, organisation: str, theirs: set[Membership], ours: set[Membership]
    ) -> Iterator[Difference]:
        for team, user in ours - theirs:
            yield Difference("membership", user)
            self._store.delete_membership(team, user)
        for team, user in theirs - ours:
            yield Difference("membership", user)
            self._add_member(organisation, team, user)

    def _differing(self, organisation: str, connection: str, copy: Copy) -> list[str]:
        """Return the buckets in which a copy differs, as two digits each."""
        own, after = copy.of(connection).buckets(), None
        differing = set()
        while True:
            page = cast("Digest", self._admin.get_digest(organisation, connection, after=after))
            for name, theirs in (
                ("users", page["users"]),
                ("groups", page["groups"]),
                ("memberships", page["memberships"]),
            ):
                pairs = enumerate(zip(theirs["buckets"], own[name], strict=True))
                differing |= {f"{at:02x}" for at, (one, other) in pairs if one not in {None, other}}
            after = page["next"]
            if after is None:
                return sorted(differing)

    # --- lists

    def _now(self) -> str:
        return self._admin.list_events(after="now")["next"]

    def organisations(self) -> list[str]:
        """List the ids of all organisations."""
        listed = pages(lambda cursor: self._admin.list_organisations(cursor=cursor))
        return [each["id"] for each in listed]

    def _connections(self, organisation: str) -> list[str]:
        """List the connections that have users; none where the organisation is gone."""
        return [each["id"] for each in self._listed(self._admin.list_connections, organisation)]

    def _listed(self, read: Callable[..., Mapping[str, Any]], organisation: str) -> list[Any]:
        whole = _unless_gone(lambda: [*pages(lambda cursor: read(organisation, cursor=cursor))])
        return whole or []


def pages(read: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Any]:
    """Yield the items of all pages of a list: `read` gets the cursor of a page, first None."""
    page = read(None)
    yield from page["items"]
    while page["next"] is not None:
        page = read(page["next"])
        yield from page["items"]


def _unless_gone(read: Callable[[], T]) -> T | None:
    """Read something; None where it does not exist (any more)."""
    try:
        return read()
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _listed(bucket: DigestBucket, connection: str) -> Copy:
    """Return what a bucket lists, as a copy."""
    users = [
        StoredUser(each["id"], connection, each["version"], each["active"])
        for each in bucket["users"]
    ]
    teams = [StoredTeam(each["id"], connection, each["version"]) for each in bucket["groups"]]
    members = {(each["team"], each["user"]) for each in bucket["memberships"]}
    return Copy({each.id: each for each in users}, {each.id: each for each in teams}, members)


def _differing(theirs: Mapping[str, object], ours: Mapping[str, object]) -> list[str]:
    return sorted(
        each for each in theirs.keys() | ours.keys() if theirs.get(each) != ours.get(each)
    )
