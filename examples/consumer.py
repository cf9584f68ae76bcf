"""Keep a SaaS's accounts in step with the directory: a sample, on the standard library alone.

    python examples/consumer.py accounts.db report     print what would be linked; change nothing
    python examples/consumer.py accounts.db run        link, then follow the feed until Ctrl-C

The environment has ADMIN_URL, OPERATOR_KEY (a key with the scopes `directory:read` and `changes`)
and ORGANISATION. The rule: a user's address counts only
in a verified domain of the organisation, because any customer's identity provider may send any
address. There, an existing account is linked if no other account has the address, it is of no
other organisation, and its role is not protected; without an account one is created. A user whom
the rule does not fit is held: a person decides, by PUT .../account. An account keeps its address
where the rule does not fit a new one.

Every step is idempotent. A decision is stored here first and then sent to the service, and the
cursor is stored last: after a crash the same changes are read again.
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
Send = Callable[[str, str, Any], tuple[int, Any]]
User = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE, role TEXT, active INTEGER NOT NULL,
    user TEXT UNIQUE, organisation TEXT);
CREATE TABLE IF NOT EXISTS feed (organisation TEXT PRIMARY KEY, cursor TEXT NOT NULL);
"""
OK, GONE, OUTDATED = 200, 404, 400
OF_USERS = {"user", "account", "role"}
POLL_SECONDS = 1


class Decision(NamedTuple):
    """What happens to a user without an account: link, create or hold, and why."""

    action: str
    account: str
    reason: str


