"""The SaaS of `make events`: an accounts table in SQLite, kept by what is sent to its webhook.

It does what docs/events.md says of a receiver: a version that is not above the one it has is
ignored, a membership is set to its state, and whether a user is active is read where an event says
that it may have changed. Each event is one transaction of SQLite, so it may die at any moment.
Beside the table it notes which events it has seen, and where one came out of the order of its
object: a new event whose version is not above the last one, or `added` twice without `removed`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

Event = Mapping[str, Any]
# Version and whether they are active; None: there is no such user.
Read = Callable[[str, str], tuple[int, bool] | None]

GONE = "gone"
TABLES = """
CREATE TABLE IF NOT EXISTS seen (event TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last (object TEXT PRIMARY KEY, mark TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disorder (event TEXT);
CREATE TABLE IF NOT EXISTS users
    (connection TEXT, id TEXT, version INT, active INT, PRIMARY KEY (connection, id));
CREATE TABLE IF NOT EXISTS groups
    (connection TEXT, id TEXT, version INT, active INT, PRIMARY KEY (connection, id));
CREATE TABLE IF NOT EXISTS memberships
    (connection TEXT, team TEXT, user TEXT, PRIMARY KEY (connection, team, user));
"""
TYPES = {"user": "users", "team": "groups"}


def object_of(event: Event) -> str:
    """Return what the order of an event is kept for."""
    return f"{event['type']}/{event.get('subject') or (event['team'], event['user'])}"


def mark_of(event: Event) -> str:
    """Return how far an event brings its object: a version, that it is gone, or what happened."""
    if event["type"] == "membership":
        return str(event["action"])
    return GONE if event["version"] is None else str(event["version"])


def follows(before: str | None, mark: str) -> bool:
    """Tell whether a new event of an object may come after the one before."""
    if before is None or GONE in (before, mark):
        return before != GONE
    return int(before) < int(mark) if before.isdigit() else before != mark


@dataclass(slots=True)
class Accounts:
    """The table in a file; `read` reads a user from the directory."""

    file: Path
    read: Read
    lock: Lock = field(default_factory=Lock)
    db: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        """Open the file; a process that is killed leaves nothing half-done in it."""
        self.db = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None)
        self.db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {TABLES}")

    def accept(self, event: Event) -> None:
        """Apply an event, in a transaction."""
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                self._note(event)
                if event["type"] in TYPES:
                    self._apply(event)
                elif event["type"] == "membership":
                    self._set(event)
                self.db.execute("COMMIT")
            except BaseException:
                self.db.execute("ROLLBACK")
                raise

    def _note(self, event: Event) -> None:
        """Note that an event was seen, and whether a new one came in the order of its object."""
        new = self.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [event["id"]]).rowcount
        if not new or event["type"] not in (*TYPES, "membership"):
            return
        name, mark = object_of(event), mark_of(event)
        row = self.db.execute("SELECT mark FROM last WHERE object = ?", [name]).fetchone()
        if not follows(row and row[0], mark):
            self.db.execute("INSERT INTO disorder VALUES (?)", [event["id"]])
        self.db.execute("INSERT OR REPLACE INTO last VALUES (?, ?)", [name, mark])

    def _apply(self, event: Event) -> None:
        """Apply the event of a user or group; a version of NULL stands for one that is gone."""
        table, key = TYPES[event["type"]], (event["connection"], event["subject"])
        row = self.db.execute(
            f"SELECT version, active FROM {table} WHERE connection = ? AND id = ?",  # noqa: S608 - ours
            key,
        ).fetchone()
        version, active = row or (0, None)
        if version is None or (event["version"] is not None and event["version"] <= version):
            return
        found = (event["version"], active)
        if event["type"] == "user" and event["version"] is not None:
            says_active = active is None or "active" in event["attributes"]
            found = (self.read(*key) or (None, None)) if says_active else found
        self.db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", [*key, *found])  # noqa: S608 - ours

    def _set(self, event: Event) -> None:
        """Set a membership to its state."""
        pair = event["connection"], event["team"], event["user"]
        if event["state"] == "present":
            self.db.execute("INSERT OR IGNORE INTO memberships VALUES (?, ?, ?)", pair)
        else:
            self.db.execute(
                "DELETE FROM memberships WHERE connection = ? AND team = ? AND user = ?", pair
            )

    def seen(self) -> set[str]:
        """Return the ids of the events that it has seen."""
        return {event for (event,) in self.db.execute("SELECT event FROM seen")}

    def disorder(self) -> int:
        """Count the events that came out of the order of their objects."""
        (count,) = self.db.execute("SELECT count(*) FROM disorder").fetchone()
        return int(count)

    def objects(self, connection: str) -> Iterator[tuple[str, str, str]]:
        """Yield what it has of a connection: type, the id that decides on the bucket, and text."""
        of = [connection]
        for uid, version, active in self.db.execute(
            "SELECT id, version, active FROM users WHERE connection = ? AND version NOT NULL", of
        ):
            yield "users", uid, f"{uid}:{version}:{active}"
        for gid, version in self.db.execute(
            "SELECT id, version FROM groups WHERE connection = ? AND version NOT NULL", of
        ):
            yield "groups", gid, f"{gid}:{version}"
        for team, user in self.db.execute(
            "SELECT team, user FROM memberships WHERE connection = ?", of
        ):
            yield "memberships", user, f"{team}:{user}"

    def digest(self, connection: str) -> dict[str, list[str]]:
        """Compute the digest of a connection, as docs/events.md says."""
        buckets = {each: [0] * 256 for each in ("users", "groups", "memberships")}
        for of, uid, text in self.objects(connection):
            number = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
            buckets[of][int(uid[:2], 16)] ^= number
        return {of: [f"{each:016x}" for each in found] for of, found in buckets.items()}
