"""A `Store` in SQLite: versions, states and memberships, which is all that the digest needs.

An application adds its own tables beside these in a subclass, or writes the same statements for its
own database.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from passerelle_client.digest import Copy, StoredTeam, StoredUser
from passerelle_client.types import Team, User

SCHEMA = """
CREATE TABLE IF NOT EXISTS directory_users (id TEXT PRIMARY KEY, organisation TEXT NOT NULL,
    connection TEXT NOT NULL, version INTEGER NOT NULL, active INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS directory_teams (id TEXT PRIMARY KEY, organisation TEXT NOT NULL,
    connection TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS directory_members (team TEXT, user TEXT, PRIMARY KEY (team, user));
"""
# An older version that comes late changes nothing.
PUT = (
    "INSERT INTO directory_{of} VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "organisation = excluded.organisation, connection = excluded.connection, "
    "version = excluded.version, {value} = excluded.{value} WHERE version <= excluded.version"
)
PUT_USER, PUT_TEAM = PUT.format(of="users", value="active"), PUT.format(of="teams", value="name")
USERS = "SELECT id, connection, version, active FROM directory_users WHERE {} = ?"
TEAMS = "SELECT id, connection, version FROM directory_teams WHERE {} = ?"
MEMBERS = (
    "SELECT team, user FROM directory_members JOIN directory_users ON id = user "
    "WHERE organisation = ?"
)


class SqliteCopy:
    """Stores the copy in a database that the application opens; for one thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Create the tables where they are missing."""
        self.database = database
        database.executescript(SCHEMA)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement as one transaction; return what it selects."""
        with self.database:
            return self.database.execute(statement, values).fetchall()

    def user(self, user: str) -> StoredUser | None:
        """Return what is stored of a user; None: nothing."""
        return self._users("id", user).get(user)

    def team(self, team: str) -> StoredTeam | None:
        """Return what is stored of a team; None: nothing."""
        return self._teams("id", team).get(team)

    def put_user(self, organisation: str, user: User) -> None:
        """Create or update a user."""
        values = (user["id"], organisation, user["connection"], user["version"], user["active"])
        self.sql(PUT_USER, *values)

    def delete_user(self, user: str) -> None:
        """Delete a user and their memberships."""
        self.sql("DELETE FROM directory_members WHERE user = ?", user)
        self.sql("DELETE FROM directory_users WHERE id = ?", user)

    def put_team(self, organisation: str, team: Team) -> None:
        """Create or update a team."""
        values = (team["id"], organisation, team["connection"], team["version"], team["name"])
        self.sql(PUT_TEAM, *values)

    def delete_team(self, team: str) -> None:
        """Delete a team and its memberships."""
        self.sql("DELETE FROM directory_members WHERE team = ?", team)
        self.sql("DELETE FROM directory_teams WHERE id = ?", team)

    def put_membership(self, team: str, user: str) -> None:
        """Let a user be in a team."""
        self.sql("INSERT OR IGNORE INTO directory_members VALUES (?, ?)", team, user)

    def delete_membership(self, team: str, user: str) -> None:
        """Let a user not be in a team."""
        self.sql("DELETE FROM directory_members WHERE team = ? AND user = ?", team, user)

    def copy(self, organisation: str) -> Copy:
        """Return all that is stored of an organisation."""
        of = ("organisation", organisation)
        members = {(team, user) for team, user in self.sql(MEMBERS, organisation)}
        return Copy(self._users(*of), self._teams(*of), members)

    def _users(self, column: str, value: str) -> dict[str, StoredUser]:
        found = self.sql(USERS.format(column), value)
        return {uid: StoredUser(uid, of, version, bool(on)) for uid, of, version, on in found}

    def _teams(self, column: str, value: str) -> dict[str, StoredTeam]:
        found = self.sql(TEAMS.format(column), value)
        return {tid: StoredTeam(tid, of, version) for tid, of, version in found}