@dataclass
class Consumer:
    """Keeps the accounts of one organisation in step with its users.

    The table has the accounts of all organisations: none but its own are changed here.
    """

    accounts: sqlite3.Connection
    send: Send
    organisation: str = ""
    domains: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Create the tables if they are missing; a SaaS has its own."""
        self.accounts.executescript(SCHEMA)

    def report(self) -> Iterator[tuple[User, Decision]]:
        """Return what would happen to each user who has no account yet."""
        self._read_rule()
        return ((user, self.decide(user)) for user in self._users("?linked=false"))

    def decide(self, user: User) -> Decision:
        """Apply the rule to a user who is not linked."""
        email = address(user)
        found = self._sql(
            "SELECT id, organisation, role, user FROM accounts WHERE email = ?", email
        )
        reasons = {
            "the address is not in a verified domain": not self._is_verified(email),
            "more than one account has this address": len(found) > 1,
            "the account is of another organisation": any(
                of not in {None, self.organisation} for _, of, _, _ in found
            ),
            "the account's role is protected": any(role in self.protected for *_, role, _ in found),
            "the account is another user's": any(other for *_, other in found),
        }
        if against := [reason for reason, applies in reasons.items() if applies]:
            return Decision("hold", "", "; ".join(against))
        if not found:
            return Decision("create", f"acc_{user['id']}", "no account has this address")
        return Decision("link", found[0][0], "same address in a verified domain")

    def _is_verified(self, email: str) -> bool:
        return email.rpartition("@")[2].lower() in self.domains

    def step(self) -> None:
        """Follow the feed until nothing newer is there."""
        self._read_rule()
        stored = self._sql("SELECT cursor FROM feed WHERE organisation = ?", self.organisation)
        (cursor,) = next(iter(stored), ("",))
        more = True
        while more:
            status, page = self.send("GET", f"/changes?after={cursor or 'now'}", None)
            if status == OUTDATED:  # the cursor is too old: begin again
                cursor = ""
                continue
            if not cursor or any(item["type"] == "connection" for item in page["items"]):
                self._read_everything()
            self._read(item["id"] for item in page["items"] if item["type"] in OF_USERS)
            cursor, more = page["next"], page["more"]
            self._sql("INSERT OR REPLACE INTO feed VALUES (?, ?)", self.organisation, cursor)

    def _read_everything(self) -> None:
        """Compare with the whole directory, in both directions."""
        users = list(self._users("?"))
        linked = self._sql(
            "SELECT user FROM accounts WHERE user IS NOT NULL AND organisation = ?",
            self.organisation,
        )
        self._read({uid for (uid,) in linked} - {user["id"] for user in users})
        for user in users:
            self._synchronise(user)

    def _read(self, uids: Iterable[str]) -> None:
        """Read users as they are now; those who left come first, so that their accounts are free.

        A user who comes back is a new user, and the rule links them again.
        """
        found = {uid: self.send("GET", f"/users/{uid}", None) for uid in dict.fromkeys(uids)}
        for uid, (status, _) in found.items():
            if status == GONE:
                self._sql("UPDATE accounts SET active = 0, user = NULL WHERE user = ?", uid)
        for status, user in found.values():
            if status == OK:
                self._synchronise(user)

    def _synchronise(self, user: User) -> None:
        """Update the user's account; without one, do what the rule decides."""
        uid, linked = user["id"], user["account"]
        own = self._sql("SELECT id FROM accounts WHERE user = ?", uid)
        if linked and (linked,) not in own:  # the operator's decision takes precedence
            self._sql("UPDATE accounts SET user = NULL WHERE user = ?", uid)
            self._link(uid, linked)
        elif not linked and not own:
            self._apply(user, self.decide(user))
        self._sql("UPDATE accounts SET active = ? WHERE user = ?", user["active"], uid)
        self._rename(uid, address(user))
        for (account,) in self._sql("SELECT id FROM accounts WHERE user = ?", uid):
            if linked != account:
                self.send("PUT", f"/users/{uid}/account", {"id": account})

    def _rename(self, uid: str, email: str) -> None:
        """Give the user's account a new address, unless the rule does not fit it."""
        others = self._sql("SELECT id FROM accounts WHERE email = ? AND user IS NOT ?", email, uid)
        if self._is_verified(email) and not others:
            self._sql("UPDATE accounts SET email = ? WHERE user = ?", email, uid)

    def _apply(self, user: User, decision: Decision) -> None:
        """Create or link the account; a held user gets none."""
        uid = user["id"]
        new = (decision.account, address(user), user["granted_role"], user["active"], uid)
        if decision.action == "create":
            insert = "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)"
            self._sql(insert, *new, self.organisation)
        if decision.action == "link":
            self._link(uid, decision.account)

    def _link(self, uid: str, account: str) -> None:
        link = "UPDATE accounts SET user = ?, organisation = ? WHERE id = ?"
        self._sql(link, uid, self.organisation, account)

    def _read_rule(self) -> None:
        """Read the organisation's verified domains and protected roles."""
        _, organisation = self.send("GET", "", None)
        self.organisation = organisation["id"]
        self.domains = set(organisation["domains"])
        self.protected = {role["id"] for role in organisation["roles"] if role["protected"]}

    def _users(self, query: str) -> Iterator[User]:
        """Read all pages of the organisation's users."""
        cursor: str | None = ""
        while cursor is not None:
            after = f"&cursor={quote(cursor)}" if cursor else ""
            _, page = self.send("GET", f"/users{query}{after}", None)
            yield from page["items"]
            cursor = page["next"]

    def _sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.accounts:
            return self.accounts.execute(statement, values).fetchall()


def address(user: User) -> str:
    """Return the user's primary e-mail address; without one, the first, or the userName."""
    emails = sorted(user["emails"], key=lambda email: not email.get("primary", False))
    return str(emails[0]["value"]) if emails else str(user["user_name"])


def client(url: str, key: str) -> Send:
    """Return a function that sends requests, and repeats them after 429, 503 or no network."""

    def send(method: str, path: str, body: Any) -> tuple[int, Any]:
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

    return send


def main(file: str, verb: str) -> None:
    """Report; then, with `run`, follow the feed."""
    environment = os.environ
    url = f"{environment['ADMIN_URL']}/organisations/{environment['ORGANISATION']}"
    consumer = Consumer(sqlite3.connect(file), client(url, environment["OPERATOR_KEY"]))
    for user, decision in consumer.report():
        print(decision.action, user["user_name"], decision.account, decision.reason, sep="\t")
    while verb == "run":
        consumer.step()
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
