"""The digest of a copy, as docs/events.md defines it: equal digests, equal directories."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

BUCKETS = 256
BUCKET_DIGITS = 2
HASH_DIGITS = 16

# A membership: (team, user).
Membership = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredUser:
    """What a copy says of a user."""

    id: str
    connection: str
    version: int
    active: bool


@dataclass(frozen=True, slots=True)
class StoredTeam:
    """What a copy says of a team."""

    id: str
    connection: str
    version: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of an organisation or of a part of it: users and teams by id, and memberships."""

    users: dict[str, StoredUser]
    teams: dict[str, StoredTeam]
    memberships: set[Membership]

    def of(self, connection: str) -> Copy:
        """Return what belongs to one connection."""
        users = {uid: each for uid, each in self.users.items() if each.connection == connection}
        teams = {tid: each for tid, each in self.teams.items() if each.connection == connection}
        return Copy(users, teams, {pair for pair in self.memberships if pair[1] in users})

    def part(self, prefix: str) -> Copy:
        """Return what belongs to ids that begin with `prefix`: of memberships, the user's."""
        return Copy(
            {uid: each for uid, each in self.users.items() if uid.startswith(prefix)},
            {tid: each for tid, each in self.teams.items() if tid.startswith(prefix)},
            {(team, user) for team, user in self.memberships if user.startswith(prefix)},
        )

    def buckets(self) -> dict[str, list[str]]:
        """Compute the digests of the 256 buckets, by type."""
        return {
            "users": _buckets(
                (uid, f"{uid}:{each.version}:{int(each.active)}")
                for uid, each in self.users.items()
            ),
            "groups": _buckets((tid, f"{tid}:{each.version}") for tid, each in self.teams.items()),
            "memberships": _buckets((user, f"{team}:{user}") for team, user in self.memberships),
        }


def _buckets(texts: Iterable[tuple[str, str]]) -> list[str]:
    numbers = [0] * BUCKETS
    for sorted_by, text in texts:
        number = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
        numbers[int(sorted_by[:BUCKET_DIGITS], 16)] ^= int(number, 16)
    return [f"{number:016x}" for number in numbers]
