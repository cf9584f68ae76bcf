"""`python -m dev VERB ...`: how each verb of the Makefile begins, and the one way that it ends.

A verb is the `main` of a module, or a list of programs to run one after another. Ctrl-C ends it
at once with exit status 130 and no traceback; what a verb cannot do, or a server or AWS that does
not respond, is one sentence and exit status 1.
"""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.errors import VerbError

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C has ended
STOP_SECONDS = 5.0

MODULES: Mapping[str, str] = {
    "run": "dev.run.serve",
    "idp": "dev.play.idp",
    "corpus": "dev.play.corpus",
    "suites": "dev.play.suites",
    "crowd": "dev.play.crowd",
    "budget": "dev.measure.budget",
    "bench": "dev.measure.bench",
    "costs": "dev.measure.costs",
    "performance": "dev.measure.performance",
    "scale": "dev.measure.scale",
    "storm": "tests.campaigns.storm",
    "kills": "tests.campaigns.kills",
    "oracle": "tests.campaigns.oracle",
    "planted": "tests.campaigns.planted",
    "package": "dev.release.package",
    "deploy": "dev.release.deploy",
    "access": "dev.release.access",
    "destroy": "dev.release.destroy",
}

Program = Sequence[str]
SCRIPTS = Path(sys.executable).parent
PYTEST = (sys.executable, "-m", "pytest")
RUFF = (str(SCRIPTS / "ruff"),)
QUICK = ("tests/scim", "tests/storage", "tests/auth", "tests/directory")

# The last program of a verb gets what the engineer adds: `make test ARGS='-k tokens'`.
PROGRAMS: Mapping[str, Sequence[Program]] = {
    "test": [(*PYTEST, "-n", "2")],
    "quick": [(*PYTEST, "-n", "2", "-q", *QUICK)],
    "local-test": [(*PYTEST, "-n", "2", "tests/local")],
    "deploy-test": [(*PYTEST, "tests/deploy", "-m", "deploy")],
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
    try:
        return _run_programs(verb, rest) if verb in PROGRAMS else _run_module(verb, rest)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except VerbError as reason:
        print(f"make {verb}: {reason}", file=sys.stderr)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"make {verb}: {sentence}", file=sys.stderr)
    return 1


def _run_module(verb: str, arguments: Sequence[str]) -> int:
    # While modules load there is nothing to clean up: the signal itself ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = importlib.import_module(MODULES[verb])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return int(module.main(arguments))


def _run_programs(verb: str, arguments: Sequence[str]) -> int:
    """Run the programs of a verb, and name each where there are several; stop at a failure."""
    *first, last = PROGRAMS[verb]
    for program in [*first, [*last, *arguments]]:
        if first:
            print(" ".join([Path(program[0]).name, *program[1:]]), flush=True)
        status = _run_program(program)
        if status:
            return status
    return 0


def _run_program(program: Program) -> int:
    # A session of its own: Ctrl-C reaches this process alone, which passes it on once.
    with subprocess.Popen(program, start_new_session=True) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


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
