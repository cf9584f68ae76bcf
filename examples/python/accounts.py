"""Keep a SaaS's accounts equal to the directory: a sample on SQLite. docs/adopt.md explains it.

    python accounts.py report     print what would happen to each user; change nothing
    python accounts.py run        catch up, then receive events until Ctrl-C
    python accounts.py compare    prove by the digest that the copy is equal, or correct it

The rule is the part to adapt. An address counts only in a verified domain of the organisation.
There the account that has it is linked, if it is the only one, of no other organisation and without
a protected role; where none has it, one is created. Whom the rule does not fit is held: a person
decides, by PUT .../account. The sample deletes no account, sends no mail, never merges accounts,
and does not follow the roles that an organisation's admins assign.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

from passerelle_client import Admin, Consumer, InvalidSignature, SqliteCopy, pages, verify
from passerelle_client.types import User

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE,
    role TEXT, active INTEGER NOT NULL, password TEXT, user TEXT UNIQUE, organisation TEXT);
CREATE TABLE IF NOT EXISTS held (user TEXT PRIMARY KEY, user_name TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY, cursor TEXT NOT NULL);
"""
CREATE = "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, 1, NULL, NULL, ?)"
LINK = """UPDATE accounts SET user = ?, organisation = ?, active = ? WHERE id = ?
    AND (organisation IS NULL OR organisation = ?) RETURNING email, password"""


class Accounts(SqliteCopy):
    """The SaaS's accounts beside the copy of the directory.

    The account comes first and the version of the user last: after a crash the same event, told
    again, does the rest.
    """

    def __init__(self, database: sqlite3.Connection, admin: Admin) -> None:
        """Create the tables; a SaaS has its own."""
        super().__init__(database)
        database.executescript(SCHEMA)
        self.admin = admin

    def put_user(self, organisation: str, user: User) -> None:
        """Give a user their account, or hold them."""
        uid, stored, held = user["id"], self.user(user["id"]), ""
        if stored is not None and stored.version > user["version"]:
            return
        linked = [each for (each,) in self.sql("SELECT id FROM accounts WHERE user = ?", uid)]
        account = user["account"] or "".join(linked)  # what the operator says takes precedence
        if not account:
            account, held = self.decide(organisation, user)
        if account == f"acc_{uid}":
            self.sql(CREATE, account, address(user), user["granted_role"], organisation)
        held = held or self._link(organisation, user, account)
        self.sql("DELETE FROM held WHERE user = ?", uid)
        if held:
            self.sql("INSERT INTO held VALUES (?, ?, ?)", uid, user["user_name"], held)
        super().put_user(organisation, user)

    def delete_user(self, user: str) -> None:
        """End the access of a leaver; the account stays for a user who comes with its address."""
        self.sql("UPDATE accounts SET active = 0, user = NULL WHERE user = ?", user)
        self.sql("DELETE FROM held WHERE user = ?", user)
        super().delete_user(user)

    def decide(self, organisation: str, user: User) -> tuple[str, str]:
        """Apply the rule: return the account, `acc_...` to create, or why the user is held."""
        own, email = self.admin.get_organisation(organisation), address(user)
        by_email = "SELECT id, organisation, role, user FROM accounts WHERE email = ?"
        found = self.sql(by_email, email)
        ids, owners, roles, users = ({each[column] for each in found} for column in range(4))
        reasons = {
            "the address is not in a verified domain": domain(email) not in own["domains"],
            "more than one account has this address": len(ids) > 1,
            "the account is of another organisation": owners - {None, organisation},
            "the account's role is protected": roles
            & {r["id"] for r in own["roles"] if r["protected"]},
            "the account is another user's": users - {None},
        }
        held = "; ".join(reason for reason, applies in reasons.items() if applies)
        return ("", held) if held else (next(iter(ids), f"acc_{user['id']}"), "")

    def _link(self, organisation: str, user: User, account: str) -> str:
        """Link an account, bring it up to date and tell Passerelle; return why not, or ""."""
        uid, email = user["id"], address(user)
        self.sql("UPDATE accounts SET user = NULL WHERE user = ? AND id <> ?", uid, account)
        found = self.sql(LINK, uid, organisation, user["active"], account, organisation)
        if not found:
            return "there is no such account, or it is of another organisation"
        ((before, password),) = found
        others = self.sql("SELECT id FROM accounts WHERE email = ? AND id <> ?", email, account)
        # Elsewhere than in a verified domain the account keeps its address.
        if before.lower() != email.lower() and not others:
            domains = self.admin.get_organisation(organisation)["domains"]
            new = email if domain(email) in domains else before
            self.sql("UPDATE accounts SET email = ? WHERE id = ?", new, account)
        if user["account"] != account:
            has_password = password is not None
            self.admin.link_account(
                organisation, uid, {"id": account, "password_set": has_password}
            )
        return ""


def address(user: User) -> str:
    """Return the user's primary e-mail address; without one, the first, or the userName."""
    emails = sorted(user["emails"], key=lambda each: not each.get("primary", False))
    return emails[0].get("value", "") if emails else user["user_name"]


def domain(email: str) -> str:
    """Return the domain of an address."""
    return email.rpartition("@")[2].lower()


class Receiver(BaseHTTPRequestHandler):
    """Applies each delivery; one that is not accepted is sent again."""

    consumer: Consumer
    secrets: list[str]

    def do_POST(self) -> None:
        """Verify and apply one."""
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            self.consumer.apply(verify(body, dict(self.headers), self.secrets)["data"])
        except InvalidSignature:
            self.send_error(401)
        else:
            self.send_response(204)
            self.end_headers()


def report(accounts: Accounts, organisation: str) -> None:
    """Print what would happen to the users without an account."""
    read = accounts.admin.list_users
    for user in pages(lambda cursor: read(organisation, linked=False, cursor=cursor)):
        account, held = accounts.decide(organisation, user)
        action = "hold" if held else "create" if account == f"acc_{user['id']}" else "link"
        print(action, user["user_name"], account, held, sep="\t")


def main(verb: str) -> None:
    """Do what the first lines of this file say."""
    admin = Admin(os.environ["PASSERELLE_URL"], os.environ["OPERATOR_KEY"])
    accounts = Accounts(sqlite3.connect(os.environ.get("ACCOUNTS", "accounts.db")), admin)
    consumer = Consumer(admin, accounts)
    if verb == "run":
        Receiver.consumer, Receiver.secrets = consumer, os.environ["WEBHOOK_SECRET"].split()
        with HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8100"))), Receiver) as server:
            print("Catching up ...", flush=True)
            stored = "".join(each for (each,) in accounts.sql("SELECT cursor FROM feed"))
            accounts.sql("REPLACE INTO feed VALUES (1, ?)", consumer.catch_up(stored))
            print("Caught up; receiving events until Ctrl-C.", flush=True)
            server.serve_forever()
    for organisation in consumer.organisations():
        if verb == "report":
            report(accounts, organisation)
        else:
            print(organisation, consumer.reconcile(organisation) or "equal", sep="\t")


if __name__ == "__main__":
    if sys.argv[1:] not in [["report"], ["run"], ["compare"]]:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):
        main(sys.argv[1])
