"""Clients that other people's generators make of the document, used on a running server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api.admin.published import FILE
from dev.release import client_packages
from dev.run.engines import ROOT
from passerelle_client import Admin

pytestmark = pytest.mark.clients

PROGRAMS = ROOT / ".venv-generators" / "bin"
# What a SaaS engineer would write with a client that was generated.
USE = """
import json, sys
from generated import AuthenticatedClient
from generated.api.organisations import create_organisation
from generated.api.users import list_users
from generated.api.events import list_events
from generated.models import NewOrganisation, NewWorkspace, UserPage, Organisation, EventPage

demo = json.load(open(sys.argv[1]))
client = AuthenticatedClient(demo["admin_url"].removesuffix("/admin"), demo["operator_key"])
body = NewOrganisation(name="Acme", plan="enterprise", workspaces=[NewWorkspace("main", "Main")])
made = create_organisation.sync(client=client, body=body)
assert isinstance(made, Organisation) and made.workspaces[0].name == "Main", made
page = list_users.sync(demo["organisation"], client=client, limit=10)
assert isinstance(page, UserPage) and page.items[0].emails is not None, page
assert page.items[0].user_name == "ada@acme.example"
feed = list_events.sync(client=client, after="now")
assert feed.items == [] and feed.more is False
"""


def run(*command: object, **more: Any) -> str:
    """Run a program; returns what it printed."""
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - programs of this repository's own environments
        [*map(str, command)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )
    printed: str = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    return printed


def test_the_validator_finds_nothing():
    """Of OpenAPI 3.1."""
    assert run(PROGRAMS / "openapi-spec-validator", FILE).strip().endswith(": OK")


def test_openapi_python_client_makes_a_usable_client(server, server_directory, tmp_path):
    """Without a warning; it creates, lists and reads the feed, by types."""
    root = server["admin_url"].removesuffix("/admin")
    scim = {"Authorization": f"Bearer {server['token']}"}
    Admin(root, server["token"]).request(
        "POST",
        server["scim_url"].removeprefix(root) + "/Users",
        body={"userName": "ada@acme.example", "emails": [{"value": "ada@acme.example"}]},
        headers=scim,
    )
    target = tmp_path / "generated"
    generate = ("generate", "--path", FILE, "--output-path", target, "--meta", "none")
    printed = run(PROGRAMS / "openapi-python-client", *generate)

    assert "arning" not in printed
    run(PROGRAMS / "python", "-c", USE, server_directory / "demo.json", cwd=tmp_path)


def test_the_types_of_the_typescript_client_are_those_of_the_document(tmp_path):
    """Where a route or a shape has changed, `make clients` writes them anew."""
    client_packages.install(client_packages.TYPESCRIPT)
    written: Path = tmp_path / "schema.ts"
    client_packages.npm(
        client_packages.TYPESCRIPT,
        "exec",
        "--",
        "openapi-typescript",
        str(FILE),
        "-o",
        str(written),
    )

    assert written.read_text() == (client_packages.TYPESCRIPT / "src" / "schema.ts").read_text()


def test_the_typescript_client_works(server, server_directory):
    """Its own tests, on the server: none may be left out."""
    client_packages.install(client_packages.TYPESCRIPT)
    environment = {**os.environ, "DEMO": str(server_directory / "demo.json")}
    printed = client_packages.npm(client_packages.TYPESCRIPT, "test", environment=environment)

    assert "# fail 0" in printed
    assert "# skipped 0" in printed


def test_the_package_of_the_python_client_can_be_installed_and_used(
    server, server_directory, tmp_path
):
    """By pip, into a place of its own; its types go along."""
    pip = (PROGRAMS / "python", "-m", "pip", "install", "--quiet", "--target", tmp_path)
    run(*pip, "--no-deps", ROOT / "clients" / "python")
    use = (
        "import sys, json; from passerelle_client import Admin; d = json.load(open(sys.argv[1])); "
    )
    use += "print(Admin(d['admin_url'], d['operator_key']).get_health())"
    printed = run(PROGRAMS / "python", "-c", use, server_directory / "demo.json", cwd=tmp_path)

    assert json.loads(printed.replace("'", '"').replace("True", "true"))["ok"] is True
    assert (tmp_path / "passerelle_client" / "py.typed").exists()
