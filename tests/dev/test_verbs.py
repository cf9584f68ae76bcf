"""Every verb of the Makefile ends the same way: a result, one sentence, or Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from dev.__main__ import MODULES, PROGRAMS, TESTS, reach_this_machine

ROOT = Path(__file__).parent.parent.parent
SECONDS = 60
ON_A_SERVER = ("idp", "corpus", "providers", "suites", "crowd")
NO_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def start(*verb: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a verb with an environment of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.Popen(  # noqa: S603 - a verb of this repository
        [sys.executable, "-m", "dev", *verb],
        cwd=ROOT,
        env={**kept, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_verb_of_the_makefile_can_be_started():
    """A verb that is renamed in one of the two places would fail when it is needed."""
    verbs = set(re.findall(r"(?:\$\(VERB\)|-m dev) ([a-z-]+)", (ROOT / "Makefile").read_text()))
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in MODULES.values()]

    assert verbs == {*MODULES, *PROGRAMS, *TESTS}
    assert [file for file in files if not file.exists()] == []


@pytest.mark.parametrize("verb", ON_A_SERVER)
def test_a_verb_without_its_server_says_how_to_start_one(tmp_path, verb):
    """One sentence with the verb to call, not a traceback."""
    process = start(verb, environment={"LOCAL_DIR": str(tmp_path)})
    out, err = process.communicate(timeout=SECONDS)

    assert (process.returncode, out) == (1, "")
    assert (
        err == f"make {verb}: there is no {tmp_path}/demo.json. Start the server first: make run\n"
    )


def test_a_proxy_of_the_engineer_does_not_stand_before_this_machine():
    """Behind one, make run could not reach its own engine; what goes without a proxy stays so."""
    found = {"no_proxy": ".corp.example"}
    reach_this_machine(found)

    assert requests.utils.should_bypass_proxies("http://127.0.0.1:8000/", found["NO_PROXY"])
    assert requests.utils.should_bypass_proxies("http://git.corp.example/", found["no_proxy"])
    assert not requests.utils.should_bypass_proxies("https://pypi.org/", found["no_proxy"])


@pytest.mark.parametrize("verb", ["deploy", "access", "destroy"])
def test_a_verb_without_credentials_says_so_on_stderr(verb):
    """`eval "$(make access)"` must not run an error message."""
    process = start(verb, environment=NO_ACCOUNT)
    out, err = process.communicate(timeout=SECONDS)

    assert (process.returncode, out) == (1, "")
    assert err.startswith(f"make {verb}: No region is set")
    assert err.count("\n") == 1


def test_dynamodb_local_without_java_says_what_to_install(tmp_path):
    """A machine without Java meets this at the first `make storm`."""
    process = start("storm", environment={"PATH": str(tmp_path)})
    out, err = process.communicate(timeout=SECONDS)

    assert (process.returncode, out) == (1, "")
    assert err.startswith("make storm: Java 17 is needed: install it")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "seconds"),
    [
        (["budget"], 1),
        (["oracle", "1000000"], 4),
        (["test", "tests/scim"], 1),
        (["test", "tests/scim"], 4),
        (["check"], 1),
    ],
)
def test_ctrl_c_ends_a_verb_at_once_and_without_a_traceback(verb, seconds):
    """While it loads and while it works."""
    process = start(*verb)
    time.sleep(seconds)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
