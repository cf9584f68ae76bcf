"""Both samples: small enough to be read, and at work on a running server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dev.release import client_packages
from dev.run import engines
from dev.run.engines import ROOT
from passerelle_client import Admin

PYTHON, FASTIFY = ROOT / "examples" / "python", ROOT / "examples" / "fastify"
MAX_LINES = 150
DOMAIN = "python.example"


@pytest.mark.parametrize("folder", [PYTHON, FASTIFY], ids=lambda folder: folder.name)
def test_a_sample_is_short(folder):
    """Its own lines, without those that are empty: a reader takes it in at one sitting."""
    files = [*folder.glob("*.py"), *folder.glob("*.ts")]
    lines = [
        line for file in files for line in file.read_text("utf-8").splitlines() if line.strip()
    ]

    assert 50 < len(lines) < MAX_LINES


@pytest.mark.clients
def test_the_fastify_sample_adopts_a_server(server, server_directory):
    """Its own test: 300 accounts, then by push."""
    for folder in (client_packages.TYPESCRIPT, FASTIFY):
        client_packages.install(folder)
        client_packages.npm(folder, "run", "build")
    environment = {**os.environ, "DEMO": str(server_directory / "demo.json")}
    printed = client_packages.npm(FASTIFY, "test", environment=environment)

    assert "# fail 0" in printed
    assert "# pass 2" in printed


# --- the Python sample, as a process -----------------------------------------------------------


def customer(admin):
    """Create an organisation with a verified domain, a connection and its token."""
    made = admin.create_organisation(
        {
            "name": "Python",
            "plan": "enterprise",
            "workspaces": [{"id": "main", "name": "Main"}],
            "roles": [{"id": "reader", "name": "Reader"}],
            "domains": [DOMAIN],
        }
    )
    connection = admin.create_connection(
        made["id"],
        {
            "name": "IdP",
            "workspace": "main",
            "default_role": "reader",
            "identity_provider": "other",
        },
    )
    token = admin.create_token(made["id"], connection["id"], {"name": "one"})["token"]
    return made["id"], Admin(connection["scim_url"], token)


def sample(verb: str, settings: Mapping[str, str]) -> list[str]:
    """Run the sample to its end; returns the lines that it printed."""
    command = [sys.executable, str(PYTHON / "accounts.py"), verb]
    done = subprocess.run(  # noqa: S603 - our own sample
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@contextmanager
def running(settings: Mapping[str, str]) -> Iterator[None]:
    """Let it receive events while the block runs."""
    command = [sys.executable, str(PYTHON / "accounts.py"), "run"]
    process = subprocess.Popen(  # noqa: S603 - our own sample
        command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def until(database: Path, expected: Any, statement: str) -> None:
    """Wait until the database says so."""
    found = None
    for _ in range(600):
        with sqlite3.connect(database) as accounts:
            found = accounts.execute(statement).fetchone()
        if found == expected:
            return
        time.sleep(0.1)
    assert found == expected


@pytest.mark.clients
def test_the_python_sample_follows_a_server_by_push(server, tmp_path):
    """Report, link, a new user, a leaver; at the end the digest proves it."""
    admin = Admin(server["admin_url"], server["operator_key"])
    organisation, scim = customer(admin)
    port, database = str(engines.free_port()), tmp_path / "accounts.db"
    webhook = admin.create_webhook(
        {"url": f"http://127.0.0.1:{port}/", "organisations": [organisation]}
    )
    settings = {
        "PYTHONPATH": str(ROOT / "clients" / "python"),
        "PASSERELLE_URL": server["admin_url"],
        "OPERATOR_KEY": server["operator_key"],
        "WEBHOOK_SECRET": webhook["secret"] or "",
        "PORT": port,
        "ACCOUNTS": str(database),
    }
    assert not [line for line in sample("report", settings) if DOMAIN in line]
    with sqlite3.connect(database) as accounts:
        accounts.execute(
            "INSERT INTO accounts VALUES (?, ?, 'reader', 1, 'hash', NULL, NULL)",
            ("a1", f"ada@{DOMAIN}"),
        )
    ada = scim.request("POST", "/Users", body={"userName": f"ada@{DOMAIN}"})["id"]
    assert f"link\tada@{DOMAIN}\ta1\t" in sample("report", settings)
    with running(settings):
        until(database, (ada, 1), "SELECT user, active FROM accounts WHERE id = 'a1'")
        bob = scim.request("POST", "/Users", body={"userName": f"bob@{DOMAIN}"})["id"]
        until(database, (f"acc_{bob}",), "SELECT id FROM accounts WHERE email LIKE 'bob@%'")
        scim.request("DELETE", f"/Users/{ada}")
        until(database, (None, 0), "SELECT user, active FROM accounts WHERE id = 'a1'")

    admin.delete_webhook(webhook["id"])
    assert f"{organisation}\tequal" in sample("compare", settings)
