"""The copy of the project that Chalice packages and deploys: what is shipped, and nothing else.

Built into build/source, so that no file of this working folder gets in. `.chalice` is completed
there with what differs between accounts and regions, and cannot stand in a file: the roles, the
reserved concurrency, the table's stream, and of a restored table its name in the policies and since
when it is used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dev.errors import VerbError
from dev.release.stages import Stage, table_of
from dev.run import resources

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
SOURCE = BUILD / "source"
SHIPPED = ("app.py", "requirements.txt", "chalicelib", ".chalice")
# Chalice's cache of archives stays, and what belongs to this folder alone is left out.
# Both send events: the one for good, the other for the test of a webhook.
SENDING = ("send", "api_handler")
TO_QUEUES = {"Sid": "EventQueues", "Effect": "Allow", "Action": ["sqs:SendMessage"]}
KEPT, LEFT_OUT = "deployments", ("__pycache__", "deployments", "deployed", "venv")


class CannotRun(VerbError):
    """Chalice failed; its own words stand above."""


def copy(stage: Stage, roles: Mapping[str, str] | None = None) -> None:
    """Copy what is shipped; `roles`: function -> ARN of a role that exists, for a deployment.

    Chalice's record of what it deployed stays where it is, in .chalice/deployed of this folder.
    """
    for name in SHIPPED:
        source, target = ROOT / name, SOURCE / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            _clear(target)
            ignored = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    for name in () if roles is None else (".chalice/deployed",):
        (ROOT / name).mkdir(exist_ok=True)
        (SOURCE / name).symlink_to(ROOT / name)
    _complete(stage, roles or {})


def run_chalice(*arguments: str, region: str = "", project: Path = SOURCE) -> None:
    """Run Chalice on the copy; its output goes to the terminal.

    Raises:
        CannotRun: it failed.
    """
    chalice = str(Path(sys.executable).with_name("chalice"))
    # AWS allows some of its calls once in many seconds.
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_RETRY_MODE": "standard",
        "AWS_MAX_ATTEMPTS": "10",
    }
    if region:
        environment["AWS_DEFAULT_REGION"] = region
    command = [chalice, "--project-dir", str(project), *arguments]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise CannotRun(f"chalice {arguments[0]} failed, see above.")


def policy(stage: Stage, function: str) -> dict[str, Any]:
    """Return the policy of a function, for the table and the queues that the stage has."""
    config = resources.read_json("config.json")
    file = config["stages"][stage.name]["lambda_functions"][function]["iam_policy_file"]
    text = (ROOT / ".chalice" / file).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(
        text.replace(f":table/{table_of(stage.name)}", f":table/{stage.table}")
    )
    if function in SENDING and stage.event_queues:
        found["Statement"].append({**TO_QUEUES, "Resource": [*stage.event_queues]})
    return found


def _clear(folder: Path) -> None:
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.is_symlink() or entry.is_file():
            entry.unlink()
        elif entry.name != KEPT:
            shutil.rmtree(entry)


def _complete(stage: Stage, roles: Mapping[str, str]) -> None:
    folder = SOURCE / ".chalice"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    functions = config["stages"][stage.name]["lambda_functions"]
    for name, settings in functions.items():
        text = json.dumps(policy(stage, name), indent=2)
        (folder / settings["iam_policy_file"]).write_text(text, encoding="utf-8")
        if name in roles:
            settings |= {"manage_iam_role": False, "iam_role_arn": roles[name]}
    functions["api_handler"]["reserved_concurrency"] = stage.reserved_concurrency
    variables = config["stages"][stage.name]["environment_variables"]
    variables["STREAM_ARN"] = stage.stream_arn
    if stage.feed_unbroken_since:
        variables["FEED_UNBROKEN_SINCE"] = stage.feed_unbroken_since
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
