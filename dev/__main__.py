"""`python -m dev VERB ...`: how each verb of the Makefile begins, and the one way that it ends.

A verb is the `main` of a module, a run of pytest, or programs one after another. Ctrl-C ends it at
once with exit status 130 and no traceback; what a verb cannot do, or a server or AWS that does not
respond, is one sentence and exit status 1.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from dev.errors import VerbError

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C has ended

MODULES: Mapping[str, str] = {
    "run": "dev.run.serve",
    "idp": "dev.play.idp",
    "demo": "dev.run.fill_demo",
    "receiver": "dev.play.receiver",
    "corpus": "dev.play.corpus",
    "suites": "dev.play.suites",
    "providers": "dev.play.providers",
    "gallery": "dev.play.gallery",
    "crowd": "dev.play.crowd",
    "budget": "dev.measure.budget",
    "caches": "dev.measure.caches",
    "bench": "dev.measure.bench",
    "costs": "dev.measure.costs",
    "capacity": "dev.measure.capacity",
    "performance": "dev.measure.performance",
    "peers": "dev.measure.peers.compare",
    "scale": "dev.measure.scale",
    "crowded": "tests.campaigns.crowded",
    "storm": "tests.campaigns.storm",
    "contention": "tests.campaigns.contention",
    "events": "tests.campaigns.pushed.push",
    "replays": "tests.campaigns.replays",
    "quiet-month": "tests.campaigns.quiet_month",
    "memory": "tests.campaigns.memory",
    "kills": "tests.campaigns.kills",
    "oracle": "tests.campaigns.oracle",
    "assertions": "tests.campaigns.mutations",
    "slow": "tests.campaigns.slow",
    "damage": "tests.campaigns.damage",
    "simulate": "tests.campaigns.simulate.campaign",
    "differential": "tests.campaigns.differential",
    "planted": "tests.campaigns.planted",
    "screenshots": "tests.campaigns.screenshots",
    "console-size": "tests.campaigns.console_size",
    "guides": "dev.release.guides",
    "openapi": "dev.release.openapi",
    "clients": "dev.release.client_packages",
    "domains": "dev.release.domains",
    "package": "dev.release.package",
    "sbom": "dev.release.sbom",
    "audit": "dev.release.audit",
    "account": "dev.release.account_setup",
    "alarms": "dev.release.alarms",
    "doctor": "dev.release.doctor",
    "rollback": "dev.release.releases",
    "deploy": "dev.release.deploy",
    "operator-key": "dev.release.operator_key",
    "access": "dev.release.access",
    "repair": "dev.repair.verb",
    "destroy": "dev.release.destroy",
}

# A worker that has finished takes cases from the other one.
WORKERS = ("-n", "2", "--dist", "worksteal")
QUICK = ("tests/scim", "tests/storage", "tests/auth", "tests/directory")

# Arguments of pytest; what the engineer adds comes behind them: `make test ARGS='-k tokens'`.
# A marker of tests/conftest.py (LONG) that is not named has its tests skipped.
TESTS: Mapping[str, Sequence[str]] = {
    "test": WORKERS,
    "quick": (*WORKERS, "-q", *QUICK, "-k", "not on_reference"),
    "local-test": (*WORKERS, "tests/local", "--on-local", "-m", "campaign or not deploy"),
    "deploy-test": ("tests/deploy", "-m", "deploy"),
    "campaigns-test": (*WORKERS, "tests/campaigns", "tests/local", "tests/dev", "-m", "campaign"),
    "pages-test": ("tests/test_doc_blocks.py", "-m", "pages"),
    "clients-test": ("tests/clients", "tests/examples", "-m", "clients"),
    "console-test": (*WORKERS, "tests/console", "-m", "console"),
}

Program = Sequence[str]
SCRIPTS = Path(sys.executable).parent
RUFF = (str(SCRIPTS / "ruff"),)

PROGRAMS: Mapping[str, Sequence[Program]] = {
    "format": [(*RUFF, "check", "--fix", "--quiet", "."), (*RUFF, "format", ".")],
    "lint-template": [(str(SCRIPTS / "cfn-lint"), "build/sam.json")],
    "check": [
        (*RUFF, "check", "."),
        (*RUFF, "format", "--check", "."),
        (sys.executable, "-m", "mypy"),
        (str(SCRIPTS / "cfn-lint"), ".chalice/resources.json"),
    ],
}


def main(arguments: Sequence[str]) -> int:
    """Run a verb; gives its exit status."""
    verb, *rest = arguments
    reach_this_machine(os.environ)
    try:
        if verb in PROGRAMS:
            return _run_programs(PROGRAMS[verb])
        if verb in TESTS:
            return _run_pytest([*TESTS[verb], *rest])
        return int(_load(MODULES[verb]).main(rest))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except VerbError as reason:
        print(f"make {verb}: {reason}", file=sys.stderr)
    except Exception as error:
        if INTERRUPTS.seen:
            return INTERRUPTED
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"make {verb}: {sentence}", file=sys.stderr)
    return 1


def reach_this_machine(environment: MutableMapping[str, str]) -> None:
    """Let no proxy of the engineer's stand between a verb and the server and engines here."""
    for name in ("NO_PROXY", "no_proxy"):
        others = [environment[name]] if environment.get(name) else []
        environment[name] = ",".join([*others, "127.0.0.1", "localhost"])


class _Interrupts:
    """Handles Ctrl-C, and remembers it: a library may make another exception or a status of it."""

    seen = False

    def handle(self, *_: Any) -> None:
        """End what is being done."""
        self.seen = True
        raise KeyboardInterrupt


INTERRUPTS = _Interrupts()


def _load(module: str) -> Any:
    # While modules load there is nothing to clean up: the signal itself ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if module.startswith("tests."):
        # A campaign runs the app's code, which reads the variables of its deployment.
        os.environ.update(importlib.import_module("tests.support.environment").ENVIRONMENT)
    loaded = importlib.import_module(module)
    signal.signal(signal.SIGINT, INTERRUPTS.handle)
    return loaded


def _run_pytest(arguments: Sequence[str]) -> int:
    status = int(_load("pytest").main([*arguments]))
    # Its own status is the same for Ctrl-C and for an error of collection.
    return INTERRUPTED if INTERRUPTS.seen else status


def _run_programs(programs: Sequence[Program]) -> int:
    """Run programs one after another, each named before it starts; stop at the first failure."""
    for program in programs:
        print(" ".join([Path(program[0]).name, *program[1:]]), flush=True)
        # A session of its own: Ctrl-C reaches this process alone, and the program ends silently.
        with subprocess.Popen(program, start_new_session=True) as process:
            try:
                status = process.wait()
            finally:
                process.terminate()
        if status:
            return status
    return 0


def _sentence(error: Exception) -> str | None:
    """Say what a server or AWS did not do; None for an error of our own."""
    import requests  # noqa: PLC0415 - a verb that needs none of these does not load them
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    if isinstance(error, requests.ConnectionError | requests.Timeout):
        url = str(error.request.url) if error.request else "its address"
        return f"The server at {url} does not respond. Is it running? Start it with: make run"
    if isinstance(error, ConnectionRefusedError):
        return "The server does not respond. Is it running? Start it with: make run"
    if isinstance(error, ClientError | BotoCoreError):
        return f"AWS rejected a call: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
