"""A cold start imports what a SCIM request needs and nothing else: the provider waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import ENVIRONMENT
from tests.test_architecture import SHIPPED, module_graph, module_of, top_levels

ROOT = Path(__file__).parent.parent
LIST_CONNECTIONS = """
import json, sys
found = []
sys.addaudithook(lambda event, _: found.append(event))
import app
print(json.dumps([each for each in found if each in ("socket.connect", "socket.getaddrinfo")]))
"""
LIST_MODULES = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"

# What serves other requests, with the request or event that it is imported for.
LATE = {
    "chalicelib.api.admin.routes": "/admin",
    "chalicelib.api.admin.responses": "/admin",
    "chalicelib.organisations": "/admin",
    "chalicelib.api.console": "/console",
    "chalicelib.api.oauth": "a token endpoint",
    "chalicelib.auth.clients": "a token endpoint",
    "chalicelib.sweeper": "the schedule",
    "chalicelib.directory.recovery": "the schedule",
    "chalicelib.stream": "the table's stream",
    "pydantic": "/admin",
    "jwt": "an assertion",
    "cryptography": "an assertion",
}


def lines_of(program: str, **settings: str) -> list[str]:
    """Return the lines that a program prints in a new process."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def said_by(program: str) -> set[str]:
    """Return what a program says last, as JSON."""
    return set(json.loads(lines_of(program)[-1]))


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Return the names of the modules that importing the app leaves behind, in a new process."""
    return said_by(LIST_MODULES)


@pytest.mark.parametrize("module", LATE)
def test_what_serves_other_requests_is_imported_with_the_first_of_them(imported, module):
    """A count of modules says more than a time, which depends on the machine."""
    assert module not in imported


def test_what_serves_scim_is_imported_while_lambda_starts_the_container(imported):
    """Lambda gives it the most CPU then; imported with the first request it would take longer."""
    assert {"chalicelib.api.scim.users", "chalicelib.api.scim.bulk"} <= imported


def test_what_serves_scim_leads_to_nothing_that_makes_or_checks_signatures():
    """Also not later: no SCIM request imports any of these."""
    graph, reached = module_graph(), set[str]()
    waiting = {name for name in graph if name.startswith("chalicelib.api.scim")}
    while waiting:
        reached |= waiting
        waiting = {each for name in waiting for each in graph[name]} - reached
    files = {module_of(path): path for path in SHIPPED}
    loading = {name for name in files if top_levels(files[name]) & {"jwt", "cryptography"}}

    assert loading == {"chalicelib.auth.assertions", "chalicelib.organisations.erasure"}
    assert "chalicelib.auth.authenticate" in reached
    assert not reached & loading


def test_the_import_connects_to_nothing():
    """A snapshot of it would keep the connection; and a cold start would wait for it."""
    assert said_by(LIST_CONNECTIONS) == set()


@pytest.mark.parametrize(("stream", "lines"), [("", 1), ("arn:of:a:stream", 0)])
def test_a_cold_start_without_a_stream_says_that_no_events_are_made(stream, lines):
    """Also `chalice deploy`, which imports the app: who forgot the setting sees it there."""
    found = lines_of("import app", STREAM_ARN=stream)

    assert len(found) == lines
    assert all("STREAM_ARN is not set" in each for each in found)
