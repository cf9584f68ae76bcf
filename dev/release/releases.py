"""`make rollback STAGE=dev`: put back the code and the settings that ran before.

`make deploy` publishes a version of each function when its smoke test has passed, so each version
is a release that has worked. A rollback copies the newest one before what runs into the functions
themselves: API Gateway invokes these, as Chalice deploys it, and no alias. Repeated, it goes one
release further back. Routes, roles and data stay as they are; items of a neighbouring release can
be read (chalicelib/storage/records.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import requests

from chalicelib import VERSION
from dev.errors import VerbError
from dev.release import smoke, stages
from dev.release.account import find_account, operator_key, url_of
from dev.release.stages import Stage

# So many versions of a function are kept; AWS keeps 75 GB of code for an account.
KEPT = 10
# What a version has beside its code; the rest is the stage's and does not change with a release.
SETTINGS = ("Runtime", "Handler", "Timeout", "MemorySize", "Environment")
SECONDS = 60

Version = Mapping[str, Any]


class CannotRollBack(VerbError):
    """No release is known that ran before; or the one that was put back does not work."""


def main(arguments: Sequence[str]) -> int:
    """Roll a stage back by one release, and try it.

    Raises:
        WrongSettings: there is no such stage.
        NoAccess: there are no credentials, or the stage is not deployed from this folder.
        CannotRollBack, ClientError: as `roll_back`; or the smoke test failed.
    """
    stage, account = stages.read(arguments[0] if arguments else "dev"), find_account()
    url, functions = url_of(stage, account), account.client("lambda")
    for name, version in roll_back(functions, stage):
        print(f"  {name}: {version.get('Description') or 'version'} ({version['Version']})")
    wrong = smoke.faults(url, operator_key(stage, account))
    if wrong:
        raise CannotRollBack("\n  ".join(["It is rolled back, but the smoke test fails:", *wrong]))
    print(f"Stage {stage.name} works as before. `make deploy` replaces it again.")
    return 0


def publish(functions: Any, stage: Stage) -> None:
    """Publish what runs as a version of each function; delete all but the newest ones.

    Raises:
        ClientError: AWS rejects a call.
    """
    for name in _names(functions, stage):
        functions.publish_version(FunctionName=name, Description=f"Passerelle {VERSION}")
        for old in _versions(functions, name)[KEPT:]:
            functions.delete_function(FunctionName=name, Qualifier=old["Version"])


def publish_first(functions: Any, stage: Stage) -> None:
    """Publish what runs, where no version of it was published: the release before versions."""
    names = _names(functions, stage)
    if names and not _versions(functions, names[0]):
        publish(functions, stage)


def roll_back(functions: Any, stage: Stage) -> list[tuple[str, Version]]:
    """Put back the version before; return each function's name and its version.

    Raises:
        CannotRollBack: a function has none.
        ClientError: AWS rejects a call.
    """
    names = _names(functions, stage)
    wanted = [(name, _before(functions, name)) for name in names]
    for name, version in wanted:
        _put_back(functions, name, version)
    return wanted


def _before(functions: Any, name: str) -> Version:
    """Return the newest version before the one that runs; of those that have worked."""
    running = _content(functions.get_function_configuration(FunctionName=name))
    versions = _versions(functions, name)
    same = [at for at, each in enumerate(versions) if _content(each) == running]
    older = versions[same[-1] + 1 :] if same else versions
    if not older:
        raise CannotRollBack(
            f"{name} has no published version before the one that runs: only what `make deploy` "
            "has deployed can be put back. Check out the release before, and deploy that."
        )
    return older[0]


def _content(version: Version) -> tuple[Any, ...]:
    return (version["CodeSha256"], *(version.get(each) for each in SETTINGS))


def _put_back(functions: Any, name: str, version: Version) -> None:
    found = functions.get_function(FunctionName=name, Qualifier=version["Version"])
    code = requests.get(found["Code"]["Location"], timeout=SECONDS)
    code.raise_for_status()
    functions.update_function_code(FunctionName=name, ZipFile=code.content)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    settings = {each: version[each] for each in SETTINGS if each in version}
    functions.update_function_configuration(FunctionName=name, **settings)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _versions(functions: Any, name: str) -> list[Version]:
    """List the published versions of a function, the newest first."""
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    found = [each for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]
    return sorted(found, key=lambda each: int(each["Version"]), reverse=True)


def _names(functions: Any, stage: Stage) -> list[str]:
    """List the functions of a stage that exist."""
    return [name for name in stage.functions if _exists(functions, name)]


def _exists(functions: Any, name: str) -> bool:
    with suppress(functions.exceptions.ResourceNotFoundException):
        functions.get_function_configuration(FunctionName=name)
        return True
    return False
