"""Keep a SaaS's accounts in step with the directory: a sample, on the standard library alone.

    python examples/consumer.py accounts.db report     say what would be linked; change nothing
    python examples/consumer.py accounts.db run        do it, then follow the feed for ever

ADMIN_URL, OPERATOR_KEY and ORGANISATION stand in the environment. The rule by which an existing
account is taken for a user's: it has his address, the address is in a verified domain of the
organisation, no other account has it, and its role is not a protected one. Where an account has
his address and the rule does not hold, he is held: a person decides, by PUT .../account.

Every step may be repeated. What is decided is written down here first and then told there, and
the cursor moves last: after a crash the same changes are read again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

# (method, path below the organisation, body) -> (status, body)
Call = Callable[[str, str, Any], tuple[int, Any]]
User = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE, role TEXT, active INTEGER NOT NULL,
    user TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY CHECK (one = 1), cursor TEXT NOT NULL);
"""
OK, GONE, OUTDATED = 200, 404, 400
OF_USERS = {"user", "account", "role"}
POLL_SECONDS = 1


class Decision(NamedTuple):
    """What becomes of a user without an account: link, create or hold, and why."""

    action: str
    account: str
    reason: str


@dataclass
class Consumer:
    """The accounts of one organisation, and the feed that they follow."""

    accounts: sqlite3.Connection
    call: Call
    domains: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the tables where they are not there; a SaaS has its own."""
        self.accounts.executescript(SCHEMA)

    def report(self) -> Iterator[tuple[User, Decision]]:
        """Say what would become of each user who has no account yet."""
        self._read_rule()
        return ((user, self.decide(user)) for user in self._users("?linked=false"))

    def decide(self, user: User) -> Decision:
        """Apply the rule to a user whom nobody has linked."""
        email = address(user)
        found = self._sql("SELECT id, role, user FROM accounts WHERE email = ?", email)
        if not found:
            return Decision("create", f"acc_{user['id']}", "no account has this address")
        domain = email.rpartition("@")[2].lower()
        reasons = {
            "more than one account has this address": len(found) > 1,
            "the address is in no verified domain": domain not in self.domains,
            "the account's role is protected": any(role in self.protected for _, role, _ in found),
            "the account is another user's": any(other for _, _, other in found),
        }
        if against := [reason for reason, holds in reasons.items() if holds]:
            return Decision("hold", "", "; ".join(against))
        return Decision("link", found[0][0], "same address in a verified domain")

    def step(self) -> None:
        """Follow the feed to its end of this moment."""
        self._read_rule()
        (cursor,) = next(iter(self._sql("SELECT cursor FROM feed")), ("",))
        more = True
        while more:
            status, page = self.call("GET", f"/changes?after={cursor or 'now'}", None)
            if status == OUTDATED:  # away for too long: begin again
                cursor = ""
                continue
            if not cursor or any(item["kind"] == "connection" for item in page["items"]):
                self._read_everything()
            self._read(item["id"] for item in page["items"] if item["kind"] in OF_USERS)
            cursor, more = page["next"], page["more"]
            self._sql("INSERT OR REPLACE INTO feed VALUES (1, ?)", cursor)

    def _read_everything(self) -> None:
        """Compare with the whole directory, in both directions."""
        users = list(self._users("?"))
        linked = self._sql("SELECT user FROM accounts WHERE user IS NOT NULL")
        self._read({uid for (uid,) in linked} - {user["id"] for user in users})
        for user in users:
            self._bring(user)

    def _read(self, uids: Iterable[str]) -> None:
        """Read users as they are now; those who left come first, so that their accounts are free.

        Whoever comes back is a new user, and is linked again by the rule.
        """
        found = {uid: self.call("GET", f"/users/{uid}", None) for uid in dict.fromkeys(uids)}
        for uid, (status, _) in found.items():
            if status == GONE:
                self._sql("UPDATE accounts SET active = 0, user = NULL WHERE user = ?", uid)
        for status, user in found.values():
            if status == OK:
                self._bring(user)

    def _bring(self, user: User) -> None:
        """Bring a user's account in step: the one that is his, or what the rule decides."""
        uid, linked = user["id"], user["account"]
        own = self._sql("SELECT id FROM accounts WHERE user = ?", uid)
        if linked and (linked,) not in own:  # the operator's word counts, also against ours
            self._sql("UPDATE accounts SET user = NULL WHERE user = ?", uid)
            self._sql("UPDATE accounts SET user = ? WHERE id = ?", uid, linked)
        elif not linked and not own:
            self._open(user, self.decide(user))
        state = (address(user), user["active"], uid)
        self._sql("UPDATE accounts SET email = ?, active = ? WHERE user = ?", *state)
        for (account,) in self._sql("SELECT id FROM accounts WHERE user = ?", uid):
            if linked != account:
                self.call("PUT", f"/users/{uid}/account", {"id": account})

    def _open(self, user: User, decided: Decision) -> None:
        new = (decided.account, address(user), user["granted_role"], user["active"], user["id"])
        if decided.action == "create":
            self._sql("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", *new)
        if decided.action == "link":
            self._sql("UPDATE accounts SET user = ? WHERE id = ?", user["id"], decided.account)

    def _read_rule(self) -> None:
        """Read the organisation's verified domains and protected roles, as they are now."""
        _, organisation = self.call("GET", "", None)
        self.domains = set(organisation["domains"])
        self.protected = {role["id"] for role in organisation["roles"] if role["protected"]}

    def _users(self, query: str) -> Iterator[User]:
        cursor: str | None = ""
        while cursor is not None:
            after = f"&cursor={quote(cursor)}" if cursor else ""
            _, page = self.call("GET", f"/users{query}{after}", None)
            yield from page["items"]
            cursor = page["next"]

    def _sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.accounts:
            return self.accounts.execute(statement, values).fetchall()


def address(user: User) -> str:
    """Give the address by which the SaaS knows a user: the primary one, else his userName."""
    emails = sorted(user["emails"], key=lambda email: not email.get("primary", False))
    return str(emails[0]["value"]) if emails else str(user["user_name"])


def principal(url: str, key: str) -> Call:
    """Call the service; what passes by itself (429, 503, no network) is repeated."""

    def call(method: str, path: str, body: Any) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        while True:
            try:
                with urlopen(Request(url + path, data, headers, method=method), timeout=30) as got:
                    return got.status, json.load(got)
            except HTTPError as error:
                if error.code not in {429, 502, 503, 504}:
                    return error.code, json.load(error)
                time.sleep(float(error.headers.get("Retry-After", 1)))
            except OSError:
                time.sleep(POLL_SECONDS)

    return call


def main(file: str, verb: str) -> None:
    """Report, or run."""
    environment = os.environ
    url = f"{environment['ADMIN_URL']}/organisations/{environment['ORGANISATION']}"
    consumer = Consumer(sqlite3.connect(file), principal(url, environment["OPERATOR_KEY"]))
    for user, decided in consumer.report():
        print(decided.action, user["user_name"], decided.account, decided.reason, sep="\t")
    while verb == "run":
        consumer.step()
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
